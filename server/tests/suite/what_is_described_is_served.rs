//! The published description against the running server. (That every answer of the REST tests is as described is checked where
//! they are received: `support/rest.rs`.)

use std::collections::BTreeSet;

use peakstream_server::config::Config;
use peakstream_server::server::Bound;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::description::openapi;
use crate::support::rest::Rest;
use crate::support::{TestServer, serve};

fn methods(item: &Value) -> BTreeSet<String> {
    item.as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "parameters")
        .map(|name| name.to_uppercase())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_operation_exists_and_no_path_has_another_method() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    for (path, item) in openapi()["paths"].as_object().unwrap() {
        let url = server.url(&path.replace("{id}", "6ef34b58-0000-4000-8000-000000000000"));
        for method in methods(item) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            // Sending it also checks that its answer is described; without a key, that is 401 on most.
            let answer = rest.send(rest.request_at(method.clone(), &url)).await;
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
        for method in [Method::PUT, Method::PATCH, Method::TRACE] {
            let answer = rest.send(rest.request_at(method.clone(), &url)).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let allowed = answer.header("allow").unwrap_or_default().split(',').map(str::trim);
            // Whoever answers GET answers HEAD.
            let allowed: BTreeSet<String> =
                allowed.filter(|name| *name != "HEAD").map(str::to_owned).collect();
            assert_eq!(allowed, methods(item), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_serves_a_stranger() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let description = openapi();
    let paths = description["paths"].as_object().unwrap().iter();
    let operations =
        paths.flat_map(|(path, item)| methods(item).into_iter().map(move |method| (path, item, method)));
    let mut asked = 0;
    for (path, item, method) in operations {
        // What says nothing of security needs what the whole document asks for: a key or a token.
        if !item[method.to_lowercase()]["security"].is_null() {
            continue;
        }
        let url = server.url(&path.replace("{id}", "6ef34b58-0000-4000-8000-000000000000"));
        let request = || rest.request_at(Method::from_bytes(method.as_bytes()).unwrap(), &url);
        assert_eq!(rest.send(request()).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        for stranger in [request().header("apikey", "wrong"), request().bearer_auth("wrong")] {
            // The first ten wrong ones are looked at.
            let status = rest.send(stranger).await.status;
            let expected = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
            assert!(expected.contains(&status), "{status} to {method} {path}");
        }
        asked += 1;
    }
    assert!(asked >= 16, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_their_refusals_are_as_described() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    let post = || rest.request_at(Method::POST, &server.url("/socket.io/oauth2/token"));
    let known = [
        ("grant_type", "client_credentials"),
        ("client_id", &server.first_run.client_id),
        ("client_secret", server.first_run.client_secret.expose()),
    ];
    for (request, status) in [
        (post().form(&known), 200),
        (post().form(&[&known[..], &[("other", "1"), ("other", "2")]].concat()), 200),
        (post().form(&[&known[..], &known[..1]].concat()), 400),
        (post().form(&known[1..]), 400),
        (post().form(&[("grant_type", "password")]), 400),
        (post().form(&known[..2]), 401),
        (post().json(&json!([])), 400),
        (post().body(vec![b'x'; 20_000]), 413),
    ] {
        assert_eq!(rest.send(request).await.status.as_u16(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_read_is_answered_like_any_other_error() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    for (path, status) in [
        ("/register_session/%FF", 404),
        ("/register_session/%FF/events", 404),
        ("/audio_settings/%00", 404),
        ("/register_session?call_id=a&call_id=b", 400),
        ("/register_session?call_id=%FF", 404),
    ] {
        assert_eq!(rest.get(path).await.status.as_u16(), status, "{path}");
    }
}

async fn documentation(server: &TestServer, path: &str) -> reqwest::Response {
    reqwest::get(server.url(path)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_name_the_server_that_serves_them() {
    let server = serve(|config| config.signalling.rest_path = "/speech".into()).await;
    let openapi: Value = documentation(&server, "/docs/openapi.json").await.json().await.unwrap();
    assert_eq!(openapi["servers"][0]["url"], server.running.base_url());
    assert!(openapi["paths"]["/speech/v1/register_session"].is_object());
    let asyncapi: Value = documentation(&server, "/docs/asyncapi.json").await.json().await.unwrap();
    assert_eq!(asyncapi["servers"]["audio"]["host"], server.address());
    let page = documentation(&server, "/docs").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"));
    assert!(page.text().await.unwrap().contains(server.running.base_url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_asks_and_is_told_that_nothing_changed() {
    let server = serve(|_| ()).await;
    let rest = Rest::of(&server);
    for path in ["/docs", "/docs/openapi.json", "/docs/asyncapi.json"] {
        let get = || rest.request_at(Method::GET, &server.url(path));
        let tag = rest.send(get()).await.header("etag").unwrap().to_owned();
        let again = rest.send(get().header("if-none-match", tag)).await;
        assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
        let other = rest.send(get().header("if-none-match", "\"other\"")).await;
        assert_eq!(other.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_while_the_models_are_being_loaded() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::defaults().unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir = data.path().join("data");
    let bound = Bound::new(config).await.unwrap();
    let page = reqwest::get(format!("{}/docs", bound.base_url())).await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let ready = reqwest::get(format!("{}/readyz", bound.base_url())).await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
}
