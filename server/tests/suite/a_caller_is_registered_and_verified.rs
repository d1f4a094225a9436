//! The main job: a real call in over the audio channel, the documented events out over Socket.IO.

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Event};
use crate::support::{TestServer, call, mulaw, register_request, serve, verify_request};
use serde_json::{Value, json};

/// Runs one session to its end: all events, and the code the audio connection was closed with.
async fn session(
    server: &TestServer,
    kind: &str,
    request: &Value,
    call_id: &str,
    audio: &[u8],
) -> (Vec<Event>, u16) {
    let mut client = Client::start(server, kind, request).await;
    let carrier = Carrier::start(server, call_id).await;
    tokio::join!(client.rest(), carrier.play(audio, 800))
}

async fn credential(server: &TestServer) -> String {
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (events, _) = session(server, "register", &register_request("enrol"), "enrol", &audio).await;
    events.last().unwrap().data()["credential"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_has_the_documented_events_arithmetic_and_arguments() {
    let server = serve(|_| ()).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (events, code) = session(&server, "register", &register_request("call-1"), "call-1", &audio).await;
    assert_eq!(code, 1000);

    let (result, statuses) = events.split_last().unwrap();
    let mut last = 0.0;
    for status in statuses {
        assert_eq!(status.name, "info-vad-status");
        assert_eq!(status.args.len(), 2, "every event has two arguments");
        assert!(status.args[1].is_null() && status.audio.is_none());
        let (seconds, percentage) =
            (status.data()["audio_seconds"].as_f64().unwrap(), &status.data()["vad_percentage"]);
        assert!(seconds >= last, "speech never decreases: {last} → {seconds}");
        // Truncated from the unrounded speech, so the rounded seconds may be half a hundredth above or below.
        let near = [seconds - 0.005, seconds + 0.005].map(|s| (100.0 * s / 5.0) as u64);
        assert!(near.contains(&percentage.as_u64().unwrap()), "{percentage} of {seconds}");
        last = seconds;
    }
    assert!(last >= 5.0 && statuses[statuses.len() - 2].data()["audio_seconds"].as_f64().unwrap() < 5.0);
    assert!(statuses.last().unwrap().data()["vad_percentage"].as_u64().unwrap() >= 100, "not capped");

    assert_eq!(result.name, "result-success");
    let data = result.data();
    assert_eq!(
        (&data["event"], &data["content"]),
        (&json!("result-success"), &json!("Registration: approved"))
    );
    assert_eq!(data["voice_audio_collected"].as_f64(), Some(last));
    assert!((0.0..=1.0).contains(&data["authenticity"].as_f64().unwrap()));
    assert!(data["credential"].as_str().unwrap().len() <= 4096);
    assert_eq!((&data["call_id"], data["session_id"].is_string()), (&json!("call-1"), true));
    assert!(data.get("score").is_none());

    let wav = result.audio.as_ref().unwrap();
    assert_eq!(result.args.len(), 2);
    assert_eq!((&wav[..4], &wav[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    let seconds = (wav.len() - 44) as f64 / 16_000.0;
    assert!((seconds - last).abs() < 0.01, "the WAV holds the collected speech: {seconds} s of {last} s");
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_passes_in_two_languages_and_another_does_not() {
    let server = serve(|_| ()).await;
    let credential = credential(&server).await;
    for (file, expected) in [
        ("allison-en-verify.wav", "result-success"),
        ("allison-es-verify.wav", "result-success"),
        ("other-man-it.wav", "result-fail-score"),
        ("other-woman-fr.wav", "result-fail-score"),
    ] {
        let request = verify_request(file, &credential);
        let (events, code) = session(&server, "verify", &request, file, &mulaw(&call(file))).await;
        let result = events.last().unwrap();
        assert_eq!((result.name.as_str(), code), (expected, 1000), "{file}: {:?}", result.data());
        let verdict =
            if expected == "result-success" { "Verification: approved" } else { "Verification: rejected" };
        assert_eq!(result.content(), verdict);
        assert!((0.0..=1.0).contains(&result.data()["score"].as_f64().unwrap()));
        assert!(result.data().get("credential").is_none() && result.audio.is_some());
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_below_the_authenticity_threshold_is_a_spoof_and_gets_no_credential() {
    let server = serve(|_| ()).await;
    let credential = credential(&server).await;
    let audio = mulaw(&call("allison-en-verify.wav"));
    let mut request = register_request("spoof-1");
    request["register_request"]["authenticity_threshold"] = json!(1.0);
    let (events, _) = session(&server, "register", &request, "spoof-1", &audio).await;
    let result = events.last().unwrap();
    assert_eq!((result.name.as_str(), result.content()), ("result-fail-spoof", "Registration: rejected"));
    assert!(result.data().get("credential").is_none());

    let mut request = verify_request("spoof-2", &credential);
    request["verify_request"]["authenticity_threshold"] = json!(1.0);
    request["verify_request"]["score_threshold"] = json!(1.0);
    let (events, _) = session(&server, "verify", &request, "spoof-2", &audio).await;
    let result = events.last().unwrap();
    assert_eq!((result.name.as_str(), result.content()), ("result-fail-spoof", "Verification: rejected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_size_of_message_gives_the_same_decision() {
    let server = serve(|_| ()).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let mut wavs = Vec::new();
    for piece in [37, 160, 3200, 64_000] {
        let call_id = format!("piece-{piece}");
        let mut client = Client::start(&server, "register", &register_request(&call_id)).await;
        let carrier = Carrier::start(&server, &call_id).await;
        let (outcome, code) = tokio::join!(client.outcome(), carrier.play(&audio, piece));
        assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));
        wavs.push(outcome.audio.unwrap());
    }
    assert!(wavs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_that_comes_before_its_session_waits_for_it() {
    let server = serve(|_| ()).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let carrier = Carrier::start(&server, "early").await;
    let playing = tokio::spawn(async move { carrier.play(&audio, 800).await });
    let mut client = Client::start(&server, "register", &register_request("early")).await;
    assert_eq!(client.outcome().await.name, "result-success");
    assert_eq!(playing.await.unwrap(), 1000);
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inference_queue_is_an_error_at_once_and_nothing_hangs() {
    let server = serve(|config| {
        config.limits.inference_threads = 1;
        config.limits.inference_queue = 1;
    })
    .await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let one = async |number: usize| {
        let call_id = format!("busy-{number}");
        session(&server, "register", &register_request(&call_id), &call_id, &audio).await
    };
    let sessions = futures_util::future::join_all((0..12).map(one)).await;
    let mut decided = 0;
    for (events, code) in sessions {
        assert_eq!(code, 1000);
        let last = events.last().unwrap();
        match last.name.as_str() {
            "result-success" => decided += 1,
            "error-das-Peak" => assert_eq!(last.data()["exception"], "ServiceUnavailable"),
            other => panic!("{other}: {:?}", last.data()),
        }
    }
    assert!(decided >= 1);
    server.becomes_idle().await;
    let (events, _) = one(99).await;
    assert_eq!(events.last().unwrap().name, "result-success");
}
