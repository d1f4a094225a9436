//! Any signalling with any audio: the REST channel has the states, results and words of the Socket.IO channel.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::carrier::Carrier;
use crate::support::rest::{Rest, registration, verification};
use crate::support::signalling::Client;
use crate::support::{TestServer, call, mulaw, serve, verify_request};

async fn play(server: &TestServer, call_id: &str, file: &str) -> u16 {
    Carrier::start(server, call_id).await.play(&mulaw(&call(file)), 800).await
}

/// Runs a registration of the demo's caller to its end and returns the session.
async fn registered(server: &TestServer, rest: &Rest, call_id: &str) -> Value {
    let session = rest.register(call_id).await;
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    let (seen, code) = tokio::join!(rest.poll(&path), play(server, call_id, "allison-en-enrol.wav"));
    assert_eq!(code, 1000);
    seen.into_iter().next_back().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_created_polled_and_gives_a_credential_that_verifies() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let session = registered(&server, &rest, "call-1").await;
    for (member, value) in [
        ("status", json!("success")),
        ("finished", json!(true)),
        ("event", json!("result-success")),
        ("content", json!("Registration: approved")),
        ("call_id", json!("call-1")),
    ] {
        assert_eq!(session[member], value, "{member}");
    }
    assert_eq!(session["voice_audio_collected"], session["audio_seconds"]);
    assert!(session["vad_percentage"].as_u64().unwrap() >= 100);
    assert!(session.get("session_id").is_none() && session.get("score").is_none());

    let settings = rest.settings().await;
    let credential = session["credential"].as_str().unwrap();
    for (file, call_id, status) in
        [("allison-en-verify.wav", "v-1", "success"), ("other-man-it.wav", "v-2", "fail_score")]
    {
        let created = rest.post("/verify_session", &verification(&settings, call_id, credential)).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.json());
        let path = format!("/verify_session/{}", created.json()["id"].as_str().unwrap());
        let (seen, _) = tokio::join!(rest.poll(&path), play(&server, call_id, file));
        let end = seen.last().unwrap();
        assert_eq!(end["status"], status, "{file}");
        assert!(end["score"].is_number() && end["score_threshold"] == json!(0.5));
        assert!(end.get("credential").is_none(), "a credential is not given back");
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_is_visible_and_none_goes_back() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let session = rest.register("call").await;
    assert_eq!(session["status"], "consumer_ready");
    assert_eq!(session["event"], "info-consumer-ready");
    assert_eq!((&session["audio_seconds"], &session["vad_percentage"]), (&json!(0.0), &json!(0)));
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (beginning, rest_of_it) = audio.split_at(8_000);
    let mut carrier = Carrier::start(&server, "call").await;
    carrier.media(beginning).await;
    while rest.get(&path).await.json()["status"] != "streaming" {}
    let (seen, _) = tokio::join!(rest.poll(&path), carrier.play(rest_of_it, 800));
    // Whether the processing is seen is a matter of luck: it takes tens of milliseconds.
    let order = ["streaming", "processing", "success"];
    let rank = |value: &Value| order.iter().position(|state| value["status"] == *state).unwrap();
    assert!(seen.is_sorted_by_key(rank));
    assert!(seen.is_sorted_by_key(|value| (value["audio_seconds"].as_f64().unwrap() * 100.0) as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_session_of_a_call_is_found_by_its_call_id() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let first = registered(&server, &rest, "+34 600&1").await;
    let found = rest.get("/register_session?call_id=%2B34%20600%261").await;
    assert_eq!((found.status, &found.json()), (StatusCode::OK, &first));
    let second = rest.register("+34 600&1").await;
    let found = rest.get("/register_session?call_id=%2B34%20600%261").await.json();
    assert_eq!(found["id"], second["id"], "the live one comes before the one that is over");
    assert_eq!(rest.get("/verify_session?call_id=%2B34%20600%261").await.status, StatusCode::NOT_FOUND);
    assert_eq!(rest.get("/register_session?call_id=other").await.status, StatusCode::NOT_FOUND);
    assert_eq!(rest.get("/register_session").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collected_speech_is_a_wav_once_there_is_a_result() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let session = rest.register("call").await;
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    let early = rest.get(&format!("{path}/collected_audio")).await;
    assert_eq!(
        (early.status, &early.json()["exception"]),
        (StatusCode::CONFLICT, &json!("NotCollectedException"))
    );
    let (seen, _) = tokio::join!(rest.poll(&path), play(&server, "call", "allison-en-enrol.wav"));
    let wav = rest.get(&format!("{path}/collected_audio")).await;
    assert_eq!((wav.status, wav.header("content-type")), (StatusCode::OK, Some("audio/wav")));
    let seconds = (wav.bytes.len() - 44) as f64 / 16_000.0;
    let told = seen.last().unwrap()["voice_audio_collected"].as_f64().unwrap();
    assert!((seconds - told).abs() < 0.01, "{seconds} s of {told} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_live_session_cancels_it_and_deleting_it_again_forgets_it() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let session = rest.register("call").await;
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    let mut carrier = Carrier::start(&server, "call").await;
    carrier.media(&mulaw(&call("allison-en-enrol.wav"))[..8_000]).await;
    // Until its audio has found it; a carrier that comes after the end is told something else.
    while rest.get(&path).await.json()["status"] != "streaming" {}
    assert_eq!(rest.delete(&path).await.status, StatusCode::NO_CONTENT);
    let cancelled = rest.get(&path).await.json();
    for (member, value) in [
        ("status", "error"),
        ("event", "error-audio"),
        ("content", "Session cancelled"),
        ("exception", "AudioStreamException"),
        ("error", "Session cancelled"),
    ] {
        assert_eq!(cancelled[member], value, "{member}");
    }
    assert_eq!(carrier.closed().await, 1000);
    assert_eq!(rest.delete(&path).await.status, StatusCode::NO_CONTENT);
    for gone in
        [rest.get(&path).await, rest.delete(&path).await, rest.get("/register_session?call_id=call").await]
    {
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
    server.becomes_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_audio_ends_as_over_socketio() {
    let server =
        serve(|config| config.sessions.audio_start_timeout = std::time::Duration::from_millis(200)).await;
    let rest = Rest::of(&server);
    let session = rest.register("call").await;
    let seen = rest.poll(&format!("/register_session/{}", session["id"].as_str().unwrap())).await;
    let end = seen.last().unwrap();
    assert_eq!((&end["status"], &end["event"]), (&json!("error"), &json!("error-audio")));
    assert_eq!(end["content"], "No audio connection within 0.2 s");
    server.becomes_idle().await;
}

/// Reads a stream of Server-Sent Events to its end: (id, name, data) of each.
async fn listen(rest: &Rest, path: &str, last: Option<&str>) -> Vec<(usize, String, Value)> {
    let mut request = rest.request(Method::GET, &format!("{path}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = rest.send(request).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(answer.bytes).unwrap();
    let events = text.split("\n\n").filter(|event| event.contains("event:")).map(|event| {
        let field = |name: &str| {
            let prefix = format!("{name}: ");
            event.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
        };
        (field("id").parse().unwrap(), field("event"), serde_json::from_str(&field("data")).unwrap())
    });
    events.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_heard_over_server_sent_events_from_its_beginning() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let session = rest.register("call").await;
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    let (heard, resumed, _) = tokio::join!(
        listen(&rest, &path, None),
        listen(&rest, &path, Some("2")),
        play(&server, "call", "allison-en-enrol.wav")
    );
    let names: Vec<&str> = heard.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!((names[0], *names.last().unwrap()), ("info-consumer-ready", "result-success"));
    assert!(names[1..names.len() - 1].iter().all(|name| *name == "info-vad-status"));
    assert!(
        heard
            .iter()
            .enumerate()
            .all(|(number, (id, _, data))| *id == number && data["event"] == names[number])
    );
    assert_eq!(resumed, heard[3..], "who says what it has, gets the rest");

    // Over: the end is what is left, under its number; who has it is told to stop.
    let end = heard.last().unwrap();
    let later = listen(&rest, &path, Some("1")).await;
    assert_eq!((later.len(), later[0].0, &later[0].1), (1, end.0, &end.1));
    assert_eq!(later[0].2["credential"], end.2["credential"]);
    let request = rest.request(Method::GET, &format!("{path}/events")).header("last-event-id", end.0);
    assert_eq!(rest.send(request).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socketio_session_can_be_looked_at_over_rest() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let credential = registered(&server, &rest, "enrol").await["credential"].as_str().unwrap().to_owned();
    let mut client = Client::start(&server, "verify", &verify_request("call", &credential)).await;
    let found = rest.get("/verify_session?call_id=call").await;
    assert_eq!((found.status, &found.json()["status"]), (StatusCode::OK, &json!("consumer_ready")));
    assert_eq!(found.json()["audio_settings_id"], Value::Null);
    let (events, _) = tokio::join!(client.rest(), play(&server, "call", "allison-en-verify.wav"));
    let told = events.last().unwrap().data().clone();
    let path = format!("/verify_session/{}", told["session_id"].as_str().unwrap());
    let seen = rest.poll(&path).await;
    let end = seen.last().unwrap();
    for member in ["event", "content", "score", "authenticity", "voice_audio_collected", "call_id"] {
        assert_eq!(end[member], told[member], "{member}");
    }
    let wav = rest.get(&format!("{path}/collected_audio")).await;
    assert_eq!(Some(&wav.bytes[..]), events.last().unwrap().audio.as_deref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socketio_client_that_goes_away_leaves_a_cancelled_session() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let client = Client::start(&server, "register", &crate::support::register_request("call")).await;
    let id = rest.get("/register_session?call_id=call").await.json()["id"].as_str().unwrap().to_owned();
    drop(client);
    let seen = rest.poll(&format!("/register_session/{id}")).await;
    assert_eq!(seen.last().unwrap()["content"], "Session cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_channels_share_call_ids() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    rest.register("call").await;
    let settings = rest.settings().await;
    let again = rest.post("/register_session", &registration(&settings, "call")).await;
    assert_eq!(
        (again.status, &again.json()["exception"]),
        (StatusCode::CONFLICT, &json!("CallIdInUseException"))
    );
    let mut client = Client::join(&server, "/socket.io/register").await;
    client.emit("initialize", &crate::support::register_request("call")).await;
    let refused = client.event().await;
    assert_eq!(refused.name, "error-parameters");
    assert_eq!(refused.data()["details"][0]["field"], "metadata.call_id");
}
