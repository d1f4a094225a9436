//! AudioHook protocol machine, version "2" of the protocol, server's side.
//!
//! In: text messages, binary messages, commands of the driver, the passing of time. Out: messages to send, audio of the
//! caller, what the driver has to decide, one close code.
//!
//! The one rule: state changes only in the `handle_*` functions. The driver feeds one input, then drains
//! [`Machine::poll_output`] until it is empty, and waits until [`Machine::deadline`]. No socket, no clock, no task is in here.
//!
//! | state | left by | or after |
//! |---|---|---|
//! | preparing: the 101 is sent | `open` → opening; `close` → closed | [`OPEN_TIMEOUT`]: 1008 |
//! | opening: the driver looks for a session | [`Command::Answer`] → live | [`ANSWER_TIMEOUT`]: `opened`, paused |
//! | live | `close` → closing; a broken rule, [`Command::Disconnect`] → disconnecting | [`SILENCE_TIMEOUT`] without a message: 1008 |
//! | closing: the driver finishes | [`Command::Closed`] → closed | [`FLUSH_TIMEOUT`]: `closed` all the same |
//! | disconnecting | `close` → closed | [`CLOSE_TIMEOUT`]: 1008 |
//! | closed: nothing is sent any more | the client ends the connection | [`CLOSE_TIMEOUT`]: 1000 |
//!
//! `ping` is answered in every state but the last. Audio before `open` breaks a rule; audio while paused, after `close`, or
//! without agreed media is dropped. A rule broken twice is one `disconnect`, and after `close` it is none. What is never answered: `error`, unknown types.
//!
//! # What is sent when
//!
//! `pong`, `opened`, `closed` and a `disconnect` for a broken rule leave at once; so does `resume`, because every moment of
//! delay is speech lost. `pause`, `updated`, `event` and every other `disconnect` wait for the first `ping` (at most
//! [`QUIET`]) and for their turn ([`Pace`]).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::audio_channel::audiohook::exchange::{Command, Oddities, Opening, Output};
use crate::audio_channel::audiohook::media::{self, ByteOrder, Chosen};
use crate::audio_channel::audiohook::message::{Body, Broken, CloseReason, Message, Open, StreamTime};
use crate::audio_channel::audiohook::pace::Pace;
use crate::audio_channel::audiohook::timeline::Timeline;
use crate::audio_channel::wire::CloseCode;

/// From the upgrade to `open`.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// From `open` to `opened`: the client waits 5 s.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// From `close` to `closed`: the client waits 10 s.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(8);
/// From `disconnect` to the client's `close`, and from `closed` to the end of the connection.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The same when the server stops.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Clients ping every 5 s: one that is silent for this long is gone, whatever TCP says.
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
/// From `opened` to the first message that can wait, unless the first ping comes before.
pub const QUIET: Duration = Duration::from_millis(1500);
/// Messages that wait for their turn; beyond it the newest `event` or `updated` is left out.
const MAX_WAITING: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preparing,
    Opening,
    Live,
    Closing,
    Disconnecting,
    Closed,
    Over,
}

/// A message that waits for its turn.
#[derive(Debug)]
enum Waiting {
    Updated,
    Event(Value),
    Disconnect { info: &'static str, outputs: Option<Value> },
}

/// One connection. See the module's documentation.
#[derive(Debug)]
pub struct Machine {
    id: Box<str>,
    organization: Box<str>,
    byte_order: ByteOrder,
    state: State,
    /// When the state's own time is up.
    until: Option<Instant>,
    sent: u64,
    received: u64,
    pace: Pace,
    quiet_until: Option<Instant>,
    waiting: VecDeque<Waiting>,
    media: Option<Chosen>,
    takes_outputs: bool,
    /// Audio is wanted.
    listen: bool,
    /// What the client was last told.
    told_to_listen: bool,
    /// What the client last said.
    client_paused: bool,
    timeline: Timeline,
    stopping: bool,
    oddities: Oddities,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A fresh connection. `id` and `organization` are those of the upgrade's header.
    pub fn new(id: &str, organization: &str, byte_order: ByteOrder, now: Instant) -> Self {
        Self {
            id: id.into(),
            organization: organization.into(),
            byte_order,
            state: State::Preparing,
            until: Some(now + OPEN_TIMEOUT),
            sent: 0,
            received: 0,
            pace: Pace::new(now),
            quiet_until: None,
            waiting: VecDeque::new(),
            media: None,
            takes_outputs: false,
            listen: false,
            told_to_listen: false,
            client_paused: false,
            timeline: Timeline::default(),
            stopping: false,
            oddities: Oddities::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in a text message.
    pub fn handle_text(&mut self, now: Instant, text: &str) {
        match self.state {
            State::Closed | State::Over => return,
            // What comes after a broken rule may break the same again: only the end of it matters.
            State::Disconnecting => self.glance(now, text),
            State::Preparing | State::Opening | State::Live | State::Closing => {
                match Message::parse(text, &self.id) {
                    Ok(message) => self.handle_message(now, message),
                    Err(Broken(rule)) => self.fail(now, rule),
                }
            }
        }
        self.flush(now);
    }

    /// Takes in a binary message.
    pub fn handle_binary(&mut self, now: Instant, bytes: &[u8]) {
        match self.state {
            // A probe sends an empty one.
            _ if bytes.is_empty() => {}
            State::Preparing | State::Opening => self.fail(now, "audio before opened"),
            State::Live => self.handle_audio(now, bytes),
            State::Closing | State::Disconnecting | State::Closed | State::Over => {
                self.oddities.untimely_audio += 1;
            }
        }
        self.heard(now);
        self.flush(now);
    }

    /// Takes in a decision of the driver.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Known(point) => self.timeline.skip_to(point),
            Command::Answer(listen) => self.answer(now, listen),
            Command::Listen(listen) => self.listen = listen,
            Command::Event(entity) => self.queue(Waiting::Event(entity)),
            Command::Disconnect { info, outputs } => self.end(now, info, outputs),
            Command::Refuse(info) => {
                if matches!(self.state, State::Opening | State::Live) {
                    self.disconnect(now, "error", Some(info), None);
                }
            }
            Command::Closed { outputs } if self.state == State::Closing => self.closed(now, outputs),
            Command::Closed { .. } => {}
            Command::HandedOver => {
                self.media = None;
                self.waiting.clear();
            }
            Command::Stop => self.stop(now),
        }
        self.flush(now);
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            match self.state {
                State::Preparing => self.close(CloseCode::Policy, "no open in time"),
                State::Opening => self.answer(now, false),
                State::Live => self.close(CloseCode::Policy, "no ping in time"),
                State::Closing => self.closed(now, None),
                State::Disconnecting => self.close(CloseCode::Policy, "no close in time"),
                State::Closed => self.close(CloseCode::Normal, "closed"),
                State::Over => {}
            }
        }
        self.flush(now);
    }

    /// When [`Machine::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let unpaused = self.media.is_some() && self.listen != self.told_to_listen;
        let waits = self.state == State::Live && (!self.waiting.is_empty() || unpaused);
        let turn = waits.then(|| self.quiet_until.map_or(self.pace.next(), |end| end.max(self.pace.next())));
        [self.until, turn].into_iter().flatten().min()
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the client is on pause, so that no audio can come although it is wanted.
    pub fn is_waiting_for_audio(&self) -> bool {
        self.state == State::Live && self.listen && self.client_paused
    }

    /// Where the stream stands.
    pub const fn position(&self) -> StreamTime {
        self.timeline.position()
    }

    /// Whether the client takes `outputVariables`.
    pub const fn takes_outputs(&self) -> bool {
        self.takes_outputs
    }

    /// What did not go as it should.
    pub const fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// How much audio the client says is missing.
    pub const fn lost(&self) -> StreamTime {
        self.timeline.lost()
    }

    fn handle_message(&mut self, now: Instant, message: Message) {
        if message.seq != self.received + 1 {
            return self.fail(now, "a seq that is not the next");
        }
        if message.serverseq > self.sent {
            return self.fail(now, "a serverseq that was not sent");
        }
        self.received = message.seq;
        self.heard(now);
        let live = self.state == State::Live;
        match message.body {
            Body::Ping => self.pong(now),
            Body::Close(reason) => self.handle_close(now, reason),
            Body::Open(open) if self.state == State::Preparing => self.handle_open(now, *open),
            Body::Paused if live => self.client_paused = true,
            Body::Resumed(start, length) if live => {
                self.client_paused = false;
                self.timeline.miss(start, length);
            }
            Body::Discarded(start, length) if live => self.timeline.miss(start, length),
            Body::Update if live => self.queue(Waiting::Updated),
            Body::Error { code, retry_after } => self.handle_error(now, code, retry_after),
            Body::Other => self.oddities.unknown += 1,
            // Known, but of no meaning in this state.
            _ => {}
        }
    }

    fn glance(&mut self, now: Instant, text: &str) {
        let Some((kind, seq)) = Message::glance(text) else { return };
        self.received = self.received.max(seq.unwrap_or_default());
        match kind.as_str() {
            "ping" => self.pong(now),
            "close" => self.closed(now, None),
            _ => {}
        }
    }

    fn handle_open(&mut self, now: Instant, open: Open) {
        if !open.organization.eq_ignore_ascii_case(&self.organization) {
            return self.disconnect(now, "unauthorized", None, None);
        }
        self.takes_outputs = open.takes_outputs;
        self.timeline.begin(open.position);
        if !open.is_probe() {
            self.media = media::choose(&open.media, self.byte_order);
        }
        self.enter(State::Opening, now + ANSWER_TIMEOUT);
        match &self.media {
            Some(chosen) => {
                let Open { call_id, continued, .. } = open;
                let opening = Opening { call_id, continued, format: chosen.format };
                self.outputs.push_back(Output::Opening(Box::new(opening)));
            }
            // Nothing to listen to, so there is nothing to look for either.
            None => self.answer(now, false),
        }
    }

    fn answer(&mut self, now: Instant, listen: bool) {
        self.listen = listen;
        if self.state != State::Opening {
            return;
        }
        self.told_to_listen = listen;
        self.client_paused = !listen;
        let offers: Vec<&Value> = self.media.iter().map(|chosen| &chosen.offer).collect();
        // A session without media has nothing to pause.
        let mut parameters = json!({"media": offers, "startPaused": !listen && self.media.is_some()});
        if let Some(point) = self.timeline.known() {
            parameters["discardTo"] = point.text().into();
        }
        self.send(now, "opened", &parameters);
        self.quiet_until = Some(now + QUIET);
        self.enter(State::Live, now + SILENCE_TIMEOUT);
    }

    fn handle_audio(&mut self, now: Instant, bytes: &[u8]) {
        let Some(chosen) = &self.media else {
            self.oddities.untimely_audio += 1;
            return;
        };
        let frame = chosen.frame_bytes;
        if !bytes.len().is_multiple_of(frame) {
            return self.fail(now, "audio that is not whole samples");
        }
        let new = self.timeline.advance((bytes.len() / frame) as u64) as usize * frame;
        if self.client_paused || !self.listen {
            self.oddities.untimely_audio += u64::from(self.client_paused);
            return;
        }
        if new > 0 {
            let bytes = Zeroizing::new(bytes[bytes.len() - new..].to_vec());
            self.outputs.push_back(Output::Audio(bytes));
        }
    }

    fn handle_close(&mut self, now: Instant, reason: CloseReason) {
        match self.state {
            State::Preparing => self.closed(now, None),
            State::Opening | State::Live => {
                if self.state == State::Opening {
                    // The client waits for this too; it is the first half of what it asked for.
                    self.answer(now, false);
                }
                let patience = if self.stopping { STOP_TIMEOUT } else { FLUSH_TIMEOUT };
                self.enter(State::Closing, now + patience);
                self.outputs.push_back(Output::Closing(reason));
            }
            State::Closing | State::Disconnecting | State::Closed | State::Over => {}
        }
    }

    fn handle_error(&mut self, now: Instant, code: u64, retry_after: Option<StreamTime>) {
        self.oddities.complaints += 1;
        if code == 429 {
            let pause = retry_after.map_or(Duration::from_secs(1), |time| {
                Duration::from_micros(time.samples().saturating_mul(125))
            });
            self.pace.slow_down(now, pause);
        }
    }

    fn pong(&mut self, now: Instant) {
        self.send(now, "pong", &json!({}));
        self.quiet_until = None;
    }

    /// Sends what waits and may leave.
    fn flush(&mut self, now: Instant) {
        if self.state != State::Live {
            return;
        }
        let wants_audio = self.media.is_some() && self.listen && !self.told_to_listen;
        if wants_audio {
            self.told_to_listen = true;
            self.send(now, "resume", &json!({}));
        }
        if self.quiet_until.is_some_and(|end| now < end) {
            return;
        }
        self.quiet_until = None;
        if self.media.is_some() && !self.listen && self.told_to_listen && self.pace.take(now) {
            self.told_to_listen = false;
            self.send_paced("pause", &json!({}));
        }
        while self.state == State::Live && !self.waiting.is_empty() && self.pace.take(now) {
            match self.waiting.pop_front() {
                Some(Waiting::Updated) => self.send_paced("updated", &json!({})),
                Some(Waiting::Event(entity)) => self.send_paced("event", &json!({"entities": [entity]})),
                Some(Waiting::Disconnect { info, outputs }) => {
                    self.disconnect(now, "completed", Some(info), outputs);
                }
                None => {}
            }
        }
    }

    fn queue(&mut self, message: Waiting) {
        let ends = matches!(self.waiting.back(), Some(Waiting::Disconnect { .. }));
        if !matches!(self.state, State::Live | State::Closing) || ends || self.waiting.len() >= MAX_WAITING {
            self.oddities.left_out += 1;
        } else {
            self.waiting.push_back(message);
        }
    }

    /// The end in order: after what waits.
    fn end(&mut self, now: Instant, info: &'static str, outputs: Option<Value>) {
        match self.state {
            State::Preparing | State::Opening => self.disconnect(now, "completed", Some(info), outputs),
            State::Live => {
                if self.waiting.len() >= MAX_WAITING {
                    self.waiting.pop_back();
                    self.oddities.left_out += 1;
                }
                self.queue(Waiting::Disconnect { info, outputs });
            }
            State::Closing | State::Disconnecting | State::Closed | State::Over => {}
        }
    }

    fn stop(&mut self, now: Instant) {
        self.stopping = true;
        match self.state {
            // Retried by the client, which will find another server.
            State::Preparing | State::Opening | State::Live => {
                self.disconnect(now, "error", Some("the server is stopping"), None);
            }
            State::Closing | State::Disconnecting | State::Closed => {
                self.until = self.until.map(|until| until.min(now + STOP_TIMEOUT));
            }
            State::Over => {}
        }
    }

    fn fail(&mut self, now: Instant, rule: &'static str) {
        match self.state {
            State::Preparing | State::Opening | State::Live => {
                self.outputs.push_back(Output::Failed(rule));
                self.disconnect(now, "error", Some(rule), None);
            }
            // The client has said that it ends, and waits for one answer only.
            State::Closing => self.oddities.unknown += 1,
            State::Disconnecting | State::Closed | State::Over => {}
        }
    }

    fn disconnect(
        &mut self,
        now: Instant,
        reason: &'static str,
        info: Option<&'static str>,
        outputs: Option<Value>,
    ) {
        let mut parameters = json!({"reason": reason});
        if let Some(info) = info {
            parameters["info"] = info.into();
        }
        if let Some(outputs) = outputs.filter(|_| self.takes_outputs) {
            parameters["outputVariables"] = outputs;
        }
        self.waiting.clear();
        self.send(now, "disconnect", &parameters);
        let patience = if self.stopping { STOP_TIMEOUT } else { CLOSE_TIMEOUT };
        self.enter(State::Disconnecting, now + patience);
    }

    /// The last message.
    fn closed(&mut self, now: Instant, outputs: Option<Value>) {
        for message in std::mem::take(&mut self.waiting) {
            if let Waiting::Event(entity) = message {
                self.send(now, "event", &json!({"entities": [entity]}));
            }
        }
        let outputs = outputs.filter(|_| self.takes_outputs);
        let parameters = outputs.map_or_else(|| json!({}), |outputs| json!({"outputVariables": outputs}));
        self.send(now, "closed", &parameters);
        let patience = if self.stopping { STOP_TIMEOUT } else { CLOSE_TIMEOUT };
        self.enter(State::Closed, now + patience);
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        let (code, reason) =
            if self.stopping { (CloseCode::GoingAway, "server is stopping") } else { (code, reason) };
        self.state = State::Over;
        self.until = None;
        self.waiting.clear();
        self.outputs.push_back(Output::Close(code, reason));
    }

    fn enter(&mut self, state: State, until: Instant) {
        self.state = state;
        self.until = Some(until);
    }

    /// A sign of life.
    fn heard(&mut self, now: Instant) {
        if self.state == State::Live {
            self.until = Some(now + SILENCE_TIMEOUT);
        }
    }

    fn send(&mut self, now: Instant, kind: &'static str, parameters: &Value) {
        self.pace.count(now);
        self.send_paced(kind, parameters);
    }

    fn send_paced(&mut self, kind: &'static str, parameters: &Value) {
        self.sent += 1;
        let message = json!({
            "version": "2",
            "type": kind,
            "id": &*self.id,
            "seq": self.sent,
            "clientseq": self.received,
            "parameters": parameters,
        });
        self.outputs.push_back(Output::Send(message.to_string()));
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
