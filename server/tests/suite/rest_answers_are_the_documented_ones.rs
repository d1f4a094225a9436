//! Status, headers and body of every kind of answer of the REST channel.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::rest::{Answer, Rest, audio_settings, registration, verification};
use crate::support::serve;

fn assert_error(answer: &Answer, status: u16, exception: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["exception"]),
        (status, &json!(exception)),
        "{}",
        answer.json()
    );
    assert!(answer.json()["error"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    named(answer);
}

/// Every answer has a name and stays out of caches.
fn named(answer: &Answer) {
    let id = answer.header("x-request-id").expect("a request id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_settings_are_created_read_and_deleted() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let created = rest.post("/audio_settings", &audio_settings()).await;
    assert_eq!(created.status, StatusCode::CREATED);
    named(&created);
    let body = created.json();
    for (member, value) in audio_settings().as_object().unwrap() {
        assert_eq!(&body[member], value, "{member}");
    }
    assert!(body["created_at"].as_str().unwrap().ends_with(" GMT"));
    let id = body["id"].as_str().unwrap();
    assert_eq!(created.header("location"), Some(format!("audio_settings/{id}").as_str()));

    let path = format!("/audio_settings/{id}");
    let read = rest.get(&path).await;
    assert_eq!((read.status, read.json()), (StatusCode::OK, body.clone()));
    let tag = read.header("etag").unwrap().to_owned();
    let again = rest.send(rest.request(Method::GET, &path).header("if-none-match", tag)).await;
    assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0));

    let deleted = rest.delete(&path).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (StatusCode::NO_CONTENT, 0));
    assert_error(&rest.get(&path).await, 404, "NotFoundException");
    assert_error(&rest.delete(&path).await, 404, "NotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_may_be_strings_and_are_echoed_as_numbers() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let mut settings = audio_settings();
    settings["sample_rate"] = json!("16000");
    settings["channels"] = json!("2");
    settings["audio_codec"] = json!("pcm");
    settings["unknown"] = json!({});
    let body = rest.post("/audio_settings", &settings).await.json();
    assert_eq!((&body["sample_rate"], &body["channels"]), (&json!(16000), &json!(2)));
    assert!(body.get("unknown").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_member_is_named_as_it_was_sent() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let fields = |answer: &Answer| -> Vec<String> {
        let body = answer.json();
        body["details"].as_array().unwrap().iter().map(|d| d["field"].as_str().unwrap().to_owned()).collect()
    };
    let wrong = rest.post("/audio_settings", &json!({"audio_codec": "gsm", "sample_rate": 1})).await;
    assert_error(&wrong, 400, "InvalidParametersException");
    assert_eq!(fields(&wrong), ["audio_protocol", "audio_format", "channels", "audio_codec", "sample_rate"]);

    let settings = rest.settings().await;
    for (member, value) in [
        ("call_id", Value::Null),
        ("call_id", json!("")),
        ("audio_total_duration", json!(2.9)),
        ("authenticity_threshold", json!("high")),
        ("model_hash", json!("x")),
        ("calibration", json!("radio")),
        ("audio_settings_id", json!("x")),
        ("audio_settings_id", json!("6ef34b58-0000-4000-8000-000000000000")),
        ("audio_settings_id", Value::Null),
    ] {
        let mut body = registration(&settings, "call");
        body[member] = value;
        let answer = rest.post("/register_session", &body).await;
        assert_error(&answer, 400, "InvalidParametersException");
        assert_eq!(fields(&answer), [member]);
    }
    let mut microphone = registration(&settings, "call");
    microphone["calibration"] = json!("microphone-channel");
    let answer = rest.post("/register_session", &microphone).await;
    assert_eq!(fields(&answer), ["audio_settings_id"], "8 kHz is no microphone");

    let answer = rest.post("/verify_session", &registration(&settings, "call")).await;
    assert_eq!(fields(&answer), ["credential"]);
    let answer = rest.post("/verify_session", &verification(&settings, "call", "@@@")).await;
    assert_eq!(fields(&answer), ["credential"]);
    // Well-formed, but of nobody: the batch API's words.
    let foreign = "AQ".to_owned() + &"A".repeat(200);
    let answer = rest.post("/verify_session", &verification(&settings, "call", &foreign)).await;
    assert_error(&answer, 400, "InvalidCredential");
    assert_eq!(answer.json()["error"], "Decryption error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_refused() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let post = |content_type: &'static str, body: Vec<u8>| {
        rest.request(Method::POST, "/audio_settings").header("content-type", content_type).body(body)
    };
    for (body, words) in
        [("{\"a\":", "line 1, column"), ("", "line 1, column"), ("[1]", "object"), ("5", "object")]
    {
        let answer = rest.send(post("application/json", body.into())).await;
        assert_error(&answer, 400, "InvalidParametersException");
        assert!(answer.json()["error"].as_str().unwrap().contains(words), "{}", answer.json());
    }
    assert_error(&rest.send(post("text/plain", b"{}".to_vec())).await, 415, "UnsupportedMediaTypeException");
    assert_error(
        &rest.send(rest.request(Method::POST, "/audio_settings")).await,
        415,
        "UnsupportedMediaTypeException",
    );
    let huge = vec![b' '; 300 << 10];
    assert_error(&rest.send(post("application/json", huge)).await, 413, "PayloadTooLargeException");
    let deep = "[".repeat(100_000).into_bytes();
    assert_error(&rest.send(post("application/json", deep)).await, 400, "InvalidParametersException");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_everything_but_alive_is_refused() {
    let server = serve(|_| ()).await;
    let anybody = reqwest::Client::new();
    let alive = anybody.get(server.url("/dpsrest/v1/alive")).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::NO_CONTENT);
    assert!(alive.bytes().await.unwrap().is_empty());

    let rest = Rest::with_key(&server, "wrong");
    for answer in [
        rest.post("/audio_settings", &audio_settings()).await,
        rest.get("/audio_settings/x").await,
        rest.post("/register_session", &json!({})).await,
        rest.get("/verify_session/x").await,
        rest.get("/verify_session/x/events").await,
        rest.get("/verify_session/x/collected_audio").await,
        rest.delete("/verify_session/x").await,
    ] {
        assert_error(&answer, 401, "Unauthorized");
        assert_eq!(answer.json()["message"], "no Authorization header found");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    let token = server.token().await;
    let by_token = anybody
        .post(server.url("/dpsrest/v1/audio_settings"))
        .bearer_auth(token)
        .json(&audio_settings())
        .send()
        .await
        .unwrap();
    assert_eq!(by_token.status(), StatusCode::CREATED, "a token is as good as a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_answered_in_json() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    assert_error(&rest.get("/nothing").await, 404, "NotFoundException");
    assert_error(&rest.get("/register_session/x/y").await, 404, "NotFoundException");
    assert_error(&rest.get("/register_session/not-an-id").await, 404, "NotFoundException");
    let wrong = rest.send(rest.request(Method::PUT, "/audio_settings")).await;
    assert_error(&wrong, 405, "MethodNotAllowedException");
    assert!(wrong.header("allow").unwrap().contains("POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_resources_are_there_without_their_prefix_too() {
    let server = serve(|config| config.signalling.rest_path = "/speech".into()).await;
    let http = reqwest::Client::new();
    for (path, status) in [("/speech/v1/alive", 204), ("/v1/alive", 204), ("/dpsrest/v1/alive", 404)] {
        assert_eq!(http.get(server.url(path)).send().await.unwrap().status().as_u16(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_creation_with_the_same_key_creates_once() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let post = |path: &'static str, body: &Value, key: &str| {
        rest.send(rest.request(Method::POST, path).header("idempotency-key", key).json(body))
    };
    let first = post("/audio_settings", &audio_settings(), "key-1").await;
    let again = post("/audio_settings", &audio_settings(), "key-1").await;
    assert_eq!((again.status, again.json()), (StatusCode::CREATED, first.json()));
    let other = post("/audio_settings", &audio_settings(), "key-2").await;
    assert_ne!(other.json()["id"], first.json()["id"]);

    let body = registration(first.json()["id"].as_str().unwrap(), "call");
    let session = post("/register_session", &body, "key-3").await;
    assert_eq!(session.status, StatusCode::CREATED);
    let again = post("/register_session", &body, "key-3").await;
    assert_eq!(
        (again.status, &again.json()["id"]),
        (StatusCode::CREATED, &session.json()["id"]),
        "no complaint about the call id"
    );
    let mut changed = body.clone();
    changed["audio_total_duration"] = json!(6);
    assert_error(&post("/register_session", &changed, "key-3").await, 422, "IdempotencyException");
    assert_error(&post("/verify_session", &body, "key-3").await, 422, "IdempotencyException");
    assert_error(
        &post("/audio_settings", &audio_settings(), &"k".repeat(256)).await,
        400,
        "InvalidParametersException",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_creation_may_be_corrected_under_its_key() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let post = |body: Value| {
        rest.send(rest.request(Method::POST, "/audio_settings").header("idempotency-key", "k").json(&body))
    };
    assert_error(&post(json!({})).await, 400, "InvalidParametersException");
    assert_eq!(post(audio_settings()).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_created_and_deleted_is_not_created_again_under_its_key() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let post = |path: &'static str, body: Value, key: &'static str| {
        rest.send(rest.request(Method::POST, path).header("idempotency-key", key).json(&body))
    };
    let settings = post("/audio_settings", audio_settings(), "k").await.json();
    let path = format!("/audio_settings/{}", settings["id"].as_str().unwrap());
    assert_eq!(rest.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_error(&post("/audio_settings", audio_settings(), "k").await, 409, "IdempotencyException");

    let body = registration(&rest.settings().await, "call");
    let session = post("/register_session", body.clone(), "s").await.json();
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    // Cancelled, then forgotten.
    assert_eq!(rest.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post("/register_session", body.clone(), "s").await.json()["status"], "error");
    assert_eq!(rest.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_error(&post("/register_session", body, "s").await, 409, "IdempotencyException");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_say_when_to_come_back() {
    let server = serve(|config| {
        config.limits.max_sessions = 1;
        config.store.max_stored = 2;
    })
    .await;
    let rest = Rest::of(&server);
    let settings = rest.settings().await;
    assert_eq!(
        rest.post("/register_session", &registration(&settings, "1")).await.status,
        StatusCode::CREATED
    );
    let full = rest.post("/register_session", &registration(&settings, "2")).await;
    assert_error(&full, 429, "SessionLimitException");
    assert!(full.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    rest.settings().await;
    let full = rest.post("/audio_settings", &audio_settings()).await;
    assert_error(&full, 503, "StoreFullException");
    assert!(full.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_ask_for_the_audio_of_genesys() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let mut settings = audio_settings();
    settings["audio_protocol"] = json!("audiohook");
    let created = rest.post("/audio_settings", &settings).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let body = registration(created.json()["id"].as_str().unwrap(), "call");
    let session = rest.post("/register_session", &body).await;
    assert_eq!(session.status, StatusCode::CREATED);
    assert_eq!(session.json()["status"], "consumer_ready");
}
