//! Protocol machine of a carrier that streams over WebSocket: Twilio Media Streams, the minimal subset that any client can
//! speak, and the relatives in [`dialect`].
//!
//! In: text messages, binary messages, the passing of time. Out: the call's identity, audio in order, the end, a close code.
//!
//! The one rule: state changes only in the `handle_*` functions. The driver feeds one input, then drains
//! [`Machine::poll_output`]. No socket, no clock, no task is in here. A listening server sends a message only to a carrier
//! whose protocol waits for one.
//!
//! | what comes | what happens |
//! |---|---|
//! | a message that begins a stream in one of the dialects | that dialect is spoken from here on |
//! | media before start | ignored, [`EARLY_MEDIA_TOLERATED`] times; then 1008 |
//! | start without a call id that is a non-empty string, where the address has none either | 1008 |
//! | no start in time | 1008 |
//! | second start | ignored if it names the same call, else 1008 |
//! | another stream, another track, mark, dtmf, unknown event | ignored |
//! | not JSON (or nested deeper than 128) | 1007 |
//! | JSON without an event; a binary message where the dialect has none | 1003 |
//! | payload missing, no string, not base64 | ignored, [`BAD_PAYLOADS_TOLERATED`] times; then 1007 |
//! | stop | what was held is released, then the end |
//!
//! # Order and loss
//!
//! Media messages that carry a number are put back into order ([`order`](super::order)). Numbers that never come are told
//! as lost packets ([`gaps`](super::gaps)), which a codec with a memory conceals. Audio that the carrier itself lost shows as
//! a jump of `timestamp`; it is counted, never invented. Messages without a number are taken as they come.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::Value;

use crate::audio_channel::media_streams::dialect::{self, Binary, Counting, Dialect, Opening};
use crate::audio_channel::media_streams::gaps::Gaps;
use crate::audio_channel::media_streams::message::{Body, Media, Message, NotAMessage, Start, Track};
use crate::audio_channel::media_streams::order::{Piece, Reorder};
use crate::audio_channel::wire::{AudioBytes, CloseCode, Output, Started};
use crate::ids::CallId;

/// Media messages without a start before the connection is closed: a sender that lost its `start` sends 50 a second.
pub const EARLY_MEDIA_TOLERATED: u32 = 50;
/// Media messages without a decodable payload before the connection is closed.
pub const BAD_PAYLOADS_TOLERATED: u32 = 3;

/// What the connection's request said, before any message.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The call that the address names.
    pub call_id: Option<CallId>,
    /// The WebSocket subprotocol that was agreed.
    pub subprotocol: Option<&'static str>,
    /// Whose voice is listened to, unless the stream's start says otherwise.
    pub track: Track,
}

/// What happened to the order and completeness of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Continuity {
    /// Messages that had to be put back into order.
    pub reordered: u64,
    /// Messages that came too late, or twice.
    pub dropped: u64,
    /// Numbers that never came, or too late.
    pub missing: u64,
    /// Milliseconds that the carrier says are missing.
    pub lost_ms: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    AwaitingStart { deadline: Instant },
    Streaming { call_id: CallId, stream: Option<String> },
    Over,
}

/// One carrier connection. See the module's documentation.
#[derive(Debug)]
pub struct Machine {
    state: State,
    origin: Origin,
    /// How the carrier speaks; until its stream begins, how Twilio does.
    dialect: &'static Dialect,
    early_media: u32,
    bad_payloads: u32,
    order: Reorder,
    gaps: Gaps,
    /// When the audio that came last ends, if its length is known.
    timeline: Option<u64>,
    bytes_per_second: Option<u64>,
    lost_ms: u64,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A fresh connection that must begin its stream before `deadline`.
    pub fn new(deadline: Instant, origin: Origin) -> Self {
        Self {
            state: State::AwaitingStart { deadline },
            origin,
            dialect: dialect::fallback(),
            early_media: 0,
            bad_payloads: 0,
            order: Reorder::default(),
            gaps: Gaps::default(),
            timeline: None,
            bytes_per_second: None,
            lost_ms: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Tells how fast the stream's format runs, so that gaps of the timestamps can be measured.
    pub const fn set_bytes_per_second(&mut self, bytes: usize) {
        self.bytes_per_second = Some(bytes as u64);
    }

    /// Takes in a text message.
    pub fn handle_text(&mut self, text: &str) {
        let read = match self.state {
            State::AwaitingStart { .. } => {
                let json: Option<Value> = serde_json::from_str(text).ok();
                if self.open(Some(text), json.as_ref()) {
                    return;
                }
                (self.dialect.read)(text)
            }
            State::Streaming { .. } => (self.dialect.read)(text),
            State::Over => return,
        };
        match read {
            Ok(message) => self.handle_message(message),
            Err(NotAMessage::NotJson) => self.close(CloseCode::Invalid, "not JSON"),
            Err(NotAMessage::NoEvent) => self.close(CloseCode::Unsupported, "message without an event"),
        }
    }

    /// Takes in a binary message: audio, in the dialects that send it so.
    pub fn handle_binary(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::AwaitingStart { .. }) {
            self.open(None, None);
        }
        match (&self.state, self.dialect.binary) {
            (State::Over, _) => {}
            (State::Streaming { .. }, Binary::Audio) => {
                if !bytes.is_empty() {
                    self.outputs.push_back(Output::Audio(AudioBytes::new(bytes.to_vec())));
                }
            }
            _ => self.close(CloseCode::Unsupported, "binary message"),
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.state, State::AwaitingStart { deadline } if now >= deadline) {
            self.close(CloseCode::Policy, "no start in time");
        }
    }

    /// Takes in that the sender closed the connection or dropped it.
    pub fn handle_disconnect(&mut self) {
        self.stop();
    }

    /// When [`Machine::handle_timeout`] is due.
    pub const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::AwaitingStart { deadline } => Some(deadline),
            _ => None,
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What happened to the stream's order and completeness so far.
    pub const fn continuity(&self) -> Continuity {
        let Reorder { reordered, dropped, missing, .. } = self.order;
        Continuity { reordered, dropped, missing, lost_ms: self.lost_ms }
    }

    /// Whether a call is one of a carrier that signs its requests: by the words of the stream, or by the form of its id.
    pub fn is_of_one_that_signs(&self, call_id: &CallId) -> bool {
        self.dialect.signs || dialect::is_of_one_that_signs(call_id.as_str())
    }

    /// How the carrier speaks, for logs.
    pub const fn dialect(&self) -> &'static str {
        self.dialect.name
    }

    /// Begins the stream if the message does so in one of the dialects.
    fn open(&mut self, text: Option<&str>, json: Option<&Value>) -> bool {
        let opening = Opening {
            text,
            json,
            subprotocol: self.origin.subprotocol,
            call_id_known: self.origin.call_id.is_some(),
        };
        let Some((dialect, start)) = dialect::recognise(&opening) else { return false };
        self.dialect = dialect;
        self.handle_start(start);
        true
    }

    fn handle_message(&mut self, message: Message<'_>) {
        if let State::Streaming { stream: Some(ours), .. } = &self.state
            && message.stream.as_ref().is_some_and(|theirs| theirs != ours)
        {
            return;
        }
        match message.body {
            Body::Start(start) => {
                self.pass(message.number);
                self.handle_start(start);
            }
            Body::Media(media) => self.handle_media(message.number, media),
            Body::Stop => self.stop(),
            Body::Other => self.pass(message.number),
        }
    }

    fn handle_start(&mut self, start: Start) {
        let named = start.named.as_deref().and_then(CallId::new);
        let address = || self.origin.call_id.clone();
        let Some(call_id) = named.or_else(address).or_else(|| start.own.as_deref().and_then(CallId::new))
        else {
            return self.close(CloseCode::Policy, "start without a call id");
        };
        match &self.state {
            State::AwaitingStart { .. } => {
                self.state = State::Streaming { call_id: call_id.clone(), stream: start.stream };
                self.origin.track = start.track.unwrap_or(self.origin.track);
                if self.dialect.counting == Counting::Messages {
                    self.order.begin(start.number);
                }
                self.outputs.extend(start.answer.map(Output::Send));
                self.outputs
                    .push_back(Output::Started(Started { call_id, media_format: start.media_format }));
            }
            State::Streaming { call_id: first, .. } if *first != call_id => {
                self.close(CloseCode::Policy, "second start for another call");
            }
            State::Streaming { .. } | State::Over => {}
        }
    }

    fn handle_media(&mut self, number: Option<u64>, media: Media) {
        match self.state {
            State::AwaitingStart { .. } => {
                self.early_media += 1;
                if self.early_media > EARLY_MEDIA_TOLERATED {
                    self.close(CloseCode::Policy, "media before start");
                }
                return;
            }
            State::Streaming { .. } => {}
            State::Over => return,
        }
        if media.payload.is_none() {
            self.bad_payloads += 1;
            if self.bad_payloads > BAD_PAYLOADS_TOLERATED {
                self.close(CloseCode::Invalid, "media without a base64 payload");
            }
            return;
        }
        // Where each track counts for itself, only one track's numbers may be compared.
        if self.dialect.counting == Counting::Track && !self.is_wanted(&media) {
            return;
        }
        match number {
            Some(number) => {
                self.order.push(number, media);
                self.release_in_order();
            }
            None => self.release(media),
        }
    }

    /// A message without audio takes its number's place.
    fn pass(&mut self, number: Option<u64>) {
        self.order.pass(number);
        self.release_in_order();
    }

    fn release_in_order(&mut self) {
        while let Some(piece) = self.order.pop() {
            match piece {
                Piece::Media(media) => self.release(media),
                Piece::Missing(numbers) => self.gaps.miss(numbers),
            }
        }
    }

    fn is_wanted(&self, media: &Media) -> bool {
        media.track.is_none_or(|track| track == self.origin.track)
    }

    /// Hands a piece of audio out, if it is of the track that is listened to.
    fn release(&mut self, media: Media) {
        if !self.is_wanted(&media) {
            return;
        }
        let Some(payload) = media.payload.filter(|bytes| !bytes.is_empty()) else { return };
        self.follow_timeline(media.timestamp, payload.len() as u64);
        // Where each track counts for itself, all that is missing is of the one that is listened to.
        let shared = self.dialect.counting == Counting::Messages;
        let lost = self.gaps.close(media.timestamp.filter(|_| shared));
        if lost > 0 {
            self.outputs.push_back(Output::Lost(lost));
        }
        self.outputs.push_back(Output::Audio(payload));
    }

    fn follow_timeline(&mut self, timestamp: Option<u64>, bytes: u64) {
        let (Some(begins), Some(rate)) = (timestamp, self.bytes_per_second) else { return };
        if let Some(expected) = self.timeline {
            let lost = begins.saturating_sub(expected);
            self.lost_ms = self.lost_ms.saturating_add(lost);
        }
        self.timeline = Some(begins + bytes * 1000 / rate.max(1));
    }

    fn stop(&mut self) {
        if matches!(self.state, State::Streaming { .. }) {
            self.order.finish();
            self.release_in_order();
        }
        if self.state != State::Over {
            self.state = State::Over;
            self.outputs.push_back(Output::Stopped);
        }
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        if self.state != State::Over {
            self.state = State::Over;
            self.order.clear();
            self.outputs.push_back(Output::Close(code, reason));
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
