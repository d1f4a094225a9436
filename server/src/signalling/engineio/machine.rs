//! The life of one Engine.IO 4 session.
//!
//! In: packets, polls, a WebSocket that would take over, what is to be sent, the passing of time. Out: frames for the
//! transport, a deadline, and in the end the one reason why it is over. No clock, no socket and no task is in here.
//!
//! ```text
//! Polling ──a WebSocket opens──> Open ──ping probe──> Probed ──upgrade──> WebSocket
//!    ^                            │                     │
//!    └──────── that WebSocket goes, or says something else
//! ```
//!
//! While it is Probed, polls are answered with a noop, so that the client ends the one that waits and sends no more, and
//! what is said meanwhile waits for the WebSocket. The heartbeat rests as long as there is an upgrade: its answer could
//! come over either. The first ping goes out after an interval; clients that opened a session and went away are found before,
//! by the time they have to use it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::packet::{Frame, Packet, Payload};

/// Events that wait for a slow client, before its session has to.
pub const MAX_QUEUED: usize = 128;
/// Answers to what the client asks for that may wait beside them; who asks for more and takes none is closed.
const MAX_ANSWERS: usize = 64;

/// The session's rhythm.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two pings.
    pub ping_interval: Duration,
    /// From a ping to its pong.
    pub ping_timeout: Duration,
    /// From the handshake until the session is used for something.
    pub connect_timeout: Duration,
}

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client said so.
    ClientClosed,
    /// Its WebSocket closed or broke.
    Lost,
    /// A ping was not answered.
    NoPong,
    /// Nothing was joined in time.
    Unused,
    /// It sent what is no packet, or none that may come now.
    Malformed,
    /// It sent a message that means nothing to the handler.
    Meaningless,
    /// It sent more at once than was announced.
    TooLong,
    /// It polled while it polled.
    TwoPolls,
    /// It asks for more than it takes.
    Flooded,
    /// The server ends.
    Shutdown,
}

/// A poll that cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollRefused {
    /// The session has a WebSocket.
    NotPolling,
    /// Another one waits; the session is over.
    Overlapping,
}

/// What the prober is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Send this and go on listening.
    Answer(&'static str),
    /// The session is this WebSocket's now.
    TakenOver,
    /// No upgrade: the session goes on without it.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    Open,
    Probed,
}

/// See the module.
#[derive(Debug)]
pub struct Machine {
    timing: Timing,
    transport: Transport,
    upgrade: Upgrade,
    /// Whether a poll waits.
    polled: bool,
    /// Whether a ping is to be sent as soon as the transport takes it.
    ping_due: bool,
    /// When the last ping fell due, or the session began.
    pinged: Instant,
    /// Until when its pong may come; `None` once it has.
    pong_until: Option<Instant>,
    /// Until when the session has to be used for something; `None` once it is.
    unused_until: Option<Instant>,
    queue: VecDeque<Frame>,
    end: Option<End>,
}

impl Machine {
    /// A session that begins.
    pub fn new(transport: Transport, timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            transport,
            upgrade: Upgrade::None,
            polled: false,
            ping_due: false,
            pinged: now,
            pong_until: None,
            unused_until: Some(now + timing.connect_timeout),
            queue: VecDeque::new(),
            end: None,
        }
    }

    /// Why it is over, if it is.
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// How its packets travel now.
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Ends it. The first reason stays.
    pub fn close(&mut self, why: End) {
        self.end.get_or_insert(why);
    }

    /// It is used for something: it may stay.
    pub const fn used(&mut self) {
        self.unused_until = None;
    }

    /// Takes a packet that came over its transport. Out comes what is carried, if it carries something.
    pub fn receive<'a>(&mut self, packet: Packet<'a>) -> Option<&'a str> {
        if self.end.is_some() {
            return None;
        }
        match packet {
            Packet::Message(data) => return Some(data),
            // Clients of this version only answer pings, but one that asks is alive, too.
            Packet::Ping | Packet::Pong => self.pong_until = None,
            Packet::Close => self.close(End::ClientClosed),
            Packet::Open(_) | Packet::PingProbe | Packet::Upgrade | Packet::Noop => {
                self.close(End::Malformed)
            }
        }
        None
    }

    /// Whether an event finds room.
    pub fn has_room(&self) -> bool {
        self.queue.len() < MAX_QUEUED
    }

    /// Queues an event, all of its frames or none. They come back if there is no room for it now.
    ///
    /// # Errors
    /// If there is no room; to be tried again after something was taken.
    pub fn push_event(&mut self, frames: Vec<Frame>) -> Result<(), Vec<Frame>> {
        if !self.has_room() {
            return Err(frames);
        }
        self.queue.extend(frames);
        Ok(())
    }

    /// Queues the answer to something that the client has just asked for. Whoever asks faster than it takes the answers
    /// is closed.
    pub fn push_answer(&mut self, frame: Frame) {
        if self.queue.len() >= MAX_QUEUED + MAX_ANSWERS {
            return self.close(End::Flooded);
        }
        self.queue.push_back(frame);
    }

    /// Whether the transport would get something now.
    pub fn has_output(&self) -> bool {
        let answers_poll =
            self.polled && (self.upgrade == Upgrade::Probed || self.transport == Transport::WebSocket);
        self.end.is_some() || answers_poll || self.ping_due || !self.queue.is_empty()
    }

    /// The next frame for the WebSocket; nothing after the end.
    pub fn next_frame(&mut self) -> Option<Frame> {
        if self.end.is_some() || self.transport == Transport::Polling {
            return None;
        }
        if std::mem::take(&mut self.ping_due) {
            return Some(Frame::fixed(Frame::PING));
        }
        self.queue.pop_front()
    }

    /// A poll begins.
    ///
    /// # Errors
    /// If it cannot be answered.
    pub fn begin_poll(&mut self) -> Result<(), PollRefused> {
        if self.transport == Transport::WebSocket {
            return Err(PollRefused::NotPolling);
        }
        if std::mem::replace(&mut self.polled, true) {
            self.close(End::TwoPolls);
            return Err(PollRefused::Overlapping);
        }
        Ok(())
    }

    /// The poll was answered, or its client has gone.
    pub const fn end_poll(&mut self) {
        self.polled = false;
    }

    /// The body of the answer to the poll that waits, of at most `limit` bytes unless its first frame is longer; `None`:
    /// it has to wait.
    pub fn answer_poll(&mut self, limit: usize) -> Option<String> {
        match self.end {
            Some(End::ClientClosed) => return Some(Frame::NOOP.to_owned()),
            Some(_) => return Some(Frame::CLOSE.to_owned()),
            None if self.transport == Transport::WebSocket || self.upgrade == Upgrade::Probed => {
                return Some(Frame::NOOP.to_owned());
            }
            None => {}
        }
        let mut payload = Payload::new(limit);
        if std::mem::take(&mut self.ping_due) {
            payload.push(&Frame::fixed(Frame::PING));
        }
        while let Some(frame) = self.queue.pop_front_if(|frame| payload.has_room(frame)) {
            payload.push(&frame);
        }
        payload.finish()
    }

    /// A WebSocket has opened that would take over; whether it may try.
    pub fn begin_upgrade(&mut self) -> bool {
        let may = self.end.is_none() && self.transport == Transport::Polling && self.upgrade == Upgrade::None;
        if may {
            self.upgrade = Upgrade::Open;
        }
        may
    }

    /// Takes a packet of the WebSocket that would take over.
    pub fn probe(&mut self, packet: Packet<'_>, now: Instant) -> Probe {
        match (self.end, self.upgrade, packet) {
            (None, Upgrade::Open, Packet::PingProbe) => {
                self.upgrade = Upgrade::Probed;
                Probe::Answer(Frame::PONG_PROBE)
            }
            (None, Upgrade::Probed, Packet::Upgrade) => {
                self.transport = Transport::WebSocket;
                self.end_upgrade(now);
                Probe::TakenOver
            }
            _ => Probe::Failed,
        }
    }

    /// That WebSocket has gone, or has failed: the session goes on polling.
    pub fn abandon_upgrade(&mut self, now: Instant) {
        if self.upgrade != Upgrade::None {
            self.end_upgrade(now);
        }
    }

    fn end_upgrade(&mut self, now: Instant) {
        self.upgrade = Upgrade::None;
        if self.pong_until.is_some() {
            self.pong_until = Some(now + self.timing.ping_timeout);
        }
    }

    /// When [`Machine::handle_timeout`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        if self.end.is_some() {
            return None;
        }
        let heartbeat = match self.upgrade {
            Upgrade::None => Some(self.pong_until.unwrap_or(self.pinged + self.timing.ping_interval)),
            Upgrade::Open | Upgrade::Probed => None,
        };
        [heartbeat, self.unused_until].into_iter().flatten().min()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.unused_until.is_some_and(|until| until <= now) {
            return self.close(End::Unused);
        }
        match self.pong_until {
            Some(_) => self.close(End::NoPong),
            None => {
                self.pinged = now;
                self.pong_until = Some(now + self.timing.ping_timeout);
                self.ping_due = true;
            }
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
