//! In: objects to keep (audio settings, sessions, idempotency keys, attempts that may come again). Out: the same objects, also after `kill -9`.
//!
//! One file of redb (ACID, pure Rust) in the data directory, or the same in memory. One thread writes: it takes every
//! change that waits, makes them one transaction, syncs, and then answers all who wait, so that a sync is shared. Reads go
//! straight to the file's cache and see committed data only.
//!
//! ```text
//! commit(changes) ─ bounded queue ─ writer thread: one transaction for all that wait ─ sync ─ Ok to each
//! ```
//!
//! Every object expires; [`Store::sweep`] removes what has, and no read returns it even before.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{CallId, Tenant, Timestamp};
use crate::session::record::SessionRecord;
use crate::session::request::Kind;
use crate::session::request::audio::Declared;

mod attempts;
mod schema;
mod writer;

pub use attempts::{Mark, NewAttempt, StoredAttempt};
pub use writer::Change;
use writer::Writer;

/// Memory for pages that were read or wait for their sync.
const CACHE_BYTES: usize = 32 << 20;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened, read or written: the disk is full, say, or the file damaged.
    #[error("the store failed: {0}")]
    Database(String),
    /// An object in it is not what this version writes.
    #[error("the store holds an object that cannot be read")]
    Damaged,
    /// It was written by a newer version.
    #[error("the store has schema version {found}, this program knows {known}; use the newer program")]
    TooNew {
        /// Version of the file.
        found: u64,
        /// Version of the program.
        known: u64,
    },
    /// It holds as many objects as the configuration allows.
    #[error("the store is full")]
    Full,
    /// Its thread is gone.
    #[error("the store is closed")]
    Closed,
}

/// Any of redb's errors; their texts name pages and files, never content.
pub(crate) fn database(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(error.into().to_string())
}

/// Audio settings as they are kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct StoredSettings {
    /// The members, as the client sent them.
    pub declared: Declared,
    /// When they were created.
    pub created_at: Timestamp,
    /// When they are forgotten, unless they are used before.
    pub expires_at: Timestamp,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct StoredAnswer {
    /// Digest of the request that was answered.
    pub fingerprint: String,
    /// What it created.
    pub id: Uuid,
    /// When the key is forgotten.
    pub expires_at: Timestamp,
}

/// How many objects of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Audio settings.
    pub settings: u64,
    /// Sessions, live and over.
    pub sessions: u64,
    /// Idempotency keys.
    pub answers: u64,
    /// Attempts.
    pub attempts: u64,
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// `None` once it is closed.
    database: Arc<RwLock<Option<Arc<Database>>>>,
    writer: Writer,
}

impl Store {
    /// Opens the store in `path`, or makes it.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(database)?;
        Self::of(database)
    }

    /// A store that forgets everything when the process ends.
    ///
    /// # Errors
    /// None in practice.
    pub fn in_memory() -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(InMemoryBackend::new())
            .map_err(database)?;
        Self::of(database)
    }

    fn of(database: Database) -> Result<Self, StoreError> {
        schema::migrate(&database)?;
        let database = Arc::new(database);
        let writer = Writer::start(Arc::clone(&database))?;
        Ok(Self { database: Arc::new(RwLock::new(Some(database))), writer })
    }

    /// Makes what waits, then lets go of the file, whoever still has a handle: it can be opened again at once.
    pub async fn close(&self) {
        self.writer.close().await;
        self.database.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone();
        database.ok_or(StoreError::Closed)
    }

    /// Makes all changes, or none, and returns once they are on the disk.
    ///
    /// # Errors
    /// If they are not.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.writer.commit(changes).await
    }

    /// Stored audio settings of a tenant that have not expired.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn settings(
        &self,
        tenant: &Tenant,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Option<StoredSettings>, StoreError> {
        let found: Option<StoredSettings> =
            self.get(schema::SETTINGS, schema::settings_key(tenant, id).as_slice())?;
        Ok(found.filter(|settings| settings.expires_at > now))
    }

    /// A session that has not expired, whoever's it is.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn session(&self, id: Uuid, now: Timestamp) -> Result<Option<SessionRecord>, StoreError> {
        let found: Option<SessionRecord> = self.get(schema::SESSIONS, id.as_bytes().as_slice())?;
        Ok(found.filter(|record| record.expires_at.is_none_or(|at| at > now)))
    }

    /// The newest session of a tenant's call that has not expired.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn session_of_call(
        &self,
        tenant: &Tenant,
        kind: Kind,
        call_id: &CallId,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let calls = read.open_table(schema::CALLS).map_err(database)?;
        let (first, last) = schema::call_range(tenant, kind, call_id);
        for entry in calls.range(first.as_slice()..=last.as_slice()).map_err(database)?.rev() {
            let (key, _) = entry.map_err(database)?;
            let id = schema::id_of_key(key.value()).ok_or(StoreError::Damaged)?;
            if let Some(record) = self.session(id, now)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The answer that was given for an idempotency key.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn answer(
        &self,
        tenant: &Tenant,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let found: Option<StoredAnswer> =
            self.get(schema::ANSWERS, schema::answer_key(tenant, key).as_slice())?;
        Ok(found.filter(|answer| answer.expires_at > now))
    }

    /// The sessions that had no terminal event when the process that ran them ended.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn unfinished(&self) -> Result<Vec<SessionRecord>, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let open = read.open_table(schema::OPEN).map_err(database)?;
        let mut found = Vec::new();
        for entry in redb::ReadableTable::iter(&open).map_err(database)? {
            let (id, ()) = entry.map(|(id, value)| (id, value.value())).map_err(database)?;
            found.extend(self.get::<SessionRecord>(schema::SESSIONS, id.value())?);
        }
        Ok(found)
    }

    /// Removes up to `limit` objects that expired before `now`; returns how many there were to look at.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writer.sweep(now, limit).await
    }

    /// How many objects there are.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn counts(&self) -> Result<StoreCounts, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let count = |table| {
            let table = read.open_table(table).map_err(database)?;
            redb::ReadableTableMetadata::len(&table).map_err(database)
        };
        Ok(StoreCounts {
            settings: count(schema::SETTINGS)?,
            sessions: count(schema::SESSIONS)?,
            answers: count(schema::ANSWERS)?,
            attempts: count(schema::ATTEMPTS)?,
        })
    }

    fn get<T: DeserializeOwned>(&self, table: schema::Objects, key: &[u8]) -> Result<Option<T>, StoreError> {
        let read = self.database()?.begin_read().map_err(database)?;
        let table = read.open_table(table).map_err(database)?;
        let Some(found) = table.get(key).map_err(database)? else { return Ok(None) };
        serde_json::from_slice(found.value()).map(Some).map_err(|_| StoreError::Damaged)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
