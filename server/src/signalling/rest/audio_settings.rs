//! In: the audio members of a call. Out: a resource that sessions name by its id.
//!
//! Settings never change, so their id is their entity tag. They are forgotten some time after their last use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::Caller;
use super::body::JsonObject;
use super::idempotency::{IdempotencyKey, Turn};
use super::params::ResourceId;
use super::{ApiError, Rest};
use crate::ids::{Tenant, Timestamp};
use crate::session::request::audio::AudioSettings;
use crate::store::{Change, StoreError, StoredSettings};

const WHAT: &str = "audio settings";

/// `POST /v1/audio_settings`
pub(super) async fn create(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    key: IdempotencyKey,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let turn = match key.turn(&rest, caller.tenant(), &body.bytes)? {
        Turn::First(turn) => turn,
        Turn::Again(id) => {
            let stored = find(&rest, caller.tenant(), id).map_err(ApiError::of_repetition)?;
            return Ok(created(id, &stored));
        }
    };
    let settings = AudioSettings::parse(&body.members)?;
    if rest.store.counts()?.settings >= rest.max_stored {
        return Err(StoreError::Full.into());
    }
    let (id, now) = (Uuid::new_v4(), Timestamp::now());
    let stored = StoredSettings {
        declared: settings.declared,
        created_at: now,
        expires_at: now.after(rest.settings_retention),
    };
    let mut changes = vec![Change::PutSettings(caller.tenant().clone(), id, stored.clone())];
    changes.extend(turn.remember(id));
    rest.store.commit(changes).await?;
    Ok(created(id, &stored))
}

/// `GET /v1/audio_settings/{id}`
pub(super) async fn read(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    ResourceId(id): ResourceId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = parse(&id)?;
    let stored = find(&rest, caller.tenant(), id)?;
    let tag = format!("\"{id}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = match known {
        Some(tags) if tags.split(',').any(|known| known.trim() == tag) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        _ => Json(resource(id, &stored)).into_response(),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    // They may be deleted, so a cache asks each time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// `DELETE /v1/audio_settings/{id}`
pub(super) async fn delete(
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    ResourceId(id): ResourceId,
) -> Result<StatusCode, ApiError> {
    let id = parse(&id)?;
    find(&rest, caller.tenant(), id)?;
    rest.store.commit(vec![Change::DeleteSettings(caller.tenant().clone(), id)]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The settings that a session asks for, and the change that lets them live longer.
pub(super) fn used(rest: &Rest, tenant: &Tenant, id: Uuid) -> Result<Option<Change>, StoreError> {
    let now = Timestamp::now();
    let stored = rest.store.settings(tenant, id, now)?;
    Ok(stored.map(|stored| {
        let expires_at = now.after(rest.settings_retention);
        Change::PutSettings(tenant.clone(), id, StoredSettings { expires_at, ..stored })
    }))
}

fn parse(id: &str) -> Result<Uuid, ApiError> {
    // What is not an id is nobody's id.
    Uuid::parse_str(id).map_err(|_| ApiError::NotFound(WHAT))
}

fn find(rest: &Rest, tenant: &Tenant, id: Uuid) -> Result<StoredSettings, ApiError> {
    rest.store.settings(tenant, id, Timestamp::now())?.ok_or(ApiError::NotFound(WHAT))
}

fn created(id: Uuid, stored: &StoredSettings) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, format!("audio_settings/{id}"))], Json(resource(id, stored)))
        .into_response()
}

fn resource(id: Uuid, stored: &StoredSettings) -> Value {
    let mut resource = json!(stored.declared);
    resource["id"] = json!(id);
    resource["created_at"] = json!(stored.created_at.http_date());
    resource
}
