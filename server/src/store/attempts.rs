//! In: fingerprints of calls that have ended, sealed, each by the mark of the credential it was verified with. Out: those of one
//! credential, the newest few of them, until they expire.

use redb::{ReadableDatabase, ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schema::{self, Kept};
use super::{Store, StoreError, database, writer};
use crate::ids::{Tenant, Timestamp};
use crate::sensitive::Sensitive;

/// What a credential is called here: a keyed hash, of which nobody without the key can say which credential it is.
pub type Mark = [u8; 32];

/// An attempt as it is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct StoredAttempt {
    /// The fingerprint of its speech, sealed.
    pub fingerprint: Sensitive<String>,
    /// When the call ended.
    pub ended_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// An attempt that is to be kept.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    /// Whose.
    pub tenant: Tenant,
    /// Of the credential.
    pub mark: Mark,
    /// The session that it was: whoever deletes that deletes this.
    pub session: Uuid,
    /// What is kept.
    pub attempt: StoredAttempt,
    /// How many are kept of the credential, this one among them; the oldest go.
    pub keep: usize,
}

impl Store {
    /// Attempts with a credential that have not expired, the oldest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn attempts(
        &self,
        tenant: &Tenant,
        mark: &Mark,
        now: Timestamp,
    ) -> Result<Vec<StoredAttempt>, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let attempts = read.open_table(schema::ATTEMPTS).map_err(database)?;
        let (first, last) = schema::attempt_range(tenant, mark);
        let mut found = Vec::new();
        for entry in attempts.range(first.as_slice()..=last.as_slice()).map_err(database)? {
            let (_, value) = entry.map_err(database)?;
            found.push(read_attempt(value.value())?);
        }
        found.retain(|attempt| attempt.expires_at > now);
        Ok(found)
    }

    /// Whether a session of this tenant is kept as an attempt, itself being kept or not.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn is_attempt(&self, tenant: &Tenant, session: Uuid) -> Result<bool, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let of_sessions = read.open_table(schema::ATTEMPT_OF).map_err(database)?;
        let key = of_sessions.get(session.as_bytes().as_slice()).map_err(database)?;
        Ok(key.is_some_and(|key| schema::tenant_of_key(key.value()).as_ref() == Some(tenant)))
    }

    /// Tenants of whom attempts are kept.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn tenants_with_attempts(&self) -> Result<Vec<Tenant>, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let attempts = read.open_table(schema::ATTEMPTS).map_err(database)?;
        let (mut tenants, mut from) = (Vec::new(), Vec::new());
        while let Some(entry) = attempts.range(from.as_slice()..).map_err(database)?.next() {
            let (key, _) = entry.map_err(database)?;
            let tenant = schema::tenant_of_key(key.value()).ok_or(StoreError::Damaged)?;
            (_, from) = schema::attempts_of_tenant(&tenant);
            tenants.push(tenant);
        }
        Ok(tenants)
    }
}

fn read_attempt(json: &[u8]) -> Result<StoredAttempt, StoreError> {
    serde_json::from_slice(json).map_err(|_| StoreError::Damaged)
}

pub(super) fn put(write: &WriteTransaction, new: &NewAttempt) -> Result<(), StoreError> {
    let NewAttempt { tenant, mark, session, attempt, keep } = new;
    let key = schema::attempt_key(tenant, mark, attempt.ended_at, *session);
    writer::put(write, schema::ATTEMPTS, &key, attempt)?;
    writer::expire(write, attempt.expires_at, Kept::Attempt, &key)?;
    {
        let mut of_sessions = write.open_table(schema::ATTEMPT_OF).map_err(database)?;
        of_sessions.insert(session.as_bytes().as_slice(), key.as_slice()).map_err(database)?;
    }
    let (first, last) = schema::attempt_range(tenant, mark);
    let mut keys = keys(write, &first, &last, usize::MAX)?;
    keys.truncate(keys.len().saturating_sub(*keep));
    keys.iter().try_for_each(|key| remove(write, key))
}

/// The attempt that a session was, if there is one.
pub(super) fn remove_of_session(write: &WriteTransaction, session: &[u8]) -> Result<(), StoreError> {
    let key = {
        let of_sessions = write.open_table(schema::ATTEMPT_OF).map_err(database)?;
        of_sessions.get(session).map_err(database)?.map(|key| key.value().to_vec())
    };
    key.map_or(Ok(()), |key| remove(write, &key))
}

/// Up to `limit` of a tenant's.
pub(super) fn remove_of_tenant(
    write: &WriteTransaction,
    tenant: &Tenant,
    limit: usize,
) -> Result<(), StoreError> {
    let (first, last) = schema::attempts_of_tenant(tenant);
    keys(write, &first, &last, limit)?.iter().try_for_each(|key| remove(write, key))
}

/// Removes one that has expired.
pub(super) fn sweep(write: &WriteTransaction, key: &[u8], now: Timestamp) -> Result<(), StoreError> {
    let found = {
        let attempts = write.open_table(schema::ATTEMPTS).map_err(database)?;
        attempts.get(key).map_err(database)?.map(|found| read_attempt(found.value()))
    };
    match found {
        // What cannot be read is of no use to anybody.
        Some(attempt) if attempt.as_ref().map_or(true, |attempt| attempt.expires_at <= now) => {
            remove(write, key)
        }
        _ => Ok(()),
    }
}

fn keys(
    write: &WriteTransaction,
    first: &[u8],
    last: &[u8],
    limit: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let attempts = write.open_table(schema::ATTEMPTS).map_err(database)?;
    let found = attempts.range(first..=last).map_err(database)?.take(limit);
    found.map(|entry| entry.map(|(key, _)| key.value().to_vec()).map_err(database)).collect()
}

/// With everything that leads to it.
fn remove(write: &WriteTransaction, key: &[u8]) -> Result<(), StoreError> {
    let removed = {
        let mut attempts = write.open_table(schema::ATTEMPTS).map_err(database)?;
        attempts.remove(key).map_err(database)?.map(|value| read_attempt(value.value()))
    };
    if let Some(session) = schema::id_of_key(key) {
        let mut of_sessions = write.open_table(schema::ATTEMPT_OF).map_err(database)?;
        of_sessions.remove(session.as_bytes().as_slice()).map_err(database)?;
    }
    // The entry of one that cannot be read goes when it is due.
    if let Some(Ok(attempt)) = removed {
        let mut expiry = write.open_table(schema::EXPIRY).map_err(database)?;
        let at = attempt.expires_at.milliseconds();
        expiry.remove((at, Kept::Attempt as u8, key)).map_err(database)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
