//! What a tenant may not have too much of, and that others do not notice.

use std::time::Instant;

use crate::support::carrier::Carrier;
use crate::support::signalling::{Client, Introduction, Packet};
use crate::support::{TestServer, call, mulaw, register_request, serve};
use peakstream_server::tenant::edit::KeyKind;
use peakstream_server::tenant::limits::TenantLimits;
use peakstream_server::tenant::scope::Scopes;

fn limit(server: &TestServer, change: impl FnOnce(&mut TenantLimits)) {
    server.edit(|file| {
        change(&mut file.tenant_mut("default")?.limits);
        Ok(())
    });
}

/// A token of a tenant without limits.
async fn unlimited(server: &TestServer) -> String {
    let made = server.edit(|file| {
        file.add_tenant("acme")?;
        file.add_key(KeyKind::Client, "acme", Scopes::ALL, None)
    });
    server.token_of(&made.id, made.secret.expose()).await
}

#[tokio::test]
async fn a_session_too_many_is_told_whose_limit_it_is() {
    let server = serve(|_| ()).await;
    limit(&server, |limits| limits.live_sessions = Some(1));
    let first = Client::start(&server, "register", &register_request("1")).await;
    let mut second = Client::join(&server, "/register").await;
    second.emit("initialize", &register_request("2")).await;
    let refused = second.outcome().await;
    assert_eq!(refused.name, "error-consumer-not-ready");
    assert!(refused.content().contains("this tenant's limit of live sessions"), "{}", refused.content());
    let token = unlimited(&server).await;
    let other = Client::start_with(&server, "register", &register_request("1"), &token).await;
    drop((first, other));
    server.becomes_idle().await;
    Client::start(&server, "register", &register_request("3")).await;
}

#[tokio::test]
async fn requests_too_many_are_told_in_the_words_of_each_protocol() {
    let server = serve(|_| ()).await;
    let (token, others) = (server.token().await, unlimited(&server).await);
    let mut connected = Client::join_with(&server, "/register", &token).await;
    // One now, and the next in a quarter of an hour.
    limit(&server, |limits| limits.requests_per_second = Some(0.001));
    server.token().await;

    let (id, secret) = (&server.first_run.client_id, server.first_run.client_secret.expose());
    let answer = server.ask_for_token(id, secret).await;
    assert_eq!(answer.status(), 429);
    let retry_after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((900..=1000).contains(&retry_after), "{retry_after}");
    let authorization =
        || Introduction { authorization: Some(format!("bearer {token}")), ..Introduction::default() };
    let packet = Client::ask(&server, "/verify", authorization()).await.next().await;
    assert!(matches!(&packet, Packet::Refused(why) if why == "Too many requests"), "{packet:?}");
    connected.emit("initialize", &register_request("1")).await;
    let refused = connected.outcome().await;
    assert_eq!(refused.name, "error-consumer-not-ready");
    assert!(refused.content().contains("requests or bytes per second"), "{}", refused.content());

    Client::start_with(&server, "register", &register_request("1"), &others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_over_the_limit_is_taken_later_and_none_of_it_is_lost() {
    let server = serve(|_| ()).await;
    let audio = mulaw(&call("allison-en-enrol.wav"));
    let collected = async |call_id: &str| {
        let mut client = Client::start(&server, "register", &register_request(call_id)).await;
        let carrier = Carrier::start(&server, call_id).await;
        let begun = Instant::now();
        let (outcome, code) = tokio::join!(client.outcome(), carrier.play(&audio, 800));
        assert_eq!((outcome.name.as_str(), code), ("result-success", 1000));
        (outcome.audio.clone().unwrap(), begun.elapsed().as_secs_f64())
    };
    let (whole, _) = collected("unlimited").await;
    limit(&server, |limits| limits.bytes_per_second = Some(16_000.0));
    let (paced, seconds) = collected("limited").await;
    assert!(paced == whole, "not one sample is missing");
    // At least the five seconds of speech, at twice the speed of the call, without the second that is free.
    assert!(seconds >= (5.0 * 8_000.0 - 16_000.0) / 16_000.0, "{seconds}");
}
