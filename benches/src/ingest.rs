//! What a running server's processor does for each media message of a carrier, everything in: sockets, frames, JSON, base64 and the
//! analysis of the audio. Beside it a server in Node that reads the same messages and throws the audio away.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cpu;
use crate::load::{self, lines};
use crate::server::child::{Other, Program};
use crate::server::recording;
use crate::signalling::http;

/// From the last connection to the first message.
const LEAD: Duration = Duration::from_millis(200);
/// From the last message until it has been worked on.
const LAG: Duration = Duration::from_millis(200);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    program: Program,
    /// Calls at the same time, of 50 messages a second each.
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// Seconds of audio: at most 10, so that no call is decided meanwhile.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10))]
    seconds: u32,
    #[command(flatten)]
    other: Other,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (models, recordings) = recording::with_models(args.models.as_deref())?;
    let room = (2 * args.calls + 64).to_string();
    let server = args.program.start(&models, &["--max-connections", &room, "--max-sessions", &room])?;
    let messages = lines::messages(&recordings[0].audio, args.seconds);
    let client = http::Client::new(server.base_url(), server.first_run().api_key.expose());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = client.address();
    let connect = |id: String| Ok(lines::connect(address, &id)?);
    let group = load::group(&client, "twilio", args.calls, |number| number.to_string(), connect);
    let calls = runtime.block_on(group).map_err(|failure| failure.to_string())?.calls;
    let ours = each_message(calls, &messages, || server.cpu_seconds())?;
    let theirs = match args.other.server() {
        Some((other, process)) => {
            let client = http::Client::new(other, "");
            let calls: Result<Vec<_>, _> =
                (0..args.calls).map(|id| lines::connect(client.address(), &id.to_string())).collect();
            let spent = each_message(calls?, &messages, || cpu::seconds_of(&process.to_string()))?;
            let sent = args.calls * messages.len() * lines::MESSAGE_SAMPLES;
            let heard = runtime.block_on(client.get("/heard")).map_err(|failure| failure.to_string())?;
            if heard["bytes"].as_u64() != Some(sent as u64) {
                return Err(format!("{other} has heard {heard}, sent were {sent} bytes").into());
            }
            spent
        }
        _ => Value::Null,
    };
    let report = json!({"threads": server.threads(), "calls": args.calls, "messages": args.calls * messages.len(),
        "ours": ours, "theirs": theirs});
    println!("{report:#}");
    Ok(())
}

/// Microseconds of a server's processor time for each message, in real time; `null` where the system does not tell.
fn each_message(
    mut calls: Vec<lines::Line>,
    messages: &[Vec<u8>],
    cpu_seconds: impl Fn() -> Option<f64>,
) -> Result<Value, Box<dyn Error>> {
    let begin = Instant::now() + LEAD;
    let schedule = lines::Schedule {
        begin,
        calls: calls.len(),
        interval: lines::INTERVAL,
        samples: lines::MESSAGE_SAMPLES,
    };
    let before = cpu_seconds();
    let sent = lines::send(&mut calls, messages, schedule)?;
    std::thread::sleep(LAG);
    let spent = cpu_seconds().zip(before).map(|(after, before)| after - before);
    if sent.stalled > 0 || !calls.iter().all(lines::Line::is_open) {
        return Err("the server did not take all messages in time".into());
    }
    Ok(json!(spent.map(|seconds| seconds * 1e6 / (calls.len() * messages.len()) as f64)))
}
