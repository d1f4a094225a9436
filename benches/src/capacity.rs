//! How many live calls one core carries, found by search: the most whose decisions come in time.
//!
//! * [`once`]: calls through the server, each decided once
//! * [`continuous`]: calls through the engine alone, each decided again after each further second of net speech
//!
//! A decision's time is from the moment when the carrier had to send its last audio until the result is there. In time are
//! they if 99 of 100 are. Each load is tried twice, and a third time if it was carried once: two of three decide.

mod continuous;
mod once;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use peakstream::Precision;
use serde_json::{Value, json};

use crate::timing::quantile;

/// Where the search begins, in live calls.
const FEWEST: f64 = 128.0;
/// Where it ends if even that is too much.
const LEAST: f64 = 8.0;
/// It ends there if nothing is too much.
const MOST: f64 = 16_384.0;
/// A load with such a 99th percentile, in milliseconds, is more than a core can do, whatever the limit. Up to there every load is told, so
/// that it can be read what would be carried with another limit.
const HOPELESS_MS: f64 = 500.0;
/// Decisions from which a 99th percentile is told, if they come within the time allowed: it is not the greatest of them then.
const ENOUGH: f64 = 200.0;
/// Seconds at least.
const SHORTEST: f64 = 10.0;
/// Steps between the last load that was carried and the first that was not: an eighth of their ratio is left, on a logarithmic scale.
const STEPS: u32 = 3;

/// How often a call is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Pattern {
    /// Once, after 5 s of net speech; through the server.
    Once,
    /// After 3 s of net speech and again after each further second, on the newest five windows of 1 s, each analysed once; through the
    /// engine alone. The caller speaks and is silent as in a conversation (ITU-T P.59: 39 % of the time).
    Conversation,
    /// The same, with callers who never stop speaking.
    Monologue,
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
    /// Seconds at most that each load is measured for, once it is steady: until there are enough decisions.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Seconds that a call is live which is decided once: its stream ends with its decision, the call goes on.
    #[arg(long, default_value_t = 60.0)]
    call_seconds: f64,
    /// No search: this many live calls, each decided once.
    #[arg(long, conflicts_with = "streaming")]
    live: Option<f64>,
    /// No search: this many calls whose audio flows at the same time, each decided once.
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
    /// Frames of 10 ms that a decision was computed of, on average, if that is known.
    frames: Option<f64>,
    /// How long before the deciding sample the speech was complete, on average, in milliseconds, if that is known.
    ahead_ms: Option<f64>,
}

impl Carried {
    /// Of the times, in any order.
    fn new(mut times_ms: Vec<f64>, failed: usize, streaming: f64, busy: Option<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        let at = |share| quantile(&times_ms, share).unwrap_or(f64::INFINITY);
        let (decisions, median_ms, p99_ms) = (times_ms.len(), at(0.5), at(0.99));
        Self { decisions, streaming, median_ms, p99_ms, failed, busy, frames: None, ahead_ms: None }
    }

    fn in_time(&self, limit_ms: f64) -> bool {
        self.failed == 0 && self.p99_ms <= limit_ms
    }

    fn is_hopeless(&self) -> bool {
        self.failed > 0 || self.p99_ms > HOPELESS_MS
    }

    fn told(&self, calls: f64) -> Value {
        json!({"calls": calls.round(), "decisions": self.decisions, "streaming": self.streaming, "median_ms": self.median_ms,
            "p99_ms": self.p99_ms, "failed": self.failed, "busy": self.busy, "frames": self.frames, "ahead_ms": self.ahead_ms})
    }
}

/// Durations that follow an exponential distribution; the same for each seed.
struct Exponential {
    mean: f64,
    state: u64,
}

impl Exponential {
    fn new(mean_seconds: f64, seed: u64) -> Self {
        Self { mean: mean_seconds, state: seed }
    }

    fn next(&mut self) -> Duration {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = ((self.state >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        Duration::from_secs_f64(-uniform.ln() * self.mean)
    }
}

type Load<'a> = dyn FnMut(f64, Duration) -> Result<Carried, Box<dyn Error>> + 'a;

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let report = match args.pattern {
        Pattern::Once => once::with_server(args, |load, live_of| {
            match args.live.or_else(|| args.streaming.map(live_of)) {
                Some(live) => Ok(load(live, args.duration(live))?.told(live)),
                None => search(args, load),
            }
        })?,
        Pattern::Conversation | Pattern::Monologue => search(args, &mut *continuous::load(args)?)?,
    };
    println!("{report:#}");
    Ok(())
}

impl Args {
    /// How long a load is measured.
    fn duration(&self, calls: f64) -> Duration {
        let each_second = match self.pattern {
            Pattern::Once => 1.0 / self.call_seconds,
            Pattern::Conversation => continuous::ACTIVITY,
            Pattern::Monologue => 1.0,
        };
        let longest = f64::from(self.seconds);
        Duration::from_secs_f64((ENOUGH / (calls * each_second)).clamp(SHORTEST.min(longest), longest))
    }
}

/// The most live calls that are carried, and how.
fn search(args: &Args, load: &mut Load<'_>) -> Result<Value, Box<dyn Error>> {
    let mut tried = Vec::new();
    let mut once = |calls: f64| -> Result<Carried, Box<dyn Error>> {
        let carried = load(calls, args.duration(calls))?;
        let Carried { median_ms, p99_ms, decisions, .. } = carried;
        eprintln!("{calls:.0} calls: median {median_ms:.1} ms, p99 {p99_ms:.1} ms of {decisions} decisions");
        tried.push(carried.told(calls));
        Ok(carried)
    };
    // Two of three: neither one slow moment of a machine that is shared decides, nor one lucky run.
    let mut mostly = |calls: f64| -> Result<(bool, Carried), Box<dyn Error>> {
        let first = once(calls)?;
        if first.is_hopeless() {
            return Ok((false, first));
        }
        let second = once(calls)?;
        let verdicts = [first.in_time(args.limit_ms), second.in_time(args.limit_ms)];
        let last = if verdicts[0] == verdicts[1] { second } else { once(calls)? };
        Ok((last.in_time(args.limit_ms), last))
    };
    let (mut found, mut calls, mut most, mut next) = (None, 0.0, None, FEWEST);
    while next <= MOST {
        let (in_time, carried) = mostly(next)?;
        let hopeless = carried.is_hopeless();
        if in_time && most.is_none() {
            (found, calls) = (Some(carried.told(next)), next);
        } else if !in_time {
            most = most.or(Some(next));
        }
        if hopeless {
            break;
        }
        next *= 2.0;
    }
    let mut most = most.unwrap_or(next);
    // Fewer, until some are carried.
    while found.is_none() && most / 2.0 >= LEAST {
        let fewer = (most / 2.0).round();
        match mostly(fewer)? {
            (true, carried) => (found, calls) = (Some(carried.told(fewer)), fewer),
            (false, _) => most = fewer,
        }
    }
    for _ in 0..if found.is_some() { STEPS } else { 0 } {
        let between = (calls * most).sqrt().round();
        match mostly(between)? {
            (true, carried) => (found, calls) = (Some(carried.told(between)), between),
            (false, _) => most = between,
        }
    }
    Ok(json!({"limit_ms": args.limit_ms, "precision": args.precision.name(), "found": found, "tried": tried}))
}
