//! A running server is measured from outside: what it holds per call, and how soon its decision arrives.
//!
//! * [`child`]: the server, `peakstream serve` in a process of its own
//! * [`customer`]: sessions and calls as a customer makes them, over loopback
//! * [`recording`]: calls, and which of their bytes decides

pub(crate) mod child;
pub(crate) mod customer;
pub(crate) mod recording;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;

use peakstream_server::cli::call::speed;
use peakstream_server::client::media_streams::Speed;
use peakstream_server::client::socketio::SocketIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use child::{Child, Program};
use customer::{Customer, CustomerError, Operation};
use recording::Recording;

/// Net speech that every session asks for, in seconds; what the engine's figures are for, too.
pub(crate) const WANTED: f64 = 5.0;
/// Blocks of 512 ms that a live call sends: about 4 s, so that it is never decided.
const LIVE_BLOCKS: usize = 8;
/// Until every live call has sent them; many times what they take.
const LIVE_PATIENCE: Duration = Duration::from_secs(90);
/// Until the allocator and the runtime of the server are at rest again.
const SETTLE: Duration = Duration::from_millis(500);

/// As fast as the server reads.
pub(crate) fn unpaced() -> Speed {
    Speed::new(0.0).unwrap_or(Speed::REAL_TIME)
}

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    program: Program,
    /// Calls whose memory is read; as many again are open beside them.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Calls that are decided, one after the other.
    #[arg(long, default_value_t = 10)]
    decisions: usize,
    /// Times real time at which the decided calls are sent.
    #[arg(long, default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (models, recordings) = recording::with_models(args.models.as_deref())?;
    let server = args.program.start(&models, &[])?;
    // One thread: the client has a core of its own, or as little as possible of the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(args, &server, &recordings))?;
    println!("{report:#}");
    Ok(())
}

async fn measure(args: &Args, server: &Child, recordings: &[Recording]) -> Result<Value, Box<dyn Error>> {
    let customer = Customer::open(server.base_url(), server.first_run()).await?;
    // The first decisions make the server as large as it gets; memory is read afterwards.
    let decided = decisions(args, &customer, recordings).await?;
    tokio::time::sleep(SETTLE).await;
    let memory = memory(args, &customer, server, &recordings[0]).await?;
    Ok(json!({
        "threads": server.threads(),
        "inference_threads": child::INFERENCE_THREADS,
        "wanted_seconds": WANTED,
        "decision": decided,
        "memory": memory,
    }))
}

/// Time from the deciding byte to the terminal event, in milliseconds: registrations and verifications in turn.
async fn decisions(
    args: &Args,
    customer: &Customer,
    recordings: &[Recording],
) -> Result<Value, Box<dyn Error>> {
    // Not counted: the server decides for the first time, and the customer gets a credential.
    let first = customer.decide("first", &Operation::Register, &recordings[0], args.speed).await?;
    let verify = Operation::Verify(first.credential.ok_or("a registration gave no credential")?);
    let mut times = Vec::new();
    for number in 0..args.decisions.max(1) {
        let operation = if number % 2 == 0 { &Operation::Register } else { &verify };
        let recording = &recordings[number % recordings.len()];
        let decided = customer.decide(&format!("call-{number}"), operation, recording, args.speed).await?;
        times.push(decided.after.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(json!({
        "calls": times.len(),
        "speed": args.speed.times(),
        "recordings": recordings.iter().map(|recording| &recording.name).collect::<BTreeSet<_>>(),
        "minimum": times[0],
        "median": times[times.len() / 2],
        "maximum": times[times.len() - 1],
    }))
}

/// Bytes of physical memory per session that waits for audio, and per call whose audio flows.
///
/// Two equal groups of calls: the first fills what the allocator still holds of the server's start, and stays. The
/// second is what is counted.
async fn memory(
    args: &Args,
    customer: &Customer,
    server: &Child,
    recording: &Recording,
) -> Result<Value, Box<dyn Error>> {
    let Some(unused) = server.resident_bytes() else { return Ok(Value::Null) };
    let audio = recording.beginning(LIVE_BLOCKS);
    let mut live = JoinSet::new();
    let first = idle_group("first", args.calls, customer).await?;
    go_live(first, customer, &audio, &mut live).await?;
    let base = server.resident_bytes().unwrap_or(unused);
    let second = idle_group("second", args.calls, customer).await?;
    let idle = server.resident_bytes().unwrap_or(base);
    go_live(second, customer, &audio, &mut live).await?;
    let speaking = server.resident_bytes().unwrap_or(base);
    live.shutdown().await;
    let each = |bytes: u64| bytes.saturating_sub(base) / args.calls.max(1) as u64;
    Ok(json!({
        "calls": args.calls.max(1),
        "resident_bytes": unused,
        "bytes_per_idle_call": each(idle),
        "bytes_per_live_call": each(speaking),
    }))
}

/// Sessions that wait for their calls.
async fn idle_group(
    group: &str,
    calls: usize,
    customer: &Customer,
) -> Result<Vec<(SocketIo, String)>, CustomerError> {
    let mut sessions = Vec::new();
    for number in 0..calls.max(1) {
        let call_id = format!("{group}-{number}");
        sessions.push((customer.session(&call_id, &Operation::Register).await?, call_id));
    }
    tokio::time::sleep(SETTLE).await;
    Ok(sessions)
}

/// Sends each session its audio, all at once in real time; the calls stay open in `live`.
async fn go_live(
    sessions: Vec<(SocketIo, String)>,
    customer: &Customer,
    audio: &[u8],
    live: &mut JoinSet<Result<(), CustomerError>>,
) -> Result<(), Box<dyn Error>> {
    let calls = sessions.len();
    let (arrived, mut arrivals) = mpsc::channel(calls);
    for (socket, call_id) in sessions {
        let (call, audio, arrived) = (customer.live_call(&call_id), audio.to_owned(), arrived.clone());
        live.spawn(customer::hold(socket, call, audio, LIVE_BLOCKS, arrived));
    }
    let all_arrived = async {
        for _ in 0..calls {
            tokio::select! {
                _ = arrivals.recv() => {}
                Some(ended) = live.join_next() => ended??,
            }
        }
        Ok::<_, Box<dyn Error>>(())
    };
    timeout(LIVE_PATIENCE, all_arrived).await.map_err(|_elapsed| CustomerError::NotLive)??;
    tokio::time::sleep(SETTLE).await;
    Ok(())
}
