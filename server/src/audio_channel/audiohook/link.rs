//! In: a call's audio. Out: the session it goes into, one after the other, and what became of each.
//!
//! A call waits in a seat of the registry until a session asks for it, streams until there is enough, hears the outcome, and
//! waits again. Nothing here makes its owner wait: the socket is read on, and pings are answered, while a session is behind
//! or a tenant's limit of bytes is used up. The audio of that time is queued, up to `MAX_QUEUED` bytes; more is left out,
//! and the log says so.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use peakstream::AudioFormat;
use tokio::time::{Instant, sleep_until, timeout};

use crate::audio_channel::attached::{Attached, Over, Pace};
use crate::audio_channel::audiohook::outcome::{Outcome, Subject};
use crate::audio_channel::wire::AudioBytes;
use crate::session::actor::{SessionHandle, SessionServices};
use crate::session::registry::{CallKey, ParkedCalls, Seat};
use crate::session::request::audio::AudioProtocol;

/// Half a minute of the widest format (two channels, 16 bits): what a client may send at once after it has connected is 20 s.
const MAX_QUEUED: usize = 30 * 8000 * 4;
/// How long the end of a call waits for the outcome of its session; the client waits 10 s for all of it.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a session is told that its caller is on hold.
const HOLD_INTERVAL: Duration = Duration::from_secs(1);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call on its way into sessions.
pub struct Link {
    services: Arc<SessionServices>,
    key: CallKey,
    format: AudioFormat,
    parking: Parking,
    state: State,
}

/// How calls wait for sessions.
#[derive(Clone, Copy, Debug)]
pub struct Parking {
    /// How many.
    pub limits: ParkedCalls,
    /// How long each.
    pub most: Duration,
}

enum State {
    /// No session wants this call any more.
    Idle,
    Parked {
        seat: Seat,
        until: Instant,
    },
    Attaching {
        seat: Seat,
        attaching: Boxed<Result<Streaming, SessionHandle>>,
    },
    Streaming(Box<Streaming>),
    /// The session has what it needs, or is over.
    Deciding(Boxed<Option<Outcome>>),
    /// The call is over.
    Finishing(Boxed<Option<Outcome>>),
}

/// What happened to a call.
#[derive(Debug)]
pub enum Change {
    /// A session wants its audio now.
    Listen,
    /// The session that was there has its audio already.
    Waits,
    /// The session wants no more.
    Enough,
    /// The session is over; another may come.
    Decided(Option<Outcome>),
    /// The call is over, and so is its session.
    Finished(Option<Outcome>),
    /// No session came in time, or too many calls wait.
    NotWanted(&'static str),
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// A call that looks for its session. `legacy`: the way another connection had found.
    pub fn new(
        services: &Arc<SessionServices>,
        key: CallKey,
        format: AudioFormat,
        parking: Parking,
        legacy: Option<Box<Streaming>>,
    ) -> Self {
        let state = legacy.map_or(State::Idle, State::Streaming);
        let mut link = Self { services: Arc::clone(services), key, format, parking, state };
        if matches!(link.state, State::Idle) {
            link.park();
        }
        link
    }

    /// Whether a session waits for this call, so that it is worth waiting for it.
    pub fn has_session(&self) -> bool {
        match self.state {
            State::Parked { .. } => {
                self.services.registry.find(&self.key, AudioProtocol::AudioHook).is_some()
            }
            State::Attaching { .. } | State::Streaming(_) => true,
            State::Idle | State::Deciding(_) | State::Finishing(_) => false,
        }
    }

    /// Whether it has a seat, or did not need one.
    pub const fn has_room(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Takes audio; without a session, it is of no use to anybody.
    pub fn push(&mut self, bytes: AudioBytes) {
        if let State::Streaming(streaming) = &mut self.state {
            streaming.push(bytes);
        }
    }

    /// What happens next. Cancelling it loses nothing. `on_hold`: the client sends no audio although it is wanted.
    pub async fn next(&mut self, on_hold: bool) -> Change {
        loop {
            match &mut self.state {
                State::Idle => std::future::pending().await,
                State::Parked { seat, until } => {
                    let until = *until;
                    tokio::select! {
                        biased;
                        session = seat.session() => self.attach(session),
                        () = sleep_until(until) => {
                            self.state = State::Idle;
                            return Change::NotWanted("no session asked for this call");
                        }
                    }
                }
                State::Attaching { attaching, .. } => {
                    let attached = attaching.await;
                    return if self.settle(attached) { Change::Listen } else { Change::Waits };
                }
                State::Streaming(streaming) => {
                    streaming.next(on_hold).await;
                    let subject = streaming.subject.clone();
                    self.state = State::Deciding(Box::pin(Outcome::of(Arc::clone(&self.services), subject)));
                    return Change::Enough;
                }
                State::Deciding(outcome) => {
                    let outcome = outcome.await;
                    self.park();
                    return Change::Decided(outcome);
                }
                State::Finishing(outcome) => {
                    let outcome = outcome.await;
                    self.state = State::Idle;
                    return Change::Finished(outcome);
                }
            }
        }
    }

    /// The client ends the call. [`Change::Finished`] follows, with the outcome if it is there soon.
    pub fn finish(&mut self) {
        let services = Arc::clone(&self.services);
        let outcome: Boxed<Option<Outcome>> = match std::mem::replace(&mut self.state, State::Idle) {
            State::Streaming(streaming) => Box::pin(async move {
                let subject = streaming.subject.clone();
                streaming.ended().await;
                Outcome::of(services, subject).await
            }),
            State::Deciding(outcome) => outcome,
            _ => Box::pin(std::future::ready(None)),
        };
        let limited = async { timeout(OUTCOME_TIMEOUT, outcome).await.ok().flatten() };
        self.state = State::Finishing(Box::pin(limited));
    }

    /// The connection is gone or of no use any more: the session hears of it, nobody waits for that.
    pub fn abandon(&mut self, rule: Option<&'static str>) {
        if let State::Streaming(streaming) = std::mem::replace(&mut self.state, State::Idle) {
            self.services.tasks.spawn(async move {
                match rule {
                    None => streaming.ended().await,
                    Some(rule) => streaming.failed(rule).await,
                }
            });
        }
    }

    /// Whether audio goes into a session.
    pub const fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming(_))
    }

    /// Gives the way into the session to another connection whose audio has that format.
    pub fn hand_over(&mut self, format: AudioFormat) -> Option<Box<Streaming>> {
        let state = std::mem::replace(&mut self.state, State::Idle);
        match state {
            State::Streaming(streaming) if format == self.format => Some(streaming),
            state => {
                self.state = state;
                self.abandon(None);
                None
            }
        }
    }

    fn park(&mut self) {
        let seat = self.services.registry.park(&self.key, self.parking.limits);
        let until = Instant::now() + self.parking.most;
        self.state = seat.map_or(State::Idle, |seat| State::Parked { seat, until });
    }

    fn attach(&mut self, session: SessionHandle) {
        let State::Parked { seat, .. } = std::mem::replace(&mut self.state, State::Idle) else { return };
        let pace = Pace::of(&self.services, &self.key.tenant);
        let tenant = self.key.tenant.clone();
        let (services, format) = (Arc::clone(&self.services), self.format);
        let attaching = Box::pin(async move {
            let Ok(attachment) = session.attach().await else { return Err(session) };
            let subject = Subject { tenant, kind: attachment.request.purpose.kind(), id: attachment.session };
            let attached = Attached::new(&services, session.clone(), attachment, Some(format), pace).await;
            // Without a decoder for this format, the session has been told and is over.
            attached.map(|attached| Streaming::new(attached, subject)).map_err(|_| session)
        });
        self.state = State::Attaching { seat, attaching };
    }

    /// Whether a session was attached; otherwise the call waits for the next one.
    fn settle(&mut self, attached: Result<Streaming, SessionHandle>) -> bool {
        let State::Attaching { mut seat, .. } = std::mem::replace(&mut self.state, State::Idle) else {
            return false;
        };
        match attached {
            Ok(streaming) => {
                self.state = State::Streaming(Box::new(streaming));
                true
            }
            Err(session) => {
                seat.was_refused_by(session);
                self.state = State::Parked { seat, until: Instant::now() + self.parking.most };
                false
            }
        }
    }
}

/// A call's way into a session.
pub struct Streaming {
    subject: Subject,
    work: Work,
    queue: VecDeque<AudioBytes>,
    queued: usize,
    leaves_out: bool,
    told_of_hold: Instant,
}

enum Work {
    Resting(Box<Attached>),
    /// Under way; what it returns is the same again, and whether the session wants more.
    Busy(Boxed<(Box<Attached>, Option<Over>)>),
    /// The session wants no more, and nothing of it is left here.
    Done,
}

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streaming").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Streaming {
    fn new(attached: Attached, subject: Subject) -> Self {
        let (work, queue) = (Work::Resting(Box::new(attached)), VecDeque::new());
        Self { subject, work, queue, queued: 0, leaves_out: false, told_of_hold: Instant::now() }
    }

    fn push(&mut self, bytes: AudioBytes) {
        if self.queued + bytes.len() > MAX_QUEUED {
            if !self.leaves_out {
                tracing::warn!(session = %self.subject.id, "audio comes faster than it can be heard; some is left out");
            }
            self.leaves_out = true;
        } else {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    /// Returns when the session wants no more. Cancelling it loses nothing.
    async fn next(&mut self, on_hold: bool) {
        loop {
            match &mut self.work {
                Work::Busy(job) => {
                    let (attached, over) = job.await;
                    self.work = if over.is_some() { Work::Done } else { Work::Resting(attached) };
                }
                Work::Resting(attached) => {
                    if let Some(bytes) = self.queue.pop_front() {
                        self.queued -= bytes.len();
                        self.begin(bytes);
                        continue;
                    }
                    tokio::select! {
                        biased;
                        _ = attached.over() => self.work = Work::Done,
                        // A caller on hold is silent, and must not be taken for one who is gone.
                        () = sleep_until(self.told_of_hold + HOLD_INTERVAL), if on_hold => self.tell_of_hold(),
                    }
                }
                Work::Done => return,
            }
        }
    }

    fn begin(&mut self, bytes: AudioBytes) {
        if let Work::Resting(mut attached) = std::mem::replace(&mut self.work, Work::Done) {
            self.work = Work::Busy(Box::pin(async move {
                let over = attached.take(&bytes).await;
                (attached, over)
            }));
        }
    }

    fn tell_of_hold(&mut self) {
        self.told_of_hold = Instant::now();
        if let Work::Resting(mut attached) = std::mem::replace(&mut self.work, Work::Done) {
            self.work = Work::Busy(Box::pin(async move {
                attached.heard().await;
                (attached, None)
            }));
        }
    }

    /// Everything that came is heard, then the session hears that it was all.
    pub(super) async fn ended(mut self: Box<Self>) {
        if let Some(attached) = self.drain().await {
            (*attached).ended().await;
        }
    }

    async fn failed(mut self: Box<Self>, rule: &'static str) {
        if let Some(attached) = self.drain().await {
            (*attached).failed(rule).await;
        }
    }

    async fn drain(&mut self) -> Option<Box<Attached>> {
        loop {
            match std::mem::replace(&mut self.work, Work::Done) {
                Work::Busy(job) => {
                    let (attached, over) = job.await;
                    if over.is_none() {
                        self.work = Work::Resting(attached);
                    }
                }
                Work::Resting(attached) => match self.queue.pop_front() {
                    Some(bytes) => {
                        self.work = Work::Resting(attached);
                        self.begin(bytes);
                    }
                    None => return Some(attached),
                },
                Work::Done => return None,
            }
        }
    }
}
