//! Ogg Opus (RFC 7845 in RFC 3533): a stream's bytes, cut anywhere, enter; samples at 16 kHz leave.
//!
//! The first logical stream must be Opus; others are passed over, also those chained behind it. Its header decides how many samples at the
//! beginning are none; tags are read over without being kept. The pages' checksums are not looked at: what carried the
//! bytes has its own, and a damaged packet is concealed.
//!
//! # Realtime safety
//! Everything is reserved when it is made; reading allocates nothing and does not panic, whatever the bytes.

use super::decoder::Decoded;
use super::opus::{Broken, Decoder, LONGEST_PACKET};

/// Bytes of a page's header before its segment table.
const PAGE_HEAD: usize = 27;
/// Bytes of the shortest identification header (RFC 7845 §5.1).
const OPUS_HEAD: usize = 19;
/// Pre-skip is counted at 48 kHz, samples leave at 16 kHz.
const PRE_SKIP_RATIO: usize = 3;
/// A page's body begins with the rest of a packet.
const CONTINUED: u8 = 1;
/// Segments of this length are not the last of their packet.
const FULL_SEGMENT: u8 = 255;

/// Why a stream cannot be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OggError {
    /// It does not begin as Ogg does.
    #[error("not an Ogg stream (no OggS page)")]
    NotOgg,
    /// Its first stream is of another codec.
    #[error("an Ogg stream without Opus; use Opus in Ogg (RFC 7845)")]
    NotOpus,
    /// More channels than two, or of a mapping that is not mono or stereo.
    #[error("Ogg Opus with {0} channels; 1 or 2 are supported")]
    Channels(u8),
    /// See [`Broken`].
    #[error(transparent)]
    Broken(#[from] Broken),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Table,
    Body,
}

/// What the next packet of the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Identification,
    Tags,
    Audio,
}

/// The caller's samples of a whole recording, at 16 kHz. `channels` and `caller` as for [`Decoder::new`].
///
/// # Errors
/// See [`OggError`].
///
/// # Panics
/// As [`Decoder::new`].
pub fn read(file: &[u8], channels: usize, caller: usize) -> Result<Vec<i16>, OggError> {
    let mut reader = Reader::new(Decoder::new(channels, caller));
    let (mut samples, mut block, mut at) = (Vec::new(), [0; 1_024], 0);
    loop {
        let done = reader.decode(&file[at..], &mut block)?;
        at += done.bytes;
        samples.extend(&block[..done.samples]);
        if at == file.len() && done.samples < block.len() {
            return Ok(samples);
        }
    }
}

/// Reads one stream.
#[derive(Debug)]
pub struct Reader {
    opus: Decoder,
    part: Part,
    head: [u8; PAGE_HEAD],
    head_bytes: usize,
    table: [u8; 255],
    table_bytes: usize,
    /// The segment that is being read, and how much of it is left.
    segment: usize,
    segment_left: usize,
    /// The packet that is being put together. `packet_bytes` counts on where there is no more room.
    packet: Box<[u8]>,
    packet_bytes: usize,
    expected: Expected,
    /// The stream that is heard: serial number, and the number of its next page.
    stream: Option<(u32, u32)>,
    /// Whether the page that is being read belongs to it.
    own_page: bool,
    /// The packet that is being read has no beginning.
    beheaded: bool,
    pre_skip: usize,
}

impl Reader {
    /// A reader that has seen nothing.
    pub fn new(opus: Decoder) -> Self {
        Self {
            opus,
            part: Part::Head,
            head: [0; PAGE_HEAD],
            head_bytes: 0,
            table: [0; 255],
            table_bytes: 0,
            segment: 0,
            segment_left: 0,
            packet: vec![0; LONGEST_PACKET].into(),
            packet_bytes: 0,
            expected: Expected::Identification,
            stream: None,
            own_page: false,
            beheaded: false,
            pre_skip: 0,
        }
    }

    /// The decoder behind it.
    pub const fn opus(&self) -> &Decoder {
        &self.opus
    }

    /// Reads until all bytes are taken or all of `samples` is written.
    pub(super) fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) -> Result<Decoded, OggError> {
        let mut done = Decoded::default();
        loop {
            self.pre_skip -= self.opus.skip(self.pre_skip);
            done.samples += self.opus.take(&mut samples[done.samples..]);
            if done.samples == samples.len() || done.bytes == bytes.len() {
                return Ok(done);
            }
            done.bytes += self.read(&bytes[done.bytes..])?;
        }
    }

    /// Takes bytes of the part that is being read, up to the end of a packet; returns how many.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, OggError> {
        match self.part {
            Part::Head => {
                let taken = keep(&mut self.head, &mut self.head_bytes, PAGE_HEAD, bytes);
                self.check_capture()?;
                if self.head_bytes == PAGE_HEAD {
                    self.begin_page()?;
                }
                Ok(taken)
            }
            Part::Table => {
                let segments = usize::from(self.head[26]);
                let taken = keep(&mut self.table, &mut self.table_bytes, segments, bytes);
                if self.table_bytes == segments {
                    (self.part, self.segment) = (Part::Body, 0);
                    self.begin_segment();
                }
                Ok(taken)
            }
            Part::Body => {
                let taken = self.segment_left.min(bytes.len());
                if self.own_page {
                    self.keep_packet(&bytes[..taken]);
                }
                self.segment_left -= taken;
                if self.segment_left == 0 {
                    self.end_segment()?;
                }
                Ok(taken)
            }
        }
    }

    /// Looks for the next page where one should begin and does not.
    fn check_capture(&mut self) -> Result<(), OggError> {
        const CAPTURE: &[u8] = b"OggS";
        let mut begin = 0;
        while !CAPTURE.starts_with(&self.head[begin..self.head_bytes.min(begin + 4)]) {
            // A stream that was Ogg may go on somewhere; one that never was does not begin.
            if self.stream.is_none() {
                return Err(OggError::NotOgg);
            }
            begin += 1;
        }
        self.head.copy_within(begin..self.head_bytes, 0);
        self.head_bytes -= begin;
        Ok(())
    }

    fn begin_page(&mut self) -> Result<(), OggError> {
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| self.head[at + i]));
        let (serial, number, flags) = (word(14), word(18), self.head[5]);
        let (own, expected) = match self.stream {
            // The first page names the stream, if it is Opus; that shows in its packet.
            None => (true, number),
            Some((known, next)) => (known == serial, next),
        };
        self.own_page = own;
        if own {
            self.stream = Some((serial, number.wrapping_add(1)));
            let begun = self.packet_bytes > 0;
            let continued = flags & CONTINUED != 0;
            if number != expected || begun != continued {
                self.beheaded = continued;
                self.lose_packet()?;
            }
        }
        self.part = Part::Table;
        (self.head_bytes, self.table_bytes) = (0, 0);
        if self.head[26] == 0 {
            self.part = Part::Head;
        }
        Ok(())
    }

    /// A page is missing: what was begun has no end, and something was lost.
    fn lose_packet(&mut self) -> Result<(), OggError> {
        self.packet_bytes = 0;
        if self.expected == Expected::Audio {
            self.opus.packet(&[])?;
        }
        Ok(())
    }

    fn begin_segment(&mut self) {
        self.segment_left = usize::from(self.table[self.segment]);
    }

    fn keep_packet(&mut self, bytes: &[u8]) {
        if let Some(room) = self.packet.get_mut(self.packet_bytes..) {
            let kept = bytes.len().min(room.len());
            room[..kept].copy_from_slice(&bytes[..kept]);
        }
        self.packet_bytes += bytes.len();
    }

    fn end_segment(&mut self) -> Result<(), OggError> {
        let last_of_packet = self.table[self.segment] < FULL_SEGMENT;
        self.segment += 1;
        if self.segment < self.table_bytes {
            self.begin_segment();
        } else {
            self.part = Part::Head;
        }
        if last_of_packet && self.own_page { self.end_packet() } else { Ok(()) }
    }

    fn end_packet(&mut self) -> Result<(), OggError> {
        let length = std::mem::take(&mut self.packet_bytes);
        if std::mem::take(&mut self.beheaded) {
            return Ok(());
        }
        match self.expected {
            Expected::Identification => self.identify(length)?,
            Expected::Tags => self.expected = Expected::Audio,
            Expected::Audio => {
                // One that is too long is damaged, as the decoder counts it.
                let packet = self.packet.get(..length).unwrap_or(&[0xFF]);
                self.opus.packet(packet)?;
            }
        }
        Ok(())
    }

    fn identify(&mut self, length: usize) -> Result<(), OggError> {
        let head = &self.packet[..length.min(LONGEST_PACKET)];
        if head.len() < OPUS_HEAD || &head[..8] != b"OpusHead" {
            return Err(OggError::NotOpus);
        }
        let (channels, mapping) = (head[9], head[18]);
        if mapping > 1 || !(1..=2).contains(&channels) {
            return Err(OggError::Channels(channels));
        }
        self.pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]])) / PRE_SKIP_RATIO;
        self.expected = Expected::Tags;
        Ok(())
    }
}

/// Fills `kept` up to `needed` bytes; returns how many were taken.
fn keep(kept: &mut [u8], have: &mut usize, needed: usize, bytes: &[u8]) -> usize {
    let taken = (needed - *have).min(bytes.len());
    kept[*have..*have + taken].copy_from_slice(&bytes[..taken]);
    *have += taken;
    taken
}
