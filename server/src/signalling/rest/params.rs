//! In: the parameters in an address. Out: the same as text, or an error in the words of this channel.
//!
//! The framework's own extractors answer in plain text when an address is not UTF-8, or names a parameter twice.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::ApiError;

/// The `{id}` of a resource.
pub(super) struct ResourceId(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for ResourceId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id) = Path::from_request_parts(parts, state).await.map_err(|_| ApiError::NoSuchResource)?;
        Ok(Self(id))
    }
}

/// The query, as far as a resource knows its members.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let why = "The query cannot be read: each parameter may be given once";
        let query = Query::try_from_uri(&parts.uri).map_err(|_| ApiError::Unreadable(why.into()))?;
        Ok(Self(query.0))
    }
}
