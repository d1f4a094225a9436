//! Calls, call ids and credentials of one tenant are to another as if they did not exist.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Event};
use crate::support::{TestServer, call, mulaw, register_request, serve, verify_request};
use peakstream_server::tenant::edit::KeyKind;
use peakstream_server::tenant::scope::Scopes;

/// A second tenant, and a token of it.
async fn acme(server: &TestServer) -> String {
    let made = server.edit(|file| {
        file.add_tenant("acme")?;
        file.add_key(KeyKind::Client, "acme", Scopes::ALL, None)
    });
    server.token_of(&made.id, made.secret.expose()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_guesses_at_one_tenant_do_not_keep_another_waiting() {
    let server = serve(|_| ()).await;
    let made = server.edit(|file| {
        file.add_tenant("acme")?;
        file.add_key(KeyKind::Client, "acme", Scopes::ALL, None)
    });
    let (asked, http) = (AtomicUsize::new(0), reqwest::Client::new());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &server.first_run.client_id),
        ("client_secret", "guess"),
    ];
    let guess = async || {
        while asked.fetch_add(1, Ordering::Relaxed) < 10_000 {
            let answer = http.post(server.url("/socket.io/oauth2/token")).form(&form).send().await.unwrap();
            assert!([401, 429].contains(&answer.status().as_u16()), "{}", answer.status());
        }
    };
    let other = async {
        while asked.load(Ordering::Relaxed) < 500 {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            server.token_of(&made.id, made.secret.expose()).await;
        }
        asked.load(Ordering::Relaxed)
    };
    let (guessed_meanwhile, _) = tokio::join!(other, join_all((0..50).map(|_| guess())));
    assert!(guessed_meanwhile < 9_000, "five tokens took as long as {guessed_meanwhile} guesses");
}

async fn enrol(mut client: Client, carrier: Carrier) -> Event {
    let audio = mulaw(&call("allison-en-enrol.wav"));
    tokio::join!(client.outcome(), carrier.play(&audio, 800)).0
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_use_the_same_call_id_and_each_gets_its_own_audio() {
    let server = serve(|_| ()).await;
    let token = acme(&server).await;
    let request = register_request("call-1");
    let ours = Client::start(&server, "register", &request).await;
    let theirs = Client::start_with(&server, "register", &request, &token).await;
    let carrier = Carrier::start_at(&server, "/dpstwilio/acme", "call-1").await;
    let outcome = enrol(theirs, carrier).await;
    assert_eq!(outcome.name, "result-success");
    assert_eq!(server.running.counts().live_sessions, 1, "the other has had no audio");
    let outcome = enrol(ours, Carrier::start(&server, "call-1").await).await;
    assert_eq!(outcome.name, "result-success");
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_for_another_tenants_call_is_refused_as_for_an_unknown_one() {
    let server = serve(|_| ()).await;
    let token = acme(&server).await;
    let _session = Client::start_with(&server, "register", &register_request("call-1"), &token).await;
    let mut foreign = Carrier::start(&server, "call-1").await;
    let mut nobodys = Carrier::start_at(&server, "/twilio/nobody", "call-1").await;
    let mut unknown = Carrier::start_at(&server, "/twilio/acme", "call-2").await;
    let codes = tokio::join!(foreign.closed(), nobodys.closed(), unknown.closed());
    assert_eq!(codes, (1008, 1008, 1008));
    assert_eq!(reqwest::get(server.url("/twilio/No_Name")).await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_credential_answers_as_one_of_another_server() {
    let (server, elsewhere) = (serve(|_| ()).await, serve(|_| ()).await);
    let token = acme(&server).await;
    let credential = async |server: &TestServer| {
        let client = Client::start(server, "register", &register_request("enrol")).await;
        let outcome = enrol(client, Carrier::start(server, "enrol").await).await;
        outcome.data()["credential"].as_str().unwrap().to_owned()
    };
    let refused = async |credential: &str| {
        let mut client = Client::join_with(&server, "/verify", &token).await;
        client.emit("initialize", &verify_request("verify", credential)).await;
        let event = client.outcome().await;
        (event.name.clone(), event.data().to_string())
    };
    let foreign = refused(&credential(&server).await).await;
    let unknown = refused(&credential(&elsewhere).await).await;
    assert_eq!(foreign, unknown);
    assert!(foreign.0.starts_with("error-"), "{foreign:?}");
}
