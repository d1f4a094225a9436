//! The client against a scripted server: every step of the script is a message to expect or to send.

use super::*;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const NS: &str = "/socket.io/verify";
const OPEN: &str = r#"0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000,"maxPayload":100}"#;
const CONNECTED: &str = r#"40/socket.io/verify,{"sid":"n"}"#;

enum Step {
    Send(&'static str),
    SendBinary(&'static [u8]),
    Expect(&'static str),
    /// Drops the connection without a word.
    Drop,
}
use Step::{Drop, Expect, Send, SendBinary};

/// A server that plays `script` to its first client and then waits for it to go.
async fn server(script: Vec<Step>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("one client");
        let mut socket = tokio_tungstenite::accept_async(stream).await.expect("an upgrade");
        for step in script {
            match step {
                Send(text) => socket.send(Message::text(text)).await.expect("client is there"),
                SendBinary(bytes) => socket.send(Message::binary(bytes)).await.expect("client is there"),
                Expect(text) => match socket.next().await {
                    Some(Ok(message)) => assert_eq!(message, Message::text(text)),
                    other => panic!("expected {text}, got {other:?}"),
                },
                Drop => return,
            }
        }
        while let Some(Ok(_)) = socket.next().await {}
    });
    (format!("http://{address}"), task)
}

fn token() -> Sensitive<String> {
    Sensitive::new("bearer t".to_owned())
}

#[tokio::test]
async fn a_result_arrives_with_its_data_and_its_audio_and_then_the_namespace_ends() {
    let (url, server) = server(vec![
        Send(OPEN),
        Expect("40/socket.io/verify,"),
        Send(CONNECTED),
        Expect(r#"42/socket.io/verify,["initialize",{"a":1}]"#),
        Send(r#"42/socket.io/verify,["info-consumer-ready",{"event":"info-consumer-ready"},null]"#),
        Send("2"),
        Expect("3"),
        Send(r#"451-/socket.io/verify,["result-success",{"score":0.9},{"_placeholder":true,"num":0}]"#),
        SendBinary(b"RIFF"),
        Send("41/socket.io/verify,"),
    ])
    .await;
    let mut client = SocketIo::connect(&url, NS, &token()).await.expect("joined");
    client.emit("initialize", &json!({"a": 1})).await.expect("sent");
    let ready = client.next().await.expect("connected").expect("an event");
    assert_eq!(ready.name, "info-consumer-ready");
    assert_eq!(data_and_audio(&ready), (json!({"event": "info-consumer-ready"}), None));
    let result = client.next().await.expect("connected").expect("an event");
    assert_eq!(data_and_audio(&result), (json!({"score": 0.9}), Some(Bytes::from_static(b"RIFF"))));
    assert_eq!(client.next().await.expect("ended in order"), None);
    client.close().await;
    server.await.expect("the script was played to its end");
}

#[tokio::test]
async fn a_refused_token_is_said_to_be_the_reason() {
    let (url, _server) = server(vec![
        Send(OPEN),
        Expect("40/socket.io/verify,"),
        Send(r#"44/socket.io/verify,{"message":"Unauthorized"}"#),
    ])
    .await;
    let error = SocketIo::connect(&url, NS, &token()).await.expect_err("refused");
    assert!(matches!(error, SocketIoError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("check the token"), "{error}");
}

#[tokio::test]
async fn a_dropped_connection_is_an_error_and_not_an_end() {
    let (url, _server) =
        server(vec![Send(OPEN), Expect("40/socket.io/verify,"), Send(CONNECTED), Drop]).await;
    let mut client = SocketIo::connect(&url, NS, &token()).await.expect("joined");
    let error = client.next().await.expect_err("dropped");
    assert!(matches!(error, SocketIoError::Lost { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_after_its_own_deadline() {
    let open = r#"0{"sid":"s","upgrades":[],"pingInterval":20,"pingTimeout":10,"maxPayload":100}"#;
    let (url, _server) = server(vec![Send(open), Expect("40/socket.io/verify,"), Send(CONNECTED)]).await;
    let mut client = SocketIo::connect(&url, NS, &token()).await.expect("joined");
    let error = client.next().await.expect_err("silent");
    assert!(matches!(error, SocketIoError::Silent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_recognised() {
    let (url, _server) = server(vec![Send("hello")]).await;
    let error = SocketIo::connect(&url, NS, &token()).await.expect_err("not Socket.IO");
    assert!(matches!(error, SocketIoError::Protocol(_)), "{error:?}");
}
