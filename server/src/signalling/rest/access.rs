//! In: the headers of a request. Out: who asks, or 401, 403, 429.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::{ApiError, Rest};
use crate::ids::Tenant;
use crate::session::request::Kind;
use crate::signalling::access::Access;
use crate::signalling::token::{BearerRefusal, bearer};
use crate::tenant::failures::{Denied, Source};
use crate::tenant::keyring::Principal;
use crate::tenant::scope::Scope;

/// The header of the documented API keys.
const API_KEY: &str = "apikey";

/// Who asks, within the tenant's limits.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    principal: Principal,
}

impl Caller {
    /// The tenant, for what needs no scope.
    pub(super) const fn tenant(&self) -> &Tenant {
        &self.principal.tenant
    }

    /// The tenant, if the key's scopes include sessions of this kind.
    pub(super) fn for_kind(&self, kind: Kind) -> Result<&Tenant, ApiError> {
        let scope = Scope::from(kind);
        if self.principal.scopes.contains(scope) {
            Ok(self.tenant())
        } else {
            Err(ApiError::Refused(BearerRefusal::InsufficientScope(scope)))
        }
    }
}

impl Caller {
    fn admit(parts: &Parts, rest: &Rest, bytes: usize) -> Result<Self, ApiError> {
        let source = parts.extensions.get().copied().unwrap_or_default();
        let principal = principal(&parts.headers, source, rest)?;
        let limits = rest.keyring.limits(&principal.tenant);
        rest.limiter
            .request(&principal.tenant, &limits, bytes, Instant::now())
            .map_err(|exceeded| ApiError::TooManyRequests(exceeded.retry_after))?;
        Ok(Self { principal })
    }
}

impl FromRequestParts<Arc<Rest>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        let text = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        // A body of unannounced length counts as a request only; it is limited all the same.
        let bytes = text.and_then(|text| text.parse().ok()).unwrap_or(0);
        Self::admit(parts, rest, bytes)
    }
}

/// Who sends audio: its bytes are counted as they are heard, like a carrier's, not when they are announced.
pub(super) struct Sender(pub(super) Caller);

impl FromRequestParts<Arc<Rest>> for Sender {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        Caller::admit(parts, rest, 0).map(Self)
    }
}

fn principal(headers: &HeaderMap, source: Source, rest: &Rest) -> Result<Principal, ApiError> {
    if let Access::Open(anybody) = &rest.access {
        return Ok(anybody.clone());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (presented, known) = match text(API_KEY) {
        Some(key) => match rest.keyring.api_key(key, source) {
            Err(Denied::TooMany(exceeded)) => return Err(ApiError::TooManyRequests(exceeded.retry_after)),
            found => (true, found.ok()),
        },
        None => {
            let token = text(header::AUTHORIZATION.as_str()).and_then(bearer);
            (token.is_some(), token.and_then(|token| rest.keyring.token(token).ok()))
        }
    };
    let refusal = if presented { BearerRefusal::InvalidToken } else { BearerRefusal::Missing };
    known.ok_or(ApiError::Refused(refusal))
}
