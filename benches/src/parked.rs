//! AudioHook calls that wait for a session are opened on a running server. Out: what one of them holds, and what all of them
//! cost while nothing happens.

use std::error::Error;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use peakstream_server::model_dir::{self, Surroundings};
use serde_json::json;

use crate::audiohook;
use crate::server::child::Child;

/// Calls opened before memory is read: they fill what the allocator still holds of the server's start.
const WARM_UP: usize = 500;
/// Until allocator and runtime are at rest.
const SETTLE: Duration = Duration::from_secs(1);
/// While this passes, nobody does anything. Clients that are silent for a minute are cut off.
const WATCHED: Duration = Duration::from_secs(10);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to measure: target/release/peakstream.
    #[arg(long)]
    bin: PathBuf,
    /// Calls that wait.
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let models = model_dir::find(args.models.as_deref(), &Surroundings::of_process())?;
    let room = (args.calls + WARM_UP + 16).to_string();
    let flags = ["--max-connections", "--audiohook-max-parked", "--audiohook-max-parked-of-tenant"];
    let flags: Vec<&str> = flags.into_iter().flat_map(|flag| [flag, &room]).collect();
    let server = Child::start(&args.bin, &models, None, &flags)?;
    let key = audiohook::key(&server)?;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let open = |number: usize| park(&address, &key, number);
    let mut calls = (0..WARM_UP).map(open).collect::<Result<Vec<_>, _>>()?;
    sleep(SETTLE);
    let before = server.resident_bytes();
    let begun = Instant::now();
    for number in WARM_UP..WARM_UP + args.calls {
        calls.push(open(number)?);
    }
    let took = begun.elapsed();
    sleep(SETTLE);
    let (parked, used) = (server.resident_bytes(), server.cpu_seconds());
    sleep(WATCHED);
    let busy = server.cpu_seconds().zip(used).map(|(after, before)| (after - before) / WATCHED.as_secs_f64());
    let each =
        parked.zip(before).map(|(after, before)| after.saturating_sub(before) / args.calls.max(1) as u64);
    println!(
        "{:#}",
        json!({
            "calls": args.calls,
            "threads": server.threads(),
            "bytes_per_parked_call": each,
            "share_of_a_core": busy,
            "opened_per_second": args.calls as f64 / took.as_secs_f64(),
        })
    );
    drop(calls);
    Ok(())
}

/// Opens a call that nobody asks for; it stays as long as the stream.
fn park(address: &str, key: &str, number: usize) -> Result<TcpStream, Box<dyn Error>> {
    let opened = audiohook::open(address, key, audiohook::id(number))?;
    if opened.paused { Ok(opened.stream) } else { Err(format!("call {number} was not parked").into()) }
}
