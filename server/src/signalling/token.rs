//! In: a client that proved itself. Out: a signed token that says whose it is, and the check of such a token.
//!
//! Tokens are JWTs (HS256, key of the data directory): every check is computation, no look-up, and takes microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::ids::Tenant;
use crate::sensitive::Sensitive;

/// How long a token is good for, in seconds.
pub const TOKEN_LIFETIME_SECONDS: u64 = 7200;
/// What a token is for; tokens of other services signed with the same key would not pass.
const AUDIENCE: &str = "peakstream";

#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    aud: String,
    sub: String,
    tenant: String,
    iat: u64,
    exp: u64,
}

/// The token is missing, malformed, expired or not ours. Deliberately without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unauthorized")]
pub struct Unauthorized;

/// Signs and checks tokens.
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey([redacted])")
    }
}

impl TokenKey {
    /// A key of at least 32 random bytes.
    pub fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        validation.leeway = 0;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// A token for `client_id` of `tenant`, good from now on.
    ///
    /// # Errors
    /// If the clock stands before 1970, or signing fails.
    pub fn issue(&self, tenant: &Tenant, client_id: &str) -> Result<Sensitive<String>, Unauthorized> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Unauthorized)?.as_secs();
        self.issue_at(tenant, client_id, now)
    }

    fn issue_at(
        &self,
        tenant: &Tenant,
        client_id: &str,
        now: u64,
    ) -> Result<Sensitive<String>, Unauthorized> {
        let claims = Claims {
            aud: AUDIENCE.into(),
            sub: client_id.into(),
            tenant: tenant.name().into(),
            iat: now,
            exp: now + TOKEN_LIFETIME_SECONDS,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map(Sensitive::new)
            .map_err(|_| Unauthorized)
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// If it is not a token of this server that is good now.
    pub fn check(&self, token: &str) -> Result<Tenant, Unauthorized> {
        let claims =
            decode::<Claims>(token, &self.decoding, &self.validation).map_err(|_| Unauthorized)?.claims;
        Ok(Tenant::new(&claims.tenant))
    }
}

/// The token of an `Authorization` value: the scheme is compared without regard to case.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::new(&[7; 32])
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let token = key().issue(&Tenant::new("acme"), "client").unwrap();
        assert_eq!(key().check(token.expose()), Ok(Tenant::new("acme")));
    }

    #[test]
    fn expired_foreign_altered_and_unsigned_tokens_are_refused() {
        let tenant = Tenant::new("acme");
        let expired = key().issue_at(&tenant, "client", 1_000_000).unwrap();
        assert_eq!(key().check(expired.expose()), Err(Unauthorized));
        let good = key().issue(&tenant, "client").unwrap();
        assert_eq!(TokenKey::new(&[8; 32]).check(good.expose()), Err(Unauthorized));
        let altered = good.expose().replacen('e', "f", 1);
        assert_eq!(key().check(&altered), Err(Unauthorized));
        // {"alg":"none","typ":"JWT"}
        let body = good.expose().split('.').nth(1).unwrap().to_owned();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
        assert_eq!(key().check(&unsigned), Err(Unauthorized));
        for junk in ["", "a", "a.b.c", "....."] {
            assert_eq!(key().check(junk), Err(Unauthorized));
        }
    }

    #[test]
    fn the_scheme_is_compared_without_regard_to_case() {
        assert_eq!(bearer("bearer abc"), Some("abc"));
        assert_eq!(bearer("Bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
