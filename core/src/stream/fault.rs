//! Why the audio of a call cannot be heard, found out while it came.

use crate::WireRate;
use crate::audio::mismatch::Mismatch;
#[cfg(feature = "opus")]
use crate::audio::ogg_opus::OggError;
#[cfg(feature = "opus")]
use crate::audio::opus::Broken;
use crate::audio::wav::WavError;

/// What is wrong with a call's bytes. The call is over: what follows is taken without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFault {
    /// The stream was declared to begin with a WAV header, and does not, or with one of another kind.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// The bytes are not what was declared.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A header with a rate that is not converted.
    #[error("a WAV header with {0} Hz; use {rates}", rates = WireRate::in_words())]
    Rate(u32),
    /// A header with fewer channels than the caller's.
    #[error("a WAV header with {has} channel(s), and the caller declared on channel {asked}")]
    Channel {
        /// The caller's channel, counted from 1.
        asked: usize,
        /// Channels of the header.
        has: usize,
    },
    /// Bytes were pushed into a stream of packets, or a packet into a stream of bytes.
    #[error("a stream of packets was pushed as bytes, or the other way round")]
    Framing,
    /// The stream was declared to be Ogg, and is not, or with another codec.
    #[cfg(feature = "opus")]
    #[error(transparent)]
    Ogg(#[from] OggError),
    /// The decoder failed.
    #[cfg(feature = "opus")]
    #[error(transparent)]
    Opus(#[from] Broken),
    /// A header with 8 kHz on the microphone channel, which is 16 kHz speech.
    #[error("microphone-channel needs a sample_rate of 16000 or more, and the WAV header says 8000")]
    MicrophoneNeeds16k,
}
