//! In: requests about sessions of one kind. Out: the session as a flat resource, its events, its speech.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use uuid::Uuid;

use super::access::Caller;
use super::body::JsonObject;
use super::idempotency::{IdempotencyKey, Turn};
use super::params::{Asked, ResourceId};
use super::{ApiError, Rest, audio_settings, events};
use crate::ids::{CallId, SessionId, Tenant, Timestamp};
use crate::session::actor::{Audience, Started, start};
use crate::session::journal::Found;
use crate::session::record::SessionRecord;
use crate::session::request::audio::AudioSettings;
use crate::session::request::{Kind, SessionRequest};
use crate::store::StoreError;

const WHAT: &str = "session";

/// The routes of one kind of session.
pub(super) fn routes(kind: Kind) -> Router<Arc<Rest>> {
    let collection = format!("/{}_session", kind.name());
    let one = format!("{collection}/{{id}}");
    Router::new()
        .route(
            &collection,
            post(move |state, caller, key, body| create(kind, state, caller, key, body))
                .get(move |state, caller, query| find_call(kind, state, caller, query)),
        )
        .route(
            &one,
            get(move |state, caller, id| read(kind, state, caller, id))
                .delete(move |state, caller, id| delete(kind, state, caller, id)),
        )
        .route(
            &format!("{one}/events"),
            get(move |state, caller, id, headers| events::listen(kind, state, caller, id, headers)),
        )
        .route(
            &format!("{one}/collected_audio"),
            get(move |state, caller, id| collected_audio(kind, state, caller, id)),
        )
}

async fn create(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    key: IdempotencyKey,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let tenant = caller.for_kind(kind)?.clone();
    let turn = match key.turn(&rest, &tenant, &body.bytes)? {
        Turn::First(turn) => turn,
        Turn::Again(id) => {
            let found = find(&rest, &tenant, kind, SessionId::from_uuid(id));
            return Ok(created(&found.map_err(ApiError::of_repetition)?.record()));
        }
    };
    let request = parse(&rest, &tenant, kind, &body)?;
    if rest.store.counts()?.sessions >= rest.max_stored {
        return Err(StoreError::Full.into());
    }
    let settings =
        request.audio_settings_id.map(|id| audio_settings::used(&rest, &tenant, id)).transpose()?;
    let started = start(rest.services()?, tenant.clone(), request, Audience::Record)?;
    // A client that goes away before it has the answer does not know that it has a session.
    let unanswered = Unanswered { started: Some(started) };
    let id = unanswered.id();
    let changes = settings.flatten().into_iter().chain(turn.remember(id.uuid())).collect();
    rest.journal.keep(id, changes).await?;
    let found = find(&rest, &tenant, kind, id)?;
    unanswered.answered();
    Ok(created(&found.record()))
}

fn parse(rest: &Rest, tenant: &Tenant, kind: Kind, body: &JsonObject) -> Result<SessionRequest, ApiError> {
    let now = Timestamp::now();
    let failure = std::cell::Cell::new(None);
    let settings = |id: Uuid| match rest.store.settings(tenant, id, now) {
        Ok(stored) => AudioSettings::from_declared(stored?.declared),
        Err(error) => {
            failure.set(Some(error));
            None
        }
    };
    let catalogue = rest.services()?.biometrics.catalogue(tenant);
    let request = SessionRequest::parse_flat(kind, &body.members, &settings, &catalogue, rest.defaults);
    match failure.take() {
        Some(error) => Err(error.into()),
        None => Ok(request?),
    }
}

/// A session that its client does not know of yet: dropping it cancels the session.
struct Unanswered {
    started: Option<Started>,
}

impl Unanswered {
    fn id(&self) -> SessionId {
        self.started.as_ref().map_or_else(|| SessionId::from_uuid(Uuid::nil()), |started| started.id)
    }

    fn answered(mut self) {
        self.started = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(started) = self.started.take() {
            tokio::spawn(async move { started.handle.cancel().await });
        }
    }
}

async fn read(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    ResourceId(id): ResourceId,
) -> Result<Response, ApiError> {
    let found = find(&rest, caller.for_kind(kind)?, kind, parse_id(&id)?)?;
    Ok(Json(found.resource()).into_response())
}

#[derive(Deserialize)]
struct CallQuery {
    call_id: Option<String>,
}

async fn find_call(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    Asked(query): Asked<CallQuery>,
) -> Result<Response, ApiError> {
    let call_id = query.call_id.as_deref().and_then(CallId::new).ok_or_else(|| {
        ApiError::Unreadable("Sessions are looked up by ?call_id=, of 1 to 256 characters".into())
    })?;
    let found = rest.journal.find_call(caller.for_kind(kind)?, kind, &call_id)?;
    let found = found.ok_or(ApiError::NotFound(WHAT))?;
    Ok(Json(found.resource()).into_response())
}

async fn delete(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    ResourceId(id): ResourceId,
) -> Result<StatusCode, ApiError> {
    let id = parse_id(&id)?;
    let tenant = caller.for_kind(kind)?;
    let found = match find(&rest, tenant, kind, id) {
        // Its call may still be kept, to be known when it comes again.
        Err(ApiError::NotFound(_))
            if kind == Kind::Verify && rest.journal.forget_attempt(tenant, id).await? =>
        {
            return Ok(StatusCode::NO_CONTENT);
        }
        found => found?,
    };
    let record = found.record();
    if record.status.is_terminal() {
        rest.journal.forget(record).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    // Who looks after this answer sees the end.
    if let Found::Live(entry) = found {
        entry.cancel().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn collected_audio(
    kind: Kind,
    State(rest): State<Arc<Rest>>,
    caller: Caller,
    ResourceId(id): ResourceId,
) -> Result<Response, ApiError> {
    let id = parse_id(&id)?;
    let record = find(&rest, caller.for_kind(kind)?, kind, id)?.record();
    if !record.status.is_terminal() {
        return Err(ApiError::NotCollectedYet);
    }
    let wav = rest.journal.collected_audio(id).ok_or(ApiError::NotFound("collected audio"))?;
    let headers = [
        (header::CONTENT_TYPE, "audio/wav"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"collected_audio.wav\""),
    ];
    Ok((headers, wav.into_inner()).into_response())
}

pub(super) fn parse_id(id: &str) -> Result<SessionId, ApiError> {
    // What is not an id is nobody's id.
    Uuid::parse_str(id).map(SessionId::from_uuid).map_err(|_| ApiError::NotFound(WHAT))
}

pub(super) fn find(rest: &Rest, tenant: &Tenant, kind: Kind, id: SessionId) -> Result<Found, ApiError> {
    rest.journal.find(tenant, kind, id)?.ok_or(ApiError::NotFound(WHAT))
}

fn created(record: &SessionRecord) -> Response {
    let location = format!("{}_session/{}", record.kind.name(), record.id);
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(record.resource())).into_response()
}
