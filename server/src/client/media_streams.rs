//! In: a call's audio, encoded. Out: that audio as Twilio Media Streams messages, and how the server ended the stream.
//!
//! Two dialects: everything real Twilio sends (`connected`, `start`, numbered `media`, `stop`), and the documented
//! subset for other platforms (`start` with the call's id, `media` with a payload, never `stop`). The server closes the
//! connection when it has heard enough; that is the good end.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message};

use super::websocket::{self, ConnectError, WebSocket};

/// After the server's close frame, TCP should end at once.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How fast the audio is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

impl Speed {
    /// As a caller talks.
    pub const REAL_TIME: Self = Self(1.0);

    /// `times` real time; 0 sends as fast as the server reads. `None` for what is no such number.
    pub fn new(times: f64) -> Option<Self> {
        (times.is_finite() && times >= 0.0).then_some(Self(times))
    }

    /// Times real time; 0 for unpaced.
    pub const fn times(self) -> f64 {
        self.0
    }

    /// When a message is due whose audio begins at `position`, counted from the first.
    fn due(self, position: Duration) -> Duration {
        if self.0 == 0.0 { Duration::ZERO } else { position.div_f64(self.0) }
    }
}

/// Which messages are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// All of Twilio's.
    Twilio,
    /// The subset for other platforms.
    Subset,
}

/// How the audio is encoded, in the words of a `start` message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFormat {
    /// `audio/x-mulaw`, `audio/x-alaw` or `audio/x-l16`.
    pub encoding: String,
    /// Samples per second.
    pub rate: u32,
    /// Bytes of one sample.
    pub sample_bytes: usize,
}

/// One call to send.
#[derive(Clone, Debug)]
pub struct Call {
    /// `ws://…/twilio`.
    pub url: String,
    /// The id that the session was created with.
    pub call_id: String,
    /// Which messages.
    pub dialect: Dialect,
    /// What the bytes are.
    pub format: MediaFormat,
    /// Audio per message.
    pub chunk: Duration,
    /// How fast.
    pub speed: Speed,
    /// Send at most this much audio, repeating the bytes if there are fewer. `None`: send them once.
    pub repeat_until: Option<Duration>,
    /// How long to wait for the server after the last message.
    pub patience: Duration,
}

/// Who ended the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The server closed the WebSocket; 1000 means that it has heard enough.
    Server {
        /// The close code, 1005 if there was none.
        code: u16,
        /// The reason given.
        reason: String,
    },
    /// The connection broke without a close frame.
    Dropped {
        /// What the system said.
        detail: String,
    },
    /// All audio was sent, and the server still had not closed.
    Sender,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Whether `stop` was sent before the end: then the server may have closed because of that, and not because it has
    /// heard enough. Unpaced, a call is in the network's buffers before the server has heard any of it.
    pub stopped: bool,
    /// `media` messages sent.
    pub messages: u64,
    /// Audio sent.
    pub audio: Duration,
    /// From the first message to the end.
    pub elapsed: Duration,
}

/// Sends `audio` and waits for the end. `progress` hears after every message how much audio has been sent.
///
/// # Errors
/// There is no connection to begin with; everything later is an [`Outcome`].
pub async fn send(
    call: &Call,
    audio: &[u8],
    mut progress: impl FnMut(Duration),
) -> Result<Outcome, ConnectError> {
    let (sink, stream) = websocket::connect(&call.url, None).await?.split();
    let mut line = Line { sink, stream, began: Instant::now() };
    let mut messages = Messages::new(call, audio);
    let mut outcome = Outcome {
        ended_by: EndedBy::Sender,
        stopped: false,
        messages: 0,
        audio: Duration::ZERO,
        elapsed: Duration::ZERO,
    };
    let ended = 'call: {
        for message in messages.opening() {
            if let Some(end) = line.send(message, Duration::ZERO).await {
                break 'call Some(end);
            }
        }
        while let Some((message, until)) = messages.next_media() {
            if let Some(end) = line.send(message, call.speed.due(outcome.audio)).await {
                break 'call Some(end);
            }
            outcome.messages += 1;
            outcome.audio = until;
            progress(until);
        }
        if let Some(message) = messages.closing() {
            if let Some(end) = line.send(message, call.speed.due(outcome.audio)).await {
                break 'call Some(end);
            }
            outcome.stopped = true;
        }
        tokio::time::timeout(call.patience, ended(&mut line.stream)).await.ok()
    };
    outcome.elapsed = line.began.elapsed();
    outcome.ended_by = ended.unwrap_or(EndedBy::Sender);
    line.hang_up(&outcome.ended_by).await;
    Ok(outcome)
}

/// The connection, once messages have begun.
struct Line {
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    began: Instant,
}

impl Line {
    /// Sends a message when it is due, unless the server ends the stream first.
    async fn send(&mut self, message: Value, due: Duration) -> Option<EndedBy> {
        let sending = async {
            tokio::time::sleep_until(self.began + due).await;
            self.sink.send(Message::text(message.to_string())).await
        };
        // An end that is already there wins over a message that is due: nothing is sent into a closed line.
        let sent = tokio::select! {
            biased;
            end = ended(&mut self.stream) => return Some(end),
            sent = sending => sent,
        };
        match sent {
            Ok(()) => None,
            // The server's close frame, which says why, may still be unread.
            Err(error) => Some(
                tokio::time::timeout(CLOSE_TIMEOUT, ended(&mut self.stream))
                    .await
                    .unwrap_or_else(|_elapsed| EndedBy::Dropped { detail: error.to_string() }),
            ),
        }
    }

    /// Completes the closing handshake, begun by whoever ended the stream.
    async fn hang_up(mut self, ended_by: &EndedBy) {
        let farewell = async {
            if *ended_by == EndedBy::Sender {
                drop(self.sink.send(Message::Close(None)).await);
            }
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        if !matches!(ended_by, EndedBy::Dropped { .. }) {
            drop(tokio::time::timeout(CLOSE_TIMEOUT, farewell).await);
        }
    }
}

/// Resolves when the server has ended the stream. Its messages (marks, and whatever else Twilio's servers may send back)
/// ask nothing of a sender.
async fn ended(stream: &mut SplitStream<WebSocket>) -> EndedBy {
    loop {
        match stream.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                return EndedBy::Server { code: frame.code.into(), reason: frame.reason.to_string() };
            }
            Some(Ok(Message::Close(None))) => return EndedBy::Server { code: 1005, reason: String::new() },
            Some(Ok(_)) => {}
            Some(Err(tungstenite::Error::ConnectionClosed)) | None => {
                return EndedBy::Dropped { detail: "connection closed without a close frame".to_owned() };
            }
            Some(Err(error)) => return EndedBy::Dropped { detail: error.to_string() },
        }
    }
}

/// The messages of one call, in order.
struct Messages<'a> {
    call: &'a Call,
    audio: &'a [u8],
    /// Bytes sent so far, repetitions included.
    position: usize,
    /// Bytes to send in all.
    total: usize,
    /// `sequenceNumber` of the last message: Twilio counts from 1 and does not count `connected`.
    sequence: u64,
    chunk: u64,
    stream_sid: String,
    account_sid: String,
}

impl<'a> Messages<'a> {
    fn new(call: &'a Call, audio: &'a [u8]) -> Self {
        let total = match call.repeat_until {
            Some(limit) if !audio.is_empty() => bytes_in(&call.format, limit),
            _ => audio.len(),
        };
        let sid = |prefix| format!("{prefix}{}", uuid::Uuid::new_v4().simple());
        Self {
            call,
            audio,
            position: 0,
            total,
            sequence: 0,
            chunk: 0,
            stream_sid: sid("MZ"),
            account_sid: sid("AC"),
        }
    }

    fn number(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }

    fn opening(&mut self) -> Vec<Value> {
        let call_id = &self.call.call_id;
        match self.call.dialect {
            Dialect::Subset => vec![json!({"event": "start", "start": {"callSid": call_id}})],
            Dialect::Twilio => {
                let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"});
                let format = &self.call.format;
                let start = json!({
                    "event": "start", "sequenceNumber": self.number(), "streamSid": self.stream_sid,
                    "start": {
                        "accountSid": self.account_sid, "streamSid": self.stream_sid, "callSid": call_id,
                        "tracks": ["inbound"], "customParameters": {},
                        "mediaFormat": {"encoding": format.encoding, "sampleRate": format.rate, "channels": 1},
                    },
                });
                vec![connected, start]
            }
        }
    }

    /// The next `media`, and where in the call its audio ends.
    fn next_media(&mut self) -> Option<(Value, Duration)> {
        let size = bytes_in(&self.call.format, self.call.chunk).max(self.call.format.sample_bytes);
        let size = size.min(self.total - self.position);
        if size == 0 {
            return None;
        }
        let payload = STANDARD.encode(self.bytes(size));
        let timestamp = duration_of(&self.call.format, self.position).as_millis();
        self.position += size;
        self.chunk += 1;
        let message = match self.call.dialect {
            Dialect::Subset => json!({"event": "media", "media": {"payload": payload}}),
            // Numbers are strings on Twilio's wire.
            Dialect::Twilio => json!({
                "event": "media", "sequenceNumber": self.number(), "streamSid": self.stream_sid,
                "media": {
                    "track": "inbound", "chunk": self.chunk.to_string(), "timestamp": timestamp.to_string(),
                    "payload": payload,
                },
            }),
        };
        Some((message, duration_of(&self.call.format, self.position)))
    }

    /// The next `size` bytes, the recording being repeated.
    fn bytes(&self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            let rest = &self.audio[(self.position + bytes.len()) % self.audio.len()..];
            bytes.extend_from_slice(&rest[..rest.len().min(size - bytes.len())]);
        }
        bytes
    }

    fn closing(&mut self) -> Option<Value> {
        (self.call.dialect == Dialect::Twilio).then(|| {
            json!({
                "event": "stop", "sequenceNumber": self.number(), "streamSid": self.stream_sid,
                "stop": {"accountSid": self.account_sid, "callSid": self.call.call_id},
            })
        })
    }
}

/// Whole samples in `duration`, in bytes.
fn bytes_in(format: &MediaFormat, duration: Duration) -> usize {
    let samples = duration.as_micros().saturating_mul(u128::from(format.rate)) / 1_000_000;
    usize::try_from(samples).unwrap_or(usize::MAX).saturating_mul(format.sample_bytes)
}

fn duration_of(format: &MediaFormat, bytes: usize) -> Duration {
    let samples = (bytes / format.sample_bytes) as u64;
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(format.rate))
}

#[cfg(test)]
#[path = "media_streams_tests.rs"]
mod tests;
