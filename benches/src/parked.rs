//! AudioHook calls that wait for a session are opened on a running server. Out: what one of them holds, and what all of them
//! cost, while nobody says anything and while each pings as Genesys does.

use std::error::Error;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use peakstream_server::model_dir::{self, Surroundings};
use serde_json::{Value, json};

use crate::audiohook;
use crate::server::child::Child;
use crate::timing::quantile;
use crate::websocket::{self, Kind, frame};

/// Calls opened before memory is read: they fill what the allocator still holds of the server's start.
const WARM_UP: usize = 500;
/// Until allocator and runtime are at rest.
const SETTLE: Duration = Duration::from_secs(1);
/// While this passes, nobody does anything. Clients that are silent for a minute are cut off.
const WATCHED: Duration = Duration::from_secs(10);
/// From one ping of a call to its next: Genesys's own.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Pings of each call.
const PINGS: u32 = 3;

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
    let busy = share(server.cpu_seconds(), used, WATCHED);
    let each =
        parked.zip(before).map(|(after, before)| after.saturating_sub(before) / args.calls.max(1) as u64);
    let used = server.cpu_seconds();
    let pinged = ping(&mut calls)?;
    let busy_with_pings = share(server.cpu_seconds(), used, pinged.took);
    let grown = server.resident_bytes().zip(parked);
    let grown = grown.map(|(after, before)| after.saturating_sub(before) / calls.len().max(1) as u64);
    println!(
        "{:#}",
        json!({
            "calls": args.calls,
            "threads": server.threads(),
            "bytes_per_parked_call": each,
            "share_of_a_core": busy,
            "opened_per_second": args.calls as f64 / took.as_secs_f64(),
            "pinged": {
                "calls": calls.len(),
                "interval_s": PING_INTERVAL.as_secs(),
                "pings_per_second": f64::from(PINGS) * calls.len() as f64 / pinged.took.as_secs_f64(),
                "share_of_a_core": busy_with_pings,
                "bytes_per_call_more": grown,
                "pong_median_ms": quantile(&pinged.times, 0.5),
                "pong_p99_ms": quantile(&pinged.times, 0.99),
            },
        })
    );
    drop(calls);
    Ok(())
}

/// What part of a core was used.
fn share(after: Option<f64>, before: Option<f64>, passed: Duration) -> Option<f64> {
    after.zip(before).map(|(after, before)| (after - before) / passed.as_secs_f64())
}

/// What came of the pings.
struct Pinged {
    took: Duration,
    /// From a ping to its pong, in rising order of milliseconds.
    times: Vec<f64>,
}

/// Lets every call ping, one after the other, so that each does in every interval; no pong may be missing.
fn ping(calls: &mut [TcpStream]) -> Result<Pinged, Box<dyn Error>> {
    let (begun, all) = (Instant::now(), calls.len() as u32);
    let mut times = Vec::with_capacity(calls.len() * PINGS as usize);
    for round in 0..PINGS {
        for (number, call) in (0..all).zip(calls.iter_mut()) {
            let due = begun + PING_INTERVAL * round + PING_INTERVAL * number / all;
            sleep(due.saturating_duration_since(Instant::now()));
            // After `open` and `opened`; each pong is one more of the server's.
            let (seq, serverseq) = (round + 2, round + 1);
            let id = audiohook::id(number as usize);
            let message = audiohook::message(&id, "ping", seq, serverseq, 0, json!({}));
            let asked = Instant::now();
            call.write_all(&frame(Kind::Text, message.as_bytes()))?;
            let answer: Value = serde_json::from_slice(&websocket::receive(call)?)?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
            if answer["type"] != "pong" || answer["clientseq"] != seq {
                return Err(format!("call {number} got no pong: {answer}").into());
            }
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(Pinged { took: begun.elapsed(), times })
}

/// Opens a call that nobody asks for; it stays as long as the stream.
fn park(address: &str, key: &str, number: usize) -> Result<TcpStream, Box<dyn Error>> {
    let opened = audiohook::open(address, key, audiohook::id(number))?;
    if opened.paused { Ok(opened.stream) } else { Err(format!("call {number} was not parked").into()) }
}
