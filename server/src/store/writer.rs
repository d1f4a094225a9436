//! In: changes from any task. Out: transactions, each synced once for everybody who waited for it.

use std::sync::Arc;
use std::thread;

use redb::{Database, ReadableTable, WriteTransaction};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::attempts::{self, NewAttempt};
use super::schema::{self, Kept};
use super::{StoreError, StoredAnswer, StoredSettings, database};
use crate::ids::{Tenant, Timestamp};
use crate::session::record::SessionRecord;

/// Commits that may wait; who comes then, waits for a place.
const QUEUE: usize = 1024;
/// Commits that share one transaction at most, so that the first does not wait for too many others.
const SHARED: usize = 256;

/// One change of the store.
#[derive(Clone, Debug)]
pub enum Change {
    /// Keeps audio settings; replaces those with the same id.
    PutSettings(Tenant, Uuid, StoredSettings),
    /// Forgets audio settings.
    DeleteSettings(Tenant, Uuid),
    /// Keeps a session. Its end replaces its beginning, and never the other way round.
    PutSession(Box<SessionRecord>),
    /// Forgets a session, and the attempt that it was.
    DeleteSession(Box<SessionRecord>),
    /// Keeps what an idempotency key stands for.
    PutAnswer(Tenant, String, StoredAnswer),
    /// Keeps an attempt; the oldest with the same credential go.
    PutAttempt(Box<NewAttempt>),
    /// Forgets the attempt that a session was.
    DeleteAttempt(Uuid),
    /// Forgets up to so many attempts of a tenant.
    DeleteAttempts(Tenant, usize),
}

#[derive(Debug)]
enum Job {
    Commit(Vec<Change>, oneshot::Sender<Result<(), StoreError>>),
    Sweep(Timestamp, usize, oneshot::Sender<Result<usize, StoreError>>),
    Close(oneshot::Sender<()>),
}

/// The way to the writing thread, which ends when it is told to, or when the last of these is dropped.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) fn start(store: Arc<Database>) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("store".into())
            .spawn(move || work(store, waiting))
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { jobs })
    }

    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let (done, result) = oneshot::channel();
        self.jobs.send(Job::Commit(changes, done)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(done)).await.is_ok() {
            // A thread that has gone has closed.
            let _ = closed.await;
        }
    }

    pub(super) async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let (done, result) = oneshot::channel();
        self.jobs.send(Job::Sweep(now, limit, done)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

fn work(store: Arc<Database>, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    let mut closing = None;
    while waiting.blocking_recv_many(&mut jobs, SHARED) > 0 {
        let mut shared = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Commit(changes, done) => shared.push((changes, done)),
                Job::Sweep(now, limit, done) => drop(done.send(sweep(&store, now, limit))),
                Job::Close(done) => closing = Some(done),
            }
        }
        commit_all(&store, shared);
        if let Some(done) = closing.take() {
            drop(store);
            let _ = done.send(());
            return;
        }
    }
}

/// Changes, and who waits for them.
type Waiting = (Vec<Change>, oneshot::Sender<Result<(), StoreError>>);

/// One transaction for all; if it fails, each gets its own, so that one bad change fails alone.
fn commit_all(store: &Database, shared: Vec<Waiting>) {
    if shared.is_empty() {
        return;
    }
    if transaction(store, |write| shared.iter().try_for_each(|(changes, _)| apply_all(write, changes)))
        .is_ok()
    {
        for (_, done) in shared {
            // Nobody waiting any more is no failure.
            let _ = done.send(Ok(()));
        }
        return;
    }
    for (changes, done) in shared {
        let result = transaction(store, |write| apply_all(write, &changes));
        if let Err(error) = &result {
            tracing::error!(%error, "a change could not be stored");
        }
        let _ = done.send(result);
    }
}

fn transaction<T>(
    store: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut write = store.begin_write().map_err(database)?;
    // A start after a kill then reads the allocator's state instead of walking through the whole file.
    write.set_quick_repair(true);
    let result = change(&write)?;
    write.commit().map_err(database)?;
    Ok(result)
}

fn apply_all(write: &WriteTransaction, changes: &[Change]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|change| apply(write, change))
}

fn apply(write: &WriteTransaction, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::PutSettings(tenant, id, settings) => {
            let key = schema::settings_key(tenant, *id);
            put(write, schema::SETTINGS, &key, settings)?;
            expire(write, settings.expires_at, Kept::Settings, &key)
        }
        Change::DeleteSettings(tenant, id) => {
            remove(write, schema::SETTINGS, &schema::settings_key(tenant, *id))
        }
        Change::PutSession(record) => put_session(write, record),
        Change::DeleteSession(record) => {
            attempts::remove_of_session(write, record.id.uuid().as_bytes())?;
            delete_session(write, record)
        }
        Change::PutAnswer(tenant, idempotency_key, answer) => {
            let key = schema::answer_key(tenant, idempotency_key);
            put(write, schema::ANSWERS, &key, answer)?;
            expire(write, answer.expires_at, Kept::Answer, &key)
        }
        Change::PutAttempt(new) => attempts::put(write, new),
        Change::DeleteAttempt(session) => attempts::remove_of_session(write, session.as_bytes()),
        Change::DeleteAttempts(tenant, limit) => attempts::remove_of_tenant(write, tenant, *limit),
    }
}

pub(super) fn put(
    write: &WriteTransaction,
    table: schema::Objects,
    key: &[u8],
    value: &impl Serialize,
) -> Result<(), StoreError> {
    let json = serde_json::to_vec(value).map_err(|_| StoreError::Damaged)?;
    write.open_table(table).map_err(database)?.insert(key, json.as_slice()).map_err(database)?;
    Ok(())
}

fn remove(write: &WriteTransaction, table: schema::Objects, key: &[u8]) -> Result<(), StoreError> {
    write.open_table(table).map_err(database)?.remove(key).map_err(database)?;
    Ok(())
}

pub(super) fn expire(
    write: &WriteTransaction,
    at: Timestamp,
    kept: Kept,
    key: &[u8],
) -> Result<(), StoreError> {
    let mut expiry = write.open_table(schema::EXPIRY).map_err(database)?;
    expiry.insert((at.milliseconds(), kept as u8, key), ()).map_err(database)?;
    Ok(())
}

fn put_session(write: &WriteTransaction, record: &SessionRecord) -> Result<(), StoreError> {
    let key = record.id.uuid();
    let key = key.as_bytes().as_slice();
    // A session may end while its beginning is still on the way here: the end stays.
    let is_beginning = record.expires_at.is_none();
    if is_beginning
        && write.open_table(schema::SESSIONS).map_err(database)?.get(key).map_err(database)?.is_some()
    {
        return Ok(());
    }
    put(write, schema::SESSIONS, key, record)?;
    let call =
        schema::call_key(&record.tenant(), record.kind, &record.call_id, record.created_at, record.id.uuid());
    write.open_table(schema::CALLS).map_err(database)?.insert(call.as_slice(), ()).map_err(database)?;
    let mut open = write.open_table(schema::OPEN).map_err(database)?;
    match record.expires_at {
        None => drop(open.insert(key, ()).map_err(database)?),
        Some(at) => {
            open.remove(key).map_err(database)?;
            expire(write, at, Kept::Session, key)?;
        }
    }
    Ok(())
}

fn delete_session(write: &WriteTransaction, record: &SessionRecord) -> Result<(), StoreError> {
    let id = record.id.uuid();
    remove(write, schema::SESSIONS, id.as_bytes())?;
    let call = schema::call_key(&record.tenant(), record.kind, &record.call_id, record.created_at, id);
    write.open_table(schema::CALLS).map_err(database)?.remove(call.as_slice()).map_err(database)?;
    write.open_table(schema::OPEN).map_err(database)?.remove(id.as_bytes().as_slice()).map_err(database)?;
    Ok(())
}

/// Looks at what was to expire before `now`. An object that has been given more time since keeps its later entry.
fn sweep(store: &Database, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    transaction(store, |write| {
        let due = due(write, now, limit)?;
        for (at, kept, key) in &due {
            match Kept::from_byte(*kept) {
                Some(Kept::Settings) => {
                    sweep_object::<StoredSettings>(write, schema::SETTINGS, key, |s| s.expires_at <= now)?
                }
                Some(Kept::Answer) => {
                    sweep_object::<StoredAnswer>(write, schema::ANSWERS, key, |a| a.expires_at <= now)?
                }
                Some(Kept::Session) => sweep_session(write, key, now)?,
                Some(Kept::Attempt) => attempts::sweep(write, key, now)?,
                None => {}
            }
            let mut expiry = write.open_table(schema::EXPIRY).map_err(database)?;
            expiry.remove((*at, *kept, key.as_slice())).map_err(database)?;
        }
        Ok(due.len())
    })
}

type Due = (u64, u8, Vec<u8>);

fn due(write: &WriteTransaction, now: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
    let expiry = write.open_table(schema::EXPIRY).map_err(database)?;
    let until = (now.milliseconds().saturating_add(1), 0, [].as_slice());
    let entries = expiry.range(..until).map_err(database)?.take(limit);
    entries
        .map(|entry| {
            let (key, _) = entry.map_err(database)?;
            let (at, kept, key) = key.value();
            Ok((at, kept, key.to_vec()))
        })
        .collect()
}

fn sweep_object<T: serde::de::DeserializeOwned>(
    write: &WriteTransaction,
    table: schema::Objects,
    key: &[u8],
    expired: impl FnOnce(&T) -> bool,
) -> Result<(), StoreError> {
    let mut table = write.open_table(table).map_err(database)?;
    let found = table.get(key).map_err(database)?.map(|found| serde_json::from_slice(found.value()));
    // What cannot be read is of no use to anybody.
    if found.is_some_and(|object| object.map_or(true, |object| expired(&object))) {
        table.remove(key).map_err(database)?;
    }
    Ok(())
}

fn sweep_session(write: &WriteTransaction, key: &[u8], now: Timestamp) -> Result<(), StoreError> {
    let found = {
        let sessions = write.open_table(schema::SESSIONS).map_err(database)?;
        let found = sessions.get(key).map_err(database)?;
        found.map(|found| serde_json::from_slice::<SessionRecord>(found.value()))
    };
    match found {
        Some(Ok(record)) if record.expires_at.is_some_and(|at| at <= now) => delete_session(write, &record),
        Some(Err(_)) => remove(write, schema::SESSIONS, key),
        _ => Ok(()),
    }
}
