//! In: sessions and their events. Out: their records, found by id or call, while they live and afterwards.
//!
//! A live session has an [`Entry`] in memory: reading it is a look-up in a map and takes no lock that a call holds. What is
//! over, and what has just begun, is in the store. A session is acknowledged only after its beginning is stored, and its
//! end is shown only after that is stored: whatever a client was told survives the process.
//!
//! Collected speech is never stored. It stays in memory for a limited time, within a limited number of bytes.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use crate::ids::{CallId, SessionId, Tenant, Timestamp};
use crate::sensitive::Sensitive;
use crate::session::actor::SessionHandle;
use crate::session::error::{EngineFault, SessionError};
use crate::session::event::Event;
use crate::session::record::{SessionRecord, Status};
use crate::session::registry::CallKey;
use crate::session::request::Kind;
use crate::store::{Change, Store, StoreError};

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The result of a session, after its end.
    pub results: Duration,
    /// Collected speech, after its end.
    pub collected_audio: Duration,
    /// Collected speech of all sessions together, in bytes; beyond it the oldest goes first.
    pub collected_audio_bytes: usize,
}

/// Sessions by id and by call.
#[derive(Debug)]
pub struct Journal {
    store: Store,
    retention: Retention,
    live: Mutex<Live>,
    audio: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Live {
    entries: HashMap<SessionId, Arc<Entry>>,
    calls: HashMap<(CallKey, Kind), SessionId>,
}

impl Journal {
    /// The journal over a store.
    pub fn new(store: Store, retention: Retention) -> Self {
        Self { store, retention, live: Mutex::default(), audio: Mutex::default() }
    }

    /// Ends, in the store, the sessions of a process that ended without notice.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn close_interrupted(&self) -> Result<usize, StoreError> {
        let now = Timestamp::now();
        let unfinished = self.store.unfinished()?;
        let event = Event::error(&SessionError::Engine(EngineFault::Interrupted), None);
        let ended = unfinished.into_iter().map(|mut record| {
            record.lose_count();
            record.follow(&event, now);
            record.keep_for(self.retention.results, now);
            Change::PutSession(Box::new(record))
        });
        let ended: Vec<Change> = ended.collect();
        let count = ended.len();
        if count > 0 {
            self.store.commit(ended).await?;
        }
        Ok(count)
    }

    /// Enters a session that begins. It is acknowledged with [`Journal::keep`].
    pub fn enter(self: &Arc<Self>, record: SessionRecord, session: SessionHandle) -> Recorder {
        let (id, kind) = (record.id, record.kind);
        let call = (CallKey { tenant: record.tenant(), call_id: record.call_id.clone() }, kind);
        let progress = watch::Sender::new(Chapter { record, events: Vec::new() });
        let entry = Arc::new(Entry { session, progress });
        let mut live = self.live();
        live.entries.insert(id, Arc::clone(&entry));
        live.calls.insert(call.clone(), id);
        drop(live);
        Recorder { journal: Arc::clone(self), entry, id, call }
    }

    /// Stores a live session, together with `changes`, and returns when both are on the disk.
    ///
    /// # Errors
    /// If they are not.
    pub async fn keep(&self, id: SessionId, mut changes: Vec<Change>) -> Result<(), StoreError> {
        if let Some(entry) = self.live().entries.get(&id) {
            changes.push(Change::PutSession(Box::new(entry.record())));
        }
        self.store.commit(changes).await
    }

    /// The session, if it is this tenant's and of this kind.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn find(&self, tenant: &Tenant, kind: Kind, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(entry) = self.live().entries.get(&id).cloned() {
            let ours = entry.progress.borrow().record.belongs_to(tenant, kind);
            return Ok(ours.then_some(Found::Live(entry)));
        }
        let stored = self.store.session(id.uuid(), Timestamp::now())?;
        Ok(stored
            .filter(|record| record.belongs_to(tenant, kind))
            .map(|record| Found::Stored(Box::new(record))))
    }

    /// The newest session of a call.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn find_call(
        &self,
        tenant: &Tenant,
        kind: Kind,
        call_id: &CallId,
    ) -> Result<Option<Found>, StoreError> {
        let call = (CallKey { tenant: tenant.clone(), call_id: call_id.clone() }, kind);
        {
            let live = self.live();
            if let Some(entry) = live.calls.get(&call).and_then(|id| live.entries.get(id)) {
                return Ok(Some(Found::Live(Arc::clone(entry))));
            }
        }
        let stored = self.store.session_of_call(tenant, kind, call_id, Timestamp::now())?;
        Ok(stored.map(|record| Found::Stored(Box::new(record))))
    }

    /// Forgets a session that is over.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget(&self, record: SessionRecord) -> Result<(), StoreError> {
        self.audio().remove(record.id);
        self.store.commit(vec![Change::DeleteSession(Box::new(record))]).await
    }

    /// Forgets what is kept of a session that has been forgotten itself, to know its call again; whether there was something.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_attempt(&self, tenant: &Tenant, id: SessionId) -> Result<bool, StoreError> {
        let kept = self.store.is_attempt(tenant, id.uuid())?;
        if kept {
            self.store.commit(vec![Change::DeleteAttempt(id.uuid())]).await?;
        }
        Ok(kept)
    }

    /// The speech that a session collected, as a WAV file, as long as it is kept.
    pub fn collected_audio(&self, id: SessionId) -> Option<Sensitive<Bytes>> {
        self.audio().get(id, Timestamp::now())
    }

    /// Drops speech that was kept long enough.
    pub fn sweep_audio(&self, now: Timestamp) {
        self.audio().sweep(now);
    }

    /// How many sessions are live.
    pub fn live_sessions(&self) -> usize {
        self.live().entries.len()
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // No code panics while it holds the lock; if it did, the maps would still be sound.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn audio(&self) -> MutexGuard<'_, Shelf> {
        self.audio.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that was looked for.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is live, or was a moment ago.
    Live(Arc<Entry>),
    /// It is over.
    Stored(Box<SessionRecord>),
}

impl Found {
    /// Its record now.
    pub fn record(&self) -> SessionRecord {
        match self {
            Self::Live(entry) => entry.record(),
            Self::Stored(record) => SessionRecord::clone(record),
        }
    }

    /// Its resource now, without a copy of the record.
    pub fn resource(&self) -> Value {
        match self {
            Self::Live(entry) => entry.progress.borrow().record.resource(),
            Self::Stored(record) => record.resource(),
        }
    }
}

/// A live session: its record, and every event it has had, for those who listen.
#[derive(Debug)]
pub struct Entry {
    session: SessionHandle,
    progress: watch::Sender<Chapter>,
}

#[derive(Debug)]
struct Chapter {
    record: SessionRecord,
    /// The audio a session takes is limited, and so are its statuses: at most one for half a second.
    events: Vec<Told>,
}

/// An event as listeners get it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its payload, JSON.
    pub body: Sensitive<String>,
    /// Whether it was the last.
    pub terminal: bool,
}

impl Told {
    fn of(event: &Event) -> Self {
        let body = Sensitive::new(Value::Object(event.body().clone()).to_string());
        Self { name: event.name().into(), body, terminal: event.is_terminal() }
    }
}

impl Entry {
    /// Its record now.
    pub fn record(&self) -> SessionRecord {
        self.progress.borrow().record.clone()
    }

    /// The way to the session.
    pub const fn session(&self) -> &SessionHandle {
        &self.session
    }

    /// Ends the session and returns when it has ended.
    pub async fn cancel(&self) {
        self.session.cancel().await;
        self.ended().await;
    }

    /// Returns when the session has ended.
    pub async fn ended(&self) {
        let mut progress = self.progress.subscribe();
        // The entry keeps the sender.
        let _ = progress.wait_for(|chapter| chapter.record.status.is_terminal()).await;
    }

    /// A listener, who misses nothing however slow it is.
    pub fn listen(&self) -> Listener {
        Listener { progress: self.progress.subscribe() }
    }
}

/// Reads a session's events from its entry. Nothing is queued for it, so it cannot fall behind.
#[derive(Debug)]
pub struct Listener {
    progress: watch::Receiver<Chapter>,
}

impl Listener {
    /// The event with this number (counted from 0), as soon as there is one; `None`: there will be none.
    pub async fn event(&mut self, number: usize) -> Option<Told> {
        let chapter = self.progress.wait_for(|chapter| chapter.events.len() > number).await.ok()?;
        chapter.events.get(number).cloned()
    }
}

/// Writes the entry of one session; the session's task has it. Dropping it takes the session out of the live ones.
#[derive(Debug)]
pub struct Recorder {
    journal: Arc<Journal>,
    entry: Arc<Entry>,
    id: SessionId,
    call: (CallKey, Kind),
}

impl Recorder {
    /// Follows a stage.
    pub fn reach(&self, status: Status) {
        self.entry.progress.send_modify(|chapter| chapter.record.reach(status, Timestamp::now()));
    }

    /// Follows an event that is not the last.
    pub fn follow(&self, event: &Event) {
        self.tell(|record| record.follow(event, Timestamp::now()), event);
    }

    /// Follows the last event: stores it, then shows it. If it cannot be stored, it is shown as long as the process lives.
    pub async fn finish(&self, event: &Event) {
        let now = Timestamp::now();
        let mut record = self.entry.record();
        record.follow(event, now);
        record.keep_for(self.journal.retention.results, now);
        if let Some(wav) = event.audio() {
            let until = now.after(self.journal.retention.collected_audio);
            self.journal.audio().put(
                self.id,
                wav.clone(),
                until,
                self.journal.retention.collected_audio_bytes,
            );
        }
        let stored = self.journal.store.commit(vec![Change::PutSession(Box::new(record.clone()))]).await;
        if let Err(error) = stored {
            tracing::error!(session = %self.id, %error, "the end of a session could not be stored");
        }
        self.tell(|shown| *shown = record, event);
    }

    fn tell(&self, change: impl FnOnce(&mut SessionRecord), event: &Event) {
        self.entry.progress.send_modify(|chapter| {
            change(&mut chapter.record);
            chapter.events.push(Told::of(event));
        });
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let mut live = self.journal.live();
        live.entries.remove(&self.id);
        // The call may have a newer session by now.
        if live.calls.get(&self.call) == Some(&self.id) {
            live.calls.remove(&self.call);
        }
    }
}

/// Collected speech, the oldest first.
#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<SessionId, (Sensitive<Bytes>, Timestamp)>,
    order: VecDeque<SessionId>,
    bytes: usize,
}

impl Shelf {
    fn put(&mut self, id: SessionId, wav: Bytes, until: Timestamp, limit: usize) {
        if wav.len() > limit {
            return;
        }
        self.bytes += wav.len();
        self.kept.insert(id, (Sensitive::new(wav), until));
        self.order.push_back(id);
        while self.bytes > limit {
            let Some(oldest) = self.order.front().copied() else { return };
            self.remove(oldest);
        }
    }

    fn get(&self, id: SessionId, now: Timestamp) -> Option<Sensitive<Bytes>> {
        self.kept.get(&id).filter(|(_, until)| *until > now).map(|(wav, _)| wav.clone())
    }

    fn remove(&mut self, id: SessionId) {
        if let Some((wav, _)) = self.kept.remove(&id) {
            self.bytes -= wav.expose().len();
            self.order.retain(|other| *other != id);
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        // All are kept equally long, so the oldest goes first.
        while let Some(oldest) = self.order.front().copied() {
            match self.kept.get(&oldest) {
                Some((_, until)) if *until > now => return,
                _ => self.remove(oldest),
            }
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
