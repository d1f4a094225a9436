//! In: HTTP requests of polling clients. Out: flat JSON resources.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/audio_settings` | 201, the settings with their `id` |
//! | `GET`, `DELETE /v1/audio_settings/{id}` | 200, 204 |
//! | `POST /v1/register_session`, `POST /v1/verify_session` | 201, the session, ready for its audio |
//! | `GET /v1/{kind}_session/{id}` | 200, the session as it is now |
//! | `GET /v1/{kind}_session?call_id=…` | 200, the newest session of that call |
//! | `GET /v1/{kind}_session/{id}/events` | 200, its events as Server-Sent Events |
//! | `GET /v1/{kind}_session/{id}/collected_audio` | 200, the collected speech as WAV |
//! | `POST /v1/{kind}_session/{id}/audio` | 202, the session, with the recording in the body heard (`upload`) |
//! | `DELETE /v1/{kind}_session/{id}` | 204; a live session is cancelled, one that is over is forgotten |
//! | `GET /v1/alive` | 204, without a key |
//!
//! All of it below `/dpsrest` and without that prefix. Every answer has an `X-Request-Id`; every error has the body
//! `{"exception", "error"}` (`error`); `Idempotency-Key` makes both kinds of creation repeatable (`idempotency`).
//!
//! The session itself is the same as over Socket.IO: same validation, same machine, same words. What exists can be read as
//! soon as the server listens; new sessions have to wait for the models.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::timeout;
use uuid::Uuid;

use crate::session::actor::SessionServices;
use crate::session::error::{NotReady, SessionError};
use crate::session::journal::Journal;
use crate::session::request::{Defaults, Kind};
use crate::signalling::access::Access;
use crate::store::Store;
use crate::tenant::keyring::Keyring;
use crate::tenant::limits::Limiter;

mod access;
mod audio_settings;
mod body;
mod error;
mod events;
mod idempotency;
mod params;
mod sessions;
mod upload;

use error::ApiError;
pub use idempotency::InFlight;

/// The longest body: a verification with a credential is under 8 kB.
const MAX_BODY_BYTES: usize = 256 << 10;
/// For reading a request and answering it; the events of a session begin within it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Names the answer in logs of both sides.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the REST channel needs.
#[derive(Debug)]
pub struct Rest {
    /// What new sessions need; there from when the models are loaded.
    pub services: OnceLock<Arc<SessionServices>>,
    /// Where sessions are found.
    pub journal: Arc<Journal>,
    /// For members that a request leaves out.
    pub defaults: Defaults,
    /// Where audio settings and idempotency keys are kept.
    pub store: Store,
    /// Who may use it.
    pub access: Access,
    /// Whose keys work, and how much each tenant may have.
    pub keyring: Arc<Keyring>,
    /// How much of it each tenant has used.
    pub limiter: Arc<Limiter>,
    /// How long audio settings are kept after their last use.
    pub settings_retention: Duration,
    /// How long an idempotency key is remembered.
    pub idempotency_retention: Duration,
    /// Objects of each kind that are kept.
    pub max_stored: u64,
    /// Creations under way with an idempotency key.
    pub in_flight: InFlight,
}

impl Rest {
    fn services(&self) -> Result<&Arc<SessionServices>, ApiError> {
        self.services.get().ok_or(ApiError::Session(SessionError::NotReady(NotReady::Loading)))
    }
}

/// The resources, below `prefix` and without it.
pub fn build(rest: Arc<Rest>, prefix: &str) -> Router {
    let resources = Router::new()
        .route("/alive", get(async || StatusCode::NO_CONTENT))
        .route("/audio_settings", axum::routing::post(audio_settings::create))
        .route("/audio_settings/{id}", get(audio_settings::read).delete(audio_settings::delete))
        .merge(sessions::routes(Kind::Register))
        .merge(sessions::routes(Kind::Verify))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(in_time))
        // A recording takes as long as its session, and has limits of its own.
        .merge(upload::routes(Kind::Register))
        .merge(upload::routes(Kind::Verify))
        .fallback(async || ApiError::NoSuchResource)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(rest)
        .layer(middleware::from_fn(named));
    Router::new().nest(&format!("{prefix}/v1"), resources.clone()).nest("/v1", resources)
}

/// Gives every answer a name, and keeps answers out of caches unless they say otherwise.
async fn named(request: Request, next: Next) -> Response {
    let id = Uuid::new_v4().simple().to_string();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    tracing::debug!(request = %id, %method, status = response.status().as_u16(), "answered");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Ends a request that dribbles.
async fn in_time(request: Request, next: Next) -> Response {
    timeout(ANSWER_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| ApiError::TooSlow.into_response())
}
