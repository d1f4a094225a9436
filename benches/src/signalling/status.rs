//! What telling a client of an `info-vad-status` costs the server.
//!
//! The same three minutes of silence, which give 351 statuses and no speech, are sent as fast as the server reads, in turn
//! for a Socket.IO client that listens and for a REST session that nobody looks at. Both are recorded; what the first
//! takes more of the processor is making, queueing and writing the events.

use std::error::Error;

use peakstream_server::client::media_streams::{self, Speed};
use serde_json::{Value, json};
use tokio::time::Duration;

use super::http;
use crate::server::child::Child;
use crate::server::customer::{Customer, Operation};

/// Seconds of audio: all a session takes without enough speech.
const SECONDS: usize = 180;
/// Pairs of sessions; the medians of both kinds are compared, because the least of either would be luck.
const PAIRS: usize = 9;

pub(super) async fn measure(server: &Child) -> Result<Value, Box<dyn Error>> {
    let customer = Customer::open(server.base_url(), server.first_run()).await?;
    let client = http::Client::new(server.base_url(), server.first_run().api_key.expose());
    let settings = json!({"audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": 8000, "channels": 1});
    let settings = client
        .create("/dpsrest/v1/audio_settings", &settings)
        .await
        .map_err(|failure| failure.to_string())?;
    let silence = vec![0xff; 8000 * SECONDS];
    let (mut told, mut untold, mut statuses) = (Vec::new(), Vec::new(), 0);
    for pair in 0..PAIRS {
        let call_id = format!("told-{pair}");
        let mut socket = customer.session(&call_id, &Operation::Register).await?;
        let call = customer.call(&call_id, Speed::new(0.0).ok_or("no speed")?, Duration::from_secs(60));
        let Some(before) = server.cpu_nanoseconds() else { return Ok(Value::Null) };
        let listening = async {
            let mut statuses = 0;
            while let Some(event) = socket.next().await? {
                statuses += usize::from(event.name == "info-vad-status");
            }
            Ok::<_, Box<dyn Error>>(statuses)
        };
        let sending = async { Ok(media_streams::send(&call, &silence, |_| {}).await.map(drop)?) };
        (statuses, ()) = tokio::try_join!(listening, sending)?;
        told.push(server.cpu_nanoseconds().unwrap_or(before) - before);

        let call_id = format!("untold-{pair}");
        let session = json!({"audio_settings_id": settings, "call_id": call_id, "audio_total_duration": 5});
        client
            .create("/dpsrest/v1/register_session", &session)
            .await
            .map_err(|failure| failure.to_string())?;
        let call = customer.call(&call_id, Speed::new(0.0).ok_or("no speed")?, Duration::from_secs(60));
        let before = server.cpu_nanoseconds().unwrap_or(0);
        media_streams::send(&call, &silence, |_| {}).await?;
        untold.push(server.cpu_nanoseconds().unwrap_or(before) - before);
    }
    let each = |all: &mut Vec<u64>| {
        all.sort_unstable();
        all[all.len() / 2] as f64 / 1e3 / statuses.max(1) as f64
    };
    let (told, untold) = (each(&mut told), each(&mut untold));
    Ok(
        json!({"pairs": PAIRS, "statuses": statuses, "told_us": told, "untold_us": untold, "difference_us": told - untold}),
    )
}
