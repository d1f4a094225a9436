//! In: an admitted request, reports of its audio, its client's presence. Out: events into the client's channel and into
//! the session's record.
//!
//! One task per session. It owns the [`Machine`], its timer, and, while no audio connection has it, the [`CallStream`].
//! The task that owns the carrier's socket borrows the stream ([`SessionHandle::attach`]) and reports what comes out of
//! it; only reports, commands and the result travel, never audio.
//!
//! Every channel is bounded. A slow client stops this task, which stops the audio task, which stops reading its socket.

use std::sync::Arc;
use std::time::Duration;

use peakstream::{CallStream, CollectedSpeech, Pause};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::biometrics::Biometrics;
use crate::ids::{SessionId, Tenant, Timestamp};
use crate::inference::InferencePool;
use crate::replay::Attempt;
use crate::session::error::{AudioFault, EngineFault, NotReady, SessionError};
use crate::session::event::{Event, Measurement, Progress};
use crate::session::journal::{Journal, Recorder};
use crate::session::machine::{Input, Machine, Output, Rules, Stage, Timeouts};
use crate::session::record::{SessionRecord, Status};
use crate::session::registry::{Admission, CallKey, NotAdmitted, Registry};
use crate::session::request::SessionRequest;
use crate::shutdown::{Shutdown, Tasks};
use crate::tenant::centre::Voice;
use crate::tenant::keyring::Keyring;
use crate::tenant::limits::Limiter;

/// Reports that may wait for the session's task; an audio task that is faster waits.
const INBOX: usize = 16;

/// How long a result waits for what is kept of its call: what its voice teaches its tenant's centre, what it is known by if it comes again.
const KEEPING: Duration = Duration::from_secs(1);

/// What every session needs from the server.
#[derive(Debug)]
pub struct SessionServices {
    /// Models, credentials, measurements.
    pub biometrics: Arc<Biometrics>,
    /// Where measurements are computed.
    pub pool: InferencePool,
    /// Where audio finds sessions.
    pub registry: Arc<Registry>,
    /// Where sessions are found by their id.
    pub journal: Arc<Journal>,
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

/// A session that was started.
#[derive(Debug)]
pub struct Started {
    /// Its name.
    pub id: SessionId,
    /// The way to it.
    pub handle: SessionHandle,
}

/// Who a session's events are for.
#[derive(Debug)]
pub enum Audience {
    /// A client that is connected: it gets every event, and its absence ends the session.
    Connected {
        /// Where its events go.
        events: mpsc::Sender<Event>,
        /// Resolves when it is gone.
        gone: oneshot::Receiver<()>,
    },
    /// Clients that look at the record when they like.
    Record,
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
    Cancel,
}

/// What an audio task tells its session.
#[derive(Debug)]
pub enum Report {
    /// Audio arrived; sent at most about once a second.
    Heard,
    /// A block was processed.
    Progress(Progress),
    /// The speech asked for is complete; the block that says so is still to come, and the decision is due with it.
    Complete(Progress, Box<CollectedSpeech>, Instant),
    /// That block was processed.
    Enough(Progress),
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

    /// Ends the session, as if its client had gone; the record says that it was cancelled.
    pub async fn cancel(&self) {
        // One that is over needs no end.
        let _ = self.inbox.send(Command::Cancel).await;
    }

    /// Whether both lead to the same session.
    pub fn is(&self, other: &Self) -> bool {
        self.inbox.same_channel(&other.inbox)
    }

    /// A handle of no session.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self { inbox: mpsc::channel(1).0 }
    }
}

/// Starts a session.
///
/// # Errors
/// Why there is none; to be told to the client.
pub fn start(
    services: &Arc<SessionServices>,
    tenant: Tenant,
    request: SessionRequest,
    audience: Audience,
) -> Result<Started, SessionError> {
    if services.shutdown.has_begun() {
        return Err(SessionError::NotReady(NotReady::Draining));
    }
    // The request was checked: what goes wrong now is not the client's fault.
    let stream = services.biometrics.open(&request, request.audio.format).map_err(|error| {
        tracing::error!(%error, "a call could not be opened");
        SessionError::Engine(EngineFault::Internal)
    })?;
    let (inbox_sender, inbox) = mpsc::channel(INBOX);
    let handle = SessionHandle { inbox: inbox_sender };
    let key = CallKey { tenant: tenant.clone(), call_id: request.call_id.clone() };
    let limit = services.keyring.limits(&tenant).live_sessions;
    let protocol = request.audio.protocol;
    let admission =
        services.registry.admit(key, protocol, handle.clone(), limit).map_err(|why| match why {
            NotAdmitted::CallIdInUse => SessionError::CallIdInUse,
            NotAdmitted::Full => SessionError::NotReady(NotReady::TooManySessions),
            NotAdmitted::TenantFull => SessionError::NotReady(NotReady::TenantSessions),
        })?;
    let id = SessionId::random();
    let began = Timestamp::now();
    let recorder = services.journal.enter(SessionRecord::begin(id, &tenant, &request, began), handle.clone());
    let (client, gone) = match audience {
        Audience::Connected { events, gone } => (Some(events), Some(gone)),
        Audience::Record => (None, None),
    };
    let actor = Actor {
        id,
        began,
        services: Arc::clone(services),
        machine: Machine::new(rules(services, &request), now()),
        tenant,
        request: Arc::new(request),
        client,
        gone,
        inbox,
        admission: Some(admission),
        recorder,
        recorded: Stage::Ready,
        told_the_end: false,
        stream: Some(Box::new(stream)),
        speech: None,
        audio: None,
        measurement: None,
        voice: None,
        attempt: None,
        progress: Progress::default(),
    };
    services.tasks.spawn(actor.run());
    Ok(Started { id, handle })
}

fn rules(services: &SessionServices, request: &SessionRequest) -> Rules {
    Rules {
        wanted: request.wanted,
        score: request.score_threshold,
        accept_short: services.accept_short,
        timeouts: services.timeouts,
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

type MeasurementResult = Result<Measurement, EngineFault>;

struct Actor {
    id: SessionId,
    began: Timestamp,
    services: Arc<SessionServices>,
    machine: Machine,
    tenant: Tenant,
    request: Arc<SessionRequest>,
    /// `None`: nobody is connected, and nobody's absence ends the session.
    client: Option<mpsc::Sender<Event>>,
    gone: Option<oneshot::Receiver<()>>,
    inbox: mpsc::Receiver<Command>,
    admission: Option<Admission>,
    recorder: Recorder,
    /// The stage that the record knows of.
    recorded: Stage,
    told_the_end: bool,
    /// The stream while no audio connection has it.
    stream: Option<Box<CallStream>>,
    /// The collected speech between its report and its inference, and when its decision is due.
    speech: Option<(Box<CollectedSpeech>, Instant)>,
    /// The hold on the audio connection: dropping it ends the connection.
    audio: Option<oneshot::Sender<()>>,
    measurement: Option<oneshot::Receiver<MeasurementResult>>,
    /// The caller's, if the tenant's centre may learn from it.
    voice: Option<Box<Voice>>,
    /// The call, if it is kept to be known again.
    attempt: Option<Box<Attempt>>,
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
                Wake::Command(Command::Cancel) => self.machine.handle(now(), Input::Cancelled),
                Wake::Input(input) => self.machine.handle(now(), input),
                Wake::Deadline => {}
            }
            self.machine.handle_timeout(now());
            self.act().await;
        }
        if !self.told_the_end {
            // The client has gone: it hears nothing, but the record has an end.
            self.admission = None;
            self.record_end(&Event::error(&SessionError::Audio(AudioFault::Cancelled), Some(&self.progress)))
                .await;
        }
        tracing::info!(session = %self.id, "session over");
    }

    /// Waits for the next thing to happen. The order of the branches matters twice: the client's absence comes first, and
    /// what an audio task reported comes before its disappearance.
    async fn wait(&mut self) -> Wake {
        let deadline = self.machine.deadline().map(Instant::from_std);
        tokio::select! {
            biased;
            () = left(&mut self.gone) => Wake::Input(Input::ClientGone),
            () = self.services.shutdown.begun() => Wake::Input(Input::Shutdown),
            Some(command) = self.inbox.recv() => Wake::Command(command),
            measured = received(&mut self.measurement) => Wake::Input(match measured {
                Ok(mut measured) => {
                    self.voice = measured.voice.take();
                    self.attempt = measured.recorded.attempt.take();
                    Input::Measured(measured)
                }
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
            Report::Complete(progress, speech, due) => {
                self.progress = progress;
                self.speech = Some((speech, due));
                Input::Complete(progress)
            }
            Report::Enough(progress) => {
                self.progress = progress;
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
        self.record_stage();
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Emit(event) => self.emit(event).await,
                Output::StopAudio => self.audio = None,
                Output::StartInference => self.start_inference(),
                Output::Ended => {}
            }
        }
    }

    /// What the machine's state is called where it can be looked at. The end has an event of its own.
    fn record_stage(&mut self) {
        let stage = self.machine.stage();
        if stage == self.recorded {
            return;
        }
        self.recorded = stage;
        match stage {
            Stage::Ready => self.recorder.reach(Status::ConsumerReady),
            Stage::Streaming => self.recorder.reach(Status::Streaming),
            Stage::Deciding => self.recorder.reach(Status::Processing),
            Stage::Over => {}
        }
    }

    async fn emit(&mut self, mut event: Event) {
        event.identify(&self.request.call_id, self.id);
        if !event.is_terminal() {
            self.recorder.follow(&event);
            return self.send(event).await;
        }
        tracing::info!(session = %self.id, outcome = event.name(), "session decided");
        if event.is_accepted() {
            self.teach().await;
        }
        if event.is_result() {
            self.keep_attempt().await;
        }
        // Before anybody hears of the end: the call id may be used again at once.
        self.admission = None;
        self.audio = None;
        self.send(event.clone()).await;
        self.record_end(&event).await;
    }

    /// Lets the tenant's centre learn from the caller's voice.
    async fn teach(&mut self) {
        let Some(voice) = self.voice.take() else { return };
        let biometrics = Arc::clone(&self.services.biometrics);
        let learning = tokio::task::spawn_blocking(move || biometrics.learn(&voice));
        // A slow disk must not keep the result: what is being written is written without us.
        match tokio::time::timeout(KEEPING, learning).await {
            Ok(Err(error)) => tracing::error!(%error, "a voice was not learnt from"),
            Err(_late) => tracing::warn!(session = %self.id, "a tenant's centre takes long to be written"),
            Ok(Ok(())) => {}
        }
    }

    /// Keeps what the call is known by if it comes again.
    async fn keep_attempt(&mut self) {
        let Some(attempt) = self.attempt.take() else { return };
        let kept = self.services.biometrics.keep(&self.tenant, self.id, &attempt);
        // What waits for a slow disk is written without us.
        if tokio::time::timeout(KEEPING, kept).await.is_err() {
            tracing::warn!(session = %self.id, "an attempt takes long to be written");
        }
    }

    async fn send(&self, event: Event) {
        if let Some(client) = &self.client {
            // A client that has gone is noticed in `wait`.
            let _ = client.send(event).await;
        }
    }

    async fn record_end(&mut self, event: &Event) {
        self.told_the_end = true;
        self.recorder.finish(event).await;
    }

    fn start_inference(&mut self) {
        let finished = || self.stream.take().map(|stream| (Box::new(stream.finish()), Instant::now()));
        let Some((speech, due)) = self.speech.take().or_else(finished) else {
            self.machine.handle(now(), Input::InferenceFailed(EngineFault::Internal));
            return;
        };
        let biometrics = Arc::clone(&self.services.biometrics);
        let (tenant, request, began) = (self.tenant.clone(), Arc::clone(&self.request), self.began);
        let due = due.into_std();
        let job = move |pause: Pause<'_>| biometrics.measure(&tenant, &request, began, &speech, pause);
        match self.services.pool.submit(due, job) {
            Ok(result) => self.measurement = Some(result),
            Err(_full) => self.machine.handle(now(), Input::InferenceFailed(EngineFault::Busy)),
        }
    }
}

/// Returns when the client has gone; never, if there is none.
async fn left(gone: &mut Option<oneshot::Receiver<()>>) {
    match gone {
        Some(gone) => drop(gone.await),
        None => std::future::pending().await,
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
