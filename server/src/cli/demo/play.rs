//! In: a recording and an operation. Out: the session's terminal event, measured by a customer's clock.
//!
//! Everything goes the way of a customer's integration: a token from the OAuth endpoint, `initialize` on the namespace,
//! audio on the audio channel once `info-consumer-ready` has come, statuses, the terminal event, the server's disconnect.

use std::time::{Duration, Instant};

use bytes::Bytes;
use peakstream::{SampleRate, Threshold};
use serde_json::{Value, json};

use super::cast::Scene;
use super::server::DemoServer;
use super::stage::{Part, Stage};
use crate::audio_file::{self, ReadOptions};
use crate::cli::output::CliError;
use crate::client::ConnectError;
use crate::client::media_streams::{self, Call, Dialect, MediaFormat, Outcome, Speed};
use crate::client::socketio::{self, SocketIo, SocketIoError};
use crate::client::token;
use crate::sensitive::Sensitive;

/// What carriers use.
const CODEC: &str = "mulaw";
const RATE: SampleRate = SampleRate::Hz8000;

/// From the end of the audio to the terminal event; far above what a decision takes on any machine.
const DECISION_PATIENCE: Duration = Duration::from_secs(60);

/// The server ends the namespace this soon after the terminal event, or it never will.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(5);

/// After the last audio, the server is given this long to say that it has enough.
const HANG_UP_PATIENCE: Duration = Duration::from_secs(2);

/// What every session asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) seconds: f64,
    pub(super) score_threshold: Threshold,
    pub(super) authenticity_threshold: Threshold,
    pub(super) speed: Speed,
}

/// What a session is for.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Register,
    /// Against this credential.
    Verify(Sensitive<String>),
}

/// How a call went.
#[derive(Clone, Debug)]
pub(super) struct Played {
    /// Name of the terminal event.
    pub(super) event: String,
    /// Its data.
    data: Sensitive<Value>,
    /// The collected speech: bytes of the WAV file.
    pub(super) collected_audio: Option<usize>,
    /// Audio sent until the server hung up.
    pub(super) audio_sent: Duration,
    /// From the status that said "enough" to the terminal event.
    pub(super) decided_in: Option<Duration>,
}

impl Played {
    /// A number of the terminal event.
    pub(super) fn number(&self, member: &str) -> Option<f64> {
        self.data.expose().get(member)?.as_f64()
    }

    /// The server's words.
    pub(super) fn content(&self) -> &str {
        self.data.expose().get("content").and_then(Value::as_str).unwrap_or_default()
    }

    /// What a successful registration returned.
    pub(super) fn credential(&self) -> Option<Sensitive<String>> {
        self.data.expose().get("credential")?.as_str().map(|text| Sensitive::new(text.to_owned()))
    }
}

/// A customer of the server, with a token.
pub(super) struct Theatre {
    base_url: String,
    authorization: Sensitive<String>,
    settings: Settings,
}

impl Theatre {
    /// Fetches a token.
    pub(super) async fn open(server: &DemoServer, settings: Settings) -> Result<Self, CliError> {
        let authorization = token::request(server.base_url(), server.client_id(), server.client_secret())
            .await
            .map_err(|error| CliError::Server(error.to_string()))?;
        Ok(Self { base_url: server.base_url().to_owned(), authorization, settings })
    }

    /// Makes one call.
    pub(super) async fn play(
        &self,
        scene: &Scene,
        operation: Operation,
        stage: &Stage,
    ) -> Result<Played, CliError> {
        let part = stage.enter(scene, self.settings.seconds);
        let encoding = audio_file::parse_codec(CODEC).map_err(CliError::Usage)?;
        let audio = audio_file::read(&scene.recording, &ReadOptions::default())?.at(RATE)?.encode(encoding);
        let call_id = uuid::Uuid::new_v4().to_string();
        let call = self.call(&call_id, encoding.bytes());
        let session =
            Session::open(self, &operation, &call_id).await.map_err(|error| broken(scene, &error))?;
        let played = session.follow(&call, &audio, &part).await.map_err(|error| broken(scene, &error))?;
        part.end(scene, &played);
        Ok(played)
    }

    fn call(&self, call_id: &str, sample_bytes: usize) -> Call {
        Call {
            url: format!("{}/twilio", self.base_url.replacen("http", "ws", 1)),
            call_id: call_id.to_owned(),
            dialect: Dialect::Subset,
            format: MediaFormat { encoding: format!("audio/x-{CODEC}"), rate: RATE.hz(), sample_bytes },
            chunk: Duration::from_millis(20),
            speed: self.settings.speed,
            repeat_until: None,
            patience: HANG_UP_PATIENCE,
        }
    }

    /// The documented `initialize`, numbers as strings where the documentation has strings.
    fn initialize(&self, operation: &Operation, call_id: &str) -> Value {
        let metadata = json!({
            "audio_protocol": "twilio", "audio_format": "raw", "audio_codec": CODEC, "sample_format": "",
            "sample_rate": RATE.hz().to_string(), "channels": "1", "call_id": call_id,
        });
        let mut request = json!({
            "authenticity_threshold": self.settings.authenticity_threshold.value(),
            "audio_total_duration": self.settings.seconds,
        });
        match operation {
            Operation::Register => json!({"metadata": metadata, "register_request": request}),
            Operation::Verify(credential) => {
                request["credential"] = credential.expose().as_str().into();
                request["score_threshold"] = self.settings.score_threshold.value().into();
                json!({"metadata": metadata, "verify_request": request})
            }
        }
    }
}

/// Why a call could not be played to its end. The server's own errors are not among them: they are terminal events.
#[derive(Debug, thiserror::Error)]
enum PlayError {
    #[error(transparent)]
    Signalling(#[from] SocketIoError),
    #[error(transparent)]
    Audio(#[from] ConnectError),
    #[error("the server ended the session without a terminal event")]
    NoTerminalEvent,
    #[error("no terminal event within {} s after the audio", DECISION_PATIENCE.as_secs())]
    NoDecision,
    #[error("the server did not disconnect the session after its terminal event")]
    NoFarewell,
    #[error("a second terminal event, {0}")]
    SecondTerminalEvent(String),
}

fn broken(scene: &Scene, error: &PlayError) -> CliError {
    CliError::Server(format!("{}: {error}", scene.title))
}

struct Session {
    socket: SocketIo,
}

impl Session {
    /// Joins the namespace, asks for the operation.
    async fn open(theatre: &Theatre, operation: &Operation, call_id: &str) -> Result<Self, PlayError> {
        let namespace = match operation {
            Operation::Register => "/socket.io/register",
            Operation::Verify(_) => "/socket.io/verify",
        };
        let mut socket = SocketIo::connect(&theatre.base_url, namespace, &theatre.authorization).await?;
        socket.emit("initialize", &theatre.initialize(operation, call_id)).await?;
        Ok(Self { socket })
    }

    /// Sends the audio once the server is ready, and follows the session to its end.
    async fn follow(mut self, call: &Call, audio: &[u8], part: &Part) -> Result<Played, PlayError> {
        let mut watch = Watch::default();
        // Until the first event there is nothing to send: readiness, or a refusal.
        if let Some(played) = self.next(part, &mut watch).await? {
            return self.farewell(played).await;
        }
        let sending = media_streams::send(call, audio, |_| {});
        tokio::pin!(sending);
        let mut sent: Option<Outcome> = None;
        let mut played = loop {
            tokio::select! {
                event = tokio::time::timeout(DECISION_PATIENCE, self.next(part, &mut watch)) => {
                    match event.map_err(|_elapsed| PlayError::NoDecision)?? {
                        Some(played) => break played,
                        None => continue,
                    }
                }
                outcome = &mut sending, if sent.is_none() => sent = Some(outcome?),
            }
        };
        // The server has hung up by now, or does so for the same reason.
        let outcome = match sent {
            Some(outcome) => outcome,
            None => sending.await?,
        };
        played.audio_sent = outcome.audio;
        self.farewell(played).await
    }

    /// The terminal event, if it is the next one.
    async fn next(&mut self, part: &Part, watch: &mut Watch) -> Result<Option<Played>, PlayError> {
        let event = self.socket.next().await?.ok_or(PlayError::NoTerminalEvent)?;
        let (data, collected) = socketio::data_and_audio(&event);
        if event.name == "info-vad-status" {
            let seconds = data.get("audio_seconds").and_then(Value::as_f64).unwrap_or_default();
            let percent = data.get("vad_percentage").and_then(Value::as_u64).unwrap_or_default();
            watch.status(percent);
            part.progress(seconds);
        }
        if event.name.starts_with("info-") {
            return Ok(None);
        }
        Ok(Some(Played {
            decided_in: watch.decided_in(&event.name),
            event: event.name,
            data: Sensitive::new(data),
            collected_audio: collected.as_ref().map(Bytes::len),
            audio_sent: Duration::ZERO,
        }))
    }

    /// After one terminal event the server says goodbye, and nothing else.
    async fn farewell(mut self, played: Played) -> Result<Played, PlayError> {
        let end = tokio::time::timeout(FAREWELL_PATIENCE, self.socket.next());
        match end.await.map_err(|_elapsed| PlayError::NoFarewell)?? {
            None => self.socket.close().await,
            Some(event) => return Err(PlayError::SecondTerminalEvent(event.name)),
        }
        Ok(played)
    }
}

/// When there was enough speech.
#[derive(Debug, Default)]
struct Watch {
    enough_since: Option<Instant>,
}

impl Watch {
    fn status(&mut self, percent: u64) {
        if percent >= 100 && self.enough_since.is_none() {
            self.enough_since = Some(Instant::now());
        }
    }

    /// Only a result is a decision.
    fn decided_in(&self, event: &str) -> Option<Duration> {
        self.enough_since.filter(|_| event.starts_with("result-")).map(|since| since.elapsed())
    }
}
