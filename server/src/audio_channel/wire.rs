//! The words that all audio channels share: audio as it came, what a stream is, and how a connection is closed.

use zeroize::Zeroizing;

use crate::ids::CallId;

/// Audio as it came, wiped when it is dropped.
pub type AudioBytes = Zeroizing<Vec<u8>>;

/// What a protocol machine wants done with its connection.
#[derive(Debug)]
pub enum Output {
    /// The stream began: find its session.
    Started(Started),
    /// The caller's audio, in order.
    Audio(AudioBytes),
    /// So many messages of the caller's audio, each with one packet, are lost between the audio before and the audio after.
    Lost(u64),
    /// A text message for the carrier; only for carriers that wait for one.
    Send(&'static str),
    /// The sender says that the stream is over.
    Stopped,
    /// End the connection; the text is the close reason, and what the session is told.
    Close(CloseCode, &'static str),
}

/// A stream that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Whose session is looked for.
    pub call_id: CallId,
    /// What the carrier says about its bytes; most do, the minimal subset does not.
    pub media_format: Option<MediaFormat>,
}

/// A carrier's announcement of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFormat {
    /// The codec's name out of the media type: `mulaw` of `audio/x-mulaw`.
    pub codec: String,
    /// How a sample is laid out, where the carrier's protocol says so; otherwise signalling does.
    pub layout: Option<&'static str>,
    /// In hertz.
    pub sample_rate: u32,
    /// How many.
    pub channels: u16,
}

impl MediaFormat {
    /// 16-bit linear samples, low byte first: what every carrier sends that speaks of L16 over WebSocket or TCP.
    pub fn linear(sample_rate: u32, channels: u16) -> Self {
        Self { codec: "pcm".into(), layout: Some("s16le"), sample_rate, channels }
    }
}

/// WebSocket close codes (RFC 6455 §7.4.1) this server uses, with their meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The normal end: enough audio, or the sender's own stop.
    Normal = 1000,
    /// The server stops.
    GoingAway = 1001,
    /// A message of a kind this protocol does not have.
    Unsupported = 1003,
    /// A message that is not what its kind promises.
    Invalid = 1007,
    /// The sender broke a rule, or its call is unknown.
    Policy = 1008,
    /// A message over the limit.
    TooBig = 1009,
    /// No room now.
    TryAgain = 1013,
}
