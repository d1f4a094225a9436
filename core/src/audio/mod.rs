//! Audio as it comes from carriers: formats, codecs, resampling, WAV. Bytes enter, 16-bit linear samples leave.

pub mod format;
mod g711;
pub mod resample;
pub mod wav;

pub use format::{decode, encode};
