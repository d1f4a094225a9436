//! In: an HTTP upgrade request. Out: a WebSocket whose limits are ours, and a close that the other side really receives.
//!
//! The upgrade is done here and not by the web framework because of the last half second of a connection: when a message
//! is over the limit, its bytes are still on their way, and closing the socket on them makes the kernel answer with a
//! reset that destroys our close frame. [`AudioSocket::close`] therefore needs the raw stream, to read those bytes away.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::audio_channel::wire::CloseCode;

/// The longest message accepted: Twilio's own are under 2 kB, a subset client may send seconds at once.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Per connection; the library's own default is 128 KiB, most of the memory of an idle call.
const READ_BUFFER_BYTES: usize = 8 << 10;
/// How long the other side may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How much may still arrive after our close before the connection is cut: what a kernel may have buffered.
const CLOSE_DRAIN_BYTES: usize = 16 << 20;

/// Why a request could not be upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnUpgrade;

impl IntoResponse for NotAnUpgrade {
    fn into_response(self) -> Response {
        let headers = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        (StatusCode::UPGRADE_REQUIRED, headers, "this address speaks WebSocket only\n").into_response()
    }
}

/// An accepted upgrade: `response` must be sent for `connection` to become usable.
pub struct Accepted {
    /// 101, to be returned from the handler.
    pub response: Response,
    /// The connection to come.
    pub connection: PendingSocket,
    /// The subprotocol that was agreed.
    pub subprotocol: Option<&'static str>,
}

/// A WebSocket whose 101 is on its way.
pub struct PendingSocket(OnUpgrade);

/// Answers a WebSocket upgrade request. Of the subprotocols offered, the first that is one of `subprotocols` is chosen;
/// no extension is, whatever is offered.
///
/// # Errors
/// If the request is none.
pub fn accept(
    request: &mut Request,
    subprotocols: impl Iterator<Item = &'static str> + Clone,
) -> Result<Accepted, NotAnUpgrade> {
    let headers = request.headers();
    let wanted = request.method() == Method::GET
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|v| v == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accept =
        key.filter(|_| wanted).and_then(|key| HeaderValue::try_from(key).ok()).ok_or(NotAnUpgrade)?;
    let subprotocol = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL)
        .find_map(|offered| subprotocols.clone().find(|known| *known == offered));
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(NotAnUpgrade)?;
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(subprotocol) = subprotocol {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    Ok(Accepted { response, connection: PendingSocket(upgrade), subprotocol })
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|v| v.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).map(str::trim)
}

impl PendingSocket {
    /// Waits until the 101 is sent. Messages of more than `limit` bytes end the connection. `None`: the client has gone
    /// meanwhile.
    pub async fn open(self, limit: usize) -> Option<AudioSocket> {
        Some(AudioSocket { stream: self.open_with(limit, READ_BUFFER_BYTES).await? })
    }

    /// The same for another protocol, with as large a buffer for reading as it needs.
    pub async fn open_with(self, limit: usize, read_buffer: usize) -> Option<WireSocket> {
        let upgraded = TokioIo::new(self.0.await.ok()?);
        let config = WebSocketConfig::default()
            .read_buffer_size(read_buffer)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        Some(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await)
    }
}

/// The server's end of a WebSocket as the library has it.
pub type WireSocket = WebSocketStream<TokioIo<Upgraded>>;

/// The server's end of one WebSocket. It answers pings, it closes, and it sends what a carrier waits for.
pub struct AudioSocket {
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

impl AudioSocket {
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
        close(&mut self.stream, code as u16, reason).await;
    }

    /// Closes as the WebSocket layer calls for.
    pub async fn close_broken(mut self, why: WireClose) {
        close_broken(&mut self.stream, why.code(), why.reason()).await;
    }

    /// Finishes a closing handshake that the other side began: the library has the answer ready, and reading sends it.
    pub async fn finish(mut self) {
        finish(&mut self.stream).await;
    }
}

/// See [`AudioSocket::close`].
pub async fn close(stream: &mut WireSocket, code: u16, reason: &'static str) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    if send_close(stream, deadline, code, reason).await {
        while let Ok(Some(Ok(_))) = timeout_at(deadline, stream.next()).await {}
    }
}

/// Closes a WebSocket whose input is not at a frame's boundary any more, so that the other side's answer cannot be
/// recognised: our half of the connection is shut, which a client answers with its own end, and until then its bytes are
/// read away unparsed. Without that they would be answered by a reset, and the client would never see the close code.
pub async fn close_broken(stream: &mut WireSocket, code: u16, reason: &'static str) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    if !send_close(stream, deadline, code, reason).await {
        return;
    }
    let raw = stream.get_mut();
    if !matches!(timeout_at(deadline, raw.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let mut scratch = vec![0u8; READ_BUFFER_BYTES];
    let mut left = CLOSE_DRAIN_BYTES;
    while left > 0 {
        match timeout_at(deadline, raw.read(&mut scratch)).await {
            Ok(Ok(n)) if n > 0 => left = left.saturating_sub(n),
            _ => return,
        }
    }
}

/// See [`AudioSocket::finish`].
pub async fn finish(stream: &mut WireSocket) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    // A connection that broke instead has nothing to finish; the error says only that.
    while let Ok(Some(Ok(_))) = timeout_at(deadline, stream.next()).await {}
}

async fn send_close(stream: &mut WireSocket, deadline: Instant, code: u16, reason: &'static str) -> bool {
    let frame = CloseFrame { code: WireCode::from(code), reason: Utf8Bytes::from_static(reason) };
    matches!(timeout_at(deadline, stream.close(Some(frame))).await, Ok(Ok(())))
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
