//! How many live calls one core carries, found by search: the most whose decisions come in time.
//!
//! * [`once`]: calls through the server, each decided once
//! * [`continuous`]: calls through the engine alone, each decided again after each further second of net speech
//!
//! A decision's time is from the moment when the carrier had to send its last audio until the result is there. In time are
//! they if 99 of 100 are. A load that is carried is tried a second time, and the search goes down until one is carried
//! twice.

mod continuous;
mod once;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use peakstream::Precision;
use serde_json::{Value, json};

/// Where the search begins, in live calls.
const FEWEST: f64 = 16.0;
/// It ends there if nothing is too much.
const MOST: f64 = 16_384.0;
/// A load with such a 99th percentile, in milliseconds, is more than a core can do, whatever the limit. Up to there every load is told, so
/// that it can be read what would be carried with another limit.
const HOPELESS_MS: f64 = 500.0;
/// Steps between the last load that was carried and the first that was not: an eighth of their ratio is left, on a logarithmic scale.
const STEPS: u32 = 3;
/// What is left of a load that was not carried the second time.
const LESS: f64 = 0.93;
/// Attempts to have a load carried twice.
const ATTEMPTS: u32 = 5;

/// How often a call is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Pattern {
    /// Once, after 5 s of net speech; through the server.
    Once,
    /// After 3 s of net speech and again after each further second, on the newest 3 s; through the engine alone.
    Continuous,
}

/// What to search for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often a call is decided.
    #[arg(long)]
    pattern: Pattern,
    /// The program to measure: target/release/peakstream. Needed where calls are decided once.
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Core that the server is bound to (with taskset); without it, the system decides.
    #[arg(long)]
    core: Option<usize>,
    /// What the speaker network is computed in: f32 or int8.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// The 99th percentile of the decisions' times, in milliseconds, that a load must not exceed.
    #[arg(long, default_value_t = 50.0)]
    limit_ms: f64,
    /// Seconds that each load is measured for, once it is steady.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Seconds that a call is live which is decided once: its stream ends with its decision, the call goes on.
    #[arg(long, default_value_t = 60.0)]
    call_seconds: f64,
    /// No search: this many calls whose audio flows at the same time.
    #[arg(long)]
    streaming: Option<f64>,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

/// What a load came to.
#[derive(Debug)]
struct Carried {
    decisions: usize,
    /// Calls whose audio flowed at the same time, on average.
    streaming: f64,
    median_ms: f64,
    p99_ms: f64,
    /// Calls that did not get their decision.
    failed: usize,
    /// Of the core, if the system tells.
    busy: Option<f64>,
}

impl Carried {
    /// Of the times, in any order.
    fn new(mut times_ms: Vec<f64>, failed: usize, streaming: f64, busy: Option<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        let at = |share: usize| times_ms.get(times_ms.len() * share / 100).copied().unwrap_or(f64::INFINITY);
        Self { decisions: times_ms.len(), streaming, median_ms: at(50), p99_ms: at(99), failed, busy }
    }

    fn in_time(&self, limit_ms: f64) -> bool {
        self.failed == 0 && self.p99_ms <= limit_ms
    }

    fn told(&self, calls: f64) -> Value {
        json!({"calls": calls.round(), "decisions": self.decisions, "streaming": self.streaming, "median_ms": self.median_ms,
            "p99_ms": self.p99_ms, "failed": self.failed, "busy": self.busy})
    }
}

type Load<'a> = dyn FnMut(f64, Duration) -> Result<Carried, Box<dyn Error>> + 'a;

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let report = match args.pattern {
        Pattern::Once => once::with_server(args, |load, live| match args.streaming {
            Some(streaming) => Ok(load(live(streaming), seconds(args))?.told(live(streaming))),
            None => search(args, load),
        })?,
        Pattern::Continuous => search(args, &mut *continuous::load(args)?)?,
    };
    println!("{report:#}");
    Ok(())
}

fn seconds(args: &Args) -> Duration {
    Duration::from_secs(args.seconds.into())
}

/// The most live calls that are carried, and how.
fn search(args: &Args, load: &mut Load<'_>) -> Result<Value, Box<dyn Error>> {
    let mut tried = Vec::new();
    let mut try_load = |calls: f64| -> Result<Carried, Box<dyn Error>> {
        let carried = load(calls.round(), seconds(args))?;
        let Carried { median_ms, p99_ms, decisions, .. } = carried;
        eprintln!("{calls:.0} calls: median {median_ms:.1} ms, p99 {p99_ms:.1} ms of {decisions} decisions");
        tried.push(carried.told(calls));
        Ok(carried)
    };
    let (mut calls, mut most, mut next) = (FEWEST / 2.0, None, FEWEST);
    while next <= MOST {
        let carried = try_load(next)?;
        match carried.in_time(args.limit_ms) {
            true if most.is_none() => calls = next,
            true => {}
            false => most = most.or(Some(next)),
        }
        if carried.failed > 0 || carried.p99_ms > HOPELESS_MS {
            break;
        }
        next *= 2.0;
    }
    let mut most = most.unwrap_or(next);
    for _ in 0..STEPS {
        let between = (calls * most).sqrt();
        if try_load(between)?.in_time(args.limit_ms) {
            calls = between;
        } else {
            most = between;
        }
    }
    // Too much now: less, until a load is carried that may be another than the one carried before.
    let mut attempts = 0;
    while attempts < ATTEMPTS && !try_load(calls)?.in_time(args.limit_ms) {
        calls *= LESS;
        attempts += 1;
    }
    let found = tried.last().cloned().filter(|_| attempts < ATTEMPTS);
    Ok(json!({"limit_ms": args.limit_ms, "precision": args.precision.name(), "found": found, "tried": tried}))
}
