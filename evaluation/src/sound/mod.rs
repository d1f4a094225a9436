//! A seed enters, sounds leave that no one has recorded: noise, music, singing, tones, breath, a voice, made by formulas, the same on
//! every machine of one kind.

mod breath;
mod music;
mod noise;
pub(crate) mod random;
mod singing;
mod tones;
mod voice;

pub use breath::breath;
pub use music::music;
pub use noise::{pink, white};
pub use singing::singing;
pub use tones::tones;
pub use voice::voice;
