//! The table of the Media Streams machine, and its robustness.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn machine() -> Machine {
    Machine::new(Instant::now() + Duration::from_secs(10), Origin::default())
}

fn feed(machine: &mut Machine, message: &Value) {
    machine.handle_text(&message.to_string());
}

fn minimal_start(call: &str) -> Value {
    json!({"event": "start", "start": {"callSid": call}})
}

fn minimal_media(bytes: &[u8]) -> Value {
    json!({"event": "media", "media": {"payload": STANDARD.encode(bytes)}})
}

fn twilio_start() -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "streamSid": "MZ1", "accountSid": "AC1", "callSid": "CA1", "tracks": ["inbound"], "customParameters": {},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
}

/// The `index`-th 20 ms of a stream: message number `index + 2`, every byte `index`.
fn twilio_media(index: u8) -> Value {
    json!({"event": "media", "sequenceNumber": (u32::from(index) + 2).to_string(), "streamSid": "MZ1", "media": {
        "track": "inbound", "chunk": (u32::from(index) + 1).to_string(), "timestamp": (u32::from(index) * 20).to_string(),
        "payload": STANDARD.encode([index; 160])}})
}

fn streaming() -> Machine {
    let mut machine = machine();
    feed(&mut machine, &json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
    feed(&mut machine, &twilio_start());
    assert!(matches!(machine.poll_output(), Some(Output::Started(_))));
    machine.set_bytes_per_second(8000);
    machine
}

/// First bytes of the audio that came out, and the close code or stop that ended it.
fn drain(machine: &mut Machine) -> (Vec<u8>, Option<CloseCode>, bool) {
    let (mut audio, mut code, mut stopped) = (Vec::new(), None, false);
    while let Some(output) = machine.poll_output() {
        match output {
            Output::Started(_) | Output::Send(_) | Output::Lost(_) => {}
            Output::Audio(bytes) => audio.push(bytes[0]),
            Output::Stopped => stopped = true,
            Output::Close(with, _) => code = Some(with),
        }
    }
    (audio, code, stopped)
}

fn close_code(machine: &mut Machine) -> Option<CloseCode> {
    drain(machine).1
}

#[test]
fn case_073_a_twilio_stream_goes_from_connected_to_stop() {
    let mut machine = streaming();
    for index in 0..5 {
        feed(&mut machine, &twilio_media(index));
    }
    feed(&mut machine, &json!({"event": "stop", "sequenceNumber": "7", "streamSid": "MZ1", "stop": {}}));
    assert_eq!(drain(&mut machine), (vec![0, 1, 2, 3, 4], None, true));
    assert_eq!(machine.continuity(), Continuity::default());
}

#[test]
fn case_101_102_the_minimal_subset_needs_only_call_sid_and_payload() {
    let mut machine = machine();
    feed(&mut machine, &minimal_start("call-1"));
    let Some(Output::Started(started)) = machine.poll_output() else { panic!("not started") };
    assert_eq!((started.call_id.as_str(), started.media_format), ("call-1", None));
    for size in [1, 37, 160, 3200, 64_000] {
        feed(&mut machine, &minimal_media(&vec![7; size]));
    }
    feed(&mut machine, &minimal_media(&[]));
    assert_eq!(drain(&mut machine), (vec![7; 5], None, false));
}

#[test]
fn media_before_start_is_tolerated_for_a_while() {
    let mut machine = machine();
    for _ in 0..EARLY_MEDIA_TOLERATED {
        feed(&mut machine, &minimal_media(b"x"));
    }
    assert_eq!(close_code(&mut machine), None);
    feed(&mut machine, &minimal_media(b"x"));
    assert_eq!(close_code(&mut machine), Some(CloseCode::Policy));
}

#[test]
fn case_086_a_start_without_a_usable_call_sid_is_refused() {
    for start in [
        json!({}),
        json!({"callSid": ""}),
        json!({"callSid": 12345}),
        json!(null),
        json!([]),
        json!({"callSid": null}),
    ] {
        let mut machine = machine();
        feed(&mut machine, &json!({"event": "start", "start": start}));
        assert_eq!(close_code(&mut machine), Some(CloseCode::Policy), "{start}");
    }
}

#[test]
fn case_116_no_start_in_time_is_refused() {
    let now = Instant::now();
    let mut machine = Machine::new(now + Duration::from_secs(10), Origin::default());
    assert_eq!(machine.deadline(), Some(now + Duration::from_secs(10)));
    machine.handle_timeout(now + Duration::from_secs(9));
    assert_eq!(close_code(&mut machine), None);
    machine.handle_timeout(now + Duration::from_secs(10));
    assert_eq!(close_code(&mut machine), Some(CloseCode::Policy));
    assert_eq!(machine.deadline(), None);
}

#[test]
fn case_088_a_second_start_is_ignored_for_the_same_call_and_refused_for_another() {
    let mut machine = streaming();
    feed(&mut machine, &twilio_start());
    feed(&mut machine, &twilio_media(0));
    assert_eq!(drain(&mut machine), (vec![0], None, false));
    feed(&mut machine, &minimal_start("other"));
    assert_eq!(close_code(&mut machine), Some(CloseCode::Policy));
}

#[test]
fn case_084_089_other_streams_tracks_and_events_are_ignored() {
    let mut machine = streaming();
    let mut wrong_stream = twilio_media(0);
    wrong_stream["streamSid"] = json!("MZ9");
    let mut outbound = twilio_media(0);
    outbound["media"]["track"] = json!("outbound");
    for message in [
        wrong_stream,
        outbound,
        json!({"event": "mark", "sequenceNumber": "9", "mark": {"name": "x"}, "streamSid": "MZ1"}),
        json!({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": "1"}}),
        json!({"event": "somethingNew", "somethingNew": {"a": 1}}),
    ] {
        feed(&mut machine, &message);
    }
    assert_eq!(drain(&mut machine), (vec![], None, false));
    feed(&mut machine, &twilio_media(1));
    assert_eq!(drain(&mut machine).0, [1]);
}

#[test]
fn case_080_both_tracks_share_the_numbers_and_only_the_caller_is_heard() {
    let mut machine = streaming();
    for index in 0..10u8 {
        let mut media = twilio_media(index);
        media["media"]["track"] = json!(if index % 2 == 0 { "inbound" } else { "outbound" });
        media["media"]["timestamp"] = json!((index / 2) * 20);
        feed(&mut machine, &media);
    }
    assert_eq!(drain(&mut machine).0, [0, 2, 4, 6, 8]);
    assert_eq!(machine.continuity(), Continuity::default());
}

#[test]
fn case_090_091_what_is_no_message_is_closed_with_the_code_of_the_table() {
    for (text, code) in [
        ("this is not JSON", CloseCode::Invalid),
        ("[1,2,3]", CloseCode::Unsupported),
        ("\"media\"", CloseCode::Unsupported),
        ("{\"media\":{\"payload\":\"//8=\"}}", CloseCode::Unsupported),
    ] {
        let mut machine = streaming();
        machine.handle_text(text);
        assert_eq!(close_code(&mut machine), Some(code), "{text}");
    }
    let mut machine = streaming();
    machine.handle_binary(&[0xff; 160]);
    assert_eq!(close_code(&mut machine), Some(CloseCode::Unsupported));
}

#[test]
fn case_092_undecodable_payloads_are_tolerated_a_few_times() {
    let bad = [
        json!({"event": "media", "media": {"payload": "@@@not base64@@@"}}),
        json!({"event": "media", "media": {}}),
        json!({"event": "media"}),
        json!({"event": "media", "sequenceNumber": 7, "media": {"payload": 12345, "chunk": 1, "timestamp": 2}}),
    ];
    let mut machine = streaming();
    for message in &bad[..3] {
        feed(&mut machine, message);
        assert_eq!(close_code(&mut machine), None);
    }
    feed(&mut machine, &twilio_media(0));
    assert_eq!(drain(&mut machine).0, [0]);
    feed(&mut machine, &bad[3]);
    assert_eq!(close_code(&mut machine), Some(CloseCode::Invalid));
}

#[test]
fn case_083_swapped_messages_are_put_back_into_order() {
    let mut machine = streaming();
    for index in [1, 0, 2, 4, 3, 5] {
        feed(&mut machine, &twilio_media(index));
    }
    assert_eq!(drain(&mut machine).0, [0, 1, 2, 3, 4, 5]);
    assert_eq!(machine.continuity(), Continuity { reordered: 2, ..Continuity::default() });
}

#[test]
fn case_083_a_repeated_or_very_late_message_is_dropped_and_counted() {
    let mut machine = streaming();
    for index in [0, 0, 2, 3, 4, 5, 6, 7, 1] {
        feed(&mut machine, &twilio_media(index));
    }
    assert_eq!(drain(&mut machine).0, [0, 2, 3, 4, 5, 6, 7]);
    assert_eq!(machine.continuity().dropped, 2);
}

#[test]
fn case_082_lost_audio_is_counted_and_not_invented() {
    let mut machine = streaming();
    feed(&mut machine, &twilio_media(0));
    let mut later = twilio_media(1);
    later["media"]["timestamp"] = json!("520");
    feed(&mut machine, &later);
    assert_eq!(drain(&mut machine).0, [0, 1]);
    assert_eq!(machine.continuity().lost_ms, 500);
}

#[test]
fn audio_held_for_order_is_not_lost_when_the_stream_ends() {
    let mut machine = streaming();
    for index in [0, 2, 3] {
        feed(&mut machine, &twilio_media(index));
    }
    machine.handle_disconnect();
    assert_eq!(drain(&mut machine), (vec![0, 2, 3], None, true));
}

#[test]
fn case_087_media_before_start_is_tolerated_for_a_second() {
    let mut machine = machine();
    for _ in 0..EARLY_MEDIA_TOLERATED {
        feed(&mut machine, &minimal_media(&[7; 160]));
    }
    feed(&mut machine, &minimal_start("call-1"));
    feed(&mut machine, &minimal_media(&[8; 160]));
    assert_eq!(drain(&mut machine), (vec![8], None, false));
}

#[test]
fn case_081_a_call_may_be_listened_to_from_the_other_side() {
    let outbound = Origin { track: Track::Outbound, ..Origin::default() };
    let by_setting = Machine::new(Instant::now() + Duration::from_secs(10), outbound);
    for (mut machine, custom) in [(by_setting, json!({})), (machine(), json!({"track": "outbound"}))] {
        let mut start = twilio_start();
        start["start"]["customParameters"] = custom;
        feed(&mut machine, &start);
        for index in 0..4u8 {
            let mut media = twilio_media(index);
            media["media"]["track"] = json!(if index % 2 == 0 { "inbound" } else { "outbound" });
            feed(&mut machine, &media);
        }
        assert_eq!(drain(&mut machine).0, [1, 3]);
    }
}

#[test]
fn the_address_names_the_call_unless_the_message_does_so_on_purpose() {
    let origin = Origin { call_id: CallId::new("address"), ..Origin::default() };
    for (custom, expected) in [(json!({}), "address"), (json!({"call_id": "message"}), "message")] {
        let mut machine = Machine::new(Instant::now() + Duration::from_secs(10), origin.clone());
        let mut start = twilio_start();
        start["start"]["customParameters"] = custom;
        feed(&mut machine, &start);
        let Some(Output::Started(started)) = machine.poll_output() else { panic!("not started") };
        assert_eq!(started.call_id.as_str(), expected);
    }
}

#[test]
fn binary_audio_is_taken_where_the_dialect_has_it() {
    let mut machine = machine();
    feed(
        &mut machine,
        &json!({"event": "websocket:connected", "content-type": "audio/l16;rate=8000", "call_id": "c"}),
    );
    machine.handle_binary(&[1, 0]);
    machine.handle_text("text of any kind");
    machine.handle_binary(&[]);
    machine.handle_binary(&[2, 0]);
    machine.handle_disconnect();
    assert_eq!(drain(&mut machine), (vec![1, 2], None, true));

    let origin = Origin { call_id: CallId::new("address"), ..Origin::default() };
    let mut bare = Machine::new(Instant::now() + Duration::from_secs(10), origin);
    bare.handle_binary(&[3, 0]);
    assert_eq!(drain(&mut bare), (vec![3], None, false));
}

#[test]
fn case_109_each_track_of_telnyx_counts_for_itself() {
    let mut machine = machine();
    feed(&mut machine, &json!({"event": "start", "stream_id": "s", "start": {"call_control_id": "c"}}));
    for (chunk, track, byte) in [
        (1, "outbound", 91),
        (1, "inbound", 1),
        (3, "inbound", 3),
        (2, "outbound", 92),
        (2, "inbound", 2),
        (4, "inbound", 4),
    ] {
        let payload = STANDARD.encode([byte; 160]);
        feed(
            &mut machine,
            &json!({"event": "media", "stream_id": "s", "media": {"track": track, "chunk": chunk.to_string(), "payload": payload}}),
        );
    }
    assert_eq!(drain(&mut machine).0, [1, 2, 3, 4]);
}

#[test]
fn nothing_follows_the_end() {
    let mut machine = streaming();
    machine.handle_binary(&[0xff; 160]);
    drain(&mut machine);
    feed(&mut machine, &twilio_media(0));
    machine.handle_text("junk");
    machine.handle_binary(&[0xff; 160]);
    machine.handle_disconnect();
    assert!(machine.poll_output().is_none());
}

proptest! {
    #[test]
    fn any_text_leaves_the_machine_in_order(texts in proptest::collection::vec(".{0,60}", 0..20)) {
        let mut machine = streaming();
        for text in &texts {
            machine.handle_text(text);
        }
        prop_assert!(drain(&mut machine).0.is_empty());
    }

    #[test]
    fn swapped_neighbours_come_out_sorted(swaps in proptest::collection::vec(any::<bool>(), 32)) {
        let mut order: Vec<u8> = (0..64).collect();
        for (pair, swap) in swaps.into_iter().enumerate() {
            if swap {
                order.swap(2 * pair, 2 * pair + 1);
            }
        }
        let mut machine = streaming();
        for index in order {
            feed(&mut machine, &twilio_media(index));
        }
        machine.handle_disconnect();
        prop_assert_eq!(drain(&mut machine).0, (0..64).collect::<Vec<u8>>());
    }
}
