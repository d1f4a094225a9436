//! In: the address of a WebSocket server. Out: an open connection, or an error that says what to do.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// A client's connection, encrypted or not.
pub(super) type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The longest message accepted from a server: collected audio is at most 30 s of 16-bit samples at 16 kHz (about
/// 1 MB), or a whole call of 180 s where the server is set to send it (about 6 MB).
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// TCP, TLS and the upgrade together. Twilio and Genesys give a server a few seconds, too.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be used.
    #[error("{url}: not an address of a WebSocket ({detail}); it looks like ws://127.0.0.1:8080/twilio")]
    Address {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The server answered the upgrade with something else.
    #[error("{url}: the server refused with HTTP {status}{}", hint(*status))]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// No connection, or one that broke at once.
    #[error("{url}: no connection ({detail}); is the server running? Start one with: peakstream serve")]
    Unreachable {
        /// The address.
        url: String,
        /// What the system or the TLS library said.
        detail: String,
    },
    /// Nobody answered.
    #[error("{url}: no answer within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut {
        /// The address.
        url: String,
    },
}

fn hint(status: u16) -> &'static str {
    match status {
        400 => "; it speaks another protocol at this path",
        401 | 403 => "; the credentials are missing or wrong",
        404 => "; there is no audio or signalling channel at this path (audio goes to /twilio)",
        429 | 503 => "; it has no room for another connection now, try again later",
        _ => "",
    }
}

/// Opens a WebSocket, with an `Authorization` header if one is given.
pub(super) async fn connect(url: &str, authorization: Option<&str>) -> Result<WebSocket, ConnectError> {
    let address = |detail: &dyn std::fmt::Display| ConnectError::Address {
        url: url.to_owned(),
        detail: detail.to_string(),
    };
    if !["ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(address(&"it begins with ws:// or wss://"));
    }
    let mut request = url.into_client_request().map_err(|error| address(&error))?;
    if let Some(value) = authorization {
        let mut value = HeaderValue::from_str(value).map_err(|error| address(&error))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    if request.uri().scheme_str() == Some("wss") {
        choose_tls_provider();
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    // Without `disable_nagle` every 20 ms message would wait for the acknowledgement of the one before.
    match tokio::time::timeout(CONNECT_TIMEOUT, connect_async_with_config(request, Some(config), true)).await
    {
        Err(_elapsed) => Err(ConnectError::TimedOut { url: url.to_owned() }),
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(response))) => {
            Err(ConnectError::Refused { url: url.to_owned(), status: response.status().as_u16() })
        }
        Ok(Err(tungstenite::Error::Url(error))) => Err(address(&error)),
        Ok(Err(error)) => Err(ConnectError::Unreachable { url: url.to_owned(), detail: error.to_string() }),
    }
}

/// rustls refuses to guess between cryptography providers; a second call finds one installed, which is as good.
fn choose_tls_provider() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_no_websocket_is_said_to_be_so() {
        for url in ["", "not an address", "http://127.0.0.1:1/", "ftp://x/"] {
            let error = connect(url, None).await.expect_err(url);
            assert!(matches!(error, ConnectError::Address { .. }), "{url}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_port_nobody_listens_on_suggests_to_start_a_server() {
        // Bound and dropped again: free for the moment.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let error =
            connect(&format!("ws://127.0.0.1:{port}/twilio"), None).await.expect_err("nobody listens");
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("peakstream serve"), "{error}");
    }
}
