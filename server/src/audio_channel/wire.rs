//! The words that all audio channels share: audio as it came, and how a connection is closed.

use zeroize::Zeroizing;

/// Audio as it came, wiped when it is dropped.
pub type AudioBytes = Zeroizing<Vec<u8>>;

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
