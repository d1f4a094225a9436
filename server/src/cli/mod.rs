//! In: the command line. Out: one subcommand's exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod admin;
pub mod calibrate;
pub mod call;
pub mod compare;
pub mod config;
pub mod demo;
pub mod evaluate;
pub mod gates;
mod hearing;
pub mod keys;
mod library;
pub mod models;
pub mod offline;
pub mod options;
pub mod output;
pub mod register;
pub mod replays;
pub mod serve;
pub mod verify;

use output::CliError;

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
    Tenant(admin::tenant::Args),
    Key(admin::key::Args),
    Call(call::Args),
    Register(register::Args),
    Verify(verify::Args),
    Compare(compare::Args),
    Evaluate(Box<evaluate::Args>),
    Calibrate(Box<calibrate::Args>),
    Gates(Box<gates::Args>),
    Replays(Box<replays::Args>),
    Models(models::Args),
    Demo(demo::Args),
    Config(Box<config::Args>),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Tenant(args) => admin::tenant::run(&args),
        Command::Key(args) => admin::key::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Register(args) => register::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Gates(args) => gates::run(&args),
        Command::Replays(args) => replays::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Config(args) => config::run(&args),
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
