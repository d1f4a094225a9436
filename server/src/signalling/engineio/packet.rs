//! In: the text of an Engine.IO 4 packet or payload. Out: what it means; and back. No IO.
//!
//! A packet is a type digit and its data. Over WebSocket one packet is one text message, and binary data is a binary
//! message without a digit. Over HTTP a payload is packets with 0x1e between them, binary data being `b` and base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Between two packets of a payload: the ASCII record separator.
const SEPARATOR: char = '\x1e';
/// What the ping and the pong of an upgrade carry.
const PROBE: &str = "probe";

/// A packet as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The server's handshake, in JSON.
    Open(&'a str),
    /// The session ends.
    Close,
    /// To be answered with a pong.
    Ping,
    /// The ping of a WebSocket that would take over a session.
    PingProbe,
    /// A sign of life.
    Pong,
    /// What is carried: for us, a Socket.IO packet.
    Message(&'a str),
    /// The session goes on over the WebSocket this came from.
    Upgrade,
    /// Ends a poll.
    Noop,
}

/// A part of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Binary data.
    Binary(Bytes),
}

/// A text that is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no Engine.IO packet")]
pub struct Malformed;

impl<'a> Packet<'a> {
    /// Reads one packet.
    ///
    /// # Errors
    /// If it does not begin with the digit of a type.
    pub fn decode(text: &'a str) -> Result<Self, Malformed> {
        let kind = *text.as_bytes().first().ok_or(Malformed)?;
        // A character of several bytes begins with none of the digits.
        let data = || &text[1..];
        match kind {
            b'0' => Ok(Self::Open(data())),
            b'1' => Ok(Self::Close),
            b'2' if data() == PROBE => Ok(Self::PingProbe),
            b'2' => Ok(Self::Ping),
            b'3' => Ok(Self::Pong),
            b'4' => Ok(Self::Message(data())),
            b'5' => Ok(Self::Upgrade),
            b'6' => Ok(Self::Noop),
            _ => Err(Malformed),
        }
    }
}

/// Reads the body of a POST, piece by piece: those before a malformed one are good.
pub fn payload(text: &str) -> impl Iterator<Item = Result<Piece<'_>, Malformed>> {
    text.split(SEPARATOR).map(|piece| match piece.strip_prefix('b') {
        None => Packet::decode(piece).map(Piece::Packet),
        Some(base64) => STANDARD.decode(base64).map(|data| Piece::Binary(data.into())).map_err(|_| Malformed),
    })
}

/// A packet to be sent: over WebSocket one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A packet with its digit.
    Text(String),
    /// Binary data.
    Binary(Bytes),
}

impl Frame {
    /// `close`.
    pub const CLOSE: &'static str = "1";
    /// `ping`.
    pub const PING: &'static str = "2";
    /// `pong`, the answer to a client that asks, and to a server's [`Frame::PING`].
    pub const PONG: &'static str = "3";
    /// The answer to [`Packet::PingProbe`].
    pub const PONG_PROBE: &'static str = "3probe";
    /// `noop`.
    pub const NOOP: &'static str = "6";

    /// A `message`.
    pub fn message(data: &str) -> Self {
        Self::Text(format!("4{data}"))
    }

    /// One of the packets that are always the same.
    pub fn fixed(packet: &'static str) -> Self {
        Self::Text(packet.to_owned())
    }

    /// Bytes it takes in a payload.
    fn payload_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => 1 + data.len().div_ceil(3) * 4,
        }
    }
}

/// The body of an answer to a poll, in the making.
#[derive(Debug)]
pub struct Payload {
    text: String,
    limit: usize,
}

impl Payload {
    /// An empty one of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    /// Whether this frame still finds room. The first one always does: it has to be sent somehow.
    pub fn has_room(&self, frame: &Frame) -> bool {
        self.text.is_empty() || self.text.len() + 1 + frame.payload_len() <= self.limit
    }

    /// Appends a frame.
    pub fn push(&mut self, frame: &Frame) {
        self.text.reserve_exact(1 + frame.payload_len());
        if !self.text.is_empty() {
            self.text.push(SEPARATOR);
        }
        match frame {
            Frame::Text(text) => self.text.push_str(text),
            Frame::Binary(data) => {
                self.text.push('b');
                STANDARD.encode_string(data, &mut self.text);
            }
        }
    }

    /// `None` if nothing was appended.
    pub fn finish(self) -> Option<String> {
        (!self.text.is_empty()).then_some(self.text)
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
