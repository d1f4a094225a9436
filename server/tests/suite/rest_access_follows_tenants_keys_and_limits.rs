//! Who may do what over REST, and that tenants do not see each other there.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::carrier::Carrier;
use crate::support::rest::{Rest, audio_settings, registration, verification};
use crate::support::{TestServer, serve};
use peakstream_server::tenant::edit::KeyKind;
use peakstream_server::tenant::limits::TenantLimits;
use peakstream_server::tenant::scope::{Scope, Scopes};

/// A second tenant, and its client.
fn acme(server: &TestServer) -> Rest {
    let made = server.edit(|file| {
        file.add_tenant("acme")?;
        file.add_key(KeyKind::ApiKey, "acme", Scopes::ALL, None)
    });
    Rest::with_key(server, made.secret.expose())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_objects_answer_exactly_as_unknown_ones() {
    let server = serve(|_| ()).await;
    let (ours, theirs) = (Rest::of(&server), acme(&server));
    let settings = ours.settings().await;
    let session = ours.register("call").await;
    let id = session["id"].as_str().unwrap();
    let unknown = "6ef34b58-0000-4000-8000-000000000000";
    for (there, nowhere) in [
        (format!("/audio_settings/{settings}"), format!("/audio_settings/{unknown}")),
        (format!("/register_session/{id}"), format!("/register_session/{unknown}")),
        (format!("/register_session/{id}/events"), format!("/register_session/{unknown}/events")),
        (
            format!("/register_session/{id}/collected_audio"),
            format!("/register_session/{unknown}/collected_audio"),
        ),
        ("/register_session?call_id=call".to_owned(), "/register_session?call_id=nobody".to_owned()),
    ] {
        for method in [Method::GET, Method::DELETE] {
            let ask = async |path: &str| theirs.send(theirs.request(method.clone(), path)).await;
            let (there, nowhere) = (ask(&there).await, ask(&nowhere).await);
            assert_eq!((there.status, there.json()), (nowhere.status, nowhere.json()));
        }
    }
    let send = async |id: &str| {
        let path = format!("/register_session/{id}/audio");
        theirs.send(theirs.request(Method::POST, &path).body("RIFF\0\0\0\0WAVE")).await
    };
    let (there, nowhere) = (send(id).await, send("6ef34b58-0000-4000-8000-000000000000").await);
    assert_eq!((there.status, there.json()), (nowhere.status, nowhere.json()));

    let foreign = theirs.post("/register_session", &registration(&settings, "call")).await;
    let unknown = theirs.post("/register_session", &registration(unknown, "call")).await;
    assert_eq!((foreign.status, foreign.json()), (unknown.status, unknown.json()));

    // The same call id is free for them, and ours is untouched.
    theirs.register("call").await;
    assert_eq!(ours.get(&format!("/register_session/{id}")).await.json()["status"], "consumer_ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_belongs_to_its_tenant() {
    let server = serve(|_| ()).await;
    let create = async |rest: &Rest| {
        let request = rest.request(Method::POST, "/audio_settings").header("idempotency-key", "k");
        rest.send(request.json(&audio_settings())).await.json()["id"].clone()
    };
    let (ours, theirs) = (create(&Rest::of(&server)).await, create(&acme(&server)).await);
    assert!(ours.is_string() && theirs.is_string() && ours != theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_scopes_decide_which_sessions_it_may_use() {
    let server = serve(|_| ()).await;
    let made = server
        .edit(|file| file.add_key(KeyKind::ApiKey, "default", [Scope::Verify].into_iter().collect(), None));
    let rest = Rest::with_key(&server, made.secret.expose());
    let settings = rest.settings().await;
    let refused = rest.post("/register_session", &registration(&settings, "call")).await;
    assert_eq!((refused.status, &refused.json()["exception"]), (StatusCode::FORBIDDEN, &json!("Forbidden")));
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    assert_eq!(rest.get("/register_session?call_id=call").await.status, StatusCode::FORBIDDEN);
    let allowed = rest.post("/verify_session", &verification(&settings, "call", "@@@")).await;
    assert_eq!(allowed.status, StatusCode::BAD_REQUEST, "the credential is what is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_key_is_refused_with_the_next_request() {
    let server = serve(|_| ()).await;
    let rest = acme(&server);
    rest.settings().await;
    server.edit(|file| {
        file.tenant_mut("acme")?.disabled = true;
        Ok(())
    });
    let refused = rest.post("/audio_settings", &audio_settings()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_limits_are_answered_with_429_and_a_time() {
    let server = serve(|_| ()).await;
    let limit = |change: fn(&mut TenantLimits)| {
        server.edit(|file| {
            change(&mut file.tenant_mut("default")?.limits);
            Ok(())
        });
    };
    let rest = Rest::of(&server);
    limit(|limits| limits.live_sessions = Some(1));
    rest.register("1").await;
    let settings = rest.settings().await;
    let full = rest.post("/register_session", &registration(&settings, "2")).await;
    assert_eq!((full.status.as_u16(), &full.json()["exception"]), (429, &json!("SessionLimitException")));
    assert!(full.json()["error"].as_str().unwrap().contains("this tenant's limit"));

    // One request now, and the next in a quarter of an hour.
    limit(|limits| limits.requests_per_second = Some(0.001));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(rest.get(&format!("/audio_settings/{settings}")).await);
    }
    let refused = answers.pop().unwrap();
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["exception"]),
        (429, &json!("TooManyRequestsException"))
    );
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 60);
    acme(&server).settings().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_api_keys_of_one_address_are_looked_at_ten_at_once_and_cost_no_client_that_works() {
    let server = serve(|config| config.audio.media_streams_need_key = true).await;
    let works = Rest::of(&server);
    assert_eq!(works.get("/register_session?call_id=nobody").await.status, StatusCode::NOT_FOUND);
    let guess = async |number: u32| {
        let answer =
            Rest::with_key(&server, &format!("guess-{number}")).get("/register_session?call_id=nobody").await;
        (answer.status, answer.header("retry-after").map(str::to_owned))
    };
    for number in 0..10 {
        assert_eq!(guess(number).await.0, StatusCode::UNAUTHORIZED, "guess {number}");
    }
    // The time that the guesses took gives one back in two seconds.
    let mut answers = Vec::new();
    for number in 10..20 {
        answers.push(guess(number).await);
    }
    let refused = answers.iter().filter(|(status, _)| *status == StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.clone().count() >= 5, "{answers:?}");
    assert!(
        refused.clone().all(|(_, retry_after)| retry_after.as_deref().is_some_and(|s| s == "1" || s == "2"))
    );
    // Carriers are held against the same budget.
    let carrier =
        async |key: &str| Carrier::connect_with(&server, "/twilio", Some(("apikey", key))).await.err();
    assert!([Some(429), Some(403)].contains(&carrier("guess").await));
    assert_eq!(
        works.get("/register_session?call_id=nobody").await.status,
        StatusCode::NOT_FOUND,
        "it was right before"
    );
    assert_eq!(carrier(server.first_run.api_key.expose()).await, None);
    server.becomes_idle().await;
}
