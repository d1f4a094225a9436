//! Calls come as they come, at random, with so many of them live; each streams in real time until it is decided.

use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use peakstream_server::client::media_streams::Speed;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep_until};

use super::{Args, Carried, Exponential, Load};
use crate::server::child::Child;
use crate::server::customer::{Customer, CustomerError, Operation};
use crate::server::recording::{self, RATE, Recording};
use crate::server::unpaced;

/// Beyond the longest recording, until the load is steady.
const SETTLE: Duration = Duration::from_secs(2);
/// Connections and sessions that the server may have: more than any load here.
const ROOM: &str = "20000";

/// Starts a server and hands out what puts a load on it: live calls in. And how many live calls they are whose audio flows at the same
/// time.
pub(super) fn with_server<T>(
    args: &Args,
    search: impl FnOnce(&mut Load<'_>, &dyn Fn(f64) -> f64) -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let bin = args.bin.as_ref().ok_or("--bin: the program to measure")?;
    let (models, recordings) = recording::with_models(args.models.as_deref())?;
    let more = ["--precision", args.precision.name(), "--max-connections", ROOM, "--max-sessions", ROOM];
    let server = Child::start(bin, &models, args.core, &more)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let customer = Rc::new(runtime.block_on(Customer::open(server.base_url(), server.first_run()))?);
    let recordings: Rc<[Recording]> = recordings.into();
    let mean = |of: fn(&Recording) -> f64| recordings.iter().map(of).sum::<f64>() / recordings.len() as f64;
    let (streamed, ahead_ms) = (mean(streamed), mean(ahead) * 1e3);
    let first = customer.decide("first", &Operation::Register, &recordings[0], unpaced());
    let credential = runtime.block_on(first)?.credential.ok_or("a registration gave no credential")?;
    let verify = Rc::new(Operation::Verify(credential));
    let mut round = 0;
    let mut load = |live: f64, measured: Duration| {
        round += 1;
        // As of callers that do not know of each other.
        let arrivals = Exponential::new(args.call_seconds / live, round);
        let calls =
            Calls { customer: &customer, recordings: &recordings, verify: &verify, server: &server, round };
        let local = LocalSet::new();
        let (times, failed, busy) = runtime.block_on(local.run_until(calls.come(arrivals, measured)));
        let carried = Carried::new(times, failed, live / args.call_seconds * streamed, busy);
        Ok(Carried { ahead_ms: Some(ahead_ms), ..carried })
    };
    search(&mut load, &|streaming| streaming / streamed * args.call_seconds)
}

/// Seconds until a call has the speech that is asked for.
fn streamed(recording: &Recording) -> f64 {
    recording.deciding as f64 / f64::from(RATE.hz())
}

/// Seconds before that at which it has it.
fn ahead(recording: &Recording) -> f64 {
    recording.ahead as f64 / f64::from(RATE.hz())
}

struct Calls<'a> {
    customer: &'a Rc<Customer>,
    recordings: &'a Rc<[Recording]>,
    verify: &'a Rc<Operation>,
    server: &'a Child,
    round: u64,
}

impl Calls<'_> {
    /// Times of the decisions in milliseconds, how many calls had none, and how busy the server was.
    async fn come(&self, mut arrivals: Exponential, measured: Duration) -> (Vec<f64>, usize, Option<f64>) {
        let longest = self.recordings.iter().map(streamed).fold(0.0, f64::max);
        let begin = Instant::now() + Duration::from_secs_f64(longest) + SETTLE;
        let end = begin + measured;
        let (mut calls, mut times, mut failed) = (JoinSet::new(), Vec::new(), 0);
        let (mut next, mut number, mut used) = (Instant::now(), 0, None);
        loop {
            tokio::select! {
                () = sleep_until(next) => {
                    if next >= end {
                        break;
                    }
                    calls.spawn_local(self.call(number));
                    number += 1;
                    next += arrivals.next();
                    if used.is_none() && next >= begin {
                        used = self.server.cpu_seconds().map(|seconds| (Instant::now(), seconds));
                    }
                }
                Some(ended) = calls.join_next() => match ended {
                    Ok(Ok(after)) if Instant::now() >= begin => times.push(after.as_secs_f64() * 1e3),
                    Ok(Ok(_)) => {}
                    without => {
                        // One of many says enough.
                        if failed == 0 {
                            eprintln!("a call without a decision: {without:?}");
                        }
                        failed += 1;
                    }
                },
            }
        }
        let busy = self.server.cpu_seconds().zip(used);
        let busy = busy.map(|(now, (since, then))| (now - then) / since.elapsed().as_secs_f64());
        // Those on their way are heard to their end, so that none of them is left to the next load.
        while let Some(ended) = calls.join_next().await {
            failed += usize::from(!matches!(ended, Ok(Ok(_))));
        }
        (times, failed, busy)
    }

    fn call(&self, number: usize) -> impl Future<Output = Result<Duration, CustomerError>> + use<> {
        let (customer, recordings) = (Rc::clone(self.customer), Rc::clone(self.recordings));
        let (verify, call_id) = (Rc::clone(self.verify), format!("call-{}-{number}", self.round));
        async move {
            let recording = &recordings[number % recordings.len()];
            let decided = customer.decide(&call_id, &verify, recording, Speed::REAL_TIME).await;
            decided.map(|decided| decided.after)
        }
    }
}
