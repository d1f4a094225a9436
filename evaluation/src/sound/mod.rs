//! A seed enters, sounds leave that no one has recorded: noise and music, made by formulas, the same on every machine of one
//! kind.

mod music;
mod noise;
pub(crate) mod random;

pub use music::music;
pub use noise::{pink, white};
