//! In: what went wrong with a request. Out: status and body, the one table of the REST channel.
//!
//! | status | when |
//! |---|---|
//! | 400 | the body is not JSON, or members are wrong (`details` names each), or the credential is not ours; a recording is
//! |     | damaged |
//! | 401 | no key, or one that is not good (any more) |
//! | 403 | the key's scopes do not include this |
//! | 404 | no such resource, or another tenant's |
//! | 405, 408, 413, 415 | method, dribbling, body too large, body not declared as JSON, or a recording of an unknown kind |
//! | 409 | the call id has a live session; the session takes no audio; the speech is not collected yet; the same idempotency key is being answered, or
//! |     | what it created is gone |
//! | 422 | the idempotency key was used for another request |
//! | 429 | the tenant's limit is reached; `Retry-After` |
//! | 500 | a defect, or the store failed |
//! | 503 | nothing can receive the audio now; `Retry-After` where waiting helps |

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::upload::MOST_BYTES;
use crate::recording::ACCEPTED;
use crate::session::error::{EngineFault, NotReady, SessionError};
use crate::signalling::token::{BearerRefusal, bearer_challenge};
use crate::store::StoreError;

/// When a session that was refused for want of room may be tried again: sessions last some seconds.
const ROOM: Duration = Duration::from_secs(2);

/// Why a request is not answered as it wishes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ApiError {
    /// The session cannot be, for one of the reasons that Socket.IO clients hear too.
    Session(SessionError),
    /// The body, or a parameter, cannot be read.
    Unreadable(String),
    NotJson,
    TooLarge,
    TooSlow,
    /// No key or token, one that is not good, or not for this.
    Refused(BearerRefusal),
    NoSuchResource,
    /// There is no such object, or it is another tenant's: both look alike.
    NotFound(&'static str),
    MethodNotAllowed,
    NotCollectedYet,
    /// A recording for a session that has its audio, or is over.
    TakesNoAudio,
    UnknownContainer,
    RecordingTooLarge,
    /// A recording that cannot be heard; the text says why.
    Unusable(String),
    KeyInUse,
    KeyReused,
    KeySpent,
    TooManyRequests(Duration),
    Full,
    Internal,
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Full) {
            return Self::Full;
        }
        tracing::error!(%error, "a request failed");
        Self::Internal
    }
}

impl ApiError {
    /// The error of a repeated creation whose object has been deleted, or has expired. It is not created a second time.
    pub(super) fn of_repetition(self) -> Self {
        if matches!(self, Self::NotFound(_)) { Self::KeySpent } else { self }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Session(error) => status_of(error),
            Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Refused(refusal) => refusal.status(),
            Self::NoSuchResource | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unusable(_) => StatusCode::BAD_REQUEST,
            Self::UnknownContainer => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RecordingTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TakesNoAudio | Self::NotCollectedYet | Self::KeyInUse | Self::KeySpent => {
                StatusCode::CONFLICT
            }
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Exception and error of the body.
    fn texts(&self) -> (&'static str, String) {
        match self {
            Self::Session(error) => (error.exception(), error.content()),
            Self::Unreadable(why) => ("InvalidParametersException", why.clone()),
            Self::NotJson => (
                "UnsupportedMediaTypeException",
                "The body must be JSON: send Content-Type: application/json".into(),
            ),
            Self::TooLarge => ("PayloadTooLargeException", "The body is larger than 256 KiB".into()),
            Self::TooSlow => ("RequestTimeoutException", "The request was not complete within 10 s".into()),
            Self::Unusable(why) => ("AudioInputException", format!("The recording cannot be heard: {why}")),
            Self::UnknownContainer => {
                ("UnsupportedMediaTypeException", format!("A recording of an unknown kind: send {ACCEPTED}"))
            }
            Self::RecordingTooLarge => {
                ("PayloadTooLargeException", format!("The recording is larger than {} MiB", MOST_BYTES >> 20))
            }
            Self::TakesNoAudio => {
                ("AudioTakenException", "The session has its audio already, or is over".into())
            }
            Self::Refused(BearerRefusal::InsufficientScope(scope)) => {
                ("Forbidden", format!("The key's scopes do not include {}", scope.name()))
            }
            Self::Refused(_) => ("Unauthorized", "Missing or invalid apikey".into()),
            Self::NoSuchResource => ("NotFoundException", "There is no such resource".into()),
            Self::NotFound(what) => {
                ("NotFoundException", format!("There is no such {what}, or it has expired"))
            }
            Self::MethodNotAllowed => {
                ("MethodNotAllowedException", "This resource does not have that method".into())
            }
            Self::NotCollectedYet => (
                "NotCollectedException",
                "The speech is not collected yet: wait until the session has a result".into(),
            ),
            Self::KeyInUse => {
                ("IdempotencyException", "A request with this Idempotency-Key is being answered".into())
            }
            Self::KeyReused => (
                "IdempotencyException",
                "This Idempotency-Key was used for another request: choose a new one".into(),
            ),
            Self::KeySpent => {
                ("IdempotencyException", "What this Idempotency-Key created is gone: choose a new one".into())
            }
            Self::TooManyRequests(_) => {
                ("TooManyRequestsException", "The tenant's limit of requests is reached".into())
            }
            Self::Full => {
                ("StoreFullException", "The server keeps as many objects as it may; old ones expire".into())
            }
            Self::Internal => {
                let fault = EngineFault::Internal;
                (fault.exception(), fault.error())
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Session(SessionError::NotReady(_)) => Some(ROOM),
            Self::KeyInUse => Some(Duration::from_secs(1)),
            Self::TooManyRequests(wait) => Some(*wait),
            Self::Full => Some(Duration::from_secs(60)),
            _ => None,
        }
    }

    fn body(&self) -> Value {
        let (exception, error) = self.texts();
        let mut body = Map::new();
        body.insert("exception".into(), exception.into());
        body.insert("error".into(), error.into());
        match self {
            Self::Session(SessionError::Parameters(problems)) => {
                body.insert("details".into(), json!(problems));
            }
            // A gateway's words, by which existing clients know a missing key.
            Self::Refused(BearerRefusal::Missing | BearerRefusal::InvalidToken) => {
                body.insert("message".into(), "no Authorization header found".into());
            }
            _ => {}
        }
        Value::Object(body)
    }
}

const fn status_of(error: &SessionError) -> StatusCode {
    match error {
        SessionError::Parameters(_) | SessionError::Engine(EngineFault::InvalidCredential) => {
            StatusCode::BAD_REQUEST
        }
        SessionError::CallIdInUse => StatusCode::CONFLICT,
        SessionError::NotReady(
            NotReady::TooManySessions | NotReady::TenantSessions | NotReady::TenantRate,
        ) => StatusCode::TOO_MANY_REQUESTS,
        SessionError::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
        // None of these happens while a session is created; they end one.
        SessionError::Audio(_) | SessionError::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            // Whole seconds, rounded up: who comes earlier comes in vain.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Self::Refused(refusal) = self {
            headers.insert(header::WWW_AUTHENTICATE, bearer_challenge(refusal));
        }
        response
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
