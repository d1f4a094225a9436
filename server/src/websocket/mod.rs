//! In: an HTTP upgrade request. Out: a WebSocket whose limits are ours, and a close that the other side really receives.
//!
//! The upgrade is done here and not by the web framework because of the last half second of a connection: when a message
//! is over the limit, its bytes are still on their way, and closing the socket on them makes the kernel answer with a
//! reset that destroys our close frame. [`close_broken`] therefore needs the raw stream, to read those bytes away.

mod closing;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

pub use closing::{close, close_broken, finish};

/// The server's end of a WebSocket.
pub type WireSocket = WebSocketStream<TokioIo<Upgraded>>;

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
    /// Waits until the 101 is sent. Messages of more than `limit` bytes end the connection; `read_buffer` bytes are reserved
    /// for reading, of each connection (the library's own default is 128 KiB, most of the memory of an idle one). `None`: the
    /// client has gone meanwhile.
    pub async fn open(self, limit: usize, read_buffer: usize) -> Option<WireSocket> {
        let upgraded = TokioIo::new(self.0.await.ok()?);
        let config = WebSocketConfig::default()
            .read_buffer_size(read_buffer)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        Some(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await)
    }
}
