//! Why the audio of a call cannot be heard, found out while it came.

use crate::WireRate;
use crate::audio::wav::WavError;

/// What is wrong with a call's bytes. The call is over: what follows is taken without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFault {
    /// The stream was declared to begin with a WAV header, and does not, or with one of another kind.
    #[error(transparent)]
    Wav(#[from] WavError),
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
    /// A header with 8 kHz on the microphone channel, which is 16 kHz speech.
    #[error("microphone-channel needs a sample_rate of 16000 or more, and the WAV header says 8000")]
    MicrophoneNeeds16k,
}
