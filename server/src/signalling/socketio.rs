//! In: Socket.IO connections. Out: clients that may start sessions, or a CONNECT_ERROR.
//!
//! Namespaces `register`, `verify` and `alive` exist in two spellings: `/socket.io/register`, which is what the documented
//! clients put on the wire, and `/register`. `/` may be joined, because some clients join it unasked, and handles nothing.
//!
//! The library runs every handler in a task of its own, in any order. Handlers therefore only put messages into the inbox
//! of the client's one task ([`crate::signalling::client`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{OriginalUri, Query};
use axum::http::{HeaderName, HeaderValue, Request, Uri, header};
use axum::middleware::map_request;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use tokio::sync::{mpsc, watch};

use crate::sensitive::Sensitive;
use crate::session::request::Kind;
use crate::signalling::client::{Client, Signalling, WireFormat};
use crate::signalling::token::bearer;
use crate::tenant::keyring::Principal;
use crate::tenant::scope::Scope;

/// `initialize` messages that may wait for the client's task: one, and a few that will be refused.
const INBOX: usize = 4;
/// The longest message a client may send, over either transport: `initialize` with a credential is under 8 kB.
const MAX_MESSAGE_BYTES: usize = 256 << 10;
/// What a WebSocket reserves for reading; it grows for a longer message, of which a client sends one.
const READ_BUFFER: usize = 512;
/// Packets that wait for a slow client, before its session has to.
const BUFFERED_PACKETS: usize = 128;
/// From the transport's handshake to the first namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Who may connect.
#[derive(Debug)]
pub enum Access {
    /// Holders of a token.
    Tokens,
    /// Everybody, as this one: the operator has switched authentication off.
    Open(Principal),
}

/// What the namespaces need.
#[derive(Debug)]
pub struct SocketIoConfig {
    /// Path of the transport, and prefix of the first spelling of the namespaces: `/socket.io`.
    pub path: String,
    /// Who may connect.
    pub access: Access,
    /// Whether `alive` needs a token too.
    pub alive_needs_token: bool,
    /// How events look, unless a client wants them otherwise.
    pub wire: WireFormat,
    /// Between two pings.
    pub ping_interval: Duration,
    /// From a ping to its answer.
    pub ping_timeout: Duration,
}

struct Shared {
    config: SocketIoConfig,
    signalling: Arc<Signalling>,
}

/// Builds the transport, routed at exactly its path, and its namespaces.
///
/// Exact routes: as a layer, the transport would swallow the token endpoint below its path.
pub fn build(config: SocketIoConfig, signalling: Arc<Signalling>) -> (Router, SocketIo) {
    let (service, io) = SocketIo::builder()
        .req_path(config.path.clone())
        .ping_interval(config.ping_interval)
        .ping_timeout(config.ping_timeout)
        .connect_timeout(CONNECT_TIMEOUT)
        .max_payload(MAX_MESSAGE_BYTES as u64)
        .ws_max_message_size(MAX_MESSAGE_BYTES)
        .ws_max_frame_size(MAX_MESSAGE_BYTES)
        .ws_read_buffer_size(READ_BUFFER)
        .max_buffer_size(BUFFERED_PACKETS)
        .build_svc();
    let shared = Arc::new(Shared { config, signalling });
    let prefix = shared.config.path.trim_end_matches('/').to_owned();
    for kind in [Kind::Register, Kind::Verify] {
        for path in [format!("{prefix}/{}", kind.name()), format!("/{}", kind.name())] {
            let shared = Arc::clone(&shared);
            let join = move |socket: SocketRef, TryData(auth): TryData<Value>| {
                let shared = Arc::clone(&shared);
                async move { join(&shared, kind, &socket, auth.ok().as_ref()) }
            };
            io.ns(path, joined.with(join));
        }
    }
    for path in [format!("{prefix}/alive"), "/alive".to_owned()] {
        let shared = Arc::clone(&shared);
        let join = move |socket: SocketRef, TryData(auth): TryData<Value>| {
            let shared = Arc::clone(&shared);
            async move { join_alive(&shared, &socket, auth.ok().as_ref()) }
        };
        io.ns(path, joined.with(join));
    }
    io.ns("/", joined);
    let router = Router::new()
        .route_service(&prefix, service.clone())
        .route_service(&format!("{prefix}/"), service)
        .layer(map_request(detached));
    (router, io)
}

/// The library keeps a connection's request as long as the connection. Its address and headers are slices of the 8 KiB that
/// were read from the socket, and would keep all of it; copies keep themselves only. With it and [`READ_BUFFER`] an idle
/// client takes 15 kB of the heap instead of 26 (heaptrack, 1,000 clients).
async fn detached<B>(mut request: Request<B>) -> Request<B> {
    let copied = request.headers().iter().filter_map(|(name, value)| {
        let mut copy = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        copy.set_sensitive(value.is_sensitive() || name == header::AUTHORIZATION);
        // A known name is a number; another one is a slice too.
        Some((HeaderName::from_bytes(name.as_str().as_bytes()).ok()?, copy))
    });
    *request.headers_mut() = copied.collect();
    if let Ok(copied) = Uri::try_from(request.uri().to_string()) {
        *request.uri_mut() = copied;
    }
    request.extensions_mut().remove::<OriginalUri>();
    request
}

/// Handlers are registered before the client hears that it is connected (in the middlewares), so that nothing it sends can
/// come too early. What is left is to say that events can be emitted now.
async fn joined(socket: SocketRef) {
    if let Some(door) = socket.extensions.get::<Arc<Door>>() {
        door.joined.send_replace(true);
    }
}

/// Why a client may not join; the text is the CONNECT_ERROR's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Insufficient scope")]
    InsufficientScope,
    #[error("Too many requests")]
    TooManyRequests,
    #[error("Invalid {0}")]
    Option(&'static str),
}

/// What a client says about itself when it connects: the CONNECT payload, headers, the query.
struct Introduction<'a> {
    auth: Option<&'a Value>,
    query: HashMap<String, String>,
    authorization: Option<&'a str>,
}

impl<'a> Introduction<'a> {
    fn of(socket: &'a SocketRef, auth: Option<&'a Value>) -> Self {
        let request = socket.req_parts();
        let query = Query::try_from_uri(&request.uri).map(|Query(query)| query).unwrap_or_default();
        let authorization = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        Self { auth, query, authorization }
    }

    /// The header, the payload `{"token"}` or `{"Authorization"}`, the query's `access_token`: the first that is there.
    fn token(&self) -> Option<Sensitive<String>> {
        let payload = |name| self.auth.and_then(|auth| auth.get(name)).and_then(Value::as_str);
        let token = self
            .authorization
            .and_then(bearer)
            .or_else(|| payload("token"))
            .or_else(|| payload("Authorization").and_then(bearer))
            .or_else(|| self.query.get("access_token").map(String::as_str));
        token.map(|token| Sensitive::new(token.to_owned()))
    }

    /// An option of this connection, from the payload or the query.
    fn option(&self, name: &str) -> Option<&str> {
        let payload = self.auth.and_then(|auth| auth.get(name)).and_then(Value::as_str);
        payload.or_else(|| self.query.get(name).map(String::as_str))
    }

    fn wire(&self, default: WireFormat) -> Result<WireFormat, Refused> {
        let mut wire = default;
        if let Some(args) = self.option("event_args") {
            wire.args = args.parse().map_err(|_| Refused::Option("event_args"))?;
        }
        if let Some(encoding) = self.option("payload_encoding") {
            wire.encoding = encoding.parse().map_err(|_| Refused::Option("payload_encoding"))?;
        }
        Ok(wire)
    }
}

fn authenticate(shared: &Shared, introduction: &Introduction<'_>) -> Result<Principal, Refused> {
    match &shared.config.access {
        Access::Open(anybody) => Ok(anybody.clone()),
        Access::Tokens => {
            let token = introduction.token().ok_or(Refused::Unauthorized)?;
            let keyring = &shared.signalling.sessions.keyring;
            keyring.token(token.expose()).map_err(|_| Refused::Unauthorized)
        }
    }
}

/// Whether it may join a namespace, and now.
fn admit(shared: &Shared, kind: Kind, principal: &Principal) -> Result<(), Refused> {
    if !principal.scopes.contains(Scope::from(kind)) {
        return Err(Refused::InsufficientScope);
    }
    let sessions = &shared.signalling.sessions;
    let limits = sessions.keyring.limits(&principal.tenant);
    let counted = sessions.limiter.request(&principal.tenant, &limits, 0, Instant::now());
    counted.map_err(|_| Refused::TooManyRequests)
}

fn join(shared: &Arc<Shared>, kind: Kind, socket: &SocketRef, auth: Option<&Value>) -> Result<(), Refused> {
    let introduction = Introduction::of(socket, auth);
    let principal = authenticate(shared, &introduction)?;
    admit(shared, kind, &principal)?;
    let wire = introduction.wire(shared.config.wire)?;
    let door = Arc::new(Door {
        shared: Arc::clone(shared),
        kind,
        principal,
        wire,
        inbox: Mutex::default(),
        joined: watch::Sender::new(false),
    });
    socket.on("initialize", {
        let door = Arc::clone(&door);
        move |io: SocketIo, socket: SocketRef, TryData(body): TryData<Value>| {
            let door = Arc::clone(&door);
            // A body that is missing or no JSON is answered like any other wrong one.
            async move { door.initialize(io, &socket, body.unwrap_or_default()) }
        }
    });
    socket.extensions.insert(door);
    Ok(())
}

fn join_alive(shared: &Shared, socket: &SocketRef, auth: Option<&Value>) -> Result<(), Refused> {
    if shared.config.alive_needs_token {
        authenticate(shared, &Introduction::of(socket, auth))?;
    }
    socket.on("alive", async |socket: SocketRef| {
        // If the buffer is full, the heartbeat will end the connection.
        drop(socket.disconnect());
    });
    Ok(())
}

/// A connected client that may not have asked for anything yet: as long as it does not, it costs no task.
///
/// Only the library's socket owns it: when the connection is over, both are dropped, and who watches `joined` learns it. A
/// disconnect handler would tell the same, but with one the library forgets the socket in a task of its own, later, and until
/// then ignores a client that joins again.
struct Door {
    shared: Arc<Shared>,
    kind: Kind,
    principal: Principal,
    wire: WireFormat,
    inbox: Mutex<Option<mpsc::Sender<Value>>>,
    /// Told by a task of the library's, perhaps after the first message.
    joined: watch::Sender<bool>,
}

impl Door {
    fn initialize(self: &Arc<Self>, io: SocketIo, socket: &SocketRef, body: Value) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = inbox.get_or_insert_with(|| self.open(io, socket));
        if inbox.try_send(body).is_err() {
            // Full: more than one `initialize` and its refusals at once. Closed: the session has ended.
            tracing::debug!("an initialize message was discarded");
        }
    }

    fn open(self: &Arc<Self>, io: SocketIo, socket: &SocketRef) -> mpsc::Sender<Value> {
        let (sender, inbox) = mpsc::channel(INBOX);
        let (door, namespace, sid) = (Arc::downgrade(self), socket.ns().to_owned(), socket.id);
        // Who leaves and joins again has the same id, but another door.
        let find = move || {
            let socket = io.of(&namespace)?.get_socket(sid)?;
            let found = socket.extensions.get::<Arc<Self>>()?;
            (Arc::as_ptr(&found) == door.as_ptr()).then_some(socket)
        };
        let client = Client {
            socket: Box::new(find),
            kind: self.kind,
            principal: self.principal.clone(),
            wire: self.wire,
            joined: self.joined.subscribe(),
        };
        let signalling = Arc::clone(&self.shared.signalling);
        self.shared.signalling.sessions.tasks.spawn(client.serve(signalling, inbox));
        sender
    }
}
