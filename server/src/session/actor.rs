//! In: an admitted request, reports of its audio, its client's presence. Out: events into the client's channel.
//!
//! One task per session. It owns the [`Machine`], its timer, and, while no audio connection has it, the [`CallStream`].
//! The task that owns the carrier's socket borrows the stream ([`SessionHandle::attach`]) and reports what comes out of
//! it; only reports, commands and the result travel, never audio.
//!
//! Every channel is bounded. A slow client stops this task, which stops the audio task, which stops reading its socket.

use std::sync::Arc;

use peakstream::{CallStream, CollectedSpeech};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::biometrics::Biometrics;
use crate::ids::{SessionId, Tenant};
use crate::inference::InferencePool;
use crate::session::error::{AudioFault, EngineFault, FieldProblem, NotReady, SessionError};
use crate::session::event::{Event, Measurement, Progress};
use crate::session::machine::{Input, Machine, Output, Rules, Timeouts};
use crate::session::registry::{Admission, CallKey, NotAdmitted, Registry};
use crate::session::request::SessionRequest;
use crate::shutdown::{Shutdown, Tasks};
use crate::tenant::keyring::Keyring;
use crate::tenant::limits::Limiter;

/// Reports that may wait for the session's task; an audio task that is faster waits.
const INBOX: usize = 16;

/// What every session needs from the server.
#[derive(Debug)]
pub struct SessionServices {
    /// Models, credentials, measurements.
    pub biometrics: Arc<Biometrics>,
    /// Where measurements are computed.
    pub pool: InferencePool,
    /// Where audio finds sessions.
    pub registry: Arc<Registry>,
    /// Whose keys work, and how much each tenant may have.
    pub keyring: Arc<Keyring>,
    /// How much of it each tenant has used.
    pub limiter: Arc<Limiter>,
    /// The server's end.
    pub shutdown: Shutdown,
    /// Everything that runs for clients and carriers, sessions among it.
    pub tasks: Tasks,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Whether an early end with enough speech for a decision is decided.
    pub accept_short: bool,
}

/// The client's hold on its session: dropping it cancels the session.
#[derive(Debug)]
pub struct SessionOwner {
    _present: oneshot::Sender<()>,
}

/// The way to a session for its audio connection.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    inbox: mpsc::Sender<Command>,
}

#[derive(Debug)]
enum Command {
    Attach(oneshot::Sender<Attachment>),
    Report(Report),
}

/// What an audio task tells its session.
#[derive(Debug)]
pub enum Report {
    /// Audio arrived; sent at most about once a second.
    Heard,
    /// A block was processed.
    Progress(Progress),
    /// The deciding block was processed.
    Enough(Progress, CollectedSpeech),
    /// The connection ended before that.
    Ended(Progress, Box<CallStream>),
    /// The carrier broke the rules.
    Failed(AudioFault, Progress),
}

/// What an audio task gets from its session.
#[derive(Debug)]
pub struct Attachment {
    /// The session, for logs.
    pub session: SessionId,
    /// What was agreed in signalling.
    pub request: Arc<SessionRequest>,
    /// Decoder, detector and collector, reserved.
    pub stream: Box<CallStream>,
    /// Resolves (with an error) when the connection is to be ended. Dropping it tells that the audio task is gone.
    pub stop: oneshot::Receiver<()>,
}

/// The session cannot take this audio connection: it has one, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session takes no audio connection now")]
pub struct AttachRefused;

impl SessionHandle {
    /// Asks for the session's stream.
    ///
    /// # Errors
    /// If the session has an audio connection, or is over.
    pub async fn attach(&self) -> Result<Attachment, AttachRefused> {
        let (reply, attachment) = oneshot::channel();
        self.inbox.send(Command::Attach(reply)).await.map_err(|_| AttachRefused)?;
        attachment.await.map_err(|_| AttachRefused)
    }

    /// Tells the session what happened to its audio. Waits while the session is behind.
    pub async fn report(&self, report: Report) {
        // A session that is over needs no reports; its end reaches the audio task through `Attachment::stop`.
        let _ = self.inbox.send(Command::Report(report)).await;
    }

    /// A handle of no session.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self { inbox: mpsc::channel(1).0 }
    }
}

/// Starts a session whose events go to `client`.
///
/// # Errors
/// Why there is none; to be told to the client.
pub fn start(
    services: &Arc<SessionServices>,
    tenant: Tenant,
    request: SessionRequest,
    client: mpsc::Sender<Event>,
) -> Result<SessionOwner, SessionError> {
    if services.shutdown.has_begun() {
        return Err(SessionError::NotReady(NotReady::Draining));
    }
    // What can be wrong here is the rate, which does not hold what the channel type asks for.
    let stream = services.biometrics.open(&request, request.audio.format).map_err(|error| {
        SessionError::Parameters(vec![FieldProblem::new(
            "metadata.sample_rate",
            format!("cannot be used: {error}"),
        )])
    })?;
    let (inbox_sender, inbox) = mpsc::channel(INBOX);
    let key = CallKey { tenant: tenant.clone(), call_id: request.call_id.clone() };
    let limit = services.keyring.limits(&tenant).live_sessions;
    let admission = services.registry.admit(key, SessionHandle { inbox: inbox_sender }, limit).map_err(
        |why| match why {
            NotAdmitted::CallIdInUse => SessionError::Parameters(vec![FieldProblem::new(
                "metadata.call_id",
                "call_id already in use",
            )]),
            NotAdmitted::Full => SessionError::NotReady(NotReady::TooManySessions),
            NotAdmitted::TenantFull => SessionError::NotReady(NotReady::TenantSessions),
        },
    )?;
    let rules = Rules {
        wanted: request.wanted,
        authenticity: request.authenticity_threshold,
        score: request.score_threshold,
        accept_short: services.accept_short,
        timeouts: services.timeouts,
    };
    let (present, owner) = oneshot::channel();
    let actor = Actor {
        id: SessionId::random(),
        services: Arc::clone(services),
        machine: Machine::new(rules, now()),
        tenant,
        request: Arc::new(request),
        client,
        owner,
        inbox,
        admission: Some(admission),
        stream: Some(Box::new(stream)),
        speech: None,
        audio: None,
        measurement: None,
        progress: Progress::default(),
    };
    services.tasks.spawn(actor.run());
    Ok(SessionOwner { _present: present })
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

type MeasurementResult = Result<Measurement, EngineFault>;

struct Actor {
    id: SessionId,
    services: Arc<SessionServices>,
    machine: Machine,
    tenant: Tenant,
    request: Arc<SessionRequest>,
    client: mpsc::Sender<Event>,
    owner: oneshot::Receiver<()>,
    inbox: mpsc::Receiver<Command>,
    admission: Option<Admission>,
    /// The stream while no audio connection has it.
    stream: Option<Box<CallStream>>,
    /// The collected speech between its report and its inference.
    speech: Option<CollectedSpeech>,
    /// The hold on the audio connection: dropping it ends the connection.
    audio: Option<oneshot::Sender<()>>,
    measurement: Option<oneshot::Receiver<MeasurementResult>>,
    progress: Progress,
}

/// What woke the session's task.
enum Wake {
    Command(Command),
    Input(Input),
    Deadline,
}

impl Actor {
    async fn run(mut self) {
        tracing::info!(session = %self.id, "session ready");
        self.act().await;
        while !self.machine.is_over() {
            match self.wait().await {
                Wake::Command(Command::Attach(reply)) => self.attach(reply),
                Wake::Command(Command::Report(report)) => self.take_report(report),
                Wake::Input(input) => self.machine.handle(now(), input),
                Wake::Deadline => {}
            }
            self.machine.handle_timeout(now());
            self.act().await;
        }
        tracing::info!(session = %self.id, "session over");
    }

    /// Waits for the next thing to happen. The order of the branches matters twice: the client's absence comes first, and
    /// what an audio task reported comes before its disappearance.
    async fn wait(&mut self) -> Wake {
        let deadline = self.machine.deadline().map(Instant::from_std);
        tokio::select! {
            biased;
            _ = &mut self.owner => Wake::Input(Input::ClientGone),
            () = self.services.shutdown.begun() => Wake::Input(Input::Shutdown),
            Some(command) = self.inbox.recv() => Wake::Command(command),
            measured = received(&mut self.measurement) => Wake::Input(match measured {
                Ok(measured) => Input::Measured(measured),
                Err(fault) => Input::InferenceFailed(fault),
            }),
            () = dropped(&mut self.audio) => {
                self.audio = None;
                Wake::Input(Input::AudioEnded(self.progress))
            }
            () = reached(deadline) => Wake::Deadline,
        }
    }

    fn attach(&mut self, reply: oneshot::Sender<Attachment>) {
        if !self.machine.accepts_audio() {
            return;
        }
        // After an audio task was lost with its stream, collection starts over.
        let stream = self.stream.take().map_or_else(
            || self.services.biometrics.open(&self.request, self.request.audio.format).ok().map(Box::new),
            Some,
        );
        let Some(stream) = stream else { return };
        let (hold, stop) = oneshot::channel();
        let request = Arc::clone(&self.request);
        match reply.send(Attachment { session: self.id, request, stream, stop }) {
            Ok(()) => {
                self.audio = Some(hold);
                self.machine.handle(now(), Input::AudioAttached);
            }
            Err(attachment) => self.stream = Some(attachment.stream),
        }
    }

    fn take_report(&mut self, report: Report) {
        let input = match report {
            Report::Heard => Input::AudioHeard,
            Report::Progress(progress) => {
                self.progress = progress;
                Input::Progress(progress)
            }
            Report::Enough(progress, speech) => {
                self.progress = progress;
                self.speech = Some(speech);
                Input::Enough(progress)
            }
            Report::Ended(progress, stream) => {
                self.progress = progress;
                self.stream = Some(stream);
                self.audio = None;
                Input::AudioEnded(progress)
            }
            Report::Failed(fault, progress) => {
                self.progress = progress;
                self.audio = None;
                Input::AudioFailed(fault, progress)
            }
        };
        self.machine.handle(now(), input);
    }

    /// Does what the machine asks for.
    async fn act(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Emit(event) => self.emit(event).await,
                Output::StopAudio => self.audio = None,
                Output::StartInference => self.start_inference(),
                Output::Ended => {}
            }
        }
    }

    async fn emit(&mut self, mut event: Event) {
        event.identify(&self.request.call_id, self.id);
        if event.is_terminal() {
            tracing::info!(session = %self.id, outcome = event.name(), "session decided");
            // Before the client hears of the end: it may use the call id again at once.
            self.admission = None;
            self.audio = None;
        }
        // A client that has gone is noticed through its `SessionOwner`.
        let _ = self.client.send(event).await;
    }

    fn start_inference(&mut self) {
        let speech = self.speech.take().or_else(|| self.stream.take().map(|stream| stream.finish()));
        let Some(speech) = speech else {
            self.machine.handle(now(), Input::InferenceFailed(EngineFault::Internal));
            return;
        };
        let biometrics = Arc::clone(&self.services.biometrics);
        let (tenant, request) = (self.tenant.clone(), Arc::clone(&self.request));
        match self.services.pool.submit(move || biometrics.measure(&tenant, &request.purpose, &speech)) {
            Ok(result) => self.measurement = Some(result),
            Err(_full) => self.machine.handle(now(), Input::InferenceFailed(EngineFault::Busy)),
        }
    }
}

/// The measurement under way; never, if there is none.
async fn received(measurement: &mut Option<oneshot::Receiver<MeasurementResult>>) -> MeasurementResult {
    let Some(result) = measurement else { return std::future::pending().await };
    let result = result.await.unwrap_or(Err(EngineFault::Internal));
    *measurement = None;
    result
}

/// Returns when the audio task is gone; never, if there is none.
async fn dropped(audio: &mut Option<oneshot::Sender<()>>) {
    match audio {
        Some(hold) => hold.closed().await,
        None => std::future::pending().await,
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
