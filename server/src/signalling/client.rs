//! In: the `initialize` messages of one client in one namespace. Out: its session's events, in order, on the wire.
//!
//! One task per client that has sent `initialize`; it is the only one that emits to this client. It owns the session: when
//! the task ends, for whatever reason, the session is cancelled and everything is freed. A client that does not take its
//! events makes this task wait, then the session, then the audio; after [`STALL_LIMIT`] it is given up.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::session::actor::{Audience, SessionServices, start};
use crate::session::error::{FieldProblem, NotReady, SessionError};
use crate::session::event::Event;
use crate::session::request::{Defaults, Kind, SessionRequest};
use crate::signalling::socketio::member::{Left, Member};
use crate::signalling::socketio::packet::Argument;
use crate::tenant::keyring::Principal;

/// Events of a session that may wait for this task.
const EVENTS: usize = 16;
/// How long a client may leave its events in our buffer before it is given up.
pub const STALL_LIMIT: Duration = Duration::from_secs(5);

/// How many arguments events have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EventArgs {
    /// `(data, collected_audio)` on every event; `null` where there is no audio. What the documented client expects.
    #[default]
    #[value(name = "always2")]
    AlwaysTwo,
    /// Two arguments on `result-*`, one on all others.
    #[value(name = "results_only")]
    ResultsOnly,
    /// `data` only; the audio is not sent.
    #[value(name = "always1")]
    AlwaysOne,
}

/// How `data` is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum PayloadEncoding {
    /// A JSON object.
    #[default]
    Object,
    /// A string that holds a JSON object.
    String,
}

/// A value that this option does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownValue;

impl FromStr for EventArgs {
    type Err = UnknownValue;
    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        clap::ValueEnum::from_str(text, false).map_err(|_| UnknownValue)
    }
}

impl FromStr for PayloadEncoding {
    type Err = UnknownValue;
    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        clap::ValueEnum::from_str(text, false).map_err(|_| UnknownValue)
    }
}

/// How events look on the wire for one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireFormat {
    /// How many arguments.
    pub args: EventArgs,
    /// What the first of them is.
    pub encoding: PayloadEncoding,
}

/// What the clients of a namespace have in common.
#[derive(Debug)]
pub struct Signalling {
    /// What sessions need.
    pub sessions: Arc<SessionServices>,
    /// For members that a request leaves out.
    pub defaults: Defaults,
    /// Whether a client may start another session on the same connection after the first has ended.
    pub keep_open: bool,
    /// Between the terminal event and the disconnect.
    pub disconnect_grace: Duration,
}

/// One client: who it is, and how it wants its events.
#[derive(Debug)]
pub struct Client {
    /// How it is reached.
    pub member: Member,
    /// Registration or verification.
    pub kind: Kind,
    /// Who it is, and whose sessions it starts.
    pub principal: Principal,
    /// How its events look.
    pub wire: WireFormat,
}

/// Why a client cannot be told anything any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unreachable {
    /// It has left.
    Left,
    /// It does not take what is there for it.
    Slow,
}

/// A session and the events that come out of it.
struct Running {
    /// Dropping it ends the session.
    _present: oneshot::Sender<()>,
    events: mpsc::Receiver<Event>,
}

/// What woke the task.
enum Wake {
    Initialize(Value),
    Event(Event),
    Over,
}

impl Client {
    /// Serves the client until its connection is over. `inbox` holds the bodies of its `initialize` messages.
    pub async fn serve(self, signalling: Arc<Signalling>, mut inbox: mpsc::Receiver<Value>) {
        let mut running: Option<Running> = None;
        loop {
            let event = match self.wait(&mut running, &mut inbox).await {
                Wake::Over => return,
                Wake::Event(event) => event,
                Wake::Initialize(_) if running.is_some() => {
                    // Addressed to the second one: the running session knows nothing of it and goes on.
                    let problem =
                        FieldProblem::new("initialize", "a session is already running on this connection");
                    let event = Event::error(&SessionError::Parameters(vec![problem]), None);
                    if self.tell(&event).await.is_err() {
                        break;
                    }
                    continue;
                }
                Wake::Initialize(body) => match self.initialize(&signalling, &body) {
                    Ok(session) => {
                        running = Some(session);
                        continue;
                    }
                    Err(error) => Event::error(&error, None),
                },
            };
            if self.tell(&event).await.is_err() {
                break;
            }
            if event.is_terminal() {
                running = None;
                let stopping = signalling.sessions.shutdown.has_begun();
                if stopping || !signalling.keep_open {
                    return self.disconnect(signalling.disconnect_grace).await;
                }
            }
        }
        // Given up: the session ends now, and the client hears of it if it ever reads again.
        drop(running);
        self.disconnect(Duration::ZERO).await;
    }

    async fn wait(&self, running: &mut Option<Running>, inbox: &mut mpsc::Receiver<Value>) -> Wake {
        let event = async {
            match running {
                Some(session) => session.events.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.member.left() => Wake::Over,
            // A session's task sends its terminal event before it ends; without one it has died.
            event = event => event.map_or(Wake::Over, Wake::Event),
            body = inbox.recv() => body.map_or(Wake::Over, Wake::Initialize),
        }
    }

    fn initialize(&self, signalling: &Signalling, body: &Value) -> Result<Running, SessionError> {
        let sessions = &signalling.sessions;
        let tenant = &self.principal.tenant;
        self.may_start(sessions, body).map_err(SessionError::NotReady)?;
        let catalogue = sessions.biometrics.catalogue(tenant);
        let request = SessionRequest::parse(self.kind, body, &catalogue, signalling.defaults)?;
        let (sender, events) = mpsc::channel(EVENTS);
        let (present, gone) = oneshot::channel();
        start(sessions, tenant.clone(), request, Audience::Connected { events: sender, gone })?;
        Ok(Running { _present: present, events })
    }

    /// Connections stay open for hours: what held when this one was made is asked again.
    fn may_start(&self, sessions: &SessionServices, body: &Value) -> Result<(), NotReady> {
        if !sessions.keyring.is_enabled(&self.principal) {
            return Err(NotReady::KeyDisabled);
        }
        let tenant = &self.principal.tenant;
        let limits = sessions.keyring.limits(tenant);
        let bytes = if limits.bytes_per_second.is_some() { body.to_string().len() } else { 0 };
        let now = Instant::now().into_std();
        sessions.limiter.request(tenant, &limits, bytes, now).map_err(|_| NotReady::TenantRate)
    }

    /// Emits one event, waiting for room in the client's buffer for as long as [`STALL_LIMIT`].
    async fn tell(&self, event: &Event) -> Result<(), Unreachable> {
        let told = self.member.emit(event.name(), arguments(self.wire, event));
        match timeout(STALL_LIMIT, told).await {
            Ok(told) => told.map_err(|Left| Unreachable::Left),
            Err(_elapsed) => {
                tracing::warn!("a client does not read its events and is given up");
                Err(Unreachable::Slow)
            }
        }
    }

    /// Ends the namespace's connection, after the client had time to take the last event.
    async fn disconnect(self, grace: Duration) {
        tokio::select! {
            biased;
            () = self.member.left() => {}
            () = sleep(grace) => self.member.disconnect().await,
        }
    }
}

/// An event as this client wants it: `null` where there is no audio keeps the packet a plain one.
fn arguments(wire: WireFormat, event: &Event) -> Vec<Argument> {
    let body = Value::Object(event.body().clone());
    let data = match wire.encoding {
        PayloadEncoding::Object => body,
        PayloadEncoding::String => Value::String(body.to_string()),
    };
    let two = match wire.args {
        EventArgs::AlwaysTwo => true,
        EventArgs::ResultsOnly => event.is_result(),
        EventArgs::AlwaysOne => false,
    };
    let mut arguments = vec![Argument::Json(data)];
    if two {
        arguments
            .push(event.audio().map_or(Argument::Json(Value::Null), |wav| Argument::Binary(wav.clone())));
    }
    arguments
}
