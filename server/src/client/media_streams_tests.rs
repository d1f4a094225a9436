//! The sender against servers that end a call in every way a server can.

use super::*;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

fn format(encoding: &str, sample_bytes: usize) -> MediaFormat {
    MediaFormat { encoding: encoding.to_owned(), rate: 8000, sample_bytes }
}

fn call(url: &str, dialect: Dialect) -> Call {
    Call {
        url: url.to_owned(),
        call_id: "call-1".to_owned(),
        dialect,
        format: format("audio/x-mulaw", 1),
        chunk: Duration::from_millis(20),
        speed: Speed(0.0),
        repeat_until: None,
        patience: Duration::from_secs(20),
    }
}

/// A server that reads until it has seen `enough` media messages (or `stop`), then closes with `close`, or drops the
/// connection. Returns everything it read.
async fn server(enough: usize, close: Option<CloseFrame>) -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("one client");
        let mut socket = tokio_tungstenite::accept_async(stream).await.expect("an upgrade");
        let mut seen: Vec<Value> = Vec::new();
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            seen.push(serde_json::from_str(text.as_str()).expect("JSON"));
            let media = seen.iter().filter(|message| message["event"] == "media").count();
            if media >= enough || seen.last().is_some_and(|message| message["event"] == "stop") {
                break;
            }
        }
        if let Some(frame) = close {
            drop(socket.close(Some(frame)).await);
            while let Some(Ok(_)) = socket.next().await {}
        }
        seen
    });
    (format!("ws://{address}/twilio"), task)
}

fn frame(code: u16, reason: &'static str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.into() })
}

fn payloads(messages: &[Value]) -> Vec<u8> {
    let text = |message: &Value| message["media"]["payload"].as_str().map(str::to_owned);
    messages.iter().filter_map(text).flat_map(|payload| STANDARD.decode(payload).expect("base64")).collect()
}

#[tokio::test]
async fn the_subset_is_one_start_and_then_only_payloads() {
    let audio: Vec<u8> = (0..800u32).map(|i| i as u8).collect();
    let (url, server) = server(5, frame(1000, "enough")).await;
    let outcome = send(&call(&url, Dialect::Subset), &audio, |_| {}).await.expect("connected");
    let seen = server.await.expect("served");
    assert_eq!(outcome.ended_by, EndedBy::Server { code: 1000, reason: "enough".into() });
    assert_eq!(seen[0], json!({"event": "start", "start": {"callSid": "call-1"}}));
    assert_eq!(seen[1]["media"].as_object().map(serde_json::Map::len), Some(1));
    assert!(!outcome.stopped);
    assert_eq!(payloads(&seen), audio, "every byte, once, in order");
}

#[tokio::test]
async fn twilios_own_messages_are_numbered_as_twilio_numbers_them() {
    let (url, server) = server(usize::MAX, frame(1000, "")).await;
    let outcome = send(&call(&url, Dialect::Twilio), &[0xFF; 330], |_| {}).await.expect("connected");
    let seen = server.await.expect("served");
    let events: Vec<_> = seen.iter().map(|message| message["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(events, ["connected", "start", "media", "media", "media", "stop"]);
    let numbers: Vec<_> = seen[1..].iter().map(|message| message["sequenceNumber"].clone()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
    assert_eq!(seen[4]["media"]["timestamp"], "40");
    assert_eq!(seen[4]["media"]["chunk"], "3");
    assert_eq!(seen[1]["start"]["mediaFormat"]["encoding"], "audio/x-mulaw");
    assert_eq!(seen[1]["start"]["streamSid"], seen[5]["streamSid"]);
    assert_eq!((outcome.messages, outcome.stopped), (3, true));
    assert_eq!(outcome.audio, Duration::from_micros(41_250), "330 samples, the last message short");
}

#[tokio::test]
async fn sending_stops_when_the_server_has_heard_enough() {
    let (url, server) = server(3, frame(1000, "")).await;
    let minute = vec![0xFF; 8000 * 60];
    let patient = Call { speed: Speed(50.0), ..call(&url, Dialect::Subset) };
    let outcome = send(&patient, &minute, |_| {}).await.expect("connected");
    assert_eq!(server.await.expect("served").len(), 4);
    assert!(outcome.audio < Duration::from_secs(60), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_and_a_dropped_line_are_told_apart() {
    let (url, _server) = server(1, frame(1008, "unknown call_id")).await;
    let outcome = send(&call(&url, Dialect::Subset), &[0xFF; 800], |_| {}).await.expect("connected");
    assert_eq!(outcome.ended_by, EndedBy::Server { code: 1008, reason: "unknown call_id".into() });

    let (url, _server) = server(1, None).await;
    let outcome = send(&call(&url, Dialect::Subset), &[0xFF; 800], |_| {}).await.expect("connected");
    assert!(matches!(outcome.ended_by, EndedBy::Dropped { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_never_closes_is_left_after_the_callers_patience() {
    let (url, server) = server(usize::MAX, None).await;
    let impatient = Call { patience: Duration::from_millis(1), ..call(&url, Dialect::Subset) };
    let outcome = send(&impatient, &[0xFF; 800], |_| {}).await.expect("connected");
    assert_eq!(outcome.ended_by, EndedBy::Sender);
    assert_eq!(server.await.expect("served").len(), 6);
}

#[test]
fn a_short_recording_is_repeated_without_a_gap_until_the_limit() {
    let audio: Vec<u8> = (0..100).collect();
    let call = Call {
        repeat_until: Some(Duration::from_millis(50)),
        chunk: Duration::from_millis(7),
        ..call("", Dialect::Subset)
    };
    let mut messages = Messages::new(&call, &audio);
    let mut sent = Vec::new();
    while let Some((message, _)) = messages.next_media() {
        sent.push(message);
    }
    let expected: Vec<u8> = audio.iter().cycle().take(400).copied().collect();
    assert_eq!(payloads(&sent), expected);
}

#[test]
fn speed_divides_the_time_between_messages() {
    let position = Duration::from_secs(8);
    assert_eq!(Speed::REAL_TIME.due(position), position);
    assert_eq!(Speed(4.0).due(position), Duration::from_secs(2));
    assert_eq!(Speed(0.0).due(position), Duration::ZERO);
    assert_eq!(Speed::new(-1.0), None);
    assert_eq!(Speed::new(f64::NAN), None);
}

#[test]
fn a_chunk_holds_whole_samples_only() {
    let l16 = format("audio/x-l16", 2);
    assert_eq!(bytes_in(&l16, Duration::from_micros(20_100)), 320);
    assert_eq!(duration_of(&l16, 321), Duration::from_millis(20));
}
