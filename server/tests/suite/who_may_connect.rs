//! Tokens, namespaces and the options of a connection.

use crate::support::signalling::{Client, Introduction, Packet};
use crate::support::{TestServer, register_request, serve};
use serde_json::{Value, json};

async fn first_packet(server: &TestServer, namespace: &str, introduction: Introduction) -> Packet {
    Client::ask(server, namespace, introduction).await.next().await
}

fn header(value: String) -> Introduction {
    Introduction { authorization: Some(value), ..Introduction::default() }
}

fn payload(value: Value) -> Introduction {
    Introduction { payload: Some(value), ..Introduction::default() }
}

#[tokio::test]
async fn both_spellings_of_the_namespaces_take_a_token_from_header_payload_or_query() {
    let server = serve(|_| ()).await;
    let token = server.token().await;
    for namespace in ["/socket.io/register", "/socket.io/verify", "/register", "/verify"] {
        for introduction in [
            header(format!("bearer {token}")),
            header(format!("Bearer {token}")),
            payload(json!({"token": token})),
            payload(json!({"Authorization": format!("Bearer {token}")})),
            Introduction { query: format!("&access_token={token}"), ..Introduction::default() },
        ] {
            assert!(
                matches!(first_packet(&server, namespace, introduction).await, Packet::Connected),
                "{namespace}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_a_connect_error() {
    let server = serve(|_| ()).await;
    let other = serve(|_| ()).await;
    let foreign = other.token().await;
    for introduction in [
        Introduction::default(),
        header("bearer junk".into()),
        header(format!("basic {}", server.token().await)),
        header(format!("bearer {foreign}")),
        payload(json!({"token": 5})),
        payload(json!("text")),
        Introduction { query: "&access_token=".into(), ..Introduction::default() },
    ] {
        let packet = first_packet(&server, "/socket.io/register", introduction).await;
        assert!(matches!(&packet, Packet::Refused(message) if message == "Unauthorized"), "{packet:?}");
    }
}

#[tokio::test]
async fn alive_needs_no_token_and_disconnects_on_request() {
    let server = serve(|_| ()).await;
    for namespace in ["/socket.io/alive", "/alive"] {
        let mut client = Client::ask(&server, namespace, Introduction::default()).await;
        assert!(matches!(client.next().await, Packet::Connected));
        client.emit("alive", &json!("ping")).await;
        assert!(matches!(client.next().await, Packet::Disconnected));
    }
}

#[tokio::test]
async fn the_root_namespace_connects_and_an_unknown_one_does_not() {
    let server = serve(|_| ()).await;
    assert!(matches!(first_packet(&server, "/", Introduction::default()).await, Packet::Connected));
    let packet = first_packet(&server, "/socket.io/enrol", Introduction::default()).await;
    assert!(matches!(&packet, Packet::Refused(message) if message == "Invalid namespace"), "{packet:?}");
}

#[tokio::test]
async fn a_client_chooses_how_its_events_look() {
    let server = serve(|_| ()).await;
    let token = server.token().await;
    let wanted = json!({"token": token, "event_args": "always1", "payload_encoding": "string"});
    let mut client = Client::ask(&server, "/register", payload(wanted)).await;
    assert!(matches!(client.next().await, Packet::Connected));
    client.emit("initialize", &register_request("options")).await;
    let event = client.event().await;
    assert_eq!(event.args.len(), 1);
    let data: Value = serde_json::from_str(event.args[0].as_str().unwrap()).unwrap();
    assert_eq!(data["event"], "info-consumer-ready");

    let query = format!("&access_token={token}&event_args=results_only");
    let mut client =
        Client::ask(&server, "/register", Introduction { query, ..Introduction::default() }).await;
    assert!(matches!(client.next().await, Packet::Connected));
    client.emit("initialize", &register_request("options-2")).await;
    let event = client.event().await;
    assert_eq!((event.args.len(), event.data()["event"].as_str()), (1, Some("info-consumer-ready")));

    let packet =
        first_packet(&server, "/register", payload(json!({"token": token, "event_args": "three"}))).await;
    assert!(matches!(&packet, Packet::Refused(message) if message == "Invalid event_args"), "{packet:?}");
}

#[tokio::test]
async fn without_authentication_everybody_may_connect() {
    let server = serve(|config| config.signalling.no_auth = true).await;
    assert!(matches!(first_packet(&server, "/register", Introduction::default()).await, Packet::Connected));
}

#[tokio::test]
async fn alive_can_be_made_to_need_a_token() {
    let server = serve(|config| config.signalling.alive_needs_token = true).await;
    assert!(matches!(first_packet(&server, "/alive", Introduction::default()).await, Packet::Refused(_)));
    let token = header(format!("bearer {}", server.token().await));
    assert!(matches!(first_packet(&server, "/alive", token).await, Packet::Connected));
}
