//! WAV (RIFF): samples enter and a complete file leaves, or the other way round; of a stream, the header ([`HeaderReader`]).
//!
//! Written: PCM 16-bit mono. Read: PCM 16, 24 and 32-bit, IEEE float 32-bit, G.711 µ-law and A-law, any number of
//! channels up to 8, also as WAVE_FORMAT_EXTENSIBLE (Microsoft, "Multiple channel audio data and WAVE files").

use super::encoding::Encoding;

/// No converter is faster; a header that says so is damaged.
const HIGHEST_RATE: u32 = 768_000;

/// What a WAV file holds, before a channel or rate is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Samples per second, 1…768,000.
    pub rate: u32,
    /// Interleaved channels, 1…8.
    pub channels: usize,
    /// Interleaved samples, 16-bit, whole frames.
    pub samples: Vec<i16>,
}

/// Why bytes are not a WAV file that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The bytes do not begin as a RIFF/WAVE file does.
    #[error("not a WAV file (no RIFF/WAVE header)")]
    NotWav,
    /// The file ends inside its header, or has no `fmt ` or `data` chunk.
    #[error("incomplete WAV file: {0} is missing")]
    Incomplete(&'static str),
    /// A stream whose samples do not begin within [`LONGEST_HEADER`] bytes.
    #[error("a WAV header of more than {LONGEST_HEADER} bytes; samples were expected by then")]
    LongHeader,
    /// A coding that is not read here.
    #[error(
        "WAV format {tag} with {bits} bits is not supported; use PCM 16-bit, float 32-bit, mu-law or A-law"
    )]
    Unsupported {
        /// Format tag of the `fmt ` chunk.
        tag: u16,
        /// Bits per sample.
        bits: u16,
    },
    /// Zero or too many channels, or a rate that no recording has.
    #[error(
        "WAV file with {channels} channels at {rate} Hz; 1 to 8 channels up to {HIGHEST_RATE} Hz are supported"
    )]
    Layout {
        /// Channels of the `fmt ` chunk.
        channels: u16,
        /// Rate of the `fmt ` chunk.
        rate: u32,
    },
}

/// What the header of a WAV stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How one sample is written.
    pub encoding: Encoding,
    /// Samples per second, 1…768,000.
    pub rate: u32,
    /// Interleaved channels, 1…8.
    pub channels: usize,
    /// Bytes of samples that follow; `None` for a recording that was still running when its header was written (a
    /// length of 0 or 0xFFFFFFFF).
    pub data_bytes: Option<u64>,
}

/// A complete RIFF file of 16-bit mono samples. Longer than 4 GiB does not exist here: a call's speech is bounded.
/// `rate` is 1…768,000.
pub fn write(samples: &[i16], rate: u32) -> Vec<u8> {
    let data_bytes = (samples.len() * 2) as u32;
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend(b"RIFF");
    file.extend((36 + data_bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend(1u16.to_le_bytes());
    file.extend(1u16.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(2u16.to_le_bytes());
    file.extend(16u16.to_le_bytes());
    file.extend(b"data");
    file.extend(data_bytes.to_le_bytes());
    super::encoding::encode(samples, Encoding::Linear16Le, &mut file);
    file
}

/// Reads a whole file. A `data` chunk that claims more than the file holds (a recording cut off, or streamed with an
/// unknown length) is read as far as it goes.
///
/// # Errors
/// Anything that is not a WAV file of a supported coding; never panics, whatever the bytes.
pub fn read(file: &[u8]) -> Result<Wav, WavError> {
    if file.len() < 12 || &file[..4] != b"RIFF" || &file[8..12] != b"WAVE" {
        return Err(WavError::NotWav);
    }
    let mut format = None;
    let mut rest = &file[12..];
    while let Some((name, body, after)) = next_chunk(rest) {
        match name {
            b"fmt " => format = Some(parse_format(body)?),
            b"data" => {
                let Layout { encoding, rate, channels, .. } =
                    format.ok_or(WavError::Incomplete("the fmt chunk"))?;
                let mut samples = Vec::with_capacity(body.len() / encoding.bytes());
                super::encoding::decode(body, encoding, &mut samples);
                // A recording that was cut off may end within a frame.
                samples.truncate(samples.len() / channels * channels);
                return Ok(Wav { rate, channels, samples });
            }
            _ => {}
        }
        rest = after;
    }
    Err(WavError::Incomplete(if format.is_some() { "the data chunk" } else { "the fmt chunk" }))
}

/// Name and body of the next chunk, and what follows it; chunks are padded to even length.
fn next_chunk(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let (body, after) = rest.split_at(size.min(rest.len()));
    Some((&head[..4], body, after.get(size & 1..).unwrap_or_default()))
}

fn parse_format(chunk: &[u8]) -> Result<Layout, WavError> {
    let word = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let incomplete = WavError::Incomplete("part of the fmt chunk");
    let (Some(mut tag), Some(channels), Some(rate), Some(bits)) =
        (word(0), word(2), chunk.get(4..8).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])), word(14))
    else {
        return Err(incomplete);
    };
    const EXTENSIBLE: u16 = 0xFFFE;
    if tag == EXTENSIBLE {
        tag = word(24).ok_or(incomplete)?;
    }
    if !(1..=8).contains(&channels) || !(1..=HIGHEST_RATE).contains(&rate) {
        return Err(WavError::Layout { channels, rate });
    }
    let encoding = match (tag, bits) {
        (1, 16) => Encoding::Linear16Le,
        (1, 24) => Encoding::Linear24Le,
        (1, 32) => Encoding::Linear32Le,
        (3, 32) => Encoding::Float32Le,
        (6, 8) => Encoding::ALaw,
        (7, 8) => Encoding::MuLaw,
        _ => return Err(WavError::Unsupported { tag, bits }),
    };
    Ok(Layout { encoding, rate, channels: usize::from(channels), data_bytes: None })
}

/// Samples begin after 44 bytes in most recordings; some carry a cover picture or an editor's notes before them.
pub const LONGEST_HEADER: usize = 256 << 10;
/// Bytes of a `fmt ` chunk that are looked at: WAVE_FORMAT_EXTENSIBLE.
const FORMAT_BYTES: usize = 40;
const CHUNK_HEAD: usize = 8;
const RIFF_HEAD: usize = 12;

/// Reads the header of a stream that comes in pieces of any size. Allocates nothing.
#[derive(Clone, Debug)]
pub struct HeaderReader {
    /// The piece of the header that is being read, and how much of it is there and needed.
    kept: [u8; FORMAT_BYTES],
    kept_bytes: usize,
    needed: usize,
    part: Part,
    layout: Option<Layout>,
    taken: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Riff,
    ChunkHead,
    /// The body of the `fmt ` chunk, and what is left of it afterwards.
    Format {
        rest: u64,
    },
    /// Bytes of no interest.
    Skipped(u64),
}

impl Default for HeaderReader {
    fn default() -> Self {
        Self {
            kept: [0; FORMAT_BYTES],
            kept_bytes: 0,
            needed: RIFF_HEAD,
            part: Part::Riff,
            layout: None,
            taken: 0,
        }
    }
}

impl HeaderReader {
    /// Takes bytes. Once the samples begin: how many bytes of these were header, and what it says.
    ///
    /// # Errors
    /// Anything that is not the header of a supported coding.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<(usize, Layout)>, WavError> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let taken = match &mut self.part {
                Part::Skipped(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    if *left == 0 {
                        self.expect(Part::ChunkHead, CHUNK_HEAD);
                    }
                    taken
                }
                _ => self.keep(rest),
            };
            at += taken;
            self.taken += taken;
            if self.taken > LONGEST_HEADER {
                return Err(WavError::LongHeader);
            }
            if self.kept_bytes == self.needed
                && let Some(layout) = self.understand()?
            {
                return Ok(Some((at, layout)));
            }
        }
        Ok(None)
    }

    /// Keeps bytes of the part that is being read; returns how many.
    fn keep(&mut self, bytes: &[u8]) -> usize {
        let taken = (self.needed - self.kept_bytes).min(bytes.len());
        self.kept[self.kept_bytes..self.kept_bytes + taken].copy_from_slice(&bytes[..taken]);
        self.kept_bytes += taken;
        taken
    }

    fn expect(&mut self, part: Part, needed: usize) {
        (self.part, self.needed, self.kept_bytes) = (part, needed, 0);
    }

    fn skip(&mut self, bytes: u64) {
        match bytes {
            0 => self.expect(Part::ChunkHead, CHUNK_HEAD),
            // More than can be kept, so that skipped bytes are never taken for a whole part.
            _ => self.expect(Part::Skipped(bytes), usize::MAX),
        }
    }

    /// A part is complete.
    fn understand(&mut self) -> Result<Option<Layout>, WavError> {
        let kept = &self.kept[..self.kept_bytes];
        match self.part {
            Part::Riff if &kept[..4] != b"RIFF" || &kept[8..] != b"WAVE" => return Err(WavError::NotWav),
            Part::Riff => self.expect(Part::ChunkHead, CHUNK_HEAD),
            Part::ChunkHead => {
                let size = u32::from_le_bytes([kept[4], kept[5], kept[6], kept[7]]);
                let padded = u64::from(size) + u64::from(size & 1);
                match &kept[..4] {
                    b"fmt " => {
                        let looked_at = (size as usize).min(FORMAT_BYTES);
                        // An empty one says nothing, and would never be complete.
                        if looked_at == 0 {
                            return Err(WavError::Incomplete("part of the fmt chunk"));
                        }
                        self.expect(Part::Format { rest: padded - looked_at as u64 }, looked_at);
                    }
                    b"data" => {
                        let layout = self.layout.ok_or(WavError::Incomplete("the fmt chunk"))?;
                        let data_bytes = (size != 0 && size != u32::MAX).then_some(u64::from(size));
                        return Ok(Some(Layout { data_bytes, ..layout }));
                    }
                    _ => self.skip(padded),
                }
            }
            Part::Format { rest } => {
                self.layout = Some(parse_format(kept)?);
                self.skip(rest);
            }
            Part::Skipped(_) => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_reads_back() {
        let samples = [0, 1, -1, 32_767, -32_768];
        let wav = read(&write(&samples, 8_000)).expect("own file");
        assert_eq!(wav, Wav { rate: 8_000, channels: 1, samples: samples.to_vec() });
    }

    #[test]
    fn a_recording_cut_off_is_read_as_far_as_it_goes() {
        let mut file = write(&[1, 2, 3, 4], 16_000);
        file.truncate(file.len() - 3);
        assert_eq!(read(&file).expect("a shorter recording").samples, [1, 2]);
    }

    #[test]
    fn a_coding_that_is_not_read_is_named() {
        let mut file = write(&[0], 8_000);
        file[20] = 85; // MPEG layer 3
        assert_eq!(read(&file), Err(WavError::Unsupported { tag: 85, bits: 16 }));
    }

    /// A header with a chunk of odd length before and after `fmt `, as editors write them.
    fn annotated(samples: &[i16], length: u32) -> Vec<u8> {
        let plain = write(samples, 44_100);
        let note = b"LIST\x03\0\0\0abc\0";
        let mut file = [&plain[..12], note, &plain[12..36], note, &plain[36..]].concat();
        let at = file.len() - 2 * samples.len() - 4;
        file[at..at + 4].copy_from_slice(&length.to_le_bytes());
        file
    }

    #[test]
    fn a_streams_header_may_be_cut_anywhere() {
        let file = annotated(&[1, 2, 3], 6);
        for cut in 1..file.len() {
            let mut reader = HeaderReader::default();
            let (mut at, mut found) = (0, None);
            for piece in file.chunks(cut) {
                if let Some((taken, layout)) = reader.push(piece).expect("a header") {
                    found = Some((at + taken, layout));
                    break;
                }
                at += piece.len();
            }
            let (encoding, rate, channels) = (Encoding::Linear16Le, 44_100, 1);
            let expected = Layout { encoding, rate, channels, data_bytes: Some(6) };
            assert_eq!(found, Some((file.len() - 6, expected)), "pieces of {cut} bytes");
        }
    }

    #[test]
    fn a_recording_that_still_ran_when_its_header_was_written_has_no_length() {
        for length in [0, u32::MAX] {
            let found = HeaderReader::default().push(&annotated(&[1], length)).expect("a header");
            assert_eq!(found.expect("samples").1.data_bytes, None);
        }
    }

    #[test]
    fn a_stream_without_a_header_or_with_an_endless_one_is_refused() {
        assert_eq!(HeaderReader::default().push(&[0xFF; 160]), Err(WavError::NotWav));
        let mut endless = HeaderReader::default();
        assert_eq!(endless.push(b"RIFF\0\0\0\0WAVEjunk\xFF\xFF\xFF\x7F"), Ok(None));
        assert_eq!(endless.push(&vec![0; LONGEST_HEADER]), Err(WavError::LongHeader));
        let data_first = b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\0\0";
        assert_eq!(HeaderReader::default().push(data_first), Err(WavError::Incomplete("the fmt chunk")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(head in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut file = if head { b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec() } else { Vec::new() };
            file.extend(bytes);
            let whole = read(&file);
            let streamed = HeaderReader::default().push(&file);
            if let (Ok(whole), Ok(Some((_, layout)))) = (whole, streamed) {
                prop_assert_eq!((whole.rate, whole.channels), (layout.rate, layout.channels));
            }
        }
    }
}
