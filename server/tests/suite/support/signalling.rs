//! A Socket.IO client on a bare WebSocket: it shows what is on the wire, in the order of the wire.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{PATIENCE, TestServer};

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    namespace: String,
}

/// An event with all its arguments.
#[derive(Clone, Debug)]
pub struct Event {
    pub name: String,
    pub args: Vec<Value>,
    pub audio: Option<Bytes>,
}

impl Event {
    pub fn data(&self) -> &Value {
        &self.args[0]
    }

    pub fn content(&self) -> &str {
        self.args[0]["content"].as_str().unwrap()
    }

    /// The fields named in `details`.
    pub fn fields(&self) -> Vec<&str> {
        self.args[0]["details"].as_array().unwrap().iter().map(|d| d["field"].as_str().unwrap()).collect()
    }
}

#[derive(Clone, Debug)]
pub enum Packet {
    Connected,
    Refused(String),
    Event(Event),
    Disconnected,
    /// The transport has ended.
    Closed,
}

/// How a client introduces itself.
#[derive(Default)]
pub struct Introduction {
    pub authorization: Option<String>,
    pub payload: Option<Value>,
    pub query: String,
}

impl Client {
    /// Asks to join a namespace; the first packet tells whether it was let in.
    pub async fn ask(server: &TestServer, namespace: &str, introduction: Introduction) -> Self {
        let url = server.ws(&format!("/socket.io/?EIO=4&transport=websocket{}", introduction.query));
        let mut request = url.into_client_request().unwrap();
        if let Some(value) = introduction.authorization {
            request.headers_mut().insert("authorization", value.parse().unwrap());
        }
        let (mut socket, _) = connect_async(request).await.unwrap();
        let open = socket.next().await.unwrap().unwrap();
        assert!(open.to_text().unwrap().starts_with("0{"));
        let payload = introduction.payload.map(|p| p.to_string()).unwrap_or_default();
        let join = if namespace == "/" { format!("40{payload}") } else { format!("40{namespace},{payload}") };
        socket.send(join.into()).await.unwrap();
        Self { socket, namespace: namespace.to_owned() }
    }

    /// Joins with a token in the header, as the documented client does.
    pub async fn join(server: &TestServer, namespace: &str) -> Self {
        Self::join_with(server, namespace, &server.token().await).await
    }

    /// Joins with this token.
    pub async fn join_with(server: &TestServer, namespace: &str, token: &str) -> Self {
        let authorization = Some(format!("bearer {token}"));
        let mut client =
            Self::ask(server, namespace, Introduction { authorization, ..Introduction::default() }).await;
        assert!(matches!(client.next().await, Packet::Connected));
        client
    }

    /// Joins and starts a session; returns when it is ready for audio.
    pub async fn start(server: &TestServer, kind: &str, request: &Value) -> Self {
        Self::start_with(server, kind, request, &server.token().await).await
    }

    /// The same with this token.
    pub async fn start_with(server: &TestServer, kind: &str, request: &Value, token: &str) -> Self {
        let mut client = Self::join_with(server, &format!("/socket.io/{kind}"), token).await;
        client.emit("initialize", request).await;
        assert_eq!(client.event().await.name, "info-consumer-ready");
        client
    }

    pub async fn emit(&mut self, event: &str, data: &Value) {
        let packet = format!("42{},{}", self.namespace, serde_json::json!([event, data]));
        self.socket.send(packet.into()).await.unwrap();
    }

    /// Leaves the namespace, politely.
    pub async fn leave(&mut self) {
        let _ = self.socket.send(format!("41{},", self.namespace).into()).await;
    }

    /// The next packet, pings aside.
    pub async fn next(&mut self) -> Packet {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("nothing came from the server");
            let Some(Ok(Message::Text(text))) = message else { return Packet::Closed };
            if text.as_str() == "2" {
                let _ = self.socket.send("3".into()).await;
                continue;
            }
            if text.as_str() == "1" {
                return Packet::Closed;
            }
            return self.packet(text.as_str()).await;
        }
    }

    /// The next packet, which must be an event.
    pub async fn event(&mut self) -> Event {
        match self.next().await {
            Packet::Event(event) => event,
            other => panic!("expected an event, got {other:?}"),
        }
    }

    /// Everything until the namespace is disconnected, which must come.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Packet::Event(event) => events.push(event),
                Packet::Disconnected => return events,
                other => panic!("expected an event or the disconnect, got {other:?} after {events:?}"),
            }
        }
    }

    /// The terminal event, which must be the only one, and the last before the disconnect.
    pub async fn outcome(&mut self) -> Event {
        let events = self.rest().await;
        let terminal: Vec<&Event> = events.iter().filter(|e| !e.name.starts_with("info-")).collect();
        assert_eq!(terminal.len(), 1, "{events:?}");
        assert_eq!(terminal[0].name, events.last().unwrap().name);
        terminal[0].clone()
    }

    async fn packet(&mut self, text: &str) -> Packet {
        let kind = &text[..2];
        let mut rest = &text[2..];
        let attachments = rest.split_once('-').filter(|(n, _)| kind == "45" && !n.is_empty());
        if let Some((_, after)) = attachments {
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(&self.namespace).filter(|_| self.namespace != "/") {
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        match kind {
            "40" => Packet::Connected,
            "41" => Packet::Disconnected,
            "44" => {
                let error: Value = serde_json::from_str(rest).unwrap();
                Packet::Refused(error["message"].as_str().unwrap().to_owned())
            }
            "42" => Packet::Event(event(rest, None)),
            "45" => {
                let message = timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap();
                Packet::Event(event(rest, Some(message.into_data())))
            }
            other => panic!("unexpected packet {other}: {rest}"),
        }
    }
}

fn event(json: &str, audio: Option<Bytes>) -> Event {
    let mut array: Vec<Value> = serde_json::from_str(json).unwrap();
    let args = array.split_off(1);
    Event { name: array[0].as_str().unwrap().to_owned(), args, audio }
}
