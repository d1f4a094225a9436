//! Engine.IO, revision 4 of the protocol: sessions over HTTP long-polling, over WebSocket, and from one to the other.
//!
//! In: HTTP requests at one path. Out: a handler's messages, in order; and whatever the handler has to say, in order.
//!
//! * [`packet`]: packets and payloads as text, without IO
//! * [`machine`]: what a session does next, without IO and without a clock
//! * [`session`]: a machine and its handler behind one lock; all sessions by name
//! * [`query`]: what a request asks for; `polling` and `websocket`: the transports
//!
//! # Why our own
//!
//! The library before (socketioxide 0.18.9 on engineioxide 0.17.9) had four tasks and a channel block each for a client that says
//! nothing; it ran the handlers of one client in any order; it told nobody when a client's full buffer had room again; and it
//! ended a session whose upgrade was given up, which the protocol lets go on polling.
//!
//! A client that says nothing holds 1.1 to 3.6 kB here and 13.8 kB in the reference implementation, measured beside each other by
//! `peakstream-bench signalling` (`bytes_per_idle_client`).
//!
//! # Where this differs from the reference implementation (engine.io 6 for Node)
//!
//! A `ping` of a client is a sign of life and not an error. What
//! is said during an upgrade waits for the WebSocket. A WebSocket for a session that is nobody's is accepted and closed. No
//! JSONP, no compression, no cookie, no revision 3.

pub mod machine;
pub mod packet;
mod polling;
pub mod query;
pub mod session;
mod websocket;

use std::fmt;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::websocket::{Accepted, accept};
use machine::{Timing, Transport};
use query::{Asked, Refused};
use session::{Handler, Sessions, Sid};

/// What all sessions have in common.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Their rhythm.
    pub timing: Timing,
    /// The longest body of a POST and the longest WebSocket message, in bytes; an answer to a poll is longer only if its
    /// first packet is.
    pub max_payload: usize,
    /// Sessions there may be before none can begin by polling.
    pub max_sessions: usize,
}

/// A server of Engine.IO.
pub struct Engine<H> {
    config: Config,
    sessions: Arc<Sessions<H>>,
    /// Makes a session's handler out of the request that begins it.
    open: Box<dyn Fn(&Parts) -> H + Send + Sync>,
}

impl<H> fmt::Debug for Engine<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<H: Handler> Engine<H> {
    /// A server without sessions; `open` makes a session's handler out of the request that begins it.
    pub fn new(config: Config, open: impl Fn(&Parts) -> H + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { config, sessions: Sessions::new(config.max_sessions), open: Box::new(open) })
    }

    /// Answers a request, whatever its method.
    pub async fn handle(self: Arc<Self>, mut request: Request) -> Response {
        let asked = match query::read(request.method(), request.uri().query()) {
            Ok(asked) => asked,
            Err(refused) => return refused.into_response(),
        };
        let upgrade = match asked {
            Asked::Handshake(Transport::WebSocket) | Asked::Upgrade(_) => {
                accept(&mut request, std::iter::empty()).ok()
            }
            _ => None,
        };
        let (parts, body) = request.into_parts();
        match (asked, upgrade) {
            (Asked::Handshake(Transport::Polling), _) => polling::handshake(&self, (self.open)(&parts)),
            (Asked::Poll(sid), _) => polling::poll(&self, sid).await,
            (Asked::Post(sid), _) => polling::post(&self, sid, body).await,
            (Asked::Handshake(Transport::WebSocket), Some(Accepted { response, connection, .. })) => {
                let handler = (self.open)(&parts);
                tokio::spawn(websocket::handshake(self, connection, handler));
                response
            }
            (Asked::Upgrade(sid), Some(Accepted { response, connection, .. })) => {
                tokio::spawn(websocket::upgrade(self, connection, sid));
                response
            }
            (Asked::Handshake(Transport::WebSocket) | Asked::Upgrade(_), None) => {
                Refused::BadRequest.into_response()
            }
        }
    }

    /// Ends all sessions; none begins any more.
    pub fn close(&self) {
        self.sessions.close();
    }
}

/// The packet a session begins with.
fn open_packet(config: &Config, sid: Sid, transport: Transport) -> String {
    let upgrades: &[&str] = match transport {
        Transport::Polling => &["websocket"],
        Transport::WebSocket => &[],
    };
    let handshake = json!({
        "sid": sid.to_string(),
        "upgrades": upgrades,
        "pingInterval": milliseconds(config.timing.ping_interval),
        "pingTimeout": milliseconds(config.timing.ping_timeout),
        "maxPayload": config.max_payload,
    });
    format!("0{handshake}")
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
