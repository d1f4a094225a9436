//! Media Streams protocol machine (Twilio, and the minimal subset that any client can speak).
//!
//! In: text messages, binary messages, the passing of time. Out: the call's identity, audio in order, the end, a close code.
//!
//! The one rule: state changes only in the `handle_*` functions. The driver feeds one input, then drains
//! [`Machine::poll_output`]. No socket, no clock, no task is in here. A listening server never sends a message.
//!
//! | what comes | what happens |
//! |---|---|
//! | media before start | ignored, [`EARLY_MEDIA_TOLERATED`] times; then 1008 |
//! | start without a call id that is a non-empty string | 1008 |
//! | no start in time | 1008 |
//! | second start | ignored if it names the same call, else 1008 |
//! | another streamSid, another track, mark, dtmf, unknown event | ignored |
//! | not JSON (or nested deeper than 128) | 1007 |
//! | JSON without an event, binary message | 1003 |
//! | payload missing, no string, not base64 | ignored, [`BAD_PAYLOADS_TOLERATED`] times; then 1007 |
//! | stop | what was held is released, then the end |
//!
//! # Order and loss
//!
//! Media messages that carry a `sequenceNumber` are put back into order within a window of [`REORDER_WINDOW`] messages; a
//! message that comes later than that, or twice, is dropped and counted. Audio that the carrier lost shows as a jump of
//! `timestamp`; it is counted, never invented. Messages without a number are taken as they come.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::audio_channel::media_streams::message::{Body, Media, MediaFormat, Message, NotAMessage, Start};
use crate::audio_channel::wire::{AudioBytes, CloseCode};
use crate::ids::CallId;

/// Media messages without a start before the connection is closed: a sender that lost its `start` sends 50 a second.
pub const EARLY_MEDIA_TOLERATED: u32 = 50;
/// Media messages without a decodable payload before the connection is closed.
pub const BAD_PAYLOADS_TOLERATED: u32 = 3;
/// How many media messages are held while an earlier one is missing: 100 ms of a telephone stream.
pub const REORDER_WINDOW: usize = 5;
/// The track that is listened to: what the carrier receives from the caller.
const CALLER_TRACK: &str = "inbound";

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// The stream began: find its session.
    Started(Started),
    /// The caller's audio, in order.
    Audio(AudioBytes),
    /// The sender says that the stream is over.
    Stopped,
    /// End the connection; the text is the close reason, and what the session is told.
    Close(CloseCode, &'static str),
}

/// A stream that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Whose session is looked for.
    pub call_id: CallId,
    /// What real Twilio says about its bytes.
    pub media_format: Option<MediaFormat>,
}

/// What happened to the order and completeness of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Continuity {
    /// Messages that had to be put back into order.
    pub reordered: u64,
    /// Messages that came too late, or twice.
    pub dropped: u64,
    /// Milliseconds that the carrier says are missing.
    pub lost_ms: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    AwaitingStart { deadline: Instant },
    Streaming { call_id: CallId, stream_sid: Option<String> },
    Over,
}

/// One carrier connection. See the module's documentation.
#[derive(Debug)]
pub struct Machine {
    state: State,
    early_media: u32,
    bad_payloads: u32,
    /// The number of the next message in order; `None` until a numbered one came.
    next_number: Option<u64>,
    /// Media that came before an earlier message; `None` payload: a message that only takes its number's place.
    held: BTreeMap<u64, Media>,
    /// When the audio that came last ends, if its length is known.
    timeline: Option<u64>,
    bytes_per_second: Option<u64>,
    continuity: Continuity,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A fresh connection that must send its start before `deadline`.
    pub fn new(deadline: Instant) -> Self {
        Self {
            state: State::AwaitingStart { deadline },
            early_media: 0,
            bad_payloads: 0,
            next_number: None,
            held: BTreeMap::new(),
            timeline: None,
            bytes_per_second: None,
            continuity: Continuity::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Tells how fast the agreed format runs, so that gaps of the timestamps can be measured.
    pub const fn set_bytes_per_second(&mut self, bytes: usize) {
        self.bytes_per_second = Some(bytes as u64);
    }

    /// Takes in a text message.
    pub fn handle_text(&mut self, text: &str) {
        if self.state == State::Over {
            return;
        }
        match Message::parse(text) {
            Ok(message) => self.handle_message(message),
            Err(NotAMessage::NotJson) => self.close(CloseCode::Invalid, "not JSON"),
            Err(NotAMessage::NoEvent) => self.close(CloseCode::Unsupported, "message without an event"),
        }
    }

    /// Takes in a binary message, which this protocol does not have.
    pub fn handle_binary(&mut self) {
        self.close(CloseCode::Unsupported, "binary message");
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
        self.continuity
    }

    fn handle_message(&mut self, message: Message) {
        if let State::Streaming { stream_sid: Some(ours), .. } = &self.state
            && message.stream_sid.as_ref().is_some_and(|theirs| theirs != ours)
        {
            return;
        }
        match message.body {
            Body::Start(start) => {
                self.pass_number(message.number);
                self.handle_start(start);
            }
            Body::Media(media) => self.handle_media(message.number, media),
            Body::Stop => self.stop(),
            Body::Other => self.pass_number(message.number),
        }
    }

    fn handle_start(&mut self, start: Start) {
        let Some(call_id) = start.call_id.as_deref().and_then(CallId::new) else {
            return self.close(CloseCode::Policy, "start without a call id");
        };
        match &self.state {
            State::AwaitingStart { .. } => {
                self.state = State::Streaming { call_id: call_id.clone(), stream_sid: start.stream_sid };
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
        match number {
            Some(number) => self.order(number, media),
            None => self.release(media),
        }
    }

    /// Puts a numbered media message where it belongs.
    fn order(&mut self, number: u64, media: Media) {
        let next = *self.next_number.get_or_insert(number);
        if number < next || self.held.contains_key(&number) {
            self.continuity.dropped += 1;
            return;
        }
        if number > next {
            self.held.insert(number, media);
            if self.held.len() <= REORDER_WINDOW {
                return;
            }
            // What is missing will not come any more.
            self.next_number = self.held.keys().next().copied();
        } else {
            self.continuity.reordered += u64::from(!self.held.is_empty());
            self.next_number = Some(number + 1);
            self.release(media);
        }
        self.release_in_order();
    }

    /// A message without audio takes its number's place, so that the next audio is not waited for.
    fn pass_number(&mut self, number: Option<u64>) {
        match (number, self.next_number) {
            (Some(number), Some(next)) if number == next => {
                self.next_number = Some(number + 1);
                self.release_in_order();
            }
            // The first numbered message is the start.
            (Some(number), None) if matches!(self.state, State::AwaitingStart { .. }) => {
                self.next_number = Some(number + 1)
            }
            _ => {}
        }
    }

    fn release_in_order(&mut self) {
        while let Some(next) = self.next_number
            && let Some(media) = self.held.remove(&next)
        {
            self.next_number = Some(next + 1);
            self.release(media);
        }
    }

    /// Hands a piece of audio out, if it is the caller's.
    fn release(&mut self, media: Media) {
        if media.track.as_deref().is_some_and(|track| track != CALLER_TRACK) {
            return;
        }
        let Some(payload) = media.payload.filter(|bytes| !bytes.is_empty()) else { return };
        self.follow_timeline(media.timestamp, payload.len() as u64);
        self.outputs.push_back(Output::Audio(payload));
    }

    fn follow_timeline(&mut self, timestamp: Option<u64>, bytes: u64) {
        let (Some(begins), Some(rate)) = (timestamp, self.bytes_per_second) else { return };
        if let Some(expected) = self.timeline {
            let lost = begins.saturating_sub(expected);
            self.continuity.lost_ms = self.continuity.lost_ms.saturating_add(lost);
        }
        self.timeline = Some(begins + bytes * 1000 / rate.max(1));
    }

    fn stop(&mut self) {
        if matches!(self.state, State::Streaming { .. }) {
            for (_, media) in std::mem::take(&mut self.held) {
                self.release(media);
            }
        }
        if self.state != State::Over {
            self.state = State::Over;
            self.outputs.push_back(Output::Stopped);
        }
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        if self.state != State::Over {
            self.state = State::Over;
            self.held.clear();
            self.outputs.push_back(Output::Close(code, reason));
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
