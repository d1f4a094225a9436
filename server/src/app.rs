//! In: the parts of the server. Out: one router: which address leads where.
//!
//! | address | leads to |
//! |---|---|
//! | `/socket.io/` | [`crate::signalling::socketio`] |
//! | `/socket.io/oauth2/token` | [`crate::signalling::oauth`] |
//! | `/dpsrest/v1/…`, `/v1/…` | [`crate::signalling::rest`] |
//! | `/twilio`, `/dpstwilio` | [`crate::audio_channel::media_streams`]: calls of the tenant `default` |
//! | `/twilio/{tenant}`, `/dpstwilio/{tenant}` | the same: calls of that tenant |
//! | `/audiohook`, `/dpsaudiohook`, `/api/v1/audiohook/ws` | [`crate::audio_channel::audiohook`]: whose calls, the API key says |
//! | `/docs`, `/docs/openapi.json`, `/docs/asyncapi.json` | [`crate::signalling::describe`] |
//! | `/livez` | 200 as long as the process serves |
//! | `/readyz` | 200 while it takes sessions; 503 while models load and while it drains |

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tokio::time::timeout;

use crate::audio_channel::audiohook::driver as audiohook_driver;
use crate::audio_channel::audiohook::upgrade::AudioHook;
use crate::audio_channel::media_streams::access::Proofs;
use crate::audio_channel::media_streams::machine::Origin;
use crate::audio_channel::media_streams::message::Track;
use crate::audio_channel::media_streams::{dialect, feed};
use crate::audio_channel::message_socket::MessageSocket;
use crate::config::Config;
use crate::ids::Tenant;
use crate::session::actor::SessionServices;
use crate::shutdown::Shutdown;
use crate::signalling::oauth::{self, TokenEndpoint};
use crate::tenant::failures::Denied;
use crate::websocket;

/// A token request is two hundred bytes.
const MAX_TOKEN_REQUEST: usize = 16 << 10;
/// For reading a token request and computing its answer.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What the audio channels need.
#[derive(Clone, Debug)]
pub struct AudioChannels {
    /// Whose calls come in where the address names nobody.
    pub tenant: Tenant,
    /// What AudioHook connections share.
    pub audiohook: Arc<AudioHook>,
    /// Whose voice is listened to where nothing else is said.
    pub track: Track,
    /// Who may connect.
    pub proofs: Arc<Proofs>,
    /// Where their sessions are.
    pub sessions: Arc<SessionServices>,
}

/// The router until the models are loaded: what exists can be read, nothing new begins.
pub fn loading(rest: Router) -> Router {
    Router::new()
        .route("/livez", get(live))
        .merge(rest)
        .fallback(async || unavailable("models are being loaded\n"))
}

/// The router of a server that is ready.
pub fn ready(
    config: &Config,
    tokens: Arc<TokenEndpoint>,
    socketio: Router,
    rest: Router,
    audio: AudioChannels,
) -> Router {
    let shutdown = audio.sessions.shutdown.clone();
    let path = &config.signalling.socketio_path;
    let mut router = Router::new()
        .route(&format!("{path}/oauth2/token"), post(oauth::token).with_state(tokens))
        .layer(middleware::from_fn(in_time))
        .layer(DefaultBodyLimit::max(MAX_TOKEN_REQUEST))
        .merge(socketio)
        .merge(rest)
        .route("/livez", get(live))
        .route("/readyz", get(readiness).with_state(shutdown));
    for path in &config.audiohook.audiohook_paths {
        router = router.route(path, any(audiohook).with_state(audio.clone()));
    }
    for path in &config.signalling.media_streams_paths {
        router = router
            .route(path, any(media_streams).with_state(audio.clone()))
            // A slash at the end is a common slip, and would be signed as well.
            .route(&format!("{path}/"), any(media_streams).with_state(audio.clone()))
            .route(&format!("{path}/{{tenant}}"), any(media_streams).with_state(audio.clone()))
            .route(&format!("{path}/{{tenant}}/"), any(media_streams).with_state(audio.clone()));
    }
    router
}

async fn live() -> &'static str {
    "live\n"
}

async fn readiness(State(shutdown): State<Shutdown>) -> Response {
    if shutdown.has_begun() { unavailable("draining\n") } else { "ready\n".into_response() }
}

fn unavailable(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], why).into_response()
}

/// Ends a request that dribbles.
async fn in_time(request: Request, next: Next) -> Response {
    timeout(TOKEN_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| oauth::too_slow())
}

/// A tenant that does not exist is one without sessions: its audio waits and is refused like that of an unknown call.
async fn media_streams(
    State(audio): State<AudioChannels>,
    name: Option<Path<String>>,
    mut request: Request,
) -> Response {
    let Some(tenant) = name.map_or_else(|| Some(audio.tenant.clone()), |Path(name)| Tenant::parse(&name))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if audio.sessions.shutdown.has_begun() {
        return unavailable("draining\n");
    }
    let keyring = &audio.sessions.keyring;
    let standing = match audio.proofs.judge(keyring, &tenant, &request) {
        Ok(standing) => standing,
        Err(Denied::Wrong) => {
            tracing::info!(tenant = tenant.name(), "an audio connection was refused: not signed, and no key");
            return (StatusCode::FORBIDDEN, "forbidden\n").into_response();
        }
        Err(Denied::TooMany(exceeded)) => {
            let retry_after = [(header::RETRY_AFTER, exceeded.retry_after_seconds().to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, retry_after, "too many wrong keys\n").into_response();
        }
    };
    let origin = match Origin::of(&request, audio.track) {
        Ok(origin) => origin,
        Err(wrong) => return (StatusCode::BAD_REQUEST, format!("{wrong}\n")).into_response(),
    };
    match websocket::accept(&mut request, dialect::subprotocols()) {
        Ok(websocket::Accepted { response, connection, subprotocol }) => {
            let origin = Origin { subprotocol, ..origin };
            let sessions = audio.sessions;
            sessions.tasks.clone().spawn(async move {
                if let Some(socket) = MessageSocket::open(connection, feed::MAX_MESSAGE_BYTES).await {
                    feed::serve(socket, tenant, standing, origin, sessions).await;
                }
            });
            response
        }
        Err(refused) => refused.into_response(),
    }
}

async fn audiohook(State(audio): State<AudioChannels>, mut request: Request) -> Response {
    let AudioChannels { audiohook, sessions, .. } = audio;
    if sessions.shutdown.has_begun() {
        return unavailable("draining\n");
    }
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let source = request.extensions().get().copied().unwrap_or_default();
    let admitted = match audiohook.admit(&sessions.keyring, source, &uri, &headers).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    match websocket::accept(&mut request, std::iter::empty()) {
        Ok(websocket::Accepted { response, connection, .. }) => {
            sessions.tasks.clone().spawn(async move {
                if let Some(socket) =
                    MessageSocket::open(connection, audiohook_driver::MAX_MESSAGE_BYTES).await
                {
                    audiohook_driver::serve(socket, admitted, audiohook, sessions).await;
                }
            });
            response
        }
        Err(refused) => refused.into_response(),
    }
}
