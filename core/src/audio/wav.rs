//! WAV (RIFF): samples enter and a complete file leaves, or the other way round.
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The bytes do not begin as a RIFF/WAVE file does.
    #[error("not a WAV file (no RIFF/WAVE header)")]
    NotWav,
    /// The file ends inside its header, or has no `fmt ` or `data` chunk.
    #[error("incomplete WAV file: {0} is missing")]
    Incomplete(&'static str),
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
                let (layout, encoding) = format.ok_or(WavError::Incomplete("the fmt chunk"))?;
                let mut samples = Vec::with_capacity(body.len() / encoding.bytes());
                super::encoding::decode(body, encoding, &mut samples);
                // A recording that was cut off may end within a frame.
                samples.truncate(samples.len() / layout.channels * layout.channels);
                return Ok(Wav { samples, ..layout });
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

fn parse_format(chunk: &[u8]) -> Result<(Wav, Encoding), WavError> {
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
    Ok((Wav { rate, channels: usize::from(channels), samples: Vec::new() }, encoding))
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

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(head in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut file = if head { b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec() } else { Vec::new() };
            file.extend(bytes);
            let _ = read(&file);
        }
    }
}
