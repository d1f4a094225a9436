//! The command line.

pub mod call;
pub mod compare;
pub mod demo;
pub mod keys;
pub mod models;
pub mod offline;
pub mod options;
pub mod output;
pub mod register;
pub mod verify;

use std::process::ExitCode;

use output::CliError;

/// peakstream: real-time voice biometrics
#[derive(Debug, clap::Parser)]
#[command(name = "peakstream", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Call(call::Args),
    Register(register::Args),
    Verify(verify::Args),
    Compare(compare::Args),
    Models(models::Args),
    Demo(demo::Args),
}

impl Cli {
    /// Runs the command.
    pub fn run(&self) -> ExitCode {
        match &self.command {
            Command::Call(args) => call::run(args),
            Command::Register(args) => register::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Compare(args) => compare::run(args),
            Command::Models(args) => models::run(args),
            Command::Demo(args) => demo::run(args),
        }
    }
}

/// The runtime of a command that talks to a server.
///
/// # Errors
/// The system has no threads or sockets left.
fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Runtime::new()
        .map_err(|source| CliError::Write { what: "starting the network runtime".to_owned(), source })
}
