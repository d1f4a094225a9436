//! In: `POST …/oauth2/token` with client credentials. Out: a bearer token, or an error of RFC 6749 §5.2.
//!
//! Credentials come as a form, as JSON, or by HTTP Basic. Secrets are kept as argon2id hashes; computing one takes
//! milliseconds of a core, so that happens on blocking threads, a few at a time, behind a bounded queue.

use std::collections::HashMap;
use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::ids::Tenant;
use crate::sensitive::Sensitive;
use crate::signalling::token::{TOKEN_LIFETIME_SECONDS, TokenKey};

/// Verifications computed at the same time.
const PARALLEL_VERIFICATIONS: usize = 2;
/// Verifications under way or waiting; more are told to come back.
const MAX_VERIFICATIONS: usize = 64;
/// Memory of one hash in KiB, and passes over it. The secrets are 256 random bits, which no hash has to stretch; this is
/// what keeps a chosen, weaker secret from being guessed quickly, at well under 50 ms a verification.
const HASH_MEMORY_KIB: u32 = 8 * 1024;
const HASH_PASSES: u32 = 2;

/// The members of a request that mean something here.
const MEMBERS: [&str; 3] = ["grant_type", "client_id", "client_secret"];

/// A client that may ask for tokens.
#[derive(Clone, Debug)]
pub struct Client {
    /// Whose it is.
    pub tenant: Tenant,
    /// Its public name.
    pub client_id: String,
    /// Its secret as a PHC string.
    pub secret_hash: Sensitive<String>,
}

/// The token endpoint's state.
#[derive(Debug)]
pub struct TokenEndpoint {
    clients: HashMap<String, Client>,
    key: Arc<TokenKey>,
    /// The hash of nobody's secret: what an unknown client is compared with, so that it costs the same.
    nobody: Sensitive<String>,
    parallel: Semaphore,
    admitted: Semaphore,
}

/// A secret could not be hashed: no random bytes, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("a client secret could not be hashed: {0}")]
pub struct HashError(String);

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(HASH_MEMORY_KIB, HASH_PASSES, 1, None).map_err(|e| HashError(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a secret.
///
/// # Errors
/// Without random bytes or memory.
pub fn hash_secret(secret: &str) -> Result<Sensitive<String>, HashError> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|e| HashError(e.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| HashError(e.to_string()))?;
    let hash = hasher()?.hash_password(secret.as_bytes(), &salt).map_err(|e| HashError(e.to_string()))?;
    Ok(Sensitive::new(hash.to_string()))
}

fn matches(secret: &str, hash: &str) -> bool {
    // The comparison is constant-time; the parameters come from the hash itself.
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok())
}

impl TokenEndpoint {
    /// An endpoint for these clients.
    ///
    /// # Errors
    /// If the hash that stands for unknown clients cannot be computed.
    pub fn new(clients: Vec<Client>, key: Arc<TokenKey>) -> Result<Self, HashError> {
        Ok(Self {
            clients: clients.into_iter().map(|client| (client.client_id.clone(), client)).collect(),
            key,
            nobody: hash_secret("")?,
            parallel: Semaphore::new(PARALLEL_VERIFICATIONS),
            admitted: Semaphore::new(MAX_VERIFICATIONS),
        })
    }

    async fn verify(&self, presented: Presented) -> Result<Tenant, Refusal> {
        let _admitted = self.admitted.try_acquire().map_err(|_| Refusal::Busy)?;
        let _turn = self.parallel.acquire().await.map_err(|_| Refusal::Busy)?;
        let client = self.clients.get(&presented.client_id);
        let hash = client.map_or(&self.nobody, |client| &client.secret_hash).clone();
        let secret = presented.client_secret;
        let matched = tokio::task::spawn_blocking(move || matches(secret.expose(), hash.expose()));
        match (client, matched.await) {
            (Some(client), Ok(true)) => Ok(client.tenant.clone()),
            _ => Err(Refusal::InvalidClient),
        }
    }
}

/// Client credentials as presented.
struct Presented {
    client_id: String,
    client_secret: Sensitive<String>,
}

/// Why no token is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    InvalidRequest(&'static str),
    TooLarge,
    TooSlow,
    UnsupportedGrantType,
    InvalidClient,
    Busy,
    Internal,
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
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "too many requests, try again")
            }
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the token could not be made")
            }
        };
        let mut response =
            (status, Json(json!({"error": error, "error_description": description}))).into_response();
        if self == Self::InvalidClient {
            let challenge = header::HeaderValue::from_static("Basic realm=\"peakstream\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        no_store(response)
    }
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
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
    match grant(&endpoint, &headers, &body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
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

async fn grant(endpoint: &TokenEndpoint, headers: &HeaderMap, body: &Bytes) -> Result<Response, Refusal> {
    let members = members(headers, body)?;
    match members.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::UnsupportedGrantType),
        None => return Err(Refusal::InvalidRequest("grant_type is required")),
    }
    let presented = presented(headers, &members)?;
    let client_id = presented.client_id.clone();
    let tenant = endpoint.verify(presented).await?;
    let token = endpoint.key.issue(&tenant, &client_id).map_err(|_| Refusal::Internal)?;
    let answer =
        json!({"token_type": "bearer", "access_token": token.expose(), "expires_in": TOKEN_LIFETIME_SECONDS});
    Ok(no_store(Json(answer).into_response()))
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
fn basic(value: &header::HeaderValue) -> Result<Presented, Refusal> {
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
