//! The customers: an event stream for each session, and how late each status came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::lines::Schedule;
use crate::signalling::http::Failure;
use crate::timing::quantile;

/// A few events at once.
const BUFFER: usize = 2048;
/// How a line of an event stream names its event.
const EVENT: &[u8] = b"event: ";
const STATUS: &[u8] = b"info-vad-status";
/// What comes before the first status.
const READY: &[u8] = b"info-consumer-ready";

/// What all of them heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) lateness_ms: Vec<f64>,
    /// Names of events that no call should have had.
    pub(super) others: Vec<String>,
}

impl Heard {
    /// For the report; `expected` is how many statuses there had to be.
    pub(super) fn told(&self, expected: usize) -> Value {
        json!({
            "expected": expected,
            "heard": self.lateness_ms.len(),
            "late_median_ms": quantile(&self.lateness_ms, 0.5),
            "late_p99_ms": quantile(&self.lateness_ms, 0.99),
            "late_maximum_ms": quantile(&self.lateness_ms, 1.0),
            "other_events": self.others,
        })
    }
}

/// Open event streams.
pub(super) struct Listeners {
    tasks: JoinSet<()>,
    heard: Arc<Mutex<Heard>>,
}

impl Listeners {
    /// Opens the streams; request and call have the same place.
    pub(super) async fn open(
        address: &str,
        requests: Vec<Vec<u8>>,
        schedule: Schedule,
    ) -> Result<Self, Failure> {
        let (mut tasks, heard) = (JoinSet::new(), Arc::new(Mutex::default()));
        for (call, request) in requests.into_iter().enumerate() {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(&request).await?;
            let heard = Arc::clone(&heard);
            tasks.spawn(async move { listen(stream, call, schedule, &heard).await });
        }
        Ok(Self { tasks, heard })
    }

    /// What was heard until then, the lateness in rising order.
    pub(super) async fn until(mut self, end: tokio::time::Instant) -> Heard {
        tokio::time::sleep_until(end).await;
        self.tasks.shutdown().await;
        let mut heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        heard.lateness_ms.sort_by(f64::total_cmp);
        heard
    }
}

async fn listen(mut stream: TcpStream, call: usize, schedule: Schedule, heard: &Mutex<Heard>) {
    let (mut buffer, mut line, mut statuses) = ([0; BUFFER], Vec::new(), 0);
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else { return };
        let now = Instant::now();
        for &byte in &buffer[..read] {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            if let Some(name) = line.trim_ascii_end().strip_prefix(EVENT) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                if name == STATUS {
                    let due = schedule.status_due(call, statuses);
                    heard.lateness_ms.push(now.saturating_duration_since(due).as_secs_f64() * 1e3);
                    statuses += 1;
                } else if name != READY {
                    heard.others.push(String::from_utf8_lossy(name).into_owned());
                }
            }
            line.clear();
        }
    }
}
