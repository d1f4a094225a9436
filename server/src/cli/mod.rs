//! In: the command line. Out: one subcommand's exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod serve;

/// Real-time voice biometrics: registers and verifies callers while they talk.
#[derive(Debug, Parser)]
#[command(name = "peakstream", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::Args>),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
    }
}
