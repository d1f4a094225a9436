//! Slow and superfluous connections, and the health addresses.

use std::time::Duration;

use crate::support::{PATIENCE, serve};
use peakstream_server::config::Config;
use peakstream_server::server::Bound;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn everything(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server did not close");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn case_117_a_connection_too_many_is_told_503() {
    let server = serve(|config| config.limits.max_connections = 2).await;
    let _one = TcpStream::connect(server.address()).await.unwrap();
    let _two = TcpStream::connect(server.address()).await.unwrap();
    let mut three = TcpStream::connect(server.address()).await.unwrap();
    three.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(everything(&mut three).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn case_116_a_header_that_does_not_come_ends_the_connection() {
    let server = serve(|config| config.limits.header_timeout = Duration::from_millis(100)).await;
    for sent in ["", "GET /twilio HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let answer = everything(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
}

#[tokio::test]
async fn the_audio_address_speaks_websocket_only() {
    let server = serve(|_| ()).await;
    for path in ["/twilio", "/dpstwilio"] {
        assert_eq!(reqwest::get(server.url(path)).await.unwrap().status(), 426);
    }
    assert_eq!(reqwest::get(server.url("/nothing")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_server_without_its_models_is_alive_but_not_ready() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::defaults().unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir = data.path().to_owned();
    let bound = Bound::new(config).await.unwrap();
    let url = |path: &str| format!("{}{path}", bound.base_url());
    assert_eq!(reqwest::get(url("/livez")).await.unwrap().status(), 200);
    for path in ["/readyz", "/twilio", "/socket.io/?EIO=4&transport=polling", "/socket.io/oauth2/token"] {
        let answer = reqwest::get(url(path)).await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"));
    }
    let base = bound.base_url().to_owned();
    let engine = tokio::task::spawn_blocking(crate::support::engine).await.unwrap();
    let _running = bound.ready(engine).unwrap();
    assert_eq!(reqwest::get(format!("{base}/readyz")).await.unwrap().status(), 200);
}
