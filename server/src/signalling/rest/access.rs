//! In: the headers of a request. Out: whose request it is, or 401.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use super::{ApiError, Rest};
use crate::ids::Tenant;
use crate::signalling::token::{TokenKey, bearer};

/// The header of the documented API keys.
const API_KEY: &str = "apikey";

/// The keys that are good, by their SHA-256.
#[derive(Debug, Default)]
pub struct ApiKeys(HashMap<[u8; 32], Tenant>);

impl ApiKeys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = ([u8; 32], Tenant)>) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// Who may use the REST channel.
#[derive(Debug)]
pub enum Gate {
    /// Holders of an API key, or of a token.
    Keys(ApiKeys, Arc<TokenKey>),
    /// Everybody, as this tenant: the operator has switched authentication off.
    Open(Tenant),
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) tenant: Tenant,
}

impl FromRequestParts<Arc<Rest>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let tenant = match &rest.gate {
            Gate::Open(tenant) => Some(tenant.clone()),
            Gate::Keys(keys, tokens) => match text(API_KEY) {
                // The digest is what is looked up: how long that takes says nothing about the key.
                Some(key) => keys.0.get(&<[u8; 32]>::from(Sha256::digest(key))).cloned(),
                None => text(header::AUTHORIZATION.as_str())
                    .and_then(bearer)
                    .and_then(|token| tokens.check(token).ok()),
            },
        };
        Ok(Self { tenant: tenant.ok_or(ApiError::Unauthorized)? })
    }
}
