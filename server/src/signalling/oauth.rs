//! In: `POST …/oauth2/token` with client credentials. Out: a bearer token, or an error of RFC 6749 §5.2.
//!
//! Credentials come as a form, as JSON, or by HTTP Basic. Whether they are right is for [`crate::tenant::guard`] to find
//! out; requests of a client that proved itself count against its tenant's limits.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::data_dir::DataDirError;
use crate::sensitive::Sensitive;
use crate::tenant::failures::Denied;
use crate::tenant::guard::{Guard, Proven};
use crate::tenant::keyring::Keyring;
use crate::tenant::limits::{Exceeded, Limiter};
use crate::tenant::scope::Scopes;
use crate::tenant::time::UnixTime;

/// The members of a request that mean something here.
const MEMBERS: [&str; 4] = ["grant_type", "client_id", "client_secret", "scope"];

/// The token endpoint's state.
#[derive(Debug)]
pub struct TokenEndpoint {
    keyring: Arc<Keyring>,
    limiter: Arc<Limiter>,
    guard: Guard,
}

impl TokenEndpoint {
    /// An endpoint for the clients of a keyring.
    ///
    /// # Errors
    /// If the hash that stands for unknown clients cannot be computed.
    pub fn new(keyring: Arc<Keyring>, limiter: Arc<Limiter>) -> Result<Self, DataDirError> {
        Ok(Self { keyring, limiter, guard: Guard::new()? })
    }

    /// A token for a client that proves itself.
    async fn grant(&self, asked: Asked, bytes: usize) -> Result<Response, Refusal> {
        let Asked { client_id, client_secret, scope } = asked;
        let Proven { client, secret } = self.guard.prove(&self.keyring, &client_id, client_secret).await?;
        let keys = self.keyring.keys();
        let (limits, now) = (keys.limits(&client.tenant), Instant::now().into_std());
        self.limiter.request(&client.tenant, &limits, bytes, now).map_err(Refusal::TooMany)?;
        let scopes = match scope {
            None => client.scopes,
            Some(wanted) => {
                wanted.parse().ok().filter(|w| client.scopes.contain(*w)).ok_or(Refusal::InvalidScope)?
            }
        };
        let issued = keys.issue(&client, &secret, scopes, UnixTime::now()).map_err(|_| Refusal::Internal)?;
        Ok(answer(issued.token.expose(), issued.expires_in.as_secs(), scopes))
    }
}

fn answer(token: &str, expires_in: u64, scopes: Scopes) -> Response {
    let answer = json!({
        "token_type": "bearer", "access_token": token, "expires_in": expires_in, "scope": scopes.to_string(),
    });
    no_store(Json(answer).into_response())
}

/// Client credentials as presented.
struct Presented {
    client_id: String,
    client_secret: Sensitive<String>,
}

/// What was asked for.
struct Asked {
    client_id: String,
    client_secret: Sensitive<String>,
    scope: Option<String>,
}

/// Why no token is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    InvalidRequest(&'static str),
    TooLarge,
    TooSlow,
    UnsupportedGrantType,
    InvalidClient,
    InvalidScope,
    /// Too many wrong secrets for this client, or too many requests of its tenant.
    TooMany(Exceeded),
    Internal,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Wrong => Self::InvalidClient,
            Denied::TooMany(exceeded) => Self::TooMany(exceeded),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::InvalidRequest(why) => (StatusCode::BAD_REQUEST, "invalid_request", why),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the request is larger than 16 KiB")
            }
            Self::TooSlow => {
                (StatusCode::REQUEST_TIMEOUT, "invalid_request", "the request was not complete within 10 s")
            }
            Self::UnsupportedGrantType => {
                (StatusCode::BAD_REQUEST, "unsupported_grant_type", "only client_credentials is supported")
            }
            Self::InvalidClient => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "unknown client or wrong secret")
            }
            Self::InvalidScope => {
                (StatusCode::BAD_REQUEST, "invalid_scope", "the client may not ask for this scope")
            }
            // The RFC has no code for it at this endpoint; this is the one it has at the other (§4.1.2.1).
            Self::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many requests, try again later",
            ),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the token could not be made")
            }
        };
        let mut response =
            (status, Json(json!({"error": error, "error_description": description}))).into_response();
        match self {
            // RFC 9110 wants it with every 401; RFC 6749 §5.2 insists where HTTP Basic was used.
            Self::InvalidClient => {
                let challenge = HeaderValue::from_static("Basic realm=\"peakstream\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::TooMany(exceeded) => {
                let seconds = HeaderValue::from(exceeded.retry_after_seconds());
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            _ => {}
        }
        no_store(response)
    }
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The handler of `POST …/oauth2/token`.
pub async fn token(
    State(endpoint): State<Arc<TokenEndpoint>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body.map_err(unread) {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let granted = match asked(&headers, &body) {
        Ok(asked) => endpoint.grant(asked, body.len()).await,
        Err(refusal) => Err(refusal),
    };
    granted.unwrap_or_else(IntoResponse::into_response)
}

/// The answer to a request that dribbles.
pub fn too_slow() -> Response {
    Refusal::TooSlow.into_response()
}

fn unread(rejection: BytesRejection) -> Refusal {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::InvalidRequest("the body could not be read to its end"),
    }
}

fn asked(headers: &HeaderMap, body: &Bytes) -> Result<Asked, Refusal> {
    let mut members = members(headers, body)?;
    match members.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::UnsupportedGrantType),
        None => return Err(Refusal::InvalidRequest("grant_type is required")),
    }
    let Presented { client_id, client_secret } = presented(headers, &members)?;
    Ok(Asked { client_id, client_secret, scope: members.remove("scope").filter(|scope| !scope.is_empty()) })
}

/// The body's string members: of a JSON object if the content type says so, else of a form.
fn members(headers: &HeaderMap, body: &Bytes) -> Result<HashMap<String, String>, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if content_type.trim_start().to_ascii_lowercase().starts_with("application/json") {
        let json: HashMap<String, Value> = serde_json::from_slice(body)
            .map_err(|_| Refusal::InvalidRequest("the body is not a JSON object"))?;
        let texts = json.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        return Ok(texts.collect());
    }
    let mut members = HashMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        // Others are ignored, however often they come.
        if !MEMBERS.contains(&name.as_ref()) {
            continue;
        }
        if members.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Refusal::InvalidRequest("a member is repeated"));
        }
    }
    Ok(members)
}

fn presented(headers: &HeaderMap, members: &HashMap<String, String>) -> Result<Presented, Refusal> {
    let basic = headers.get(header::AUTHORIZATION).map(basic).transpose()?;
    let secret = members.get("client_secret");
    match (basic, secret) {
        (Some(_), Some(_)) => Err(Refusal::InvalidRequest("client credentials are given twice")),
        (Some(presented), None) => Ok(presented),
        (None, Some(secret)) => {
            let client_id = members.get("client_id").ok_or(Refusal::InvalidClient)?.clone();
            Ok(Presented { client_id, client_secret: Sensitive::new(secret.clone()) })
        }
        (None, None) => Err(Refusal::InvalidClient),
    }
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn basic(value: &HeaderValue) -> Result<Presented, Refusal> {
    let read = || {
        let (scheme, encoded) = value.to_str().ok()?.trim().split_once(' ')?;
        let decoded =
            STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let text = String::from_utf8(decoded).ok()?;
        let (client_id, secret) = text.split_once(':')?;
        let decode = |text: &str| {
            form_urlencoded::parse(format!("v={}", text.replace('&', "%26")).as_bytes())
                .next()
                .map(|(_, v)| v.into_owned())
        };
        Some(Presented { client_id: decode(client_id)?, client_secret: Sensitive::new(decode(secret)?) })
    };
    read().ok_or(Refusal::InvalidClient)
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
