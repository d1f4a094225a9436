//! Opus over a carrier that loses packets: the call is decided, and as long as it was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Event};
use crate::support::{TestServer, call, mulaw, register_request, serve, verify_request};

/// Messages of a carrier that numbers them, or, with Telnyx's names, the audio of each track.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Twilio,
    Telnyx,
}

/// A recording as Opus packets of 20 ms.
fn packets(file: &str) -> Vec<Vec<u8>> {
    let wide: Vec<i16> = call(file).iter().flat_map(|&sample| [sample, sample]).collect();
    let mut encoder = opus_rs::OpusEncoder::new(16_000, 1, opus_rs::Application::Voip).unwrap();
    encoder.bitrate_bps = 24_000;
    let encode = |frame: &[i16]| {
        let mut packet = vec![0; 1_500];
        let length = encoder.encode_i16(frame, 320, &mut packet).unwrap();
        packet.truncate(length);
        packet
    };
    wide.chunks_exact(320).map(encode).collect()
}

/// Which packets a network loses: of every twenty one, at random; never the first or the last.
fn lost(packets: usize) -> Vec<bool> {
    let (mut random, mut lost) = (7u32, vec![false; packets]);
    for twenty in lost[1..packets - 1].chunks_mut(20) {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = (random >> 16) as usize % twenty.len();
        twenty[at] = true;
    }
    lost
}

fn message(names: Names, index: usize, packet: &[u8]) -> Value {
    let (clock, payload) = ((index * 20).to_string(), STANDARD.encode(packet));
    match names {
        Names::Twilio => {
            json!({"event": "media", "sequenceNumber": (index + 2).to_string(), "streamSid": "MZ1",
                "media": {"track": "inbound", "timestamp": clock, "payload": payload}})
        }
        Names::Telnyx => json!({"event": "media", "stream_id": "s",
            "media": {"track": "inbound", "chunk": (index + 1).to_string(), "timestamp": clock, "payload": payload}}),
    }
}

fn start(names: Names, call_id: &str) -> Value {
    let format = |rate: &str| json!({"encoding": "OPUS", rate: 16_000, "channels": 1});
    match names {
        Names::Twilio => json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1",
            "start": {"streamSid": "MZ1", "callSid": call_id, "mediaFormat": format("sampleRate")}}),
        Names::Telnyx => json!({"event": "start", "stream_id": "s",
            "start": {"call_control_id": call_id, "media_format": format("sample_rate")}}),
    }
}

/// Plays a call of which some packets do not come; everything that its client hears.
async fn play(
    server: &TestServer,
    call_id: &str,
    names: Names,
    kind: &str,
    request: &Value,
    sent: &[Option<Vec<u8>>],
) -> Vec<Event> {
    let mut client = Client::start(server, kind, request).await;
    let mut carrier = Carrier::connect(server).await;
    carrier.send(&start(names, call_id)).await;
    let carry = async {
        for (index, packet) in sent.iter().enumerate() {
            if let Some(packet) = packet {
                carrier.send(&message(names, index, packet)).await;
            }
        }
        carrier.send(&json!({"event": "stop", "streamSid": "MZ1", "stream_id": "s", "stop": {}})).await;
        carrier.closed().await
    };
    let (events, code) = tokio::join!(client.rest(), carry);
    assert_eq!(code, 1000, "{call_id}: {events:?}");
    events
}

async fn credential(server: &TestServer) -> String {
    let mut client = Client::start(server, "register", &register_request("enrol")).await;
    let carrier = Carrier::start(server, "enrol").await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (result, _) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
    result.data()["credential"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_one_packet_in_twenty_missing_is_decided_as_if_it_were_whole() {
    let server = serve(|_| ()).await;
    let credential = credential(&server).await;
    for (file, decision) in
        [("allison-en-verify.wav", "result-success"), ("other-man-it.wav", "result-fail-score")]
    {
        let whole = packets(file);
        let lossy: Vec<_> =
            whole.iter().cloned().zip(lost(whole.len())).map(|(p, lost)| (!lost).then_some(p)).collect();
        for names in [Names::Twilio, Names::Telnyx] {
            let events =
                play(&server, "lossy", names, "verify", &verify_request("lossy", &credential), &lossy).await;
            let result = events.last().unwrap();
            println!("{file}: {} with {}", result.name, result.data()["score"]);
            assert_eq!(result.name, decision, "{file}: {result:?}");
        }
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_lost_packets_is_as_long_as_it_was_and_long_gaps_are_left_out() {
    let server = serve(|_| ()).await;
    // A status comes with every 512 ms of audio received, which are 25.6 packets: these are 40 and a half.
    let whole: Vec<_> = packets("allison-en-verify.wav").into_iter().take(1_037).map(Some).collect();
    // More speech than there is, so that all of it is heard.
    let mut request = register_request("long");
    request["register_request"]["audio_total_duration"] = json!(30.0);
    let statuses = async |names, sent: &[Option<Vec<u8>>]| {
        let events = play(&server, "long", names, "register", &request, sent).await;
        assert_eq!(events.last().unwrap().name, "error-audio");
        events.len() - 1
    };
    assert_eq!(statuses(Names::Twilio, &whole).await, 40);
    for names in [Names::Twilio, Names::Telnyx] {
        let lossy: Vec<_> =
            whole.iter().cloned().zip(lost(whole.len())).map(|(p, lost)| p.filter(|_| !lost)).collect();
        assert_eq!(statuses(names, &lossy).await, 40);
        // Of a gap, five packets are made up; the others are four statuses that do not come.
        let mut gap = whole.clone();
        gap[500..500 + 5 + 102].fill(None);
        assert_eq!(statuses(names, &gap).await, 36);
    }
    server.becomes_idle().await;
}
