//! Files for the engine, which reads none itself: paths enter, engines with installed models and samples of recordings leave.
//!
//! What the command line, the server, the benchmarks and the bindings have in common.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audio_file;
pub mod model_dir;
pub mod recording;
