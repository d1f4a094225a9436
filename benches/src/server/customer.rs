//! Recordings enter, calls are made as a customer makes them, times of the customer's clock leave.

use std::cell::Cell;
use std::error::Error;
use std::time::{Duration, Instant};

use peakstream_server::client::ConnectError;
use peakstream_server::client::media_streams::{self, Call, Dialect, MediaFormat, Speed};
use peakstream_server::client::socketio::{self, SocketIo, SocketIoError};
use peakstream_server::client::token;
use peakstream_server::first_run::FirstRun;
use peakstream_server::sensitive::Sensitive;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::WANTED;
use super::recording::{BLOCK, ENCODING, RATE, Recording};

/// Longest wait for the next event: far above what a decision takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// After its last audio a live call stays open this long, or until it is dropped.
const STAY: Duration = Duration::from_secs(280);
/// After a decision the server hangs up within this.
const HANG_UP: Duration = Duration::from_secs(2);

/// A call that did not go as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CustomerError {
    #[error(transparent)]
    Signalling(#[from] SocketIoError),
    #[error(transparent)]
    Audio(#[from] ConnectError),
    #[error("the server answered {name}: {data}")]
    Refused { name: String, data: Value },
    #[error("the server ended a session without a terminal event")]
    Ended,
    #[error("the server ended a live call")]
    HungUp,
    #[error("nothing from the server for {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the live calls did not get their statuses")]
    NotLive,
    #[error("{name}: decided after {statuses} statuses instead of {expected}")]
    Otherwise { name: String, statuses: usize, expected: usize },
}

/// What a session is for.
pub(crate) enum Operation {
    Register,
    /// Against this credential.
    Verify(Sensitive<String>),
}

/// A decision, as the customer saw it.
pub(crate) struct Decided {
    /// From the packet with the deciding byte being handed to the socket to the terminal event.
    pub(crate) after: Duration,
    /// Of a registration.
    pub(crate) credential: Option<Sensitive<String>>,
}

/// A customer of a server, with a token.
pub(crate) struct Customer {
    base_url: String,
    authorization: Sensitive<String>,
}

impl Customer {
    /// Fetches a token.
    pub(crate) async fn open(base_url: &str, first_run: &FirstRun) -> Result<Self, Box<dyn Error>> {
        let authorization = token::request(base_url, &first_run.client_id, &first_run.client_secret).await?;
        Ok(Self { base_url: base_url.to_owned(), authorization })
    }

    /// A session that waits for the audio of `call_id`.
    pub(crate) async fn session(
        &self,
        call_id: &str,
        operation: &Operation,
    ) -> Result<SocketIo, CustomerError> {
        let namespace = match operation {
            Operation::Register => "/socket.io/register",
            Operation::Verify(_) => "/socket.io/verify",
        };
        let mut socket = SocketIo::connect(&self.base_url, namespace, &self.authorization).await?;
        socket.emit("initialize", &initialize(call_id, operation)).await?;
        let (name, data) = next(&mut socket).await?;
        if name == "info-consumer-ready" { Ok(socket) } else { Err(CustomerError::Refused { name, data }) }
    }

    /// Makes one call until its decision.
    pub(crate) async fn decide(
        &self,
        call_id: &str,
        operation: &Operation,
        recording: &Recording,
        speed: Speed,
    ) -> Result<Decided, CustomerError> {
        let mut socket = self.session(call_id, operation).await?;
        let call = self.call(call_id, speed, HANG_UP);
        let deciding = Duration::from_micros(recording.deciding as u64 * 1_000_000 / u64::from(RATE.hz()));
        let handed = Cell::new(None);
        let sending = media_streams::send(&call, &recording.audio, |until| {
            if until >= deciding && handed.get().is_none() {
                handed.set(Some(Instant::now()));
            }
        });
        tokio::pin!(sending);
        let (mut statuses, mut sent) = (0, false);
        let (arrived, name, data) = loop {
            tokio::select! {
                event = next(&mut socket) => match event? {
                    (name, _) if name == "info-vad-status" => statuses += 1,
                    (name, data) => break (Instant::now(), name, data),
                },
                outcome = &mut sending, if !sent => {
                    outcome?;
                    sent = true;
                }
            }
        };
        if !sent {
            sending.await?;
        }
        socket.close().await;
        let expected = recording.deciding / BLOCK;
        match handed.get() {
            _ if !name.starts_with("result-") => Err(CustomerError::Refused { name, data }),
            Some(handed) if statuses == expected => Ok(Decided {
                after: arrived.duration_since(handed),
                credential: data["credential"].as_str().map(|text| Sensitive::new(text.to_owned())),
            }),
            _ => Err(CustomerError::Otherwise { name: recording.name.clone(), statuses, expected }),
        }
    }

    /// A call in real time that stays open after its audio.
    pub(crate) fn live_call(&self, call_id: &str) -> Call {
        self.call(call_id, Speed::REAL_TIME, STAY)
    }

    fn call(&self, call_id: &str, speed: Speed, patience: Duration) -> Call {
        Call {
            url: format!("{}/twilio", self.base_url.replacen("http", "ws", 1)),
            call_id: call_id.to_owned(),
            dialect: Dialect::Subset,
            format: MediaFormat {
                encoding: "audio/x-mulaw".to_owned(),
                rate: RATE.hz(),
                sample_bytes: ENCODING.bytes(),
            },
            chunk: Duration::from_millis(20),
            speed,
            repeat_until: None,
            patience,
        }
    }
}

/// Sends `audio` and keeps the call open; tells `arrived` when the server has worked on all `blocks` of it.
pub(crate) async fn hold(
    mut socket: SocketIo,
    call: Call,
    audio: Vec<u8>,
    blocks: usize,
    arrived: mpsc::Sender<()>,
) -> Result<(), CustomerError> {
    let sending = media_streams::send(&call, &audio, |_| {});
    tokio::pin!(sending);
    let mut statuses = 0;
    loop {
        tokio::select! {
            event = next(&mut socket) => match event? {
                (name, _) if name == "info-vad-status" => statuses += 1,
                (name, data) => return Err(CustomerError::Refused { name, data }),
            },
            outcome = &mut sending => {
                outcome?;
                return Err(CustomerError::HungUp);
            }
        }
        if statuses == blocks {
            // Nobody listening means that the measurement is over.
            let _ = arrived.send(()).await;
        }
    }
}

/// The next event: its name and its data.
async fn next(socket: &mut SocketIo) -> Result<(String, Value), CustomerError> {
    let event = timeout(PATIENCE, socket.next()).await.map_err(|_elapsed| CustomerError::Silent)??;
    let event = event.ok_or(CustomerError::Ended)?;
    let (data, _audio) = socketio::data_and_audio(&event);
    Ok((event.name, data))
}

/// The documented `initialize`. Every voice passes: what is measured is when the decision comes, not which.
fn initialize(call_id: &str, operation: &Operation) -> Value {
    let metadata = json!({
        "audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": RATE.hz().to_string(), "channels": "1", "call_id": call_id,
    });
    let mut request = json!({ "authenticity_threshold": 0.0, "audio_total_duration": WANTED });
    match operation {
        Operation::Register => json!({"metadata": metadata, "register_request": request}),
        Operation::Verify(credential) => {
            request["credential"] = credential.expose().as_str().into();
            json!({"metadata": metadata, "verify_request": request})
        }
    }
}
