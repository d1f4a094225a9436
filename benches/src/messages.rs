//! What one message of a carrier costs: read, decoded, put into order, handed on. Beside it, what a JSON tree would cost.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use peakstream_server::audio_channel::audiosocket;
use peakstream_server::audio_channel::media_streams::machine::{Machine, Origin};
use peakstream_server::audio_channel::wire::Output;
use serde_json::{Value, json};

/// Messages of one measurement: ten minutes of a call.
const MESSAGES: usize = 30_000;
/// 20 ms of a telephone call.
const PIECE: [u8; 160] = [0xd5; 160];

/// How often to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measurements; the least and the median of them are printed.
    #[arg(long, default_value_t = 15)]
    repeats: usize,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let twilio: Vec<String> = (0..MESSAGES).map(twilio_media).collect();
    let telnyx: Vec<String> = (0..MESSAGES).map(telnyx_media).collect();
    let frame = [&[0x10, 0, 160][..], &PIECE].concat();
    let figures = [
        figure(args, "Twilio media message of 20 ms", || texts(TWILIO_START, &twilio)),
        figure(args, "the same through a JSON tree", || through_a_tree(&twilio)),
        figure(args, "Telnyx media message of 20 ms", || texts(TELNYX_START, &telnyx)),
        figure(args, "Vonage binary message of 20 ms", || binaries(VONAGE_START)),
        figure(args, "AudioSocket frame of 20 ms", || frames(&frame)),
    ];
    let report = json!({"messages": MESSAGES, "payload_bytes": PIECE.len(), "figures": figures});
    println!("{report:#}");
    Ok(())
}

const TWILIO_START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0","start":{"streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0","accountSid":"AC63f2f7c1ae3f4b0dbb8a1e9d9d1c1f11","callSid":"CA1","tracks":["inbound"],"customParameters":{},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
const TELNYX_START: &str =
    r#"{"event":"start","stream_id":"32de0dea-53cb-4b21-89a4-9e1819c043bc","start":{"call_control_id":"c"}}"#;
const VONAGE_START: &str =
    r#"{"event":"websocket:connected","content-type":"audio/l16;rate=8000","call_id":"c"}"#;

fn twilio_media(number: usize) -> String {
    json!({"event": "media", "sequenceNumber": (number + 2).to_string(), "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
        "media": {"track": "inbound", "chunk": (number + 1).to_string(), "timestamp": (number * 20).to_string(),
            "payload": STANDARD.encode(PIECE)}})
    .to_string()
}

fn telnyx_media(number: usize) -> String {
    json!({"event": "media", "sequence_number": (number + 2).to_string(), "stream_id": "32de0dea-53cb-4b21-89a4-9e1819c043bc",
        "media": {"track": "inbound", "chunk": (number + 1).to_string(), "timestamp": (number * 20).to_string(),
            "payload": STANDARD.encode(PIECE)}})
    .to_string()
}

/// Least and median time of a message over the measurements, in microseconds. Each checks that all audio came out.
fn figure(args: &Args, name: &str, measure: impl Fn() -> (Duration, usize)) -> Value {
    let mut times: Vec<f64> = (0..args.repeats.max(1))
        .map(|_| {
            let (time, bytes) = measure();
            assert_eq!(bytes, MESSAGES * PIECE.len(), "{name}: audio is missing");
            time.as_secs_f64() * 1e6 / MESSAGES as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    json!({"name": name, "unit": "µs", "minimum": times[0], "median": times[times.len() / 2]})
}

fn started(start: &str) -> Machine {
    let mut machine = Machine::new(Instant::now() + Duration::from_secs(10), Origin::default());
    machine.handle_text(start);
    machine.set_bytes_per_second(8000);
    machine
}

/// Bytes of audio that a machine hands out now.
fn drained(mut poll: impl FnMut() -> Option<Output>) -> usize {
    let mut bytes = 0;
    while let Some(output) = poll() {
        if let Output::Audio(audio) = black_box(output) {
            bytes += audio.len();
        }
    }
    bytes
}

fn texts(start: &str, messages: &[String]) -> (Duration, usize) {
    let mut machine = started(start);
    let (begun, mut bytes) = (Instant::now(), drained(|| machine.poll_output()));
    for message in messages {
        machine.handle_text(black_box(message));
        bytes += drained(|| machine.poll_output());
    }
    (begun.elapsed(), bytes)
}

fn binaries(start: &str) -> (Duration, usize) {
    let mut machine = started(start);
    let (begun, mut bytes) = (Instant::now(), drained(|| machine.poll_output()));
    for _ in 0..MESSAGES {
        machine.handle_binary(black_box(&PIECE));
        bytes += drained(|| machine.poll_output());
    }
    (begun.elapsed(), bytes)
}

fn frames(frame: &[u8]) -> (Duration, usize) {
    let begun = Instant::now();
    let mut machine = audiosocket::machine::Machine::new(begun + Duration::from_secs(10));
    machine.handle_bytes(begun, &[&[0x01, 0, 16][..], &[7; 16]].concat());
    let mut bytes = 0;
    for _ in 0..MESSAGES {
        machine.handle_bytes(begun, black_box(frame));
        bytes += drained(|| machine.poll_output());
    }
    (begun.elapsed(), bytes)
}

/// Nothing but the tree and the payload: no order, no track, no stream.
fn through_a_tree(messages: &[String]) -> (Duration, usize) {
    let (begun, mut bytes) = (Instant::now(), 0);
    for message in messages {
        let tree: Value = serde_json::from_str(black_box(message)).unwrap_or_default();
        let payload = tree["media"]["payload"].as_str().and_then(|text| STANDARD.decode(text).ok());
        bytes += black_box(payload).map_or(0, |payload| payload.len());
    }
    (begun.elapsed(), bytes)
}
