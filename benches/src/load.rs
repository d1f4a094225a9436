//! Many live calls at once, in real time: how late their audio is worked on, and what a message costs.
//!
//! * [`lines`]: the calls' connections, and who sends their messages when they are due
//! * [`listeners`]: the sessions' events, and how late each came
//!
//! Each call is a session that asks for more speech than it gets, so that all of them are worked on to the end. Every 4,096
//! samples it tells a status; its lateness is the time from when the carrier had to send the last of these samples until the
//! status is read, over an event stream of its own: generator, network, queueing, the signal path and the way back.
//!
//! The load is measured twice: alone, and with a pool that is never without a decision to compute.

mod lines;
mod listeners;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use peakstream::EngineOptions;
use peakstream_server::model_dir::{self, Surroundings};
use serde_json::{Value, json};

use crate::cpu;
use crate::server::child::Child;
use crate::server::customer::{Customer, CustomerError, Operation};
use crate::server::recording::{self, Recording};
use crate::server::unpaced;
use crate::signalling::http;

/// From the last message to the end of listening.
const LAG: Duration = Duration::from_secs(1);
/// Seconds of speech that a session can ask for at most, and that no call of this measurement comes to have.
const WANTED: u32 = 30;
/// From the last connection to the first message.
const LEAD: Duration = Duration::from_millis(500);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program to measure: target/release/peakstream.
    #[arg(long)]
    bin: PathBuf,
    /// Core that the server is bound to (with taskset); without it, the system decides.
    #[arg(long)]
    core: Option<usize>,
    /// Media Streams calls: 50 messages a second each.
    #[arg(long, default_value_t = 1000)]
    calls: usize,
    /// Seconds of each of the two measurements.
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let models = model_dir::find(args.models.as_deref(), &Surroundings::of_process())?;
    let engine = model_dir::load_engine_from(&models, EngineOptions::default())?;
    let recordings = recording::all(&engine, &models.join("demo"))?;
    drop(engine);
    let connections = (4 * args.calls + 64).to_string();
    let sessions = (args.calls + 64).to_string();
    let more = ["--max-connections", &connections, "--max-sessions", &sessions];
    let server = Child::start(&args.bin, &models, args.core, &more)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let alone = runtime.block_on(measure(args, &server, &recordings, false)).map_err(|e| e.to_string())?;
    let saturated = runtime.block_on(measure(args, &server, &recordings, true)).map_err(|e| e.to_string())?;
    let report = json!({
        "threads": server.threads(),
        "calls": args.calls,
        "seconds": args.seconds,
        "alone": alone,
        "saturated": saturated,
    });
    println!("{report:#}");
    Ok(())
}

async fn measure(
    args: &Args,
    server: &Child,
    recordings: &[Recording],
    saturated: bool,
) -> Result<Value, http::Failure> {
    let client = http::Client::new(server.base_url(), server.first_run().api_key.expose());
    let settings = json!({"audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": 8000, "channels": 1});
    let settings = client.create("/dpsrest/v1/audio_settings", &settings).await?;
    let (mut carriers, mut sessions) = (Vec::new(), Vec::new());
    for number in 0..args.calls {
        let call_id = format!("{}-{number}", if saturated { "saturated" } else { "alone" });
        let body = json!({"audio_settings_id": settings, "call_id": call_id, "audio_total_duration": WANTED});
        let id = client.create("/dpsrest/v1/register_session", &body).await?;
        sessions.push(client.request("GET", &format!("/dpsrest/v1/register_session/{id}/events"), None));
        carriers.push(lines::connect(client.address(), &call_id)?);
    }
    let schedule = lines::Schedule { begin: Instant::now() + LEAD, calls: args.calls };
    let listening = listeners::Listeners::open(client.address(), sessions, schedule).await?;
    let messages = lines::messages(&recordings[0].audio, args.seconds);
    let sent = messages.len() * args.calls;
    let used = server.cpu_seconds();
    // The connections come back, so that none ends before the last status is read.
    let sending = std::thread::spawn(move || (lines::send(&mut carriers, &messages, schedule), carriers));
    let customer = Customer::open(server.base_url(), server.first_run()).await.map_err(|e| e.to_string())?;
    let until = tokio::time::Instant::from_std(schedule.begin + Duration::from_secs(args.seconds.into()));
    let decisions = if saturated { busy(&customer, recordings, until).await? } else { 0 };
    let heard = listening.until(until + LAG).await;
    let used = server.cpu_seconds().zip(used).map(|(after, before)| after - before);
    let (sender, _carriers) = sending.join().map_err(|_| "the sender failed")?;
    let sender = sender?;
    Ok(json!({
        "messages": sent,
        "messages_per_second": sent as f64 / f64::from(args.seconds),
        "decisions_beside": decisions,
        "statuses": heard.lateness_ms.len(),
        "statuses_expected": args.calls * (args.seconds as usize * 8000 / lines::STATUS_SAMPLES),
        "other_events": heard.others,
        "late_median_ms": heard.at(0.5),
        "late_p99_ms": heard.at(0.99),
        "late_maximum_ms": heard.at(1.0),
        "sender_late_maximum_ms": sender.latest.as_secs_f64() * 1e3,
        "messages_that_had_to_wait": sender.stalled,
        "server_cores": used.map(|used| used / f64::from(args.seconds)),
        "server_us_per_message": used.map(|used| used * 1e6 / sent as f64),
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

impl Child {
    /// Processor time it has used.
    fn cpu_seconds(&self) -> Option<f64> {
        cpu::seconds_of(self.process_id())
    }
}
