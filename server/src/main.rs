//! The program `peakstream`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    peakstream_server::cli::Cli::parse().run()
}
