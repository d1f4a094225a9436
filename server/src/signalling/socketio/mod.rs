//! In: Engine.IO sessions. Out: clients that may start sessions of ours, or a CONNECT_ERROR. Socket.IO, revision 5 of the
//! protocol, without rooms and without acknowledgements.
//!
//! Namespaces `register`, `verify` and `alive` exist in two spellings: `/socket.io/register`, which is what the documented
//! clients put on the wire, and `/register`. `/` may be joined, because some clients join it unasked, and handles nothing.
//!
//! * [`packet`]: packets as text, without IO
//! * `access`: who may join
//! * `connection`: what one session has joined, and its packets in order
//! * [`member`]: how the task of a client ([`crate::signalling::client`]) reaches it
//!
//! A client that has joined and asked for nothing costs no task but that of its WebSocket; what it holds is under
//! `engineio`.

mod access;
mod connection;
pub mod member;
pub mod packet;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;

use crate::session::request::Kind;
use crate::signalling::access::Access;
use crate::signalling::client::{Signalling, WireFormat};
use crate::signalling::engineio::machine::Timing;
use crate::signalling::engineio::{Config, Engine};
use connection::Connection;

/// The longest message a client may send, over either transport: `initialize` with a credential is under 8 kB.
const MAX_MESSAGE_BYTES: usize = 256 << 10;
/// From the transport's handshake to the first namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the namespaces need.
#[derive(Debug)]
pub struct SocketIoConfig {
    /// Path of the transport, and prefix of the first spelling of the namespaces: `/socket.io`.
    pub path: String,
    /// Who may join.
    pub access: Access,
    /// Whether `alive` needs a token too.
    pub alive_needs_token: bool,
    /// How events look, unless a client wants them otherwise.
    pub wire: WireFormat,
    /// Between two pings.
    pub ping_interval: Duration,
    /// From a ping to its answer.
    pub ping_timeout: Duration,
    /// Sessions there may be before none can begin by polling.
    pub max_sessions: usize,
}

/// What all sessions have in common.
#[derive(Debug)]
struct Shared {
    config: SocketIoConfig,
    signalling: Arc<Signalling>,
    namespaces: Vec<Namespace>,
}

/// A namespace that can be joined.
#[derive(Debug)]
struct Namespace {
    name: String,
    role: Role,
}

/// What a namespace is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing.
    Main,
    /// Its one event ends the membership.
    Alive,
    /// Sessions of this kind.
    Sessions(Kind),
}

/// The transport, to be ended with the server.
#[derive(Clone, Debug)]
pub struct SocketIo {
    engine: Arc<Engine<Connection>>,
}

impl SocketIo {
    /// Ends all connections; none begins any more.
    pub fn close(&self) {
        self.engine.close();
    }
}

/// Builds the transport, routed at exactly its path, and its namespaces.
///
/// Exact routes: the token endpoint is below the same path.
pub fn build(config: SocketIoConfig, signalling: Arc<Signalling>) -> (Router, SocketIo) {
    let transport = Config {
        timing: Timing {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            connect_timeout: CONNECT_TIMEOUT,
        },
        max_payload: MAX_MESSAGE_BYTES,
        max_sessions: config.max_sessions,
    };
    let prefix = config.path.trim_end_matches('/').to_owned();
    let namespaces = namespaces(&prefix);
    let shared = Arc::new(Shared { config, signalling, namespaces });
    let engine = Engine::new(transport, move |request| Connection::new(Arc::clone(&shared), request));
    let handle = any({
        let engine = Arc::clone(&engine);
        move |request: Request| Arc::clone(&engine).handle(request)
    });
    let router = Router::new().route(&prefix, handle.clone()).route(&format!("{prefix}/"), handle);
    (router, SocketIo { engine })
}

fn namespaces(prefix: &str) -> Vec<Namespace> {
    let roles = [
        ("register", Role::Sessions(Kind::Register)),
        ("verify", Role::Sessions(Kind::Verify)),
        ("alive", Role::Alive),
    ];
    let mut namespaces = vec![Namespace { name: "/".to_owned(), role: Role::Main }];
    for (name, role) in roles {
        namespaces.push(Namespace { name: format!("{prefix}/{name}"), role });
        namespaces.push(Namespace { name: format!("/{name}"), role });
    }
    namespaces
}
