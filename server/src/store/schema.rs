//! In: typed keys. Out: the bytes under which things lie, and the version of that layout.
//!
//! | table | key | value |
//! |---|---|---|
//! | `settings` | tenant ‖ id | [`super::StoredSettings`] as JSON |
//! | `sessions` | id | [`crate::session::record::SessionRecord`] as JSON |
//! | `open` | id of a session without terminal event | |
//! | `calls` | tenant ‖ kind ‖ call id ‖ created at ‖ session id | |
//! | `answers` | tenant ‖ idempotency key | [`super::StoredAnswer`] as JSON |
//! | `attempts` | tenant ‖ mark of the credential ‖ ended at ‖ session id | [`super::StoredAttempt`] as JSON |
//! | `attempt_of` | session id | the key in `attempts` |
//! | `expiry` | (milliseconds, table, key) | |
//! | `meta` | `version` | version of this layout |
//!
//! A text within a key is preceded by its length, so that no text can be taken for the beginning of another.

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use uuid::Uuid;

use super::{Mark, StoreError, database};
use crate::ids::{CallId, Tenant, Timestamp};
use crate::session::request::Kind;

pub(super) type Objects = TableDefinition<'static, &'static [u8], &'static [u8]>;
pub(super) type Marks = TableDefinition<'static, &'static [u8], ()>;

pub(super) const SETTINGS: Objects = TableDefinition::new("settings");
pub(super) const SESSIONS: Objects = TableDefinition::new("sessions");
pub(super) const ANSWERS: Objects = TableDefinition::new("answers");
pub(super) const ATTEMPTS: Objects = TableDefinition::new("attempts");
pub(super) const ATTEMPT_OF: Objects = TableDefinition::new("attempt_of");
pub(super) const OPEN: Marks = TableDefinition::new("open");
pub(super) const CALLS: Marks = TableDefinition::new("calls");
pub(super) const EXPIRY: TableDefinition<'static, (u64, u8, &'static [u8]), ()> =
    TableDefinition::new("expiry");
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// The layout this program reads and writes.
pub(super) const VERSION: u64 = 2;
/// Without attempts.
const FIRST: u64 = 1;

/// Brings a store to this program's layout; a new one is made so.
pub(super) fn migrate(store: &Database) -> Result<(), StoreError> {
    if version(store)? == Some(VERSION) {
        return Ok(());
    }
    let write = store.begin_write().map_err(database)?;
    {
        let mut meta = write.open_table(META).map_err(database)?;
        let found = meta.get("version").map_err(database)?.map(|version| version.value());
        match found {
            // The tables that the first layout did not have are made below.
            None | Some(FIRST | VERSION) => {}
            Some(found) => return Err(StoreError::TooNew { found, known: VERSION }),
        }
        meta.insert("version", VERSION).map_err(database)?;
        for table in [SETTINGS, SESSIONS, ANSWERS, ATTEMPTS, ATTEMPT_OF] {
            write.open_table(table).map_err(database)?.len().map_err(database)?;
        }
        for table in [OPEN, CALLS] {
            write.open_table(table).map_err(database)?.len().map_err(database)?;
        }
        write.open_table(EXPIRY).map_err(database)?.len().map_err(database)?;
    }
    write.commit().map_err(database)
}

fn version(store: &Database) -> Result<Option<u64>, StoreError> {
    let read = store.begin_read().map_err(database)?;
    match read.open_table(META) {
        Ok(meta) => Ok(meta.get("version").map_err(database)?.map(|version| version.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(database(error)),
    }
}

/// Which table an expiry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Settings = 0,
    Session = 1,
    Answer = 2,
    Attempt = 3,
}

impl Kept {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Settings, Self::Session, Self::Answer, Self::Attempt]
            .into_iter()
            .find(|kept| *kept as u8 == byte)
    }
}

fn text(key: &mut Vec<u8>, text: &str) {
    // Tenants and call ids are far shorter; what is longer could only meet its equal.
    key.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    key.extend(text.as_bytes());
}

pub(super) fn settings_key(tenant: &Tenant, id: Uuid) -> Vec<u8> {
    let mut key = Vec::new();
    text(&mut key, tenant.name());
    key.extend(id.as_bytes());
    key
}

pub(super) fn answer_key(tenant: &Tenant, idempotency_key: &str) -> Vec<u8> {
    let mut key = Vec::new();
    text(&mut key, tenant.name());
    key.extend(idempotency_key.as_bytes());
    key
}

fn call_prefix(tenant: &Tenant, kind: Kind, call_id: &CallId) -> Vec<u8> {
    let mut key = Vec::new();
    text(&mut key, tenant.name());
    key.push(match kind {
        Kind::Register => 0,
        Kind::Verify => 1,
    });
    text(&mut key, call_id.as_str());
    key
}

/// Sorted by time within a call.
pub(super) fn call_key(
    tenant: &Tenant,
    kind: Kind,
    call_id: &CallId,
    created_at: Timestamp,
    id: Uuid,
) -> Vec<u8> {
    let mut key = call_prefix(tenant, kind, call_id);
    key.extend(created_at.milliseconds().to_be_bytes());
    key.extend(id.as_bytes());
    key
}

/// The first and the last key that a session of this call can have.
pub(super) fn call_range(tenant: &Tenant, kind: Kind, call_id: &CallId) -> (Vec<u8>, Vec<u8>) {
    let first = call_prefix(tenant, kind, call_id);
    let mut last = first.clone();
    last.extend([0xff; 24]);
    (first, last)
}

/// Sorted by time within a credential.
pub(super) fn attempt_key(tenant: &Tenant, mark: &Mark, ended_at: Timestamp, session: Uuid) -> Vec<u8> {
    let mut key = attempt_prefix(tenant, mark);
    key.extend(ended_at.milliseconds().to_be_bytes());
    key.extend(session.as_bytes());
    key
}

fn attempt_prefix(tenant: &Tenant, mark: &Mark) -> Vec<u8> {
    let mut key = Vec::new();
    text(&mut key, tenant.name());
    key.extend(mark);
    key
}

/// The first and the last key that an attempt with this credential can have.
pub(super) fn attempt_range(tenant: &Tenant, mark: &Mark) -> (Vec<u8>, Vec<u8>) {
    let first = attempt_prefix(tenant, mark);
    let last = [&first[..], &[0xff; 24]].concat();
    (first, last)
}

/// The first and the last key that an attempt of this tenant can have; there is none just behind the last.
pub(super) fn attempts_of_tenant(tenant: &Tenant) -> (Vec<u8>, Vec<u8>) {
    let mut first = Vec::new();
    text(&mut first, tenant.name());
    let last = [&first[..], &[0xff; 56]].concat();
    (first, last)
}

/// Whose a key is that begins with a tenant.
pub(super) fn tenant_of_key(key: &[u8]) -> Option<Tenant> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let name = rest.get(..u32::from_be_bytes(*length) as usize)?;
    Some(Tenant::new(std::str::from_utf8(name).ok()?))
}

/// The session in a key that ends with one: of a call, of an attempt.
pub(super) fn id_of_key(key: &[u8]) -> Option<Uuid> {
    Some(Uuid::from_bytes(*key.last_chunk::<16>()?))
}

/// Marks a store as written by the next version.
#[cfg(test)]
pub(super) fn pretend_newer(store: &Database) {
    pretend(store, VERSION + 1, |_| ());
}

/// Makes a store what the first version would have made of it.
#[cfg(test)]
pub(super) fn pretend_first(store: &Database) {
    pretend(store, FIRST, |write| {
        for table in [ATTEMPTS, ATTEMPT_OF] {
            assert!(write.delete_table(table).expect("no table"), "there was one");
        }
    });
}

#[cfg(test)]
fn pretend(store: &Database, version: u64, change: impl FnOnce(&redb::WriteTransaction)) {
    let write = store.begin_write().expect("a transaction");
    change(&write);
    write.open_table(META).expect("a table").insert("version", version).expect("a version");
    write.commit().expect("a commit");
}
