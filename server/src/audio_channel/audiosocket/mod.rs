//! In: TCP connections of Asterisk's AudioSocket (`app_audiosocket`, `chan_audiosocket`). Out: their calls' audio.
//!
//! * [`frame`]: bytes into frames
//! * [`machine`]: one connection without its socket
//! * [`feed`]: the machine on its socket
//! * [`listener`]: the port they come in by

pub mod feed;
pub mod frame;
pub mod listener;
pub mod machine;
