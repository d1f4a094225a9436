//! What holds for any sequence of messages, in every dialect.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::dialect;
use super::machine::{Machine, Origin};
use super::message::Track;
use crate::audio_channel::wire::Output;
use crate::ids::CallId;

/// Something a carrier does.
#[derive(Clone, Debug)]
enum Act {
    /// The beginning of the dialect that is tested, or of any other.
    Begin(usize),
    /// Audio as JSON, under any carrier's names.
    Media {
        names: usize,
        number: Option<u64>,
        track: u8,
        payload: Vec<u8>,
        broken: bool,
    },
    Binary(Vec<u8>),
    Text(String),
    Stop,
    /// So many seconds pass.
    Wait(u64),
    Disconnect,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => (0..dialect::examples().len()).prop_map(Act::Begin),
        8 => (0..3usize, prop::option::of(0..40u64), 0..4u8, prop::collection::vec(any::<u8>(), 0..20), prop::bool::weighted(0.05))
            .prop_map(|(names, number, track, payload, broken)| Act::Media { names, number, track, payload, broken }),
        4 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Act::Binary),
        1 => ".{0,20}".prop_map(Act::Text),
        1 => Just(Act::Text(r#"{"event":"mark","sequenceNumber":"3"}"#.into())),
        1 => Just(Act::Stop),
        1 => (0..6u64).prop_map(Act::Wait),
        1 => Just(Act::Disconnect),
    ]
}

fn media(names: usize, number: Option<u64>, track: u8, payload: &[u8], broken: bool) -> String {
    let payload = if broken { "@".to_owned() } else { STANDARD.encode(payload) };
    let track = ["inbound", "outbound_track", "else", "inbound"][usize::from(track)];
    match names {
        0 => json!({"event": "media", "sequenceNumber": number, "media": {"track": track, "payload": payload, "timestamp": "0"}}),
        1 => json!({"event": "media", "sequence_number": number, "media": {"track": track, "chunk": number, "payload": payload}}),
        _ => json!({"eventType": "media", "track": track, "payload": payload}),
    }
    .to_string()
}

#[derive(Default)]
struct Seen {
    started: bool,
    ended: bool,
    sent: usize,
    audio: usize,
}

impl Seen {
    fn drain(&mut self, machine: &mut Machine) {
        while let Some(output) = machine.poll_output() {
            assert!(!self.ended, "{output:?} after the end");
            match output {
                Output::Started(_) => {
                    assert!(!self.started, "two starts");
                    self.started = true;
                    machine.set_bytes_per_second(8000);
                }
                Output::Audio(bytes) => {
                    assert!(self.started && !bytes.is_empty());
                    self.audio += bytes.len();
                }
                Output::Send(_) => {
                    assert!(!self.started, "a listener sends nothing into a stream");
                    self.sent += 1;
                }
                Output::Stopped | Output::Close(..) => self.ended = true,
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// One start, one end, nothing after it, no more audio than was sent, the deadline kept, an answer to Sinch only.
    #[test]
    fn any_messages_in_any_dialect_leave_the_machine_in_order(
        first in 0..dialect::examples().len() + 1,
        acts in prop::collection::vec(act(), 0..60),
        named in any::<bool>(),
        outbound in any::<bool>(),
    ) {
        let begun = Instant::now();
        let call_id = named.then(|| CallId::new("CALL")).flatten();
        let track = if outbound { Track::Outbound } else { Track::Inbound };
        let mut machine = Machine::new(begun + Duration::from_secs(10), Origin { call_id, subprotocol: None, track });
        let (mut seen, mut now, mut sent_to_it) = (Seen::default(), begun, 0);
        if let Some((_, example)) = dialect::examples().get(first) {
            machine.handle_text(example);
        }
        for act in acts {
            match act {
                Act::Begin(which) => machine.handle_text(dialect::examples()[which].1),
                Act::Media { names, number, track, payload, broken } => {
                    sent_to_it += payload.len();
                    machine.handle_text(&media(names, number, track, &payload, broken));
                }
                Act::Binary(bytes) => {
                    sent_to_it += bytes.len();
                    machine.handle_binary(&bytes);
                }
                Act::Text(text) => machine.handle_text(&text),
                Act::Stop => machine.handle_text(r#"{"event":"stop","stop":{}}"#),
                Act::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    machine.handle_timeout(now);
                    seen.drain(&mut machine);
                    if now >= begun + Duration::from_secs(10) {
                        prop_assert!(seen.started || seen.ended, "waited too long for a start");
                    }
                }
                Act::Disconnect => machine.handle_disconnect(),
            }
            seen.drain(&mut machine);
            prop_assert_eq!(machine.deadline().is_some(), !seen.started && !seen.ended);
        }
        machine.handle_disconnect();
        seen.drain(&mut machine);
        prop_assert!(seen.ended && machine.deadline().is_none());
        prop_assert!(seen.audio <= sent_to_it && seen.sent <= 1);
        prop_assert!(seen.sent == 0 || machine.dialect() == "sinch");
    }
}
