//! `initialize` over the wire: what the unit tests of the validation cannot see.

use crate::support::signalling::{Client, Event, Introduction, Packet};
use crate::support::{TestServer, call, mulaw, register_request, serve, verify_request};
use serde_json::{Value, json};

async fn answer(server: &TestServer, kind: &str, request: &Value) -> Event {
    let mut client = Client::join(server, &format!("/{kind}")).await;
    client.emit("initialize", request).await;
    let event = client.outcome().await;
    assert_eq!((event.args.len(), &event.args[1]), (2, &Value::Null));
    event
}

#[tokio::test]
async fn a_wrong_request_gets_one_error_that_names_every_field_and_the_disconnect() {
    let server = serve(|_| ()).await;
    let event = answer(&server, "register", &json!({"metadata": {"audio_protocol": "twilio"}})).await;
    assert_eq!(event.name, "error-parameters");
    let expected = [
        "metadata.audio_format",
        "metadata.audio_codec",
        "metadata.sample_rate",
        "metadata.channels",
        "metadata.call_id",
        "register_request",
    ];
    assert_eq!(event.fields(), expected);
    for body in [json!(null), json!("junk"), json!([1])] {
        assert_eq!(answer(&server, "verify", &body).await.fields(), ["initialize"]);
    }
    server.becomes_idle().await;
}

#[tokio::test]
async fn an_initialize_that_is_a_json_string_starts_a_session() {
    let server = serve(|_| ()).await;
    let text = Value::String(register_request("text").to_string());
    Client::start(&server, "register", &text).await;
}

#[tokio::test]
async fn unknown_models_and_broken_or_foreign_credentials_are_told_apart() {
    let server = serve(|_| ()).await;
    let mut request = register_request("model");
    request["register_request"]["model_hash"] = json!("00".repeat(28));
    assert_eq!(answer(&server, "register", &request).await.fields(), ["register_request.model_hash"]);

    let event = answer(&server, "verify", &verify_request("broken", "no credential")).await;
    assert_eq!(
        (event.name.as_str(), event.fields()),
        ("error-parameters", vec!["verify_request.credential"])
    );

    let other = serve(|_| ()).await;
    let mut client = Client::start(&other, "register", &register_request("foreign")).await;
    let carrier = crate::support::carrier::Carrier::start(&other, "foreign").await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (outcome, _) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
    let foreign = outcome.data()["credential"].as_str().unwrap();
    let event = answer(&server, "verify", &verify_request("foreign", foreign)).await;
    assert_eq!(event.name, "error-das-Peak");
    assert_eq!(
        (&event.data()["exception"], &event.data()["error"]),
        (&json!("InvalidCredential"), &json!("Decryption error"))
    );
}

#[tokio::test]
async fn a_call_id_in_use_is_refused_and_free_again_after_its_session() {
    let server = serve(|_| ()).await;
    let mut first = Client::start(&server, "register", &register_request("twice")).await;
    let event = answer(&server, "register", &register_request("twice")).await;
    assert_eq!((event.name.as_str(), event.fields()), ("error-parameters", vec!["metadata.call_id"]));
    assert!(event.content().contains("call_id already in use"));
    first.leave().await;
    server.becomes_idle().await;
    Client::start(&server, "register", &register_request("twice")).await;
}

#[tokio::test]
async fn a_second_initialize_is_refused_and_the_running_session_goes_on() {
    let server = serve(|_| ()).await;
    let mut client = Client::start(&server, "register", &register_request("second")).await;
    client.emit("initialize", &register_request("second-2")).await;
    let event = client.event().await;
    assert_eq!((event.name.as_str(), event.fields()), ("error-parameters", vec!["initialize"]));
    let carrier = crate::support::carrier::Carrier::start(&server, "second").await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let (outcome, _) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
    assert_eq!(outcome.name, "result-success");
}

#[tokio::test]
async fn with_keep_open_another_session_follows_on_the_same_connection() {
    let server = serve(|config| config.signalling.keep_open = true).await;
    let mut client = Client::join(&server, "/register").await;
    client.emit("initialize", &json!({})).await;
    assert_eq!(client.event().await.name, "error-parameters");
    client.emit("initialize", &register_request("kept")).await;
    assert_eq!(client.event().await.name, "info-consumer-ready");
}

#[tokio::test]
async fn as_many_sessions_as_configured_live_at_once() {
    let server = serve(|config| config.limits.max_sessions = 1).await;
    let mut first = Client::start(&server, "register", &register_request("one")).await;
    let event = answer(&server, "register", &register_request("two")).await;
    assert_eq!(event.name, "error-consumer-not-ready");
    first.leave().await;
    server.becomes_idle().await;
    Client::start(&server, "register", &register_request("three")).await;
}

#[tokio::test]
async fn one_connection_may_register_and_verify_independently() {
    let server = serve(|_| ()).await;
    let token = server.token().await;
    let introduction = Introduction { payload: Some(json!({"token": token})), ..Introduction::default() };
    let mut client = Client::ask(&server, "/register", introduction).await;
    assert!(matches!(client.next().await, Packet::Connected));
    client.emit("initialize", &register_request("independent")).await;
    assert_eq!(client.event().await.name, "info-consumer-ready");
    let mut other = Client::join(&server, "/verify").await;
    other.emit("initialize", &json!({})).await;
    assert_eq!(other.outcome().await.name, "error-parameters");
    assert_eq!(server.running.counts().live_sessions, 1);
}
