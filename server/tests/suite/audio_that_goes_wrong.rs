//! Everything a carrier can do to a session, and what the client and the carrier hear of it.

use std::time::Duration;

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Event};
use crate::support::{TestServer, call, mulaw, register_request, serve, silence};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn streaming(server: &TestServer, call_id: &str) -> (Client, Carrier) {
    let client = Client::start(server, "register", &register_request(call_id)).await;
    (client, Carrier::start(server, call_id).await)
}

/// Waits until the session has heard a block of audio.
async fn first_block(client: &mut Client, carrier: &mut Carrier) -> Event {
    carrier.media(&mulaw(&call("allison-en-enrol.wav"))[..8000]).await;
    client.event().await
}

#[tokio::test]
async fn no_audio_connection_is_an_audio_error() {
    let server = serve(|config| config.sessions.audio_start_timeout = Duration::from_millis(50)).await;
    let mut client = Client::start(&server, "register", &register_request("none")).await;
    let event = client.outcome().await;
    assert_eq!((event.name.as_str(), event.content()), ("error-audio", "No audio connection within 0.05 s"));
    assert_eq!((&event.data()["audio_seconds"], &event.data()["vad_percentage"]), (&json!(0.0), &json!(0)));
    server.becomes_idle().await;
}

#[tokio::test]
async fn a_silent_carrier_is_an_audio_error_and_its_connection_is_closed() {
    let server = serve(|config| config.sessions.audio_idle_timeout = Duration::from_millis(200)).await;
    let (mut client, mut carrier) = streaming(&server, "idle").await;
    assert_eq!(client.outcome().await.name, "error-audio");
    assert_eq!(carrier.closed().await, 1000);
    server.becomes_idle().await;
}

#[tokio::test]
async fn case_099_silence_is_listened_to_up_to_the_limit() {
    let server = serve(|config| config.sessions.max_stream_duration = Duration::from_secs(4)).await;
    let (mut client, carrier) = streaming(&server, "silence").await;
    let audio = silence(10);
    let (events, code) = tokio::join!(client.rest(), carrier.play(&audio, 1600));
    let (last, statuses) = events.split_last().unwrap();
    assert_eq!((statuses.len(), last.name.as_str(), code), (8, "error-audio", 1000), "{last:?}");
    assert!(statuses.iter().all(|status| status.data()["audio_seconds"] == 0.0));
    assert!(last.content().contains("4 s"));
    server.becomes_idle().await;
}

#[tokio::test]
async fn case_075_076_105_a_stream_that_ends_early_names_collected_and_needed_seconds() {
    let server = serve(|_| ()).await;
    for how in ["stop", "close", "drop"] {
        let (mut client, mut carrier) = streaming(&server, how).await;
        first_block(&mut client, &mut carrier).await;
        match how {
            "stop" => {
                carrier.send(&json!({"event": "stop", "stop": {}})).await;
                assert_eq!(carrier.closed().await, 1000);
            }
            "close" => assert!(carrier.close().await, "a close is answered"),
            _ => drop(carrier),
        }
        let event = client.outcome().await;
        assert_eq!(event.name, "error-audio");
        assert!(
            event.content().contains("ended early") && event.content().contains("5.00 s"),
            "{}",
            event.content()
        );
    }
    server.becomes_idle().await;
}

#[tokio::test]
async fn case_090_091_094_broken_messages_close_with_the_code_of_the_table_and_end_the_session() {
    let server = serve(|_| ()).await;
    let huge = json!({"event": "media", "media": {"payload": "/".repeat(4_000_000)}}).to_string();
    let deep = format!(r#"{{"event":"media","media":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    for (message, code) in [
        (Message::text("this is not JSON"), 1007),
        (Message::text("[1,2,3]"), 1003),
        (Message::text(r#"{"media":{}}"#), 1003),
        (Message::binary(vec![0xff; 160]), 1003),
        (Message::text(deep), 1007),
        (Message::text(huge), 1009),
        (Message::text(r#"{"event":"start","start":{"callSid":"another"}}"#), 1008),
    ] {
        let (mut client, mut carrier) = streaming(&server, "broken").await;
        first_block(&mut client, &mut carrier).await;
        carrier.send_raw(message).await;
        assert_eq!(carrier.closed().await, code);
        let event = client.outcome().await;
        assert_eq!(event.name, "error-audio");
        assert!(event.content().contains("broke the protocol"), "{}", event.content());
        server.becomes_idle().await;
    }
}

#[tokio::test]
async fn case_086_087_connections_that_never_become_a_stream_are_refused() {
    let server = serve(|_| ()).await;
    for start in [json!({}), json!({"callSid": ""}), json!({"callSid": 5}), Value::Null] {
        let mut carrier = Carrier::connect(&server).await;
        carrier.send(&json!({"event": "start", "start": start})).await;
        assert_eq!(carrier.closed().await, 1008);
    }
    let carrier = Carrier::connect(&server).await;
    assert_eq!(carrier.play(&silence(2), 160).await, 1008, "media before start");
    server.becomes_idle().await;
}

#[tokio::test]
async fn case_118_a_call_has_one_audio_connection() {
    let server = serve(|_| ()).await;
    let (mut client, mut first) = streaming(&server, "one").await;
    first_block(&mut client, &mut first).await;
    let mut second = Carrier::start(&server, "one").await;
    assert_eq!(second.closed().await, 1008);
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (outcome, code) = tokio::join!(client.outcome(), first.play(&audio, 800));
    assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));
}

#[tokio::test]
async fn a_stream_that_ended_early_may_be_continued_within_the_grace() {
    let server = serve(|config| config.sessions.reattach_grace = Duration::from_secs(30)).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (mut client, mut carrier) = streaming(&server, "again").await;
    first_block(&mut client, &mut carrier).await;
    assert!(carrier.close().await);
    let carrier = Carrier::start(&server, "again").await;
    let (outcome, code) = tokio::join!(client.outcome(), carrier.play(&audio[8000..], 800));
    assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));
}

#[tokio::test]
async fn twilio_decides_its_own_format_and_what_cannot_be_decoded_is_an_audio_error() {
    let server = serve(|_| ()).await;
    let start = |call: &str, encoding: &str| {
        json!({"event": "start", "start": {"callSid": call,
            "mediaFormat": {"encoding": encoding, "sampleRate": 8000, "channels": 1}}})
    };
    // The session says mulaw, the carrier sends linear samples and says so.
    let mut client = Client::start(&server, "register", &register_request("format-1")).await;
    let mut carrier = Carrier::connect(&server).await;
    carrier.send(&start("format-1", "audio/x-l16")).await;
    let audio: Vec<u8> = call("allison-en-enrol.wav").into_iter().flat_map(i16::to_le_bytes).collect();
    let (outcome, code) = tokio::join!(client.outcome(), carrier.play(&audio, 1600));
    assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));

    let mut client = Client::start(&server, "register", &register_request("format-2")).await;
    let mut carrier = Carrier::connect(&server).await;
    carrier.send(&start("format-2", "audio/x-gsm")).await;
    let event = client.outcome().await;
    assert_eq!((event.name.as_str(), carrier.closed().await), ("error-audio", 1008));
    assert!(event.content().contains("cannot be decoded"), "{}", event.content());
    server.becomes_idle().await;
}

#[tokio::test]
async fn case_120_after_everything_that_went_wrong_a_good_call_works() {
    let server = serve(|_| ()).await;
    for number in 0..20 {
        let (mut client, mut carrier) = streaming(&server, &format!("bad-{number}")).await;
        carrier.send_raw(Message::text("junk")).await;
        assert_eq!(client.outcome().await.name, "error-audio");
    }
    let (mut client, carrier) = streaming(&server, "good").await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (outcome, code) = tokio::join!(client.outcome(), carrier.play(&audio, 160));
    assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));
    server.becomes_idle().await;
}
