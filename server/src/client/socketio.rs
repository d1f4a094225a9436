//! In: a server, a namespace and an `Authorization` header. Out: the namespace's events, until the server ends it.
//!
//! # Why our own
//!
//! The registry's client, `rust_socketio` 0.6.0, drops the JSON of a binary event: its callback gets the first attachment
//! alone (`asynchronous/client/client.rs`, `handle_binary_event`), so a `result-*` event, which is
//! `(data, collected_audio)`, arrives without its result. It also needs native-tls, which on Linux is OpenSSL
//! (`cargo tree -i openssl-sys`), and second copies of reqwest and tokio-tungstenite. What a customer's client does is
//! little: join one namespace over one WebSocket, emit one event, answer pings, read events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message};

use super::packet::{self, Decoder, Event, Handshake, Incoming, PacketError};
use super::websocket::{self, ConnectError, WebSocket};
use crate::sensitive::Sensitive;

/// From the open WebSocket to the joined namespace. The documented Python client waits one second; a server under load
/// deserves more patience from a tool that explains failures.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the closing handshake of a connection nobody needs any more.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a namespace cannot be joined or has been lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketIoError {
    /// No WebSocket.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The namespace refused the client.
    #[error("namespace {namespace}: refused ({message}){}", if message == "Unauthorized" { "; check the token" } else { "" })]
    Refused {
        /// The namespace.
        namespace: String,
        /// The server's message.
        message: String,
    },
    /// The server did not let the client in in time.
    #[error("namespace {namespace}: no answer within {} s", JOIN_TIMEOUT.as_secs())]
    JoinTimedOut {
        /// The namespace.
        namespace: String,
    },
    /// Nothing heard, not even a ping.
    #[error("the server has been silent for {} s", silence.as_secs())]
    Silent {
        /// How long.
        silence: Duration,
    },
    /// The connection ended without the namespace being ended first.
    #[error("the server dropped the connection ({detail})")]
    Lost {
        /// What is known about it.
        detail: String,
    },
    /// The server speaks something else.
    #[error("not Socket.IO 5 over Engine.IO 4: {0}")]
    Protocol(#[from] PacketError),
}

/// A joined namespace.
#[derive(Debug)]
pub struct SocketIo {
    socket: WebSocket,
    decoder: Decoder,
    namespace: String,
    /// The server pings at least this often; longer silence means that it is gone.
    silence: Duration,
}

impl SocketIo {
    /// Connects to `base_url` (`http://…` or `https://…`) as the documented client does, by WebSocket only, and joins
    /// `namespace`.
    ///
    /// # Errors
    /// No connection, a refusal, or no answer in time.
    pub async fn connect(
        base_url: &str,
        namespace: &str,
        authorization: &Sensitive<String>,
    ) -> Result<Self, SocketIoError> {
        let base = base_url.trim_end_matches('/');
        // The scheme's "http" is the only one that can be first.
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", base.replacen("http", "ws", 1));
        let socket = websocket::connect(&url, Some(authorization.expose())).await?;
        let mut client = Self {
            socket,
            decoder: Decoder::new(namespace),
            namespace: namespace.to_owned(),
            silence: JOIN_TIMEOUT,
        };
        match tokio::time::timeout(JOIN_TIMEOUT, client.join()).await {
            Ok(Ok(handshake)) => {
                client.silence =
                    Duration::from_millis(handshake.ping_interval.saturating_add(handshake.ping_timeout));
                Ok(client)
            }
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Err(SocketIoError::JoinTimedOut { namespace: namespace.to_owned() }),
        }
    }

    async fn join(&mut self) -> Result<Handshake, SocketIoError> {
        let Incoming::Open(handshake) = self.incoming().await? else {
            return Err(PacketError::Order.into());
        };
        self.send(packet::connect(&self.namespace)).await?;
        loop {
            match self.incoming().await? {
                Incoming::Connected => return Ok(handshake),
                Incoming::Refused(message) => {
                    return Err(SocketIoError::Refused { namespace: self.namespace.clone(), message });
                }
                Incoming::Ping => self.send(packet::pong().to_owned()).await?,
                _ => return Err(PacketError::Order.into()),
            }
        }
    }

    /// Emits an event with one JSON argument.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn emit(&mut self, name: &str, argument: &Value) -> Result<(), SocketIoError> {
        self.send(packet::emit(&self.namespace, name, argument)).await
    }

    /// The next event; `None` once the server has ended the namespace. Pings are answered on the way. May be dropped and
    /// called again without losing an event.
    ///
    /// # Errors
    /// The connection is lost, silent for too long, or breaks the protocol.
    pub async fn next(&mut self) -> Result<Option<Event>, SocketIoError> {
        loop {
            match tokio::time::timeout(self.silence, self.incoming()).await {
                Err(_elapsed) => return Err(SocketIoError::Silent { silence: self.silence }),
                Ok(incoming) => match incoming? {
                    Incoming::Event(event) => return Ok(Some(event)),
                    Incoming::Disconnected => return Ok(None),
                    Incoming::Ping => self.send(packet::pong().to_owned()).await?,
                    Incoming::Close => return Err(lost(&"closed by the server")),
                    Incoming::Open(_) | Incoming::Connected | Incoming::Refused(_) => {
                        return Err(PacketError::Order.into());
                    }
                },
            }
        }
    }

    /// Leaves the namespace and closes the connection. What the server thinks of it no longer matters.
    pub async fn close(mut self) {
        let farewell = async {
            self.send(packet::disconnect(&self.namespace)).await?;
            self.socket.close(None).await.map_err(|error| lost(&error))
        };
        drop(tokio::time::timeout(CLOSE_TIMEOUT, farewell).await);
    }

    async fn incoming(&mut self) -> Result<Incoming, SocketIoError> {
        loop {
            let incoming = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => self.decoder.text(text.as_str())?,
                Some(Ok(Message::Binary(bytes))) => self.decoder.binary(bytes)?,
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                Some(Ok(_)) => None,
                Some(Err(error)) => return Err(lost(&error)),
                None => return Err(lost(&"connection closed")),
            };
            if let Some(incoming) = incoming {
                return Ok(incoming);
            }
        }
    }

    async fn send(&mut self, packet: String) -> Result<(), SocketIoError> {
        self.socket.send(Message::text(packet)).await.map_err(|error| lost(&error))
    }
}

fn lost(detail: &dyn std::fmt::Display) -> SocketIoError {
    SocketIoError::Lost { detail: detail.to_string() }
}

fn closed(frame: Option<tungstenite::protocol::CloseFrame>) -> SocketIoError {
    match frame {
        Some(frame) => lost(&format_args!("close code {} {}", u16::from(frame.code), frame.reason)),
        None => lost(&"closed without a code"),
    }
}

/// The two arguments of a documented event: its data, and the collected audio of a result.
pub fn data_and_audio(event: &Event) -> (Value, Option<Bytes>) {
    let mut data = Value::Null;
    let mut audio = None;
    for argument in &event.arguments {
        match argument {
            packet::Argument::Json(value) if data.is_null() => data = value.clone(),
            packet::Argument::Binary(bytes) => audio = Some(bytes.clone()),
            packet::Argument::Json(_) => {}
        }
    }
    (data, audio)
}

#[cfg(test)]
#[path = "socketio_tests.rs"]
mod tests;
