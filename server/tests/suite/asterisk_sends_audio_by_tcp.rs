//! AudioSocket: a call's audio over a bare TCP connection, and everything that may be wrong with it.

use crate::support::signalling::Client;
use crate::support::{PATIENCE, TestServer, call, register_request, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

const HANGUP: [u8; 3] = [0, 0, 0];

async fn with_audiosocket(change: impl FnOnce(&mut peakstream_server::config::Config)) -> TestServer {
    serve(|config| {
        config.audio.audiosocket_listen = Some("127.0.0.1:0".parse().unwrap());
        change(config);
    })
    .await
}

/// Asterisk's end of a connection.
struct Asterisk(TcpStream);

impl Asterisk {
    async fn connect(server: &TestServer) -> Self {
        Self(TcpStream::connect(server.running.audiosocket().unwrap()).await.unwrap())
    }

    async fn call(server: &TestServer, id: Uuid) -> Self {
        let mut asterisk = Self::connect(server).await;
        asterisk.send(0x01, id.as_bytes()).await;
        asterisk
    }

    /// Sends a frame; a connection that the server has closed is no failure here.
    async fn send(&mut self, kind: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let _ = self.0.write_all(&[&[kind][..], &length, payload].concat()).await;
    }

    /// Sends samples, 20 ms a frame, as fast as they are taken.
    async fn play(&mut self, kind: u8, samples: &[i16]) {
        for piece in samples.chunks(160) {
            let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.send(kind, &bytes).await;
        }
    }

    /// Everything the server says until its end of the connection, which must come; then ours.
    async fn heard(mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        timeout(PATIENCE, self.0.read_to_end(&mut heard)).await.expect("the server did not close").unwrap();
        heard
    }
}

#[tokio::test]
async fn case_115_a_call_over_audiosocket_is_decided_and_hung_up() {
    let server = with_audiosocket(|_| ()).await;
    let samples = call("allison-en-enrol.wav");
    let twice: Vec<i16> = samples.iter().flat_map(|&sample| [sample, sample]).collect();
    for (kind, samples) in [(0x10, &samples), (0x12, &twice)] {
        let id = Uuid::new_v4();
        // The session says mu-law: what Asterisk sends is what it is.
        let mut client = Client::start(&server, "register", &register_request(&id.to_string())).await;
        let mut asterisk = Asterisk::call(&server, id).await;
        asterisk.play(kind, samples).await;
        assert_eq!(client.outcome().await.name, "result-success");
        assert_eq!(asterisk.heard().await, HANGUP);
    }
    server.becomes_idle().await;
}

#[tokio::test]
async fn a_call_that_ends_early_is_an_audio_error() {
    let server = with_audiosocket(|_| ()).await;
    for how in ["hangup", "close", "error"] {
        let id = Uuid::new_v4();
        let mut client = Client::start(&server, "register", &register_request(&id.to_string())).await;
        let mut asterisk = Asterisk::call(&server, id).await;
        asterisk.play(0x10, &call("allison-en-enrol.wav")[..8000]).await;
        match how {
            "hangup" => asterisk.send(0x00, b"").await,
            "error" => asterisk.send(0xff, &[1]).await,
            _ => asterisk.0.shutdown().await.unwrap(),
        }
        let event = client.outcome().await;
        assert_eq!(event.name, "error-audio");
        assert!(event.content().contains("ended early"), "{}", event.content());
    }
    server.becomes_idle().await;
}

#[tokio::test]
async fn what_is_no_audiosocket_is_hung_up_and_its_call_waits_for_a_proper_one() {
    let server = with_audiosocket(|_| ()).await;
    let id = Uuid::new_v4();
    let mut client = Client::start(&server, "register", &register_request(&id.to_string())).await;
    for begin in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0x10, 0, 2, 1, 2], &[0x01, 0, 3, 1, 2, 3]] {
        let mut stranger = Asterisk::connect(&server).await;
        stranger.0.write_all(begin).await.unwrap();
        assert_eq!(stranger.heard().await, HANGUP);
    }
    let mut first = Asterisk::call(&server, id).await;
    first.play(0x10, &call("allison-en-enrol.wav")[..8000]).await;
    client.event().await;
    let mut second = Asterisk::call(&server, id).await;
    second.send(0x10, &[0; 320]).await;
    assert_eq!(second.heard().await, HANGUP, "a call has one audio connection");
    first.play(0x10, &call("allison-en-enrol.wav")).await;
    assert_eq!(client.outcome().await.name, "result-success");
    server.becomes_idle().await;
}

#[tokio::test]
async fn a_rate_that_cannot_be_decoded_is_told_to_both_sides() {
    let server = with_audiosocket(|_| ()).await;
    let id = Uuid::new_v4();
    let mut client = Client::start(&server, "register", &register_request(&id.to_string())).await;
    let mut asterisk = Asterisk::call(&server, id).await;
    asterisk.send(0x18, &[0; 320]).await;
    assert_eq!(asterisk.heard().await, HANGUP);
    assert_eq!(client.outcome().await.name, "error-audio");
}

#[tokio::test]
async fn calls_belong_to_the_tenant_that_the_port_belongs_to() {
    let server = with_audiosocket(|config| {
        config.audio.audiosocket_tenant = peakstream_server::ids::Tenant::new("acme")
    })
    .await;
    let id = Uuid::new_v4();
    // The session is one of the default tenant, so this call is not its.
    let mut client = Client::start(&server, "register", &register_request(&id.to_string())).await;
    let mut asterisk = Asterisk::call(&server, id).await;
    asterisk.send(0x10, &[0; 320]).await;
    assert_eq!(asterisk.heard().await, HANGUP);
    assert_eq!(server.running.counts().live_sessions, 1);
    client.leave().await;
}

#[tokio::test]
async fn a_server_that_stops_hangs_up() {
    let server = with_audiosocket(|_| ()).await;
    let id = Uuid::new_v4();
    let mut client = Client::start(&server, "register", &register_request(&id.to_string())).await;
    let mut asterisk = Asterisk::call(&server, id).await;
    asterisk.play(0x10, &call("allison-en-enrol.wav")[..8000]).await;
    client.event().await;
    let (outcome, heard, ()) = tokio::join!(client.outcome(), asterisk.heard(), server.running.shutdown());
    assert_eq!((outcome.name.as_str(), &heard[..]), ("error-das-Peak", &HANGUP[..]));
}

#[tokio::test]
async fn case_117_a_connection_without_a_slot_is_closed() {
    let server = with_audiosocket(|config| config.limits.max_connections = 1).await;
    let first = Asterisk::connect(&server).await;
    // The first one has been accepted when a second one is refused.
    let second = Asterisk::connect(&server).await;
    assert!(second.heard().await.is_empty());
    drop(first);
}
