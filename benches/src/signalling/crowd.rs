//! Many Socket.IO clients: how fast they get in, what they hold, and whether they slow those who work.

use std::error::Error;

use peakstream_server::client::socketio::{SocketIo, SocketIoError};
use peakstream_server::sensitive::Sensitive;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::timing::quantile;

pub(super) const NAMESPACE: &str = "/socket.io/register";
/// Clients that connect at the same time.
const AT_ONCE: usize = 16;
/// Until the allocator of the server is at rest again.
const SETTLE: Duration = Duration::from_millis(500);
/// Far above what an answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections per second, and bytes that an idle client holds.
///
/// A first crowd stays while a second one connects: it fills what the allocator still has of the start.
pub(super) async fn measure(
    url: &str,
    authorization: &Sensitive<String>,
    clients: usize,
    resident: impl Fn() -> Option<u64>,
) -> Result<Value, Box<dyn Error>> {
    let first = connect(url, authorization, clients).await?;
    sleep(SETTLE).await;
    let before = resident();
    let begun = Instant::now();
    let second = connect(url, authorization, clients).await?;
    let seconds = begun.elapsed().as_secs_f64();
    sleep(SETTLE).await;
    let held =
        resident().zip(before).map(|(after, before)| after.saturating_sub(before) / clients.max(1) as u64);
    drop((first, second));
    Ok(
        json!({"clients": clients, "connects_per_second": clients as f64 / seconds, "bytes_per_idle_client": held}),
    )
}

/// Starts sessions beside idle clients: from `initialize` to `info-consumer-ready`.
pub(super) async fn start_sessions(
    url: &str,
    authorization: &Sensitive<String>,
    idle: usize,
    active: usize,
) -> Result<Value, Box<dyn Error>> {
    let _idle = connect(url, authorization, idle).await?;
    let mut waiting = connect(url, authorization, active).await?;
    let mut times = Vec::new();
    for (number, socket) in waiting.iter_mut().enumerate() {
        let begun = Instant::now();
        socket.emit("initialize", &initialize(&format!("crowd-{number}"))).await?;
        let event = timeout(PATIENCE, socket.next()).await??.ok_or("a session ended")?;
        if event.name != "info-consumer-ready" {
            return Err(format!("the server answered {}", event.name).into());
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (median, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
    Ok(json!({"idle": idle, "active": active, "ready_median_ms": median, "ready_p99_ms": p99}))
}

pub(super) async fn connect(
    url: &str,
    authorization: &Sensitive<String>,
    clients: usize,
) -> Result<Vec<SocketIo>, Box<dyn Error>> {
    let mut connecting: JoinSet<Result<SocketIo, SocketIoError>> = JoinSet::new();
    let mut connected = Vec::with_capacity(clients);
    for _ in 0..clients {
        if connecting.len() >= AT_ONCE
            && let Some(client) = connecting.join_next().await
        {
            connected.push(client??);
        }
        let (url, authorization) = (url.to_owned(), authorization.clone());
        connecting.spawn(async move { SocketIo::connect(&url, NAMESPACE, &authorization).await });
    }
    while let Some(client) = connecting.join_next().await {
        connected.push(client??);
    }
    Ok(connected)
}

fn initialize(call_id: &str) -> Value {
    json!({
        "metadata": {"audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
            "sample_rate": "8000", "channels": "1", "call_id": call_id},
        "register_request": {"audio_total_duration": 5.0}
    })
}
