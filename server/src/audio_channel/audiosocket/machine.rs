//! Protocol machine of Asterisk's AudioSocket.
//!
//! In: bytes, the passing of time. Out: the call's identity, audio, the end. State changes only in the `handle_*`
//! functions; no socket, no clock, no task is in here.
//!
//! | what comes | what happens |
//! |---|---|
//! | id (16 bytes) | the call's id: a UUID in lower case with hyphens |
//! | another frame before the id, an id of another length | the end: this is no AudioSocket |
//! | no id in time; no audio in time after it | the end |
//! | the first audio | the stream begins; the frame's type says its rate |
//! | audio of another rate, another id | the end |
//! | the same id again, key press, unknown frame, empty audio | ignored |
//! | hangup, error, the connection's end | the end of the stream |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::audio_channel::audiosocket::frame::{Decoder, Kind};
use crate::audio_channel::wire::{AudioBytes, CloseCode, MediaFormat, Output, Started};
use crate::ids::CallId;

/// From the id to the first audio: Asterisk sends silence too, unless the caller's own device sends nothing.
pub const FIRST_AUDIO_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
enum State {
    AwaitingId { deadline: Instant },
    AwaitingAudio { id: Uuid, deadline: Instant },
    Streaming { id: Uuid, rate: u32 },
    Over,
}

/// One connection. See the module's documentation.
#[derive(Debug)]
pub struct Machine {
    decoder: Decoder,
    connection: Connection,
}

/// What frames change.
#[derive(Debug)]
struct Connection {
    state: State,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A fresh connection that must name its call before `deadline`.
    pub fn new(deadline: Instant) -> Self {
        let connection = Connection { state: State::AwaitingId { deadline }, outputs: VecDeque::new() };
        Self { decoder: Decoder::default(), connection }
    }

    /// Takes in bytes as they came.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let Self { decoder, connection } = self;
        decoder.push(bytes, |kind, payload| {
            connection.handle_frame(now, kind, payload);
            !matches!(connection.state, State::Over)
        });
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.connection.state {
            State::AwaitingId { deadline } if now >= deadline => self.connection.close("no call id in time"),
            State::AwaitingAudio { deadline, .. } if now >= deadline => {
                self.connection.close("no audio in time");
            }
            _ => {}
        }
    }

    /// Takes in that the connection ended.
    pub fn handle_disconnect(&mut self) {
        self.connection.stop();
    }

    /// When [`Machine::handle_timeout`] is due.
    pub const fn deadline(&self) -> Option<Instant> {
        match self.connection.state {
            State::AwaitingId { deadline } | State::AwaitingAudio { deadline, .. } => Some(deadline),
            State::Streaming { .. } | State::Over => None,
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.connection.outputs.pop_front()
    }
}

impl Connection {
    fn handle_frame(&mut self, now: Instant, kind: Kind, payload: &[u8]) {
        match (kind, &self.state) {
            (_, State::Over) => {}
            (Kind::Hangup | Kind::Error, _) => self.stop(),
            (Kind::Id, _) => self.handle_id(now, payload),
            (_, State::AwaitingId { .. }) => self.close("no call id first"),
            (Kind::Audio(rate), _) => self.handle_audio(rate, payload),
            (Kind::Dtmf | Kind::Unknown, _) => {}
        }
    }

    fn handle_id(&mut self, now: Instant, payload: &[u8]) {
        let Ok(new) = Uuid::from_slice(payload) else {
            return self.close("a call id that is no UUID");
        };
        match self.state {
            State::AwaitingId { .. } => {
                self.state = State::AwaitingAudio { id: new, deadline: now + FIRST_AUDIO_TIMEOUT };
            }
            State::AwaitingAudio { id, .. } | State::Streaming { id, .. } if id != new => {
                self.close("a second call id");
            }
            _ => {}
        }
    }

    fn handle_audio(&mut self, rate: u32, payload: &[u8]) {
        match self.state {
            _ if payload.is_empty() => return,
            State::AwaitingAudio { id, .. } => {
                let Some(call_id) = CallId::new(&id.to_string()) else { return };
                self.state = State::Streaming { id, rate };
                let media_format = Some(MediaFormat::linear(rate, 1));
                self.outputs.push_back(Output::Started(Started { call_id, media_format }));
            }
            State::Streaming { rate: begun, .. } if begun != rate => {
                return self.close("the rate of the audio changed");
            }
            _ => {}
        }
        self.outputs.push_back(Output::Audio(AudioBytes::new(payload.to_vec())));
    }

    fn stop(&mut self) {
        if !matches!(self.state, State::Over) {
            self.state = State::Over;
            self.outputs.push_back(Output::Stopped);
        }
    }

    fn close(&mut self, reason: &'static str) {
        if !matches!(self.state, State::Over) {
            self.state = State::Over;
            self.outputs.push_back(Output::Close(CloseCode::Policy, reason));
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
