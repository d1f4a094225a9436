//! Speech inside a call: which blocks hold it, how much there is, and the features the models read.

pub mod collector;
pub mod fbank;
mod framing;
pub mod segmenter;
pub mod silero;
pub mod spectrum;
