//! What REST has answered 201 or 200 for is there after the process has gone, however it went.

use std::time::Duration;

use peakstream_server::config::Config;
use peakstream_server::server::Bound;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::rest::{Rest, audio_settings};
use crate::support::{TestServer, engine, serve};

/// Starts a server again on the same data directory.
async fn again(server: TestServer, change: impl FnOnce(&mut Config)) -> TestServer {
    let TestServer { running, first_run, data_dir, data } = server;
    running.shutdown().await;
    let mut config = Config::defaults().unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir.clone_from(&data_dir);
    change(&mut config);
    let bound = Bound::new(config).await.unwrap();
    let engine = tokio::task::spawn_blocking(engine).await.unwrap();
    TestServer { running: bound.ready(engine).unwrap(), first_run, data_dir, data }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_results_and_idempotency_keys_survive_a_restart() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let keyed =
        |rest: &Rest| rest.request(reqwest::Method::POST, "/audio_settings").header("idempotency-key", "k");
    let settings = rest.send(keyed(&rest).json(&audio_settings())).await.json();
    let session = rest.register("call").await;
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    rest.delete(&path).await;
    let end = rest.get(&path).await.json();

    let server = again(server, |_| ()).await;
    let rest = Rest::of(&server);
    let id = settings["id"].as_str().unwrap();
    assert_eq!(rest.get(&format!("/audio_settings/{id}")).await.json(), settings);
    assert_eq!(rest.get(&path).await.json(), end);
    assert_eq!(rest.get("/register_session?call_id=call").await.json(), end);
    assert_eq!(rest.send(keyed(&rest).json(&audio_settings())).await.json(), settings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_stop_ends_says_so() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let session = rest.register("call").await;
    let path = format!("/register_session/{}", session["id"].as_str().unwrap());
    let server = again(server, |_| ()).await;
    let end = Rest::of(&server).get(&path).await.json();
    assert_eq!((&end["status"], &end["event"]), (&json!("error"), &json!("error-das-Peak")));
    assert_eq!(end["content"], "The server is stopping");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_nothing_is_kept() {
    let server = serve(|config| config.store.memory_only = true).await;
    let id = Rest::of(&server).settings().await;
    let server = again(server, |config| config.store.memory_only = true).await;
    let answer = Rest::of(&server).get(&format!("/audio_settings/{id}")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_not_found() {
    let server = serve(|config| {
        config.store.result_retention = Duration::ZERO;
        config.store.audio_settings_retention = Duration::ZERO;
    })
    .await;
    let rest = Rest::of(&server);
    let id = rest.settings().await;
    assert_eq!(rest.get(&format!("/audio_settings/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_models_load_what_exists_can_be_read_and_nothing_begins() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let settings = rest.settings().await;
    let TestServer { running, first_run, data_dir, data: _keep } = server;
    running.shutdown().await;
    let mut config = Config::defaults().unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir.clone_from(&data_dir);
    let bound = Bound::new(config).await.unwrap();
    let url = |path: &str| format!("{}/dpsrest/v1{path}", bound.base_url());
    let http = reqwest::Client::new();
    let key = first_run.api_key.expose();
    let read =
        http.get(url(&format!("/audio_settings/{settings}"))).header("apikey", key).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    let body = crate::support::rest::registration(&settings, "call");
    let created = http.post(url("/register_session")).header("apikey", key).json(&body).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(created.headers().contains_key("retry-after"));
    let said: Value = created.json().await.unwrap();
    assert!(said["error"].as_str().unwrap().contains("models are being loaded"), "{said}");
}
