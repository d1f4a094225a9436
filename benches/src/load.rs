//! Many live calls at once, in real time: how late their audio is worked on, and what a message costs.
//!
//! * [`lines`]: Media Streams calls, and who sends their messages when they are due
//! * [`hooks`]: AudioHook calls, and how soon their pings are answered
//! * [`listeners`]: the sessions' events, and how late each came
//!
//! Each call is a session that asks for more speech than it gets, so that all of them are worked on to the end. Every 4,096
//! samples it tells a status; its lateness is the time from when the carrier had to send the last of these samples until the
//! status is read, over an event stream of its own: generator, network, queueing, the signal path and the way back.
//!
//! The load is measured twice, after a round that does not count because memory that a process has never touched costs several
//! times what it costs in use: alone, and with a pool that is never without a decision to compute.

mod hooks;
pub(crate) mod lines;
mod listeners;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audiohook;
use crate::server::child::{Child, Program};
use crate::server::customer::{Customer, CustomerError, Operation};
use crate::server::recording::{self, Recording};
use crate::server::unpaced;
use crate::signalling::http;
use crate::timing::quantile;

/// From the last message to the end of listening.
const LAG: Duration = Duration::from_secs(1);
/// Seconds of speech that a session can ask for at most, and that no call of this measurement comes to have.
const WANTED: u32 = 30;
/// From the last connection to the first message, for each call; the event streams are opened in between.
const LEAD: Duration = Duration::from_millis(10);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    program: Program,
    /// Media Streams calls: 50 messages a second each.
    #[arg(long, default_value_t = 1000)]
    calls: usize,
    /// AudioHook calls: 5 frames a second each, a ping every 5 seconds.
    #[arg(long, default_value_t = 500)]
    hooks: usize,
    /// Seconds of the round before, and of each of the two measurements.
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (models, recordings) = recording::with_models(args.models.as_deref())?;
    let calls = args.calls + args.hooks;
    let connections = (4 * calls + 64).to_string();
    let sessions = (calls + 64).to_string();
    let more = ["--max-connections", &connections, "--max-sessions", &sessions];
    let server = args.program.start(&models, &more)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured =
        |round| runtime.block_on(measure(args, &server, &recordings, round)).map_err(|e| e.to_string());
    measured(Round { number: 0, saturated: false })?;
    let alone = measured(Round { number: 1, saturated: false })?;
    let saturated = measured(Round { number: 2, saturated: true })?;
    let report = json!({
        "threads": server.threads(),
        "calls": args.calls,
        "hooks": args.hooks,
        "seconds": args.seconds,
        "alone": alone,
        "saturated": saturated,
    });
    println!("{report:#}");
    Ok(())
}

/// Calls of one kind: their connections, their sessions' event streams, their timetable.
pub(crate) struct Group<C> {
    pub(crate) calls: Vec<C>,
    sessions: Vec<Vec<u8>>,
}

/// Creates the sessions of a group and connects their calls.
pub(crate) async fn group<C>(
    client: &http::Client,
    protocol: &str,
    calls: usize,
    id: impl Fn(usize) -> String,
    connect: impl Fn(String) -> Result<C, http::Failure>,
) -> Result<Group<C>, http::Failure> {
    let settings = json!({"audio_protocol": protocol, "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": 8000, "channels": 1});
    let settings = client.create("/dpsrest/v1/audio_settings", &settings).await?;
    let mut group = Group { calls: Vec::new(), sessions: Vec::new() };
    for number in 0..calls {
        let call_id = id(number);
        let body = json!({"audio_settings_id": settings, "call_id": call_id, "audio_total_duration": WANTED});
        let session = client.create("/dpsrest/v1/register_session", &body).await?;
        let events = format!("/dpsrest/v1/register_session/{session}/events");
        group.sessions.push(client.request("GET", &events, None));
        group.calls.push(connect(call_id)?);
    }
    Ok(group)
}

/// All calls once, with identifiers of their own.
#[derive(Clone, Copy)]
struct Round {
    number: usize,
    saturated: bool,
}

async fn measure(
    args: &Args,
    server: &Child,
    recordings: &[Recording],
    Round { number: round, saturated }: Round,
) -> Result<Value, http::Failure> {
    let client = http::Client::new(server.base_url(), server.first_run().api_key.expose());
    let address = client.address().to_owned();
    let key = audiohook::key(server).map_err(|error| error.to_string())?;
    let name = |number| format!("{round}-{number}");
    let mut lines =
        group(&client, "twilio", args.calls, name, |id| Ok(lines::connect(&address, &id)?)).await?;
    let id = |number| audiohook::id(round * args.hooks + number);
    let hook = |id| hooks::connect(&address, &key, id).map_err(|error| error.to_string().into());
    let mut hooks = group(&client, "audiohook", args.hooks, id, hook).await?;

    let begin = Instant::now() + LEAD * (args.calls + args.hooks).max(100) as u32;
    let timetable = |calls, interval, samples| lines::Schedule { begin, calls, interval, samples };
    let of_lines = timetable(args.calls, lines::INTERVAL, lines::MESSAGE_SAMPLES);
    let of_hooks = timetable(args.hooks, hooks::INTERVAL, hooks::FRAME_SAMPLES);
    let hear_lines = listeners::Listeners::open(&address, lines.sessions, of_lines).await?;
    let hear_hooks = listeners::Listeners::open(&address, hooks.sessions, of_hooks).await?;
    let seconds = args.seconds;
    let messages = lines::messages(&recordings[0].audio, seconds);
    let sent = messages.len() * args.calls;
    let audio = recordings[0].audio.clone();
    if Instant::now() > begin {
        return Err("the event streams were not open when the first message was due".into());
    }
    // What closed connections of the round before still cost is over by then.
    tokio::time::sleep_until(begin.into()).await;
    let used = server.cpu_seconds();
    // The connections come back, so that none ends before the last status is read.
    let send_lines =
        std::thread::spawn(move || (lines::send(&mut lines.calls, &messages, of_lines), lines.calls));
    let send_hooks =
        std::thread::spawn(move || (hooks::send(&mut hooks.calls, &audio, seconds, of_hooks), hooks.calls));
    let customer = Customer::open(server.base_url(), server.first_run()).await.map_err(|e| e.to_string())?;
    let until = tokio::time::Instant::from_std(begin + Duration::from_secs(seconds.into()));
    let decisions = if saturated { busy(&customer, recordings, until).await? } else { 0 };
    let line_statuses = hear_lines.until(until + LAG).await;
    let hook_statuses = hear_hooks.until(until + LAG).await;
    let used = server.cpu_seconds().zip(used).map(|(after, before)| after - before);
    let (sender, _lines) = send_lines.join().map_err(|_| "the sender failed")?;
    let (hooked, _hooks) = send_hooks.join().map_err(|_| "the sender failed")?;
    let (sender, mut hooked) = (sender?, hooked?);
    hooked.pongs_ms.sort_by(f64::total_cmp);
    let expected = |calls| calls * (seconds as usize * 8000 / lines::STATUS_SAMPLES);
    Ok(json!({
        "decisions_beside": decisions,
        "server_cores": used.map(|used| used / f64::from(seconds)),
        "sender_late_maximum_ms": sender.latest.as_secs_f64() * 1e3,
        "media_streams": {
            "messages_per_second": sent as f64 / f64::from(seconds),
            "messages_that_had_to_wait": sender.stalled,
            "statuses": line_statuses.told(expected(args.calls)),
        },
        "audiohook": {
            "frames_that_were_not_taken": hooked.stalled,
            "statuses": hook_statuses.told(expected(args.hooks)),
            "pings": hooked.pings,
            "pongs": hooked.pongs_ms.len(),
            "pong_median_ms": quantile(&hooked.pongs_ms, 0.5),
            "pong_p99_ms": quantile(&hooked.pongs_ms, 0.99),
        },
    }))
}

/// Keeps the inference pool busy: calls that are sent as fast as they are read and decided, three at any time. How many.
async fn busy(
    customer: &Customer,
    recordings: &[Recording],
    until: tokio::time::Instant,
) -> Result<usize, http::Failure> {
    let line = async |line: usize| -> Result<usize, CustomerError> {
        let mut decided = 0;
        while tokio::time::Instant::now() < until {
            let recording = &recordings[(line + decided) % recordings.len()];
            let call_id = format!("busy-{line}-{decided}");
            customer.decide(&call_id, &Operation::Register, recording, unpaced()).await?;
            decided += 1;
        }
        Ok(decided)
    };
    let (first, second, third) = tokio::join!(line(0), line(1), line(2));
    let sum = [first, second, third].into_iter().sum::<Result<usize, _>>();
    sum.map_err(|error| error.to_string().into())
}
