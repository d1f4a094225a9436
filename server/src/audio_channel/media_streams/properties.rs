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
                Output::Lost(packets) => assert!(self.audio > 0 && packets > 0, "lost before the first"),
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

    /// Every packet of the caller's that does not come is told as lost, between the packets around it: nothing else that is
    /// missing is, and what comes is in order.
    #[test]
    fn a_gap_of_n_numbered_packets_is_n_lost_packets(
        names in 0..2usize,
        messages in prop::collection::vec((0..3u8, prop::bool::weighted(0.15), any::<bool>()), 0..120),
    ) {
        let mut sent: Vec<_> = numbered(names, &messages).into_iter().filter(|message| !message.lost).collect();
        let expected = gaps(&numbered(names, &messages));
        for (at, (_, _, swapped)) in (0..sent.len() / 2).zip(&messages) {
            // Not the first two: from them on, numbers and steps are known.
            if *swapped && at > 1 {
                sent.swap(2 * at, 2 * at + 1);
            }
        }
        let mut machine = Machine::new(Instant::now() + Duration::from_secs(10), Origin::default());
        machine.handle_text(dialect::examples().iter().find(|(name, _)| *name == ["twilio", "telnyx"][names]).unwrap().1);
        let (mut heard, mut lost) = (Vec::new(), 0);
        for message in &sent {
            machine.handle_text(&message.text);
        }
        machine.handle_disconnect();
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Audio(bytes) => heard.push((std::mem::take(&mut lost), bytes[0])),
                Output::Lost(packets) => lost += packets,
                _ => {}
            }
        }
        prop_assert_eq!(heard, expected);
    }
}

/// A message of a stream that numbers its audio, and whether it is lost on the way.
struct Numbered {
    text: String,
    lost: bool,
    /// The caller's audio begins with this byte.
    caller: Option<u8>,
}

/// Caller (0), other track (1) and marks (2), as Twilio numbers them all, or as Telnyx numbers each track. The caller's
/// first two packets are added, and come.
fn numbered(names: usize, messages: &[(u8, bool, bool)]) -> Vec<Numbered> {
    let (mut clock, mut counts) = ([0u64; 2], [0u64; 2]);
    let first = [(0, false, false); 2];
    let all = first.iter().chain(messages);
    all.enumerate()
        .map(|(at, &(kind, lost, _))| {
            let track = usize::from(kind.min(1));
            let (number, timestamp) = (at + 2, clock[track]);
            if kind == 2 {
                let text = json!({"event": "mark", "sequenceNumber": number.to_string()}).to_string();
                return Numbered { text, lost, caller: None };
            }
            clock[track] += 20;
            counts[track] += 1;
            let (name, payload) = (["inbound", "outbound"][track], STANDARD.encode([at as u8; 4]));
            let text = match names {
                0 => json!({"event": "media", "sequenceNumber": number.to_string(),
                    "media": {"track": name, "timestamp": timestamp.to_string(), "payload": payload}}),
                _ => json!({"event": "media", "media": {"track": name, "chunk": counts[track], "payload": payload}}),
            };
            Numbered { text: text.to_string(), lost, caller: (kind == 0).then_some(at as u8) }
        })
        .collect()
}

/// The caller's packets that come, each with how many are lost before it.
fn gaps(messages: &[Numbered]) -> Vec<(u64, u8)> {
    let mut lost = 0;
    let callers = messages.iter().filter_map(|message| Some((message.caller?, message.lost)));
    callers
        .filter_map(|(byte, is_lost)| {
            lost += u64::from(is_lost);
            (!is_lost).then(|| (std::mem::take(&mut lost), byte))
        })
        .collect()
}
