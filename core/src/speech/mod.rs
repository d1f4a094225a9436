//! Speech inside a call: which blocks hold it, how much there is, and the features the models read.

pub(crate) mod blocks;
pub(crate) mod collector;
pub mod fbank;
mod framing;
pub mod movement;
pub(crate) mod power;
pub mod segmenter;
pub mod silero;
pub mod spectrum;
mod track;

pub use framing::Rows;
