//! In: the text and binary messages of a Socket.IO server's WebSocket. Out: what they mean for one namespace; and back.
//! No IO. How packets are written is in [`crate::signalling::engineio::packet`] and
//! [`crate::signalling::socketio::packet`]; in here is what a client makes of them.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::signalling::engineio::packet::{Frame, Packet as Transported};
use crate::signalling::socketio::packet::{self as wire, Body, Packet};
pub use crate::signalling::socketio::packet::{Argument, PacketError};

/// The server's part of the Engine.IO handshake.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// Milliseconds between two pings of the server.
    pub ping_interval: u64,
    /// Milliseconds a ping may be late.
    pub ping_timeout: u64,
}

/// An event of a namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its arguments, attachments in their places.
    pub arguments: Vec<Argument>,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// The connection's parameters; always first.
    Open(Handshake),
    /// The server closes the whole connection.
    Close,
    /// To be answered with [`pong`].
    Ping,
    /// The namespace is joined.
    Connected,
    /// The namespace is refused, with the server's message.
    Refused(String),
    /// The server has ended the namespace.
    Disconnected,
    /// An event, complete with its attachments.
    Event(Event),
}

/// Reads the messages of one connection, for one namespace; packets of others are skipped.
#[derive(Debug)]
pub struct Decoder {
    namespace: String,
    /// An event whose attachments are still to come.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    ours: bool,
    json: Vec<Value>,
    expected: usize,
    attachments: Vec<Bytes>,
}

impl Decoder {
    /// A decoder at the beginning of a connection.
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), pending: None }
    }

    /// Takes a text message. `None`: nothing that concerns the namespace, or attachments are still to come.
    ///
    /// # Errors
    /// A message that breaks the protocol; the connection is then useless.
    pub fn text(&mut self, message: &str) -> Result<Option<Incoming>, PacketError> {
        if self.pending.is_some() {
            return Err(PacketError::Order);
        }
        match Transported::decode(message).map_err(|_| PacketError::Type)? {
            Transported::Open(handshake) => {
                Ok(Some(Incoming::Open(serde_json::from_str(handshake).map_err(|_| PacketError::Content)?)))
            }
            Transported::Close => Ok(Some(Incoming::Close)),
            Transported::Ping | Transported::PingProbe => Ok(Some(Incoming::Ping)),
            Transported::Message(packet) => self.packet(Packet::decode(packet)?),
            Transported::Pong | Transported::Noop => Ok(None),
            Transported::Upgrade => Err(PacketError::Type),
        }
    }

    /// Takes a binary message: the next attachment.
    ///
    /// # Errors
    /// An attachment that no event announced.
    pub fn binary(&mut self, message: Bytes) -> Result<Option<Incoming>, PacketError> {
        let mut pending = self.pending.take().ok_or(PacketError::Order)?;
        pending.attachments.push(message);
        if pending.attachments.len() < pending.expected {
            self.pending = Some(pending);
            return Ok(None);
        }
        if pending.ours { event(pending.json, &pending.attachments).map(Some) } else { Ok(None) }
    }

    fn packet(&mut self, packet: Packet<'_>) -> Result<Option<Incoming>, PacketError> {
        // A query behind a namespace is for the server.
        let ours = packet.namespace.split('?').next() == Some(self.namespace.as_str());
        match packet.body {
            Body::Connect(_) => Ok(ours.then_some(Incoming::Connected)),
            Body::Disconnect => Ok(ours.then_some(Incoming::Disconnected)),
            Body::ConnectError(json) => Ok(ours.then(|| Incoming::Refused(refusal(json)))),
            Body::Event(json, 0) if ours => event(parse(json)?, &[]).map(Some),
            Body::Event(_, 0) | Body::Ack(_, 0) => Ok(None),
            Body::Event(json, expected) if ours => self.wait(true, parse(json)?, expected),
            // Of another namespace, or the acknowledgement of an event that asked for one (ours never do).
            Body::Event(_, expected) | Body::Ack(_, expected) => self.wait(false, Vec::new(), expected),
        }
    }

    fn wait(
        &mut self,
        ours: bool,
        json: Vec<Value>,
        expected: usize,
    ) -> Result<Option<Incoming>, PacketError> {
        self.pending = Some(Pending { ours, json, expected, attachments: Vec::new() });
        Ok(None)
    }
}

fn parse(json: &str) -> Result<Vec<Value>, PacketError> {
    serde_json::from_str(json).map_err(|_| PacketError::Content)
}

fn refusal(json: &str) -> String {
    let message = serde_json::from_str::<Value>(json).ok().and_then(|value| match value {
        Value::String(text) => Some(text),
        Value::Object(members) => members.get("message")?.as_str().map(str::to_owned),
        _ => None,
    });
    message.unwrap_or_else(|| "without a reason".to_owned())
}

fn event(json: Vec<Value>, attachments: &[Bytes]) -> Result<Incoming, PacketError> {
    let mut values = json.into_iter();
    let Some(Value::String(name)) = values.next() else { return Err(PacketError::Content) };
    let arguments = values
        .map(|value| match placeholder(&value) {
            None => Ok(Argument::Json(value)),
            Some(number) => {
                attachments.get(number).cloned().map(Argument::Binary).ok_or(PacketError::Content)
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Incoming::Event(Event { name, arguments }))
}

/// The number of the attachment an argument stands for. Only whole arguments: no documented event hides an attachment
/// deeper.
fn placeholder(value: &Value) -> Option<usize> {
    let members = value.as_object()?;
    if members.get("_placeholder")? != &Value::Bool(true) {
        return None;
    }
    // A number that cannot be one points behind every attachment.
    Some(
        members
            .get("num")
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(usize::MAX),
    )
}

/// Joins a namespace.
pub fn connect(namespace: &str) -> String {
    format!("4{}", wire::write_connect(namespace, ""))
}

/// Emits an event with one JSON argument.
pub fn emit(namespace: &str, name: &str, argument: &Value) -> String {
    format!("4{}", wire::write_event(namespace, name, vec![Argument::Json(argument.clone())]).0)
}

/// Leaves a namespace.
pub fn disconnect(namespace: &str) -> String {
    format!("4{}", wire::write_disconnect(namespace))
}

/// Answers a ping.
pub const fn pong() -> &'static str {
    Frame::PONG
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NS: &str = "/socket.io/register";

    fn text(message: &str) -> Result<Option<Incoming>, PacketError> {
        Decoder::new(NS).text(message)
    }

    #[test]
    fn the_handshake_tells_the_servers_rhythm() {
        let open =
            text(r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}"#);
        assert_eq!(open, Ok(Some(Incoming::Open(Handshake { ping_interval: 25_000, ping_timeout: 20_000 }))));
    }

    #[test]
    fn an_event_of_the_namespace_is_delivered_with_its_arguments() {
        let expected = Event {
            name: "info-vad-status".into(),
            arguments: vec![Argument::Json(json!({"audio_seconds": 0.5})), Argument::Json(Value::Null)],
        };
        let packet = r#"42/socket.io/register,["info-vad-status",{"audio_seconds":0.5},null]"#;
        assert_eq!(text(packet), Ok(Some(Incoming::Event(expected.clone()))));
        // The same, asking for an acknowledgement.
        let packet = r#"42/socket.io/register,17["info-vad-status",{"audio_seconds":0.5},null]"#;
        assert_eq!(text(packet), Ok(Some(Incoming::Event(expected))));
    }

    #[test]
    fn attachments_take_the_places_of_their_placeholders_once_all_are_there() {
        let mut decoder = Decoder::new(NS);
        let announced = r#"452-/socket.io/register,["e",{"_placeholder":true,"num":1},{"a":1},{"_placeholder":true,"num":0}]"#;
        assert_eq!(decoder.text(announced), Ok(None));
        assert_eq!(decoder.binary(Bytes::from_static(b"first")), Ok(None));
        let Ok(Some(Incoming::Event(event))) = decoder.binary(Bytes::from_static(b"second")) else {
            panic!("the event is complete now")
        };
        assert_eq!(
            event.arguments,
            [
                Argument::Binary(Bytes::from_static(b"second")),
                Argument::Json(json!({"a": 1})),
                Argument::Binary(Bytes::from_static(b"first"))
            ]
        );
        assert_eq!(decoder.text("2"), Ok(Some(Incoming::Ping)), "the next message is an ordinary one again");
    }

    #[test]
    fn packets_of_other_namespaces_are_skipped_with_their_attachments() {
        let mut decoder = Decoder::new(NS);
        assert_eq!(decoder.text(r#"451-/other,["e",{"_placeholder":true,"num":0}]"#), Ok(None));
        assert_eq!(decoder.binary(Bytes::from_static(b"x")), Ok(None));
        assert_eq!(decoder.text(r#"42["e",1]"#), Ok(None));
        assert_eq!(decoder.text("41/other,"), Ok(None));
    }

    #[test]
    fn joining_being_refused_and_being_sent_away_are_told_apart() {
        assert_eq!(text(r#"40/socket.io/register,{"sid":"y"}"#), Ok(Some(Incoming::Connected)));
        let refused = text(r#"44/socket.io/register,{"message":"Unauthorized"}"#);
        assert_eq!(refused, Ok(Some(Incoming::Refused("Unauthorized".into()))));
        assert_eq!(text("41/socket.io/register,"), Ok(Some(Incoming::Disconnected)));
        assert_eq!(text("41/socket.io/register"), Ok(Some(Incoming::Disconnected)));
    }

    #[test]
    fn messages_that_break_the_protocol_are_errors() {
        assert_eq!(text(""), Err(PacketError::Type));
        assert_eq!(text("x"), Err(PacketError::Type));
        assert_eq!(text("4"), Err(PacketError::Type));
        assert_eq!(text("0nonsense"), Err(PacketError::Content));
        assert_eq!(text(r#"42/socket.io/register,{"not":"an array"}"#), Err(PacketError::Content));
        assert_eq!(text("42/socket.io/register,[1]"), Err(PacketError::Content));
        assert_eq!(text(r#"4517-/x,["e"]"#), Err(PacketError::Attachments(17)));
        assert_eq!(Decoder::new(NS).binary(Bytes::new()), Err(PacketError::Order));
        let mut waiting = Decoder::new(NS);
        assert_eq!(waiting.text(r#"451-/socket.io/register,["e",{"_placeholder":true,"num":7}]"#), Ok(None));
        assert_eq!(waiting.text("2"), Err(PacketError::Order));
        assert_eq!(waiting.binary(Bytes::new()), Err(PacketError::Content), "attachment 7 does not exist");
    }

    #[test]
    fn what_is_sent_is_what_the_javascript_client_sends() {
        assert_eq!(connect(NS), "40/socket.io/register,");
        assert_eq!(
            emit(NS, "initialize", &json!({"a": 1})),
            r#"42/socket.io/register,["initialize",{"a":1}]"#
        );
        assert_eq!(disconnect(NS), "41/socket.io/register,");
    }

    proptest! {
        #[test]
        fn no_message_makes_the_decoder_panic(messages in prop::collection::vec("[0-6]{0,3}[-,/0-9a-z\\[\\]{}\":é]*", 0..4)) {
            let mut decoder = Decoder::new("/a");
            for message in messages {
                let _ = decoder.text(&message);
                let _ = decoder.binary(Bytes::from(message));
            }
        }
    }
}
