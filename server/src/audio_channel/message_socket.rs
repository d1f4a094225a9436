//! In: a carrier's WebSocket. Out: its messages, one after the other; at the end, one close code.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::audio_channel::wire::CloseCode;
use crate::websocket::{self, PendingSocket, WireSocket};

/// What is reserved for reading, of each call: a few messages.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// The server's end of one WebSocket. It answers pings, it closes, and it sends what a carrier waits for.
pub struct MessageSocket {
    stream: WireSocket,
}

/// What arrived on the socket.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// The other side closed, or the connection broke.
    Gone,
    /// It broke the WebSocket protocol or a limit: close with this code.
    Broken(WireClose),
}

/// A close that the WebSocket layer itself calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireClose {
    /// 1009: a message over the connection's limit.
    TooBig,
    /// 1007: text that is not UTF-8.
    NotUtf8,
    /// 1002: unmasked or malformed frames.
    Protocol,
}

impl WireClose {
    const fn code(self) -> u16 {
        match self {
            Self::TooBig => 1009,
            Self::NotUtf8 => 1007,
            Self::Protocol => 1002,
        }
    }

    /// The close reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooBig => "message over the limit",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::Protocol => "WebSocket protocol error",
        }
    }
}

impl MessageSocket {
    /// Waits until the upgrade is done. Messages of more than `limit` bytes end the connection. `None`: the carrier has gone
    /// meanwhile.
    pub async fn open(pending: PendingSocket, limit: usize) -> Option<Self> {
        Some(Self { stream: pending.open(limit, READ_BUFFER_BYTES).await? })
    }

    /// The next message. Not reading is the back-pressure: the sender's TCP stalls. Cancelling it loses nothing.
    pub async fn receive(&mut self) -> Incoming {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Incoming::Text(text),
                Some(Ok(Message::Binary(bytes))) => return Incoming::Binary(bytes),
                // Pings are answered by the library with the next read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Incoming::Gone,
                Some(Err(error)) => return broken(&error),
            }
        }
    }

    /// Sends a text message. `false`: the connection is gone, and so is the message. Waits while the other side takes
    /// nothing, which the listener ends.
    pub async fn send(&mut self, text: impl Into<Utf8Bytes>) -> bool {
        self.stream.send(Message::Text(text.into())).await.is_ok()
    }

    /// Closes with one of our codes: sends the close frame, then discards whatever still comes until the other side has
    /// answered it or the time is up.
    pub async fn close(mut self, code: CloseCode, reason: &'static str) {
        websocket::close(&mut self.stream, code as u16, reason).await;
    }

    /// Closes as the WebSocket layer calls for.
    pub async fn close_broken(mut self, why: WireClose) {
        websocket::close_broken(&mut self.stream, why.code(), why.reason()).await;
    }

    /// Finishes a closing handshake that the other side began: the library has the answer ready, and reading sends it.
    pub async fn finish(mut self) {
        websocket::finish(&mut self.stream).await;
    }
}

fn broken(error: &Error) -> Incoming {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Incoming::Broken(WireClose::TooBig),
        Error::Utf8(_) => Incoming::Broken(WireClose::NotUtf8),
        // Without a closing handshake: a dropped connection, not a defective one.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Gone,
        Error::Protocol(_) => Incoming::Broken(WireClose::Protocol),
        _ => Incoming::Gone,
    }
}
