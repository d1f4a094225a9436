//! In: a creation with an `Idempotency-Key`. Out: a new object, or the one that this key created before.
//!
//! The key belongs to its tenant and is bound to method, path and body: the same key with another request is a mistake of
//! the client and is refused. The key is stored in the transaction that stores what it created, so that a client that lost
//! the answer, or met a server that was killed, repeats the request and gets the same object, never a second one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{ApiError, Rest};
use crate::data_dir::hex;
use crate::ids::{Tenant, Timestamp};
use crate::store::{Change, StoredAnswer};

/// The header.
const HEADER: &str = "idempotency-key";
/// The longest key; UUIDs have 36 characters.
const MAX_KEY: usize = 255;

/// Keys whose first request is being answered.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<HashSet<(Tenant, String)>>>);

/// The `Idempotency-Key` of a request, and the request's method and path.
pub(super) struct IdempotencyKey {
    key: Option<String>,
    request: String,
}

impl FromRequestParts<Arc<Rest>> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Rest>) -> Result<Self, ApiError> {
        let key = match parts.headers.get(HEADER).map(|value| value.to_str()) {
            None => None,
            Some(Ok(key)) if (1..=MAX_KEY).contains(&key.len()) => Some(key.to_owned()),
            Some(_) => {
                let why = format!("Idempotency-Key must have 1 to {MAX_KEY} visible characters");
                return Err(ApiError::Unreadable(why));
            }
        };
        // The resource, whatever prefix it was reached by.
        let resource = parts.uri.path().rsplit('/').next().unwrap_or_default();
        Ok(Self { key, request: format!("{} {resource}", parts.method) })
    }
}

/// What is to be done with a creation.
pub(super) enum Turn {
    /// It was answered before: this is what it created.
    Again(Uuid),
    /// It is new.
    First(FirstTurn),
}

/// The right to create. Dropping it lets the key be used again.
pub(super) struct FirstTurn {
    remembered: Option<(Tenant, String, StoredAnswer)>,
    in_flight: InFlight,
}

impl IdempotencyKey {
    /// Looks up what the key stands for.
    pub(super) fn turn(self, rest: &Rest, tenant: &Tenant, body: &[u8]) -> Result<Turn, ApiError> {
        let in_flight = rest.in_flight.clone();
        let Some(key) = self.key else {
            return Ok(Turn::First(FirstTurn { remembered: None, in_flight }));
        };
        let now = Timestamp::now();
        let digest = Sha256::new().chain_update(self.request).chain_update([0]).chain_update(body).finalize();
        let fingerprint = hex(&digest);
        if !in_flight.enter(tenant, &key) {
            return Err(ApiError::KeyInUse);
        }
        // From here on the key is given back whatever happens.
        let expires_at = now.after(rest.idempotency_retention);
        let answer = StoredAnswer { fingerprint, id: Uuid::nil(), expires_at };
        let first = FirstTurn { remembered: Some((tenant.clone(), key.clone(), answer)), in_flight };
        match (rest.store.answer(tenant, &key, now)?, &first.remembered) {
            (Some(stored), Some((_, _, asked))) if stored.fingerprint != asked.fingerprint => {
                Err(ApiError::KeyReused)
            }
            (Some(stored), _) => Ok(Turn::Again(stored.id)),
            (None, _) => Ok(Turn::First(first)),
        }
    }
}

impl FirstTurn {
    /// What has to be stored together with the object that was created.
    pub(super) fn remember(&self, id: Uuid) -> Option<Change> {
        let (tenant, key, answer) = self.remembered.clone()?;
        Some(Change::PutAnswer(tenant, key, StoredAnswer { id, ..answer }))
    }
}

impl Drop for FirstTurn {
    fn drop(&mut self) {
        if let Some((tenant, key, _)) = self.remembered.take() {
            self.in_flight.leave(tenant, key);
        }
    }
}

impl InFlight {
    fn enter(&self, tenant: &Tenant, key: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((tenant.clone(), key.to_owned()))
    }

    fn leave(&self, tenant: Tenant, key: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant, key));
    }
}
