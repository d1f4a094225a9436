//! The speech of a call enters, a fingerprint leaves; two fingerprints enter, how much of one *recording* they share leaves.
//!
//! Nobody says a sentence twice alike, so speech that comes again to the last detail was recorded: the enrolment or an earlier
//! attempt, played to the telephone. No classifier is needed to know it, and none can be shown it is wrong by a good loudspeaker.
//!
//! A [`Fingerprint`] holds for every 20 ms in which bands the spectrum's slope has risen and in which it has fallen (after Haitsma
//! and Kalker 2002, "A highly robust audio fingerprinting system", ISMIR), where that is clear enough to survive a codec. Gains
//! and the response of a line cancel in such differences. [`Fingerprint::agreement`] slides two of them along each other and finds the
//! stretch that agrees best, as local alignment does (Smith and Waterman 1981, without gaps): speech detection may have cut
//! them differently. [`Fingerprint::repetition`] looks for a stretch that comes again in the call itself. Figures, and how a server uses it:
//! `docs/replay.md`.

mod agreement;
mod fingerprint;

pub use agreement::{Agreement, Similarity};
pub use fingerprint::{Fingerprint, MOST_FRAMES};

/// Cosine of two templates from which the second is no other utterance of the same speaker, but the same one: live speech does not come
/// that close (`docs/replay-figures.md`). Holds for the network that is shipped, and for calls of 3 s of net speech and more.
pub const TOO_SIMILAR: f64 = 0.97;
