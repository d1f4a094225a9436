//! Opus (RFC 6716): one packet enters, the samples it stands for leave, at 16 kHz.
//!
//! Every Opus stream can be decoded at every rate; 16 kHz is what a call is heard at, so nothing is converted. A packet that
//! is lost (an empty one), or damaged, is concealed: it leaves as many samples as the one before it.
//!
//! The codec itself is `opus-rs`, compared with the system's libopus by `core/tests/opus_sounds_as_libopus_does.rs`. It
//! has no allocation in steady state (`core/tests/push_never_allocates.rs`). It is young and has `unsafe` code of its own;
//! a panic of its would be caught here and ends the call, not the server.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_rs::OpusDecoder;
use zeroize::Zeroize;

use crate::SampleRate;

/// Bytes of the longest packet that is decoded: 120 ms at the highest rate, 510 kbit/s, with a margin. A longer one
/// counts as damaged.
pub const LONGEST_PACKET: usize = 8_192;

/// Bytes of the longest frame of a packet (RFC 6716, 3.2.1).
const LONGEST_FRAME: usize = 1_275;

/// What comes out.
const OUT_HZ: usize = SampleRate::Hz16000.hz() as usize;
/// Samples of the longest packet: 120 ms.
const MOST_SAMPLES: usize = OUT_HZ * 120 / 1_000;
/// What is concealed before the first packet: 20 ms.
const FIRST_CONCEALED: usize = OUT_HZ * 20 / 1_000;

/// What became of the packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// All of them, lost ones included.
    pub packets: u64,
    /// Lost on the way: concealed.
    pub lost: u64,
    /// Not Opus, or too long: concealed.
    pub damaged: u64,
}

/// The codec failed in a way that leaves it of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Opus decoder failed on a damaged packet")]
pub struct Broken;

/// Decodes one stream's packets and keeps the samples until they are taken.
pub struct Decoder {
    codec: OpusDecoder,
    channels: usize,
    caller: usize,
    /// Interleaved output of a packet.
    floats: Box<[f32]>,
    /// The caller's samples that have not been taken: `samples[taken..made]`.
    samples: Box<[i16]>,
    taken: usize,
    made: usize,
    /// Samples of the last packet, which one that is missing would have had.
    last: usize,
    counts: PacketCounts,
}

impl fmt::Debug for Decoder {
    /// Without the audio.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.floats.zeroize();
        self.samples.zeroize();
    }
}

impl Decoder {
    /// A decoder that has heard nothing. With 1 channel a stereo stream is heard as its mix; with 2, the caller's channel
    /// is taken, and a mono packet counts for both.
    ///
    /// # Panics
    /// For other numbers of channels, or a caller beyond them.
    pub fn new(channels: usize, caller: usize) -> Self {
        assert!(caller < channels, "channel {caller} of {channels}");
        #[allow(clippy::expect_used, reason = "the rate is one of Opus, and no format has more channels")]
        let codec = OpusDecoder::new(OUT_HZ as i32, channels).expect("16 kHz, 1 or 2 channels");
        Self {
            codec,
            channels,
            caller,
            floats: vec![0.0; MOST_SAMPLES * channels].into(),
            samples: vec![0; MOST_SAMPLES].into(),
            taken: 0,
            made: 0,
            last: FIRST_CONCEALED,
            counts: PacketCounts::default(),
        }
    }

    /// Decodes a packet, or conceals one if it is empty. The samples of the one before must have been taken
    /// ([`Decoder::take`]); what is left of them is lost.
    ///
    /// # Errors
    /// If the codec is of no use any more.
    pub fn packet(&mut self, packet: &[u8]) -> Result<(), Broken> {
        self.counts.packets += 1;
        let is_possible = packet.len() <= LONGEST_PACKET && implied_length(packet) <= Some(LONGEST_FRAME);
        let usable = if is_possible { packet } else { &[] };
        let decoded = match usable {
            [] => None,
            usable => self.decode(usable, MOST_SAMPLES)?,
        };
        let made = match decoded {
            Some(made) => made,
            None => {
                if packet.is_empty() {
                    self.counts.lost += 1;
                } else {
                    self.counts.damaged += 1;
                }
                self.conceal()?
            }
        };
        self.last = made;
        let frames = self.floats.chunks_exact(self.channels).take(made);
        for (sample, frame) in self.samples.iter_mut().zip(frames) {
            // `as` saturates, and NaN becomes 0.
            *sample = (frame[self.caller] * 32_768.0).round() as i16;
        }
        (self.taken, self.made) = (0, made);
        Ok(())
    }

    /// Leaves out samples at the beginning of those that wait.
    pub(super) fn skip(&mut self, samples: usize) -> usize {
        let skipped = samples.min(self.made - self.taken);
        self.taken += skipped;
        skipped
    }

    /// Moves samples out; returns how many.
    pub fn take(&mut self, samples: &mut [i16]) -> usize {
        let taken = samples.len().min(self.made - self.taken);
        samples[..taken].copy_from_slice(&self.samples[self.taken..self.taken + taken]);
        self.taken += taken;
        taken
    }

    /// What became of the packets so far.
    pub const fn counts(&self) -> PacketCounts {
        self.counts
    }

    fn conceal(&mut self) -> Result<usize, Broken> {
        let length = self.last;
        // A codec that has nothing to go on leaves silence.
        if self.decode(&[], length)?.is_none() {
            self.floats[..length * self.channels].fill(0.0);
        }
        Ok(length)
    }

    /// Samples of a packet; `None` if it is none.
    fn decode(&mut self, packet: &[u8], samples: usize) -> Result<Option<usize>, Broken> {
        let Self { codec, floats, .. } = self;
        catch_unwind(AssertUnwindSafe(|| codec.decode(packet, samples, floats)))
            .map(|decoded| decoded.ok().filter(|&made| 0 < made && made <= MOST_SAMPLES))
            .map_err(|_| Broken)
    }
}

/// Bytes of the longest frame of a packet whose length is not written in it, but follows from the packet's; `None` if the packet is cut off.
///
/// A length that is written cannot be too large, one that follows can (RFC 6716, 3.4, R2). The codec does not look, and loses count of
/// the bytes of such a frame.
fn implied_length(packet: &[u8]) -> Option<usize> {
    let (&contents, mut rest) = packet.split_first()?;
    match contents & 3 {
        0 => Some(rest.len()),
        1 => Some(rest.len() / 2),
        2 => {
            let first = take_length(&mut rest)?;
            rest.len().checked_sub(first)
        }
        _ => {
            let layout = take_byte(&mut rest)?;
            let (frames, is_padded, is_variable) =
                (usize::from(layout & 63), layout & 64 != 0, layout & 128 != 0);
            let (mut taken, mut padding) = (0, if is_padded { 255 } else { 0 });
            while padding == 255 {
                padding = take_byte(&mut rest)?;
                taken += usize::from(padding.min(254));
            }
            if !is_variable {
                return rest.len().checked_sub(taken)?.checked_div(frames);
            }
            for _ in 1..frames {
                taken += take_length(&mut rest)?;
            }
            rest.len().checked_sub(taken)
        }
    }
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

/// A length as it is written in a packet (RFC 6716, 3.2.1).
fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let first = usize::from(take_byte(bytes)?);
    if first < 252 { Some(first) } else { Some(first + 4 * usize::from(take_byte(bytes)?)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_lost_or_damaged_is_concealed_for_as_long_as_the_packet_before() {
        let mut decoder = Decoder::new(1, 0);
        let mut samples = [0; MOST_SAMPLES];
        // 60 ms of wide-band SILK (configuration 11), then nothing, then a packet whose frame count is missing.
        for (packet, expected) in [(&[11 << 3, 0x80, 1, 2, 3][..], 960), (&[], 960), (&[0x5B], 960)] {
            decoder.packet(packet).expect("a codec that works");
            assert_eq!(decoder.take(&mut samples), expected, "{packet:?}");
        }
        assert_eq!(decoder.counts(), PacketCounts { packets: 3, lost: 1, damaged: 1 });
    }

    #[test]
    fn a_packet_that_is_too_long_is_damaged() {
        let mut decoder = Decoder::new(1, 0);
        decoder.packet(&[0; LONGEST_PACKET + 1]).expect("a codec that works");
        assert_eq!(decoder.counts().damaged, 1);
    }

    #[test]
    fn a_frame_that_is_longer_than_any_may_be_is_damaged() {
        // 60 ms of wide-band SILK, with as many bytes as each way to pack frames may imply, and one more.
        let toc = 11 << 3;
        for (head, most) in [
            (&[toc][..], LONGEST_FRAME),
            (&[toc | 1], 2 * LONGEST_FRAME + 1),
            (&[toc | 2, 252, 1], 256 + LONGEST_FRAME),
            (&[toc | 3, 2], 2 * LONGEST_FRAME + 1),
            (&[toc | 3, 2 | 64, 255, 1], 255 + 2 * LONGEST_FRAME + 1),
            (&[toc | 3, 2 | 128, 7], 7 + LONGEST_FRAME),
        ] {
            let mut packet = head.to_vec();
            packet.resize(head.len() + most, 0x55);
            assert_eq!(implied_length(&packet), Some(LONGEST_FRAME), "{head:?}");
            packet.push(0x55);
            while implied_length(&packet) == Some(LONGEST_FRAME) {
                packet.push(0x55);
            }
            assert_eq!(implied_length(&packet), Some(LONGEST_FRAME + 1), "{head:?}");
            let mut decoder = Decoder::new(1, 0);
            decoder.packet(&packet).expect("a codec that works");
            assert_eq!(decoder.counts(), PacketCounts { packets: 1, lost: 0, damaged: 1 });
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_codec(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3_000), 1..20),
            channels in 1usize..3,
        ) {
            let mut decoder = Decoder::new(channels, channels - 1);
            let mut samples = [0; MOST_SAMPLES];
            for packet in &packets {
                prop_assert_eq!(decoder.packet(packet), Ok(()));
                prop_assert!(decoder.take(&mut samples) > 0);
            }
            prop_assert_eq!(decoder.counts().packets, packets.len() as u64);
        }
    }
}
