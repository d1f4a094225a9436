//! Every line that a whole registration and verification log, at the most talkative level, searched for what it must not hold.
#![allow(clippy::unwrap_used)]

#[path = "suite/support/mod.rs"]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use peakstream_server::telemetry::{LogFormat, subscriber};
use support::carrier::Carrier;
use support::signalling::{Client, Introduction};
use support::{call, mulaw, register_request, serve, verify_request};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_secret_credential_call_id_or_audio() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing::subscriber::set_global_default(
        subscriber("trace", LogFormat::Json, move || writer.clone()).unwrap(),
    )
    .unwrap();
    let call_id = "+34600111222";
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let server = serve(|_| ()).await;
    let token = server.token().await;
    let mut client = Client::start(&server, "register", &register_request(call_id)).await;
    let carrier = Carrier::start(&server, call_id).await;
    let (outcome, _) = tokio::join!(client.outcome(), carrier.play(&audio, 160));
    let credential = outcome.data()["credential"].as_str().unwrap().to_owned();
    let mut client = Client::start(&server, "verify", &verify_request(call_id, &credential)).await;
    let carrier = Carrier::start(&server, call_id).await;
    tokio::join!(client.outcome(), carrier.play(&audio, 160));
    // What is refused is as private as what is accepted.
    let query = format!("&access_token={token}x");
    Client::ask(&server, "/register", Introduction { query, ..Introduction::default() }).await.next().await;
    let mut client = Client::join(&server, "/verify").await;
    client.emit("initialize", &verify_request(call_id, "c".repeat(400).as_str())).await;
    client.outcome().await;
    let secret = server.first_run.client_secret.expose().clone();
    let api_key = server.first_run.api_key.expose().clone();
    server.running.shutdown().await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("session ready") && text.contains("result-success"),
        "the test sees the log: {text}"
    );
    let payload =
        { base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &audio[16_000..16_160]) };
    for private in
        [&token[..], &secret, &api_key, &credential[..32], call_id, "34600111222", &payload, &"c".repeat(40)]
    {
        assert!(!text.contains(private), "the log holds {private}");
    }
}
