//! The program `peakstream`: wiring only, see [`peakstream_server::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    peakstream_server::cli::main()
}
