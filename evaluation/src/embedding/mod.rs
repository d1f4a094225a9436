//! Recordings enter, voices leave: each heard as one call by a real [`peakstream::CallStream`], through a simulated channel,
//! until there is as much net speech as asked for.

mod cache;
mod fingerprint;
mod listen;

use peakstream::{ChannelType, Evidence, OpenError, SampleRate, Template};

use crate::channel::{ChannelError, Simulation};

pub use cache::{Cache, CacheError};
pub use listen::Listener;
pub(crate) use listen::collect;

/// How a recording is heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Hearing {
    /// What it goes through.
    pub channel: Simulation,
    /// As what the engine takes it.
    pub channel_type: ChannelType,
    /// Seconds of net speech that are enough, above 0 and at most 120; `None` takes all there is (up to 120 s). Like a live
    /// call, a recording is asked every 0.5 s whether it is enough, so up to that much more is heard.
    pub seconds: Option<f64>,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// `None` if there was under 0.3 s of speech.
    pub template: Option<Template>,
    /// How much speech, and how clean.
    pub evidence: Evidence,
}

/// One channel of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// 16-bit samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: SampleRate,
}

/// Where recordings are.
pub trait Library: Sync {
    /// Reads a recording at `rate`, or, if that is `None`, at 8 kHz if it was recorded so and at 16 kHz otherwise.
    ///
    /// # Errors
    /// Whatever keeps it from being read, naming the file.
    fn read(
        &self,
        name: &str,
        rate: Option<SampleRate>,
    ) -> Result<Recording, Box<dyn std::error::Error + Send + Sync>>;
}

/// Why a recording gives no voice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// It cannot be read.
    #[error("{0}")]
    Read(Box<dyn std::error::Error + Send + Sync>),
    /// It cannot go through the channel.
    #[error("{name}: {source}")]
    Channel {
        /// The recording.
        name: String,
        /// Why.
        source: ChannelError,
    },
    /// The engine does not take such a call.
    #[error("{name}: {source}")]
    Open {
        /// The recording.
        name: String,
        /// Why.
        source: OpenError,
    },
    /// Voices of several networks have no centre.
    #[error(transparent)]
    Foreign(#[from] peakstream::CompareError),
    /// The cache cannot be written.
    #[error(transparent)]
    Cache(#[from] CacheError),
}
