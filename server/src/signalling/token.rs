//! In: what a token is to say. Out: a signed token; the check of one; and how HTTP refuses what is none.
//!
//! Tokens are JWTs (HS256) that name the key they are signed with, so that keys can change while tokens live: every check
//! is computation and takes microseconds. Whether the client still works is for [`crate::tenant::keyring`] to say.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sensitive::Sensitive;
use crate::tenant::scope::Scope;

/// How long a token is good for, at most.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(7200);
/// What a token is for; tokens of other services signed with the same key would not pass.
const AUDIENCE: &str = "peakstream";

/// What a token says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Claims {
    /// Written by [`TokenKey::issue`].
    pub(crate) aud: String,
    /// The client it was given to.
    pub(crate) sub: String,
    pub(crate) tenant: String,
    /// RFC 6749 §3.3. Tokens of the version before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    /// Which of the client's secrets it was given for: it is good as long as that one. As above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
}

/// The token or key is missing, malformed, expired, disabled or not ours. Deliberately without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unauthorized")]
pub struct Unauthorized;

/// Signs and checks tokens.
pub(crate) struct TokenKey {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A key of at least 32 random bytes, and the name by which tokens find it again.
    pub(crate) fn new(id: &str, secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        validation.leeway = 0;
        Self {
            id: id.to_owned(),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A token that says this.
    ///
    /// # Errors
    /// If signing fails.
    pub(crate) fn issue(&self, claims: Claims) -> Result<Sensitive<String>, Unauthorized> {
        let claims = Claims { aud: AUDIENCE.into(), ..claims };
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.encoding).map(Sensitive::new).map_err(|_| Unauthorized)
    }

    /// What a token says.
    ///
    /// # Errors
    /// If it was not signed with this key, or has expired.
    pub(crate) fn check(&self, token: &str) -> Result<Claims, Unauthorized> {
        decode::<Claims>(token, &self.decoding, &self.validation)
            .map(|decoded| decoded.claims)
            .map_err(|_| Unauthorized)
    }
}

/// Which key a token names, if it is a token: tokens of the version before name none.
pub(crate) fn key_id(token: &str) -> Option<Option<String>> {
    decode_header(token).ok().map(|header| header.kid)
}

/// The token of an `Authorization` value: the scheme is compared without regard to case.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Why HTTP refuses what was to be accessed with a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerRefusal {
    /// There was no token. RFC 6750 §3.1: the challenge then says nothing about an error.
    Missing,
    /// It is none, or not good now.
    InvalidToken,
    /// It is good, but not for this.
    InsufficientScope(Scope),
}

/// The value of `WWW-Authenticate` of RFC 6750 §3.
pub fn bearer_challenge(refusal: BearerRefusal) -> HeaderValue {
    HeaderValue::from_static(match refusal {
        BearerRefusal::Missing => "Bearer realm=\"peakstream\"",
        BearerRefusal::InvalidToken => {
            "Bearer realm=\"peakstream\", error=\"invalid_token\", error_description=\"the token is malformed, expired or revoked\""
        }
        BearerRefusal::InsufficientScope(Scope::Register) => {
            "Bearer realm=\"peakstream\", error=\"insufficient_scope\", scope=\"register\""
        }
        BearerRefusal::InsufficientScope(Scope::Verify) => {
            "Bearer realm=\"peakstream\", error=\"insufficient_scope\", scope=\"verify\""
        }
    })
}

impl BearerRefusal {
    /// 401, or 403 for a good token that is not for this.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
        }
    }

    const fn error(self) -> &'static str {
        match self {
            Self::Missing | Self::InvalidToken => "invalid_token",
            Self::InsufficientScope(_) => "insufficient_scope",
        }
    }
}

impl IntoResponse for BearerRefusal {
    fn into_response(self) -> Response {
        let challenge = [(header::WWW_AUTHENTICATE, bearer_challenge(self))];
        (self.status(), challenge, Json(json!({"error": self.error()}))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::time::UnixTime;

    fn key() -> TokenKey {
        TokenKey::new("k", &[7; 32])
    }

    fn claims(exp: u64) -> Claims {
        let (sub, tenant) = ("client".into(), "acme".into());
        Claims { aud: String::new(), sub, tenant, scope: None, sid: None, iat: 0, exp }
    }

    fn soon() -> u64 {
        UnixTime::now().after(TOKEN_LIFETIME).seconds()
    }

    #[test]
    fn a_token_says_whose_it_is_and_which_key_signed_it() {
        let token = key().issue(claims(soon())).unwrap();
        assert_eq!(key().check(token.expose()).unwrap().tenant, "acme");
        assert_eq!(key_id(token.expose()), Some(Some("k".into())));
    }

    #[test]
    fn expired_foreign_altered_and_unsigned_tokens_are_refused() {
        let refused = |key: &TokenKey, token: &str| key.check(token).is_err();
        let expired = key().issue(claims(1_000_000)).unwrap();
        assert!(refused(&key(), expired.expose()));
        let good = key().issue(claims(soon())).unwrap();
        assert!(!refused(&key(), good.expose()));
        assert!(refused(&TokenKey::new("k", &[8; 32]), good.expose()));
        assert!(refused(&key(), &good.expose().replacen('e', "f", 1)));
        // {"alg":"none","typ":"JWT"}
        let body = good.expose().split('.').nth(1).unwrap().to_owned();
        assert!(refused(&key(), &format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.")));
        for junk in ["", "a", "a.b.c", "....."] {
            assert!(refused(&key(), junk) && key_id(junk).is_none());
        }
    }

    #[test]
    fn the_scheme_is_compared_without_regard_to_case() {
        assert_eq!(bearer("bearer abc"), Some("abc"));
        assert_eq!(bearer("Bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }

    #[test]
    fn a_refusal_is_told_as_rfc_6750_wants_it() {
        let told = |refusal: BearerRefusal| {
            let response = refusal.into_response();
            let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
            (response.status().as_u16(), challenge)
        };
        assert_eq!(told(BearerRefusal::Missing), (401, "Bearer realm=\"peakstream\"".into()));
        let (status, challenge) = told(BearerRefusal::InvalidToken);
        assert!(status == 401 && challenge.contains("error=\"invalid_token\""), "{challenge}");
        let (status, challenge) = told(BearerRefusal::InsufficientScope(Scope::Verify));
        assert!(status == 403 && challenge.contains("error=\"insufficient_scope\", scope=\"verify\""));
    }
}
