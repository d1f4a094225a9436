//! peakstream's server and command line.
#![forbid(unsafe_code)]

pub mod audio_file;
pub mod cli;
pub mod client;
pub mod model_dir;
pub mod sensitive;
