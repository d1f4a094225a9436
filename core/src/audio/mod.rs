//! Audio as it comes from carriers: formats, codecs, resampling, WAV. Bytes enter, 16-bit linear samples leave.

pub(crate) mod decoder;
pub mod encoding;
pub mod format;
mod g711;
pub mod g722;
pub mod mismatch;
#[cfg(feature = "opus")]
pub mod ogg_opus;
#[cfg(feature = "opus")]
pub mod opus;
pub mod polyphase;
pub mod resample;
pub mod wav;

pub use encoding::{decode, encode};
