//! In: what the transports of a session receive; what its owner wants to send. Out: the handler is told in the order in
//! which the client said it, and the transport is woken.
//!
//! One lock per session makes the order: a packet is read, understood and answered, and an event is queued, as one step
//! each. Nobody waits for anything while holding it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::machine::{End, Machine, PollRefused, Probe, Timing, Transport};
use super::packet::{Frame, Packet, Piece, payload};

/// Who knows it has the session, so it cannot be guessed: 96 bits from the system's generator.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid([u8; 12]);

impl Sid {
    /// A fresh one; `None` if the system has no random numbers.
    pub fn random() -> Option<Self> {
        let mut sid = [0; 12];
        getrandom::fill(&mut sid).ok()?;
        Some(Self(sid))
    }

    /// The one that is written like this: 16 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let mut sid = [0; 12];
        // The length is looked at first: decoding writes no more than there is room for.
        (text.len() == 16 && URL_SAFE_NO_PAD.decode_slice(text, &mut sid) == Ok(12)).then_some(Self(sid))
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sid([redacted])")
    }
}

/// What is spoken over a session. It is dropped when the session is over.
pub trait Handler: Sized + Send + 'static {
    /// A message came.
    fn text(&mut self, message: &str, session: &Arc<Session<Self>>, machine: &mut Machine);
    /// Binary data came.
    fn binary(&mut self, data: Bytes, session: &Arc<Session<Self>>, machine: &mut Machine);
}

/// One session, whatever its transport is at the moment.
pub struct Session<H> {
    sid: Sid,
    state: Mutex<State<H>>,
    /// Something was received or taken, or the session has ended.
    progress: Notify,
    sessions: Arc<Sessions<H>>,
}

struct State<H> {
    machine: Machine,
    /// Until the end.
    handler: Option<H>,
    /// The transport, while it waits for something to send.
    transport: Option<Waker>,
}

impl<H> fmt::Debug for Session<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What a WebSocket has to do next.
#[derive(Debug)]
pub enum Turn {
    /// Send this.
    Send(Frame),
    /// Wait: for a wake-up, or until then.
    Wait(Instant),
    /// Close.
    Over(End),
}

impl<H: Handler> Session<H> {
    /// Its name.
    pub const fn sid(&self) -> Sid {
        self.sid
    }

    /// Does something with the handler and the machine, as one step. `None`: the session is over.
    pub fn with<R>(&self, act: impl FnOnce(&mut H, &mut Machine) -> R) -> Option<R> {
        let mut state = self.lock();
        let State { machine, handler, .. } = &mut *state;
        let living = handler.as_mut().filter(|_| machine.end().is_none());
        let result = living.map(|handler| act(handler, machine));
        self.settle(state);
        result
    }

    /// The same, again and again until `attempt` has a result: after each time that something was received or taken.
    /// `None`: the session is over.
    pub async fn until<R>(&self, mut attempt: impl FnMut(&mut H, &mut Machine) -> Option<R>) -> Option<R> {
        loop {
            // Hears of what happens from now on, polled or not.
            let progress = self.progress.notified();
            if let Some(result) = self.attempt(&mut attempt)? {
                return Some(result);
            }
            progress.await;
        }
    }

    /// Tells others only if something has come of it: they attempt, too.
    fn attempt<R>(&self, attempt: impl FnOnce(&mut H, &mut Machine) -> Option<R>) -> Option<Option<R>> {
        let mut state = self.lock();
        let State { machine, handler, .. } = &mut *state;
        let living = handler.as_mut().filter(|_| machine.end().is_none());
        let result = living.map(|handler| attempt(handler, machine));
        if !matches!(result, Some(None)) {
            self.settle(state);
        }
        result
    }

    /// Ends it.
    pub fn close(&self, why: End) {
        self.with(|_, machine| machine.close(why));
    }

    /// Takes the text of one packet from a WebSocket.
    pub fn receive_text(self: &Arc<Self>, text: &str) {
        self.receive(Packet::decode(text).map(Piece::Packet).ok());
    }

    /// Takes binary data from a WebSocket.
    pub fn receive_binary(self: &Arc<Self>, data: Bytes) {
        self.receive(Some(Piece::Binary(data)));
    }

    fn receive(self: &Arc<Self>, piece: Option<Piece<'_>>) {
        self.with(|handler, machine| self.take(piece, handler, machine));
    }

    /// Takes the body of a POST. Whether it is a payload for a session that lives; one that is none ends it.
    pub fn receive_payload(self: &Arc<Self>, text: &str) -> bool {
        let taken = self.with(|handler, machine| {
            for piece in payload(text) {
                self.take(piece.ok(), handler, machine);
                if machine.end().is_some() {
                    break;
                }
            }
            machine.end() != Some(End::Malformed)
        });
        taken.unwrap_or(false)
    }

    fn take(self: &Arc<Self>, piece: Option<Piece<'_>>, handler: &mut H, machine: &mut Machine) {
        match piece {
            None => machine.close(End::Malformed),
            Some(Piece::Binary(data)) => handler.binary(data, self, machine),
            Some(Piece::Packet(packet)) => {
                if let Some(message) = machine.receive(packet) {
                    handler.text(message, self, machine);
                }
            }
        }
    }

    /// What the WebSocket does next. Time has passed until `now`.
    pub fn turn(&self, now: Instant, context: &Context<'_>) -> Turn {
        let mut state = self.lock();
        state.machine.handle_timeout(now);
        let had_room = state.machine.has_room();
        let turn = match (state.machine.next_frame(), state.machine.end(), state.machine.deadline()) {
            (Some(frame), ..) => Turn::Send(frame),
            (None, None, Some(deadline)) => {
                state.transport = Some(context.waker().clone());
                Turn::Wait(deadline)
            }
            (None, end, _) => Turn::Over(end.unwrap_or(End::Lost)),
        };
        // Nobody else waits for less than room or the end.
        if matches!(turn, Turn::Over(_)) || (!had_room && state.machine.has_room()) {
            self.settle(state);
        }
        turn
    }

    /// What a WebSocket waits for whose client takes nothing: a wake-up, or that time.
    ///
    /// # Errors
    /// The session is over.
    pub fn wait(&self, now: Instant, context: &Context<'_>) -> Result<Instant, End> {
        let mut state = self.lock();
        state.machine.handle_timeout(now);
        let Some(deadline) = state.machine.deadline() else {
            let end = state.machine.end().unwrap_or(End::Lost);
            self.settle(state);
            return Err(end);
        };
        state.transport = Some(context.waker().clone());
        Ok(deadline)
    }

    /// A poll begins, see [`Machine::begin_poll`]; it ends when what comes out is dropped.
    ///
    /// # Errors
    /// If it cannot be answered.
    pub fn begin_poll(self: &Arc<Self>) -> Result<Polling<H>, PollRefused> {
        let mut state = self.lock();
        let begun = state.machine.begin_poll();
        self.settle(state);
        begun.map(|()| Polling { session: Arc::clone(self) })
    }

    /// A WebSocket has opened that would take over, see [`Machine::begin_upgrade`]; it is given up when what comes out is
    /// dropped. `None`: it must not.
    pub fn begin_upgrade(self: &Arc<Self>) -> Option<Upgrading<H>> {
        let begun = self.with(|_, machine| machine.begin_upgrade());
        begun.unwrap_or(false).then(|| Upgrading { session: Arc::clone(self) })
    }

    /// Keeps the time of a session that polls; returns when it has ended or has a WebSocket, which does it for itself.
    pub async fn keep_time(&self) {
        loop {
            let progress = self.progress.notified();
            let polling = {
                let machine = &self.lock().machine;
                let polling = machine.end().is_none() && machine.transport() == Transport::Polling;
                polling.then(|| machine.deadline())
            };
            match polling {
                None => return,
                Some(None) => progress.await,
                Some(Some(deadline)) => tokio::select! {
                    () = progress => {}
                    () = sleep_until(deadline) => {
                        self.with(|_, machine| machine.handle_timeout(Instant::now()));
                    }
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<H>> {
        // After a panic of the handler nobody can say what it still knows.
        self.state.lock().unwrap_or_else(|poisoned| {
            let mut state = poisoned.into_inner();
            state.machine.close(End::Lost);
            state
        })
    }

    /// Lets go of the state, and tells everybody what they may be waiting for.
    fn settle(&self, mut state: MutexGuard<'_, State<H>>) {
        let ended = state.machine.end().is_some().then(|| state.handler.take()).flatten();
        let waker = if state.machine.has_output() { state.transport.take() } else { None };
        drop(state);
        if ended.is_some() {
            self.sessions.forget(self.sid);
        }
        drop(ended);
        if let Some(waker) = waker {
            waker.wake();
        }
        self.progress.notify_waiters();
    }
}

/// A poll that waits.
#[derive(Debug)]
pub struct Polling<H: Handler> {
    session: Arc<Session<H>>,
}

impl<H: Handler> Polling<H> {
    /// The body of its answer, as soon as there is one.
    pub async fn answer(self, limit: usize) -> String {
        std::future::poll_fn(|context| {
            let mut state = self.session.lock();
            match state.machine.answer_poll(limit) {
                Some(answer) => {
                    self.session.settle(state);
                    Poll::Ready(answer)
                }
                None => {
                    state.transport = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<H: Handler> Drop for Polling<H> {
    fn drop(&mut self) {
        self.session.lock().machine.end_poll();
    }
}

/// A WebSocket that would take over a session.
#[derive(Debug)]
pub struct Upgrading<H: Handler> {
    session: Arc<Session<H>>,
}

impl<H: Handler> Upgrading<H> {
    /// Takes a text that the WebSocket received.
    pub fn probe(&self, text: &str) -> Probe {
        let Ok(packet) = Packet::decode(text) else { return Probe::Failed };
        self.session.with(|_, machine| machine.probe(packet, Instant::now())).unwrap_or(Probe::Failed)
    }

    /// Returns when the session has ended.
    pub async fn session_over(&self) {
        self.session.until(|_, _| None::<()>).await;
    }
}

impl<H: Handler> Drop for Upgrading<H> {
    fn drop(&mut self) {
        self.session.with(|_, machine| machine.abandon_upgrade(Instant::now()));
    }
}

/// No session can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// All sessions that have not ended.
pub struct Sessions<H> {
    /// `None` once the server ends.
    all: Mutex<Option<HashMap<Sid, Arc<Session<H>>>>>,
    /// Sessions there may be before none can begin by polling; one that begins with a WebSocket has a connection, and
    /// those are counted elsewhere.
    most: usize,
}

impl<H> fmt::Debug for Sessions<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<H: Handler> Sessions<H> {
    /// None yet.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { all: Mutex::new(Some(HashMap::new())), most })
    }

    /// Begins one.
    ///
    /// # Errors
    /// If there are too many, or the server ends.
    pub fn open(
        self: &Arc<Self>,
        transport: Transport,
        timing: Timing,
        handler: H,
    ) -> Result<Arc<Session<H>>, NoRoom> {
        let sid = Sid::random().ok_or(NoRoom)?;
        let machine = Machine::new(transport, timing, Instant::now());
        let state = Mutex::new(State { machine, handler: Some(handler), transport: None });
        let session = Arc::new(Session { sid, state, progress: Notify::new(), sessions: Arc::clone(self) });
        let mut all = self.lock();
        let all = all.as_mut().ok_or(NoRoom)?;
        if transport == Transport::Polling && all.len() >= self.most {
            return Err(NoRoom);
        }
        all.insert(sid, Arc::clone(&session));
        Ok(session)
    }

    /// The one of this name.
    pub fn find(&self, sid: Sid) -> Option<Arc<Session<H>>> {
        self.lock().as_ref()?.get(&sid).cloned()
    }

    /// Ends all of them; none begins any more.
    pub fn close(&self) {
        let all = self.lock().take().unwrap_or_default();
        for session in all.into_values() {
            session.close(End::Shutdown);
        }
    }

    fn forget(&self, sid: Sid) {
        if let Some(all) = self.lock().as_mut() {
            all.remove(&sid);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Sid, Arc<Session<H>>>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
