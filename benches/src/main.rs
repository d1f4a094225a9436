//! Measurements of the engine, for the scripts that put them beside the alternatives (`make bench`, `make eval`).

mod audio;
mod audiohook;
mod capacity;
mod cpu;
mod embed;
mod engine;
mod ingest;
mod instructions;
mod load;
mod messages;
mod mismatch;
mod network;
mod parked;
mod repeated;
mod restart;
mod server;
mod signalling;
mod speech;
mod timing;
mod websocket;

use std::process::ExitCode;

use clap::Parser;

/// Measures the engine. `make bench` and `make eval` run it and print the comparison.
#[derive(Debug, Parser)]
enum Command {
    /// Searches for the live calls that one core carries; prints JSON.
    Capacity(capacity::Args),
    /// Embeds recordings through the whole engine, for evaluation.
    Embed(embed::Args),
    /// Times the engine's stages on one core and counts allocations; prints JSON.
    Engine(engine::Args),
    /// Measures what a media message costs a running server, everything in; prints JSON.
    Ingest(ingest::Args),
    /// Does fixed pieces of work, for a tool that counts their instructions.
    Instructions(instructions::Args),
    /// Counts how often a stream of the wrong name is noticed, and a right one suspected.
    Mismatch(mismatch::Args),
    /// Measures a running server under many live calls in real time: lateness, cost of a message; prints JSON.
    Load(load::Args),
    /// Times what one message of a carrier costs; prints JSON.
    Messages(messages::Args),
    /// Times the two networks by themselves on one core; prints JSON.
    Network(network::Args),
    /// Measures AudioHook calls that wait for a session: memory and computing time; prints JSON.
    Parked(parked::Args),
    /// Hears calls again at each further second of their speech, in several manners, for a study.
    Repeated(repeated::Args),
    /// Times the start of a server after kill -9, with many results stored; prints JSON.
    Restart(restart::Args),
    /// Measures a running server over loopback: memory per call, time to a decision; prints JSON.
    Server(server::Args),
    /// Measures requests, connections and idle clients of a running server; prints JSON.
    Signalling(signalling::Args),
    /// Makes calls of which is known where someone speaks, and says where the engine hears it; prints JSON.
    Speech(speech::Args),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Capacity(args) => capacity::run(&args),
        Command::Embed(args) => embed::run(&args),
        Command::Engine(args) => engine::run(&args),
        Command::Ingest(args) => ingest::run(&args),
        Command::Instructions(args) => instructions::run(&args),
        Command::Mismatch(args) => mismatch::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Messages(args) => messages::run(&args),
        Command::Network(args) => network::run(&args),
        Command::Parked(args) => parked::run(&args),
        Command::Repeated(args) => repeated::run(&args),
        Command::Restart(args) => restart::run(&args),
        Command::Server(args) => server::run(&args),
        Command::Signalling(args) => signalling::run(&args),
        Command::Speech(args) => speech::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peakstream-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
