//! In: the text of a Socket.IO 5 packet. Out: what it means; and back. For the server and for our own client; no IO.
//!
//! `type [attachments "-"] [namespace ","] [acknowledgement id] [JSON]`. The binary messages after a packet are its
//! attachments, in order; `{"_placeholder":true,"num":0}` marks their places among the arguments.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// The most attachments one packet may have; the documented events have one.
const MAX_ATTACHMENTS: usize = 16;
/// The namespace that is not written.
const MAIN: &str = "/";

/// A text that is no packet, or one that may not come now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// No type digit, or an unknown one.
    #[error("a message of no known type")]
    Type,
    /// The part after the type digits is not what the type asks for.
    #[error("a message whose content does not fit its type")]
    Content,
    /// A binary message nobody announced, or a text message where one was announced.
    #[error("attachments and messages in the wrong order")]
    Order,
    /// More attachments than any event has.
    #[error("an event with {0} attachments, more than {MAX_ATTACHMENTS}")]
    Attachments(usize),
}

/// A packet as it was received. The JSON has not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// For whom it is.
    pub namespace: &'a str,
    /// What it says.
    pub body: Body<'a>,
}

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A client joins, perhaps with a payload; or a server says that it has.
    Connect(&'a str),
    /// One side leaves.
    Disconnect,
    /// Something has happened: an array of a name and arguments.
    Event(&'a str, Attachments),
    /// The answer to an event that asked for one.
    Ack(&'a str, Attachments),
    /// The server does not let the client join.
    ConnectError(&'a str),
}

/// How many binary messages follow.
pub type Attachments = usize;

impl<'a> Packet<'a> {
    /// Reads everything up to the JSON.
    ///
    /// # Errors
    /// If it cannot be a packet.
    pub fn decode(text: &'a str) -> Result<Self, PacketError> {
        let kind = *text.as_bytes().first().ok_or(PacketError::Type)?;
        if !(b'0'..=b'6').contains(&kind) {
            return Err(PacketError::Type);
        }
        let rest = &text[1..];
        let (attachments, rest) =
            if matches!(kind, b'5' | b'6') { split_attachments(rest)? } else { (0, rest) };
        let (namespace, rest) = split_namespace(rest);
        let body = match kind {
            b'0' => Body::Connect(rest),
            b'1' => Body::Disconnect,
            b'4' => Body::ConnectError(rest),
            b'2' | b'5' => Body::Event(split_id(rest).1, attachments),
            _ => match split_id(rest) {
                ("", _) => return Err(PacketError::Content),
                (_, json) => Body::Ack(json, attachments),
            },
        };
        Ok(Self { namespace, body })
    }
}

fn split_attachments(text: &str) -> Result<(Attachments, &str), PacketError> {
    let (count, rest) = text.split_once('-').ok_or(PacketError::Content)?;
    if !count.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(PacketError::Content);
    }
    let count = count.parse().map_err(|_| PacketError::Content)?;
    if count > MAX_ATTACHMENTS { Err(PacketError::Attachments(count)) } else { Ok((count, rest)) }
}

fn split_namespace(text: &str) -> (&str, &str) {
    if text.starts_with('/') { text.split_once(',').unwrap_or((text, "")) } else { (MAIN, text) }
}

/// The number by which an acknowledgement is asked for. Nobody here asks for one or gives one.
fn split_id(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Reads the array of an event: its name, and its arguments as they are written.
///
/// # Errors
/// If it does not begin with a text. What follows is looked at by the iterator.
pub fn event(json: &str) -> Result<(String, Arguments<'_>), PacketError> {
    let mut arguments = Arguments {
        rest: json.trim_ascii_start().strip_prefix('[').ok_or(PacketError::Content)?,
        first: true,
    };
    let name = arguments.next().ok_or(PacketError::Content)??;
    let name = serde_json::from_str(name).map_err(|_| PacketError::Content)?;
    Ok((name, arguments))
}

/// The elements of a JSON array, as they are written: each is whole and sound, however deep it nests, because looking at
/// it takes no stack. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    /// Empty after the end.
    rest: &'a str,
    first: bool,
}

impl<'a> Iterator for Arguments<'a> {
    type Item = Result<&'a str, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest).trim_ascii_start();
        let first = std::mem::replace(&mut self.first, false);
        if rest.is_empty() && !first {
            return None;
        }
        Some(match rest.strip_prefix(']') {
            Some(after) if after.trim_ascii().is_empty() => return None,
            Some(_) => Err(PacketError::Content),
            None => self.element(if first { Some(rest) } else { rest.strip_prefix(',') }),
        })
    }
}

impl<'a> Arguments<'a> {
    fn element(&mut self, rest: Option<&'a str>) -> Result<&'a str, PacketError> {
        let rest = rest.ok_or(PacketError::Content)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(PacketError::Content),
        }
        let (element, rest) = rest.split_at(values.byte_offset());
        // An array that does not end is none.
        if rest.trim_ascii_start().is_empty() {
            return Err(PacketError::Content);
        }
        self.rest = rest;
        Ok(element)
    }
}

/// One argument of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A JSON value.
    Json(Value),
    /// An attachment.
    Binary(Bytes),
}

/// Writes an event; its attachments have to follow it.
pub fn write_event(namespace: &str, name: &str, arguments: Vec<Argument>) -> (String, Vec<Bytes>) {
    let mut attachments = Vec::new();
    let mut elements = vec![Value::from(name)];
    elements.extend(arguments.into_iter().map(|argument| match argument {
        Argument::Json(value) => value,
        Argument::Binary(data) => {
            attachments.push(data);
            json!({"_placeholder": true, "num": attachments.len() - 1})
        }
    }));
    let head = if attachments.is_empty() { "2".to_owned() } else { format!("5{}-", attachments.len()) };
    (format!("{head}{}{}", prefix(namespace), Value::Array(elements)), attachments)
}

/// Writes a CONNECT: of a client, or with `{"sid":…}` the server's answer.
pub fn write_connect(namespace: &str, payload: &str) -> String {
    format!("0{}{payload}", prefix(namespace))
}

/// Writes a DISCONNECT.
pub fn write_disconnect(namespace: &str) -> String {
    format!("1{}", prefix(namespace))
}

/// Writes a CONNECT_ERROR.
pub fn write_connect_error(namespace: &str, message: &str) -> String {
    format!("4{}{}", prefix(namespace), json!({"message": message}))
}

fn prefix(namespace: &str) -> String {
    if namespace == MAIN { String::new() } else { format!("{namespace},") }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
