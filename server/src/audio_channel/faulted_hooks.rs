//! The AudioHook calls among the [faulted ones](super::faulted_calls): what enters is a call's number, what leaves is how many
//! steps its machine took; what is asserted holds for all of them.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::faulted_calls::{Message, Random, disturb, pause};
use crate::audio_channel::audiohook::exchange::{Command, Output};
use crate::audio_channel::audiohook::machine::Machine;
use crate::audio_channel::audiohook::media::ByteOrder;
use crate::ids::Tenant;
use crate::session::actor::SessionHandle;
use crate::session::registry::{Admission, CallKey, Registry};
use crate::session::request::audio::AudioProtocol;

const ID: &str = "30b0e395-84d3-4570-ac13-9a62d8f514c0";
/// Bytes of a frame: 20 ms, as short as carriers make them.
const FRAME: usize = 160;
/// Far more time-outs than there are between the last message and the end.
const WAITS: usize = 50;

/// The messages of a call without faults: a ping after each tenth frame.
fn spoken(frames: u64, closed: bool) -> Vec<Message> {
    let mut seq = 0;
    let mut say = |kind: &str, parameters: Value| {
        seq += 1;
        let message = json!({"version": "2", "id": ID, "type": kind, "seq": seq, "serverseq": 0, "position": "PT0S",
            "parameters": parameters});
        Message::Text(message.to_string())
    };
    let media = json!([{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]);
    let participant = json!({"id": ID, "ani": "", "aniName": "", "dnis": ""});
    let open =
        json!({"organizationId": ID, "conversationId": ID, "media": media, "participant": participant});
    let mut messages = vec![say("open", open)];
    for number in 0..frames {
        messages.push(Message::Bytes(vec![number as u8 | 1; FRAME]));
        match number % 30 {
            9 => messages.push(say("ping", json!({}))),
            19 => messages.push(say("discarded", json!({"start": "PT1S", "discarded": "PT0.1S"}))),
            _ => {}
        }
    }
    if closed {
        messages.push(say("close", json!({"reason": "end"})));
    }
    messages
}

/// A connection, as its driver sees it.
struct Hook<'a> {
    number: u64,
    machine: Machine,
    registry: &'a Arc<Registry>,
    session: Option<Admission>,
    heard: usize,
    /// Number of the server's last message.
    said: u64,
    /// Kinds of messages that end a call, in the order in which they were said.
    endings: Vec<String>,
    ended: bool,
}

/// One call from its beginning to its end.
pub(super) fn call(number: u64, random: &mut Random, registry: &Arc<Registry>) -> u64 {
    let mut now = Instant::now();
    let (frames, closed) = (random.below(60), !random.one_in(4));
    let mut messages = spoken(frames, closed);
    let disturbed = disturb(&mut messages, random);
    let _connection = registry.audio_connected();
    let mut hook = Hook {
        number,
        machine: Machine::new(ID, ID, ByteOrder::Little, now),
        registry,
        session: None,
        heard: 0,
        said: 0,
        endings: Vec::new(),
        ended: false,
    };
    let mut stalled = false;
    for message in &messages {
        if let Some(pause) = pause(random) {
            stalled = true;
            now += pause;
            hook.machine.handle_timeout(now);
            hook.drain(now);
        }
        match message {
            Message::Text(text) => hook.machine.handle_text(now, text),
            Message::Bytes(bytes) => hook.machine.handle_binary(now, bytes),
        }
        hook.drain(now);
        // What falls due while nothing happens is told by a timer.
        hook.machine.handle_timeout(now);
        hook.drain(now);
        let deadline = hook.machine.deadline();
        assert!(deadline.is_none_or(|deadline| deadline > now), "call {number}: a missed deadline");
    }
    if !disturbed && !stalled {
        assert_eq!(hook.heard as u64, frames * FRAME as u64, "call {number}: nothing was wrong with it");
        assert_eq!(hook.endings, if closed { &["closed"][..] } else { &[] }, "call {number}");
    }
    // Whoever is not heard of any more is disconnected in the end.
    for _ in 0..WAITS {
        let Some(deadline) = hook.machine.deadline().filter(|_| !hook.ended) else { break };
        now = now.max(deadline);
        hook.machine.handle_timeout(now);
        hook.drain(now);
    }
    assert!(hook.ended, "call {number} is never ended");
    messages.len() as u64 + 1
}

impl Hook<'_> {
    fn drain(&mut self, now: Instant) {
        let number = self.number;
        while let Some(output) = self.machine.poll_output() {
            assert!(!self.ended, "call {number}: {output:?} after the end");
            match output {
                Output::Send(text) => self.sent(&text),
                Output::Opening(opening) => {
                    assert!(self.session.is_none(), "call {number}: opened twice");
                    let key = CallKey { tenant: Tenant::new("default"), call_id: opening.call_id };
                    let admission =
                        self.registry.admit(key, AudioProtocol::AudioHook, SessionHandle::detached(), None);
                    self.session = Some(admission.expect("a free call id"));
                    self.machine.handle_command(now, Command::Answer(true));
                }
                Output::Audio(bytes) => {
                    assert!(self.session.is_some(), "call {number}: audio without a session");
                    self.heard += bytes.len();
                }
                Output::Closing(_) => {
                    self.session = None;
                    self.machine.handle_command(now, Command::Closed { outputs: None });
                }
                Output::Failed(_) => self.session = None,
                Output::Close(..) => self.ended = true,
            }
        }
    }

    /// Every message has the next number; nothing follows `closed`, and `disconnect` comes once.
    fn sent(&mut self, text: &str) {
        let number = self.number;
        let message: Value = serde_json::from_str(text).expect("JSON");
        self.said += 1;
        assert_eq!(message["seq"], self.said, "call {number}: {text}");
        assert!(!self.endings.iter().any(|kind| kind == "closed"), "call {number}: {text} after closed");
        let kind = message["type"].as_str().expect("a type");
        if ["closed", "disconnect"].contains(&kind) {
            assert!(!self.endings.iter().any(|ending| ending == kind), "call {number}: {kind} twice");
            self.endings.push(kind.to_owned());
        }
    }
}
