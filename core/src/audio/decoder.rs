//! In: a call's bytes, cut anywhere. Out: the caller's samples at the call's rate.
//!
//! # Realtime safety
//! Everything is reserved when it is made; decoding neither allocates nor panics, whatever the bytes.

use std::sync::Arc;

use zeroize::Zeroize;

use super::encoding::{Encoding, LONGEST_SAMPLE};
#[cfg(feature = "opus")]
use super::format::Container;
use super::format::{AudioFormat, Codec};
use super::g722;
use super::polyphase::{Converter, Filters};
#[cfg(feature = "opus")]
use super::{ogg_opus, opus};
use crate::StreamFault;

/// Bytes of the largest frame: as many channels as a WAV header may name, of the longest samples.
const LARGEST_FRAME: usize = 8 * LONGEST_SAMPLE;

/// What [`Decoder::decode`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// Bytes taken.
    pub(crate) bytes: usize,
    /// Samples written.
    pub(crate) samples: usize,
}

/// The way from one call's bytes to its samples.
#[derive(Debug)]
pub(crate) struct Decoder {
    source: Source,
    /// Room for it, where the rate may need one.
    converter: Option<Converter>,
    converting: bool,
    /// Samples at the carrier's rate, on their way into the converter.
    stage: [i16; Converter::ROOM],
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.stage.zeroize();
    }
}

impl Decoder {
    /// A decoder that has heard nothing.
    pub(crate) fn new(format: &AudioFormat, filters: &Arc<Filters>) -> Self {
        let converter = Converter::new(filters, format.wire_rate());
        let converting = converter.is_some();
        Self { source: Source::new(format), converter, converting, stage: [0; Converter::ROOM] }
    }

    /// The same with room for any rate and layout, for a header to choose ([`Decoder::set`]).
    pub(crate) fn for_any(format: &AudioFormat, filters: &Arc<Filters>) -> Self {
        let mut decoder = Self::new(format, filters);
        decoder.converter = Some(Converter::unset(filters));
        decoder
    }

    /// Begins with another way to write samples. Allocates nothing.
    pub(crate) fn set(&mut self, encoding: Encoding, format: &AudioFormat) {
        self.source = Source::Frames(Frames::new(encoding, format));
        self.converting = self.converter.as_mut().is_some_and(|converter| converter.set(format.wire_rate()));
    }

    /// Takes a packet, or conceals one if it is empty; its samples come from [`Decoder::decode`] with no bytes.
    ///
    /// # Errors
    /// If the stream is not one of packets, or its codec is of no use any more.
    pub(crate) fn packet(&mut self, packet: &[u8]) -> Result<(), StreamFault> {
        match &mut self.source {
            #[cfg(feature = "opus")]
            Source::Packets(decoder) => Ok(decoder.packet(packet)?),
            _ => {
                let _ = packet;
                Err(StreamFault::Framing)
            }
        }
    }

    /// Decodes until all bytes are taken or all of `samples` is written, and takes no byte more than that needs: where
    /// a block of samples ends in the bytes does not depend on how they were cut.
    ///
    /// # Errors
    /// If the bytes cannot be heard at all.
    pub(crate) fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) -> Result<Decoded, StreamFault> {
        let converter = match &mut self.converter {
            Some(converter) if self.converting => converter,
            _ => return self.source.decode(bytes, samples),
        };
        let mut done = Decoded::default();
        loop {
            done.samples += converter.pull(&mut samples[done.samples..]);
            let missing = samples.len() - done.samples;
            if missing == 0 || done.bytes == bytes.len() {
                return Ok(done);
            }
            let inputs = converter.inputs_for(missing).min(self.stage.len());
            let next = self.source.decode(&bytes[done.bytes..], &mut self.stage[..inputs])?;
            done.bytes += next.bytes;
            converter.push(&self.stage[..next.samples]);
        }
    }
}

/// From bytes to the caller's samples at the carrier's rate.
#[derive(Debug)]
enum Source {
    Frames(Frames),
    G722(Box<g722::Decoder>),
    #[cfg(feature = "opus")]
    Packets(Box<opus::Decoder>),
    #[cfg(feature = "opus")]
    Ogg(Box<ogg_opus::Reader>),
}

impl Source {
    fn new(format: &AudioFormat) -> Self {
        match format.codec() {
            Codec::Samples(encoding) => Self::Frames(Frames::new(encoding, format)),
            Codec::G722 => Self::G722(Box::default()),
            #[cfg(feature = "opus")]
            Codec::Opus => {
                let decoder = opus::Decoder::new(format.channels(), format.caller());
                match format.container() {
                    Container::Ogg => Self::Ogg(Box::new(ogg_opus::Reader::new(decoder))),
                    _ => Self::Packets(Box::new(decoder)),
                }
            }
        }
    }

    fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) -> Result<Decoded, StreamFault> {
        match self {
            Self::Frames(frames) => Ok(frames.decode(bytes, samples)),
            // A call is heard in blocks of an even number of samples: no byte's second sample is left over.
            Self::G722(decoder) => {
                let pairs = samples.chunks_exact_mut(g722::SAMPLES_PER_BYTE).zip(bytes);
                let mut done = Decoded::default();
                for (pair, &byte) in pairs {
                    pair.copy_from_slice(&decoder.decode(byte));
                    done.bytes += 1;
                    done.samples += g722::SAMPLES_PER_BYTE;
                }
                Ok(done)
            }
            #[cfg(feature = "opus")]
            Self::Packets(decoder) if bytes.is_empty() => {
                Ok(Decoded { bytes: 0, samples: decoder.take(samples) })
            }
            #[cfg(feature = "opus")]
            Self::Packets(_) => Err(StreamFault::Framing),
            #[cfg(feature = "opus")]
            Self::Ogg(reader) => Ok(reader.decode(bytes, samples)?),
        }
    }
}

/// From bytes to the caller's samples, for codecs that write sample by sample.
#[derive(Debug)]
struct Frames {
    encoding: Encoding,
    /// Bytes of a sample of every channel.
    frame: usize,
    /// Where the caller's sample is in them.
    caller: usize,
    /// The beginning of a frame whose end has not come.
    partial: [u8; LARGEST_FRAME],
    partial_bytes: usize,
}

impl Frames {
    fn new(encoding: Encoding, format: &AudioFormat) -> Self {
        Self {
            encoding,
            frame: encoding.bytes() * format.channels(),
            caller: encoding.bytes() * format.caller(),
            partial: [0; LARGEST_FRAME],
            partial_bytes: 0,
        }
    }

    fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) -> Decoded {
        let mut done = Decoded::default();
        if self.partial_bytes > 0 && !samples.is_empty() {
            done = self.complete_partial(bytes, samples);
        }
        let (frames, room) = (&bytes[done.bytes..], &mut samples[done.samples..]);
        let whole = self.encoding.samples(frames, self.frame, self.caller, room);
        done.bytes += whole * self.frame;
        done.samples += whole;
        if done.samples < samples.len() {
            // Less than a frame is left.
            let rest = &bytes[done.bytes..];
            self.partial[self.partial_bytes..self.partial_bytes + rest.len()].copy_from_slice(rest);
            self.partial_bytes += rest.len();
            done.bytes = bytes.len();
        }
        done
    }

    /// Completes the frame that the last bytes began.
    fn complete_partial(&mut self, bytes: &[u8], samples: &mut [i16]) -> Decoded {
        let taken = (self.frame - self.partial_bytes).min(bytes.len());
        self.partial[self.partial_bytes..self.partial_bytes + taken].copy_from_slice(&bytes[..taken]);
        self.partial_bytes += taken;
        if self.partial_bytes < self.frame {
            return Decoded { bytes: taken, samples: 0 };
        }
        self.partial_bytes = 0;
        samples[0] = self.encoding.sample(&self.partial[self.caller..]);
        Decoded { bytes: taken, samples: 1 }
    }
}
