//! Many calls over a bad network, against the machines of all carriers: no panic, no call that is left, no memory that grows.
//!
//! `cargo test` runs 2,000; `PEAKSTREAM_FAULTED_CALLS=1000000 cargo test --release -p peakstream-server --lib faulted_calls`
//! as many as it says; with `-- --nocapture` it tells how many steps of machines those were. A call follows from its number,
//! so a failure repeats: the message names it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::audio_channel::audiosocket;
use crate::audio_channel::faulted_hooks;
use crate::audio_channel::media_streams::dialect;
use crate::audio_channel::media_streams::machine::{Machine, Origin};
use crate::audio_channel::wire::Output;
use crate::ids::{CallId, Tenant};
use crate::session::actor::SessionHandle;
use crate::session::registry::{CallKey, Counts, Registry};
use crate::session::request::audio::AudioProtocol;

/// How many run where nothing else is said.
const CALLS: u64 = 2_000;
/// Calls whose memory is measured together.
const BATCH: u64 = 500;
/// What one call may hold at a time: its messages here, and a few of them in the machine.
const CALL_BYTES: u64 = 256 << 10;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(super) fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

impl Message {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A machine of any carrier.
#[allow(clippy::large_enum_variant)]
enum Carrier {
    MediaStreams(Machine),
    AudioSocket(audiosocket::machine::Machine),
}

impl Carrier {
    fn of(name: &str, deadline: Instant) -> Self {
        match name {
            "audiosocket" => Self::AudioSocket(audiosocket::machine::Machine::new(deadline)),
            "freeswitch" => {
                let origin = Origin { call_id: CallId::new("CALL"), ..Origin::default() };
                Self::MediaStreams(Machine::new(deadline, origin))
            }
            _ => Self::MediaStreams(Machine::new(deadline, Origin::default())),
        }
    }

    fn handle(&mut self, now: Instant, message: &Message) {
        match (self, message) {
            (Self::MediaStreams(machine), Message::Text(text)) => machine.handle_text(text),
            (Self::MediaStreams(machine), Message::Bytes(bytes)) => machine.handle_binary(bytes),
            (Self::AudioSocket(machine), Message::Bytes(bytes)) => machine.handle_bytes(now, bytes),
            (Self::AudioSocket(machine), Message::Text(text)) => machine.handle_bytes(now, text.as_bytes()),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::MediaStreams(machine) => machine.handle_timeout(now),
            Self::AudioSocket(machine) => machine.handle_timeout(now),
        }
    }

    fn handle_disconnect(&mut self) {
        match self {
            Self::MediaStreams(machine) => machine.handle_disconnect(),
            Self::AudioSocket(machine) => machine.handle_disconnect(),
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::MediaStreams(machine) => machine.poll_output(),
            Self::AudioSocket(machine) => machine.poll_output(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::MediaStreams(machine) => machine.deadline(),
            Self::AudioSocket(machine) => machine.deadline(),
        }
    }
}

/// The messages of a call without faults, its audio numbered by its bytes.
fn spoken(name: &str, example: &str, pieces: u64) -> Vec<Message> {
    let text = |value: serde_json::Value| Message::Text(value.to_string());
    let audio = (0..pieces).map(|piece| {
        let bytes = vec![piece as u8 | 1; 160];
        let payload = STANDARD.encode(&bytes);
        let (number, clock) = (piece + 2, piece * 20);
        match name {
            "twilio" | "signalwire" | "subset" => text(json!({"event": "media", "sequenceNumber": number.to_string(),
                "media": {"track": "inbound", "timestamp": clock.to_string(), "payload": payload}})),
            "telnyx" => text(json!({"event": "media", "media": {"track": "inbound", "chunk": number, "timestamp": clock, "payload": payload}})),
            "plivo" => text(json!({"event": "media", "sequenceNumber": piece + 1, "media": {"track": "inbound", "payload": payload}})),
            "exotel" => text(json!({"event": "media", "sequence_number": number, "media": {"timestamp": clock, "payload": payload}})),
            "bandwidth" => text(json!({"eventType": "media", "track": "inbound", "payload": payload})),
            "audiosocket" => Message::Bytes([&[0x10, 0, 160][..], &bytes].concat()),
            _ => Message::Bytes(bytes),
        }
    });
    let start = match name {
        "audiosocket" => Message::Bytes([&[0x01, 0, 16][..], &[7; 16]].concat()),
        _ => Message::Text(example.to_owned()),
    };
    std::iter::once(start).chain(audio).collect()
}

/// What the network does to them. `false`: the call is as it was.
pub(super) fn disturb(messages: &mut Vec<Message>, random: &mut Random) -> bool {
    let before = messages.len();
    let mut disturbed = false;
    for _ in 0..random.below(6) {
        if messages.is_empty() {
            break;
        }
        disturbed = true;
        let at = random.below(messages.len() as u64) as usize;
        match random.below(6) {
            0 => drop(messages.remove(at)),
            1 => messages.insert(at, messages[at].clone()),
            2 => {
                let other = (at + 1 + random.below(8) as usize).min(messages.len() - 1);
                messages.swap(at, other);
            }
            // Half-close: the rest never comes.
            3 => messages.truncate(at),
            4 => match &mut messages[at] {
                Message::Text(text) => text.truncate(text.len() / 2),
                Message::Bytes(bytes) => bytes.truncate(bytes.len() / 2),
            },
            _ => messages.insert(
                at,
                Message::Text(["", "{", "null", "{\"event\":5}"][random.below(4) as usize].into()),
            ),
        }
    }
    disturbed || messages.len() != before
}

/// Now and then a stall, or a clock that jumps by hours.
pub(super) fn pause(random: &mut Random) -> Option<Duration> {
    if !random.one_in(50) {
        return None;
    }
    Some(Duration::from_secs(if random.one_in(4) { 86_400 } else { random.below(12) }))
}

/// One call from its beginning to its end; what is asserted holds for all of them. How many steps its machine took.
fn call(number: u64, registry: &std::sync::Arc<Registry>, carriers: &[(&str, &str)]) -> u64 {
    let mut random = Random(number);
    let (name, example) = carriers[random.below(carriers.len() as u64) as usize];
    if name == "audiohook" {
        return faulted_hooks::call(number, &mut random, registry);
    }
    let begun = Instant::now();
    let mut carrier = Carrier::of(name, begun + Duration::from_secs(10));
    let pieces = random.below(60);
    let mut messages = spoken(name, example, pieces);
    let disturbed = disturb(&mut messages, &mut random);
    let sent: usize = messages.iter().map(Message::len).sum();

    let _connection = registry.audio_connected();
    let (mut now, mut session, mut ends, mut heard) = (begun, None, 0, 0);
    let mut stalled = false;
    for message in &messages {
        if let Some(pause) = pause(&mut random) {
            stalled = true;
            now += pause;
            carrier.handle_timeout(now);
        }
        carrier.handle(now, message);
        while let Some(output) = carrier.poll_output() {
            assert_eq!(ends, 0, "call {number}, {name}: {output:?} after the end");
            match output {
                Output::Started(started) => {
                    assert!(session.is_none(), "call {number}, {name}: started twice");
                    let key = CallKey { tenant: Tenant::new("default"), call_id: started.call_id };
                    session = Some(
                        registry
                            .admit(key, AudioProtocol::Twilio, SessionHandle::detached(), None)
                            .expect("a free call id"),
                    );
                }
                Output::Audio(bytes) => {
                    assert!(session.is_some(), "call {number}, {name}: audio before the start");
                    heard += bytes.len();
                }
                Output::Send(_) | Output::Lost(_) => {}
                Output::Stopped | Output::Close(..) => ends += 1,
            }
        }
        assert!(
            carrier.deadline().is_none_or(|deadline| deadline > now),
            "call {number}, {name}: a missed deadline"
        );
    }
    // Whoever is not heard of any more is disconnected in the end, by the session's idle rule or by TCP.
    carrier.handle_disconnect();
    while let Some(output) = carrier.poll_output() {
        assert_eq!(ends, 0, "call {number}, {name}: {output:?} after the end");
        match output {
            Output::Audio(bytes) => heard += bytes.len(),
            Output::Lost(_) => {}
            Output::Stopped | Output::Close(..) => ends += 1,
            other => panic!("call {number}, {name}: {other:?} at the end"),
        }
    }
    assert_eq!(ends, 1, "call {number}, {name}: a connection ends once");
    assert!(heard <= sent && carrier.deadline().is_none(), "call {number}, {name}");
    if !disturbed && !stalled {
        assert_eq!(heard as u64, pieces * 160, "call {number}, {name}: nothing was wrong with it");
    }
    messages.len() as u64 + 1
}

#[test]
fn faulted_calls_leave_nothing_behind() {
    let calls =
        std::env::var("PEAKSTREAM_FAULTED_CALLS").map_or(CALLS, |calls| calls.parse().expect("a number"));
    let registry = Registry::new(10, 10);
    let mut carriers: Vec<_> = dialect::examples().to_vec();
    carriers.extend([("audiosocket", ""), ("audiohook", "")]);
    let mut steps = 0;
    for begin in (0..calls).step_by(BATCH as usize) {
        let memory = allocation_counter::measure(|| {
            for number in begin..calls.min(begin + BATCH) {
                steps += call(number, &registry, &carriers);
            }
        });
        assert_eq!(registry.counts(), Counts::default(), "calls are left after {begin}");
        assert!(memory.bytes_max < CALL_BYTES, "{} bytes at a time, calls from {begin} on", memory.bytes_max);
        // The registry's empty maps keep their room; calls leave nothing.
        assert!(
            begin == 0 || memory.bytes_current == 0,
            "{} bytes left by calls from {begin} on",
            memory.bytes_current
        );
    }
    println!("{calls} calls, {steps} steps");
}
