//! In: sessions that begin, audio connections that look for one. Out: who belongs together, and how many there are.
//!
//! Sessions are found by tenant, call id and audio protocol; tenants do not see each other, and a session that waits for one
//! carrier's protocol is unknown to the others. An audio connection may come before its session: it takes one of a limited
//! number of seats, and is woken when a session of its call is admitted.
//!
//! Everything that counts is a guard: dropping it, for whatever reason, undoes it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::ids::{CallId, Tenant};
use crate::session::actor::SessionHandle;
use crate::session::request::audio::AudioProtocol;

/// What joins signalling and audio.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// Whose call it is.
    pub tenant: Tenant,
    /// Which call.
    pub call_id: CallId,
}

/// Why a session was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// A live session of this tenant already uses this call id.
    CallIdInUse,
    /// As many sessions live as the configuration allows.
    Full,
    /// As many sessions of this tenant live as it may have.
    TenantFull,
}

/// How many of what there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that have not had their terminal event.
    pub live_sessions: usize,
    /// Open audio connections, with or without a session.
    pub audio_connections: usize,
    /// Audio connections that wait for their session.
    pub parked: usize,
}

/// The directory of live sessions. Shared by reference counting.
#[derive(Debug)]
pub struct Registry {
    max_sessions: usize,
    max_parked: usize,
    audio_connections: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<CallKey, (AudioProtocol, SessionHandle)>,
    /// How many of them each tenant has; none is not kept.
    of_tenant: HashMap<Tenant, usize>,
    waiting: HashMap<CallKey, Arc<Notify>>,
    parked: usize,
    /// Those of calls that may wait for hours, with how many each tenant has; none is not kept.
    parked_calls: usize,
    parked_of_tenant: HashMap<Tenant, usize>,
}

/// How many calls may wait for a session, as long as they last.
#[derive(Clone, Copy, Debug)]
pub struct ParkedCalls {
    /// Of all tenants.
    pub most: usize,
    /// Of one.
    pub most_of_tenant: usize,
}

impl Registry {
    /// An empty directory with its limits.
    pub fn new(max_sessions: usize, max_parked: usize) -> Arc<Self> {
        let (audio_connections, inner) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { max_sessions, max_parked, audio_connections, inner })
    }

    /// Enters a session and wakes the audio connections that wait for it. `protocol`: how its audio will come. `tenant_limit`: how many sessions its tenant may
    /// have.
    ///
    /// # Errors
    /// If the call id is in use, or the directory or the tenant's share of it full.
    pub fn admit(
        self: &Arc<Self>,
        key: CallKey,
        protocol: AudioProtocol,
        handle: SessionHandle,
        tenant_limit: Option<usize>,
    ) -> Result<Admission, NotAdmitted> {
        let mut inner = self.lock();
        if inner.live.contains_key(&key) {
            return Err(NotAdmitted::CallIdInUse);
        }
        if inner.live.len() >= self.max_sessions {
            return Err(NotAdmitted::Full);
        }
        let of_tenant = inner.of_tenant.get(&key.tenant).copied().unwrap_or_default();
        if tenant_limit.is_some_and(|limit| of_tenant >= limit) {
            return Err(NotAdmitted::TenantFull);
        }
        inner.of_tenant.insert(key.tenant.clone(), of_tenant + 1);
        inner.live.insert(key.clone(), (protocol, handle));
        if let Some(waiting) = inner.waiting.get(&key) {
            waiting.notify_waiters();
        }
        drop(inner);
        Ok(Admission { registry: Arc::clone(self), key })
    }

    /// The live session of a call whose audio comes by that protocol.
    pub fn find(&self, key: &CallKey, protocol: AudioProtocol) -> Option<SessionHandle> {
        let inner = self.lock();
        inner.live.get(key).filter(|(wanted, _)| *wanted == protocol).map(|(_, handle)| handle.clone())
    }

    /// Waits until the call has a session whose audio comes by Media Streams, at most until `deadline`. `None`: it did not
    /// come, or no seat is free.
    pub async fn wait_for(self: &Arc<Self>, key: &CallKey, deadline: Instant) -> Option<SessionHandle> {
        let mut seat = self.seat_of_stream(key)?;
        timeout_at(deadline, seat.session()).await.ok()
    }

    /// The same for a connection that may not have the call's session: it cannot tell that from a call without one.
    pub async fn wait_in_vain(self: &Arc<Self>, key: &CallKey, deadline: Instant) {
        if let Some(_seat) = self.seat_of_stream(key) {
            sleep_until(deadline).await;
        }
    }

    fn seat_of_stream(self: &Arc<Self>, key: &CallKey) -> Option<Seat> {
        let mut inner = self.lock();
        if inner.parked >= self.max_parked {
            return None;
        }
        inner.parked += 1;
        Some(inner.seat(self, key, AudioProtocol::Twilio, Counted::Stream))
    }

    /// Takes a seat for an AudioHook call. `None`: none is free.
    pub fn park(self: &Arc<Self>, key: &CallKey, limits: ParkedCalls) -> Option<Seat> {
        let mut inner = self.lock();
        let of_tenant = inner.parked_of_tenant.get(&key.tenant).copied().unwrap_or_default();
        if inner.parked_calls >= limits.most || of_tenant >= limits.most_of_tenant {
            return None;
        }
        inner.parked_calls += 1;
        inner.parked_of_tenant.insert(key.tenant.clone(), of_tenant + 1);
        Some(inner.seat(self, key, AudioProtocol::AudioHook, Counted::Call))
    }

    /// Counts an audio connection for as long as the guard lives.
    pub fn audio_connected(self: &Arc<Self>) -> AudioConnection {
        self.audio_connections.fetch_add(1, Ordering::Relaxed);
        AudioConnection { registry: Arc::clone(self) }
    }

    /// How many of what there are now.
    pub fn counts(&self) -> Counts {
        let inner = self.lock();
        Counts {
            live_sessions: inner.live.len(),
            audio_connections: self.audio_connections.load(Ordering::Relaxed),
            parked: inner.parked + inner.parked_calls,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code panics while it holds the lock; if it did, the maps would still be sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's place in the directory; dropping it frees the call id.
#[derive(Debug)]
pub struct Admission {
    registry: Arc<Registry>,
    key: CallKey,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        inner.live.remove(&self.key);
        if let Entry::Occupied(mut of_tenant) = inner.of_tenant.entry(self.key.tenant.clone()) {
            *of_tenant.get_mut() -= 1;
            if *of_tenant.get() == 0 {
                of_tenant.remove();
            }
        }
    }
}

/// An open audio connection. See [`Registry::audio_connected`].
#[derive(Debug)]
pub struct AudioConnection {
    registry: Arc<Registry>,
}

impl Drop for AudioConnection {
    fn drop(&mut self) {
        self.registry.audio_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Against which limit a seat counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Stream,
    Call,
}

/// One audio connection that waits for its session.
#[derive(Debug)]
pub struct Seat {
    registry: Arc<Registry>,
    key: CallKey,
    protocol: AudioProtocol,
    counted: Counted,
    bell: Arc<Notify>,
    /// The session that did not take this connection.
    refused: Option<SessionHandle>,
}

impl Inner {
    fn seat(
        &mut self,
        registry: &Arc<Registry>,
        key: &CallKey,
        protocol: AudioProtocol,
        counted: Counted,
    ) -> Seat {
        let bell = Arc::clone(self.waiting.entry(key.clone()).or_default());
        Seat { registry: Arc::clone(registry), key: key.clone(), protocol, counted, bell, refused: None }
    }
}

impl Seat {
    /// Waits until the call has a session that has not refused this connection. Cancelling it loses nothing.
    pub async fn session(&mut self) -> SessionHandle {
        loop {
            let mut woken = std::pin::pin!(self.bell.notified());
            // Registered before the look-up, so that a session admitted between the two is not missed.
            woken.as_mut().enable();
            let found = self.registry.find(&self.key, self.protocol);
            let refused = |session: &SessionHandle| self.refused.as_ref().is_some_and(|one| one.is(session));
            if let Some(session) = found.filter(|session| !refused(session)) {
                return session;
            }
            woken.await;
        }
    }

    /// This session has its audio already; the next one is waited for.
    pub fn was_refused_by(&mut self, session: SessionHandle) {
        self.refused = Some(session);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        match self.counted {
            Counted::Stream => inner.parked -= 1,
            Counted::Call => {
                inner.parked_calls -= 1;
                if let Entry::Occupied(mut of_tenant) = inner.parked_of_tenant.entry(self.key.tenant.clone())
                {
                    *of_tenant.get_mut() -= 1;
                    if *of_tenant.get() == 0 {
                        of_tenant.remove();
                    }
                }
            }
        }
        // Two owners: the map and this seat. Nobody else can join while the lock is held.
        if Arc::strong_count(&self.bell) == 2 {
            inner.waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TWILIO: AudioProtocol = AudioProtocol::Twilio;

    fn key(tenant: &str, call: &str) -> CallKey {
        CallKey { tenant: Tenant::new(tenant), call_id: CallId::new(call).unwrap() }
    }

    #[tokio::test]
    async fn a_call_id_is_used_once_per_tenant_and_free_again_afterwards() {
        let registry = Registry::new(10, 10);
        let first = registry.admit(key("a", "1"), TWILIO, SessionHandle::detached(), None).unwrap();
        assert_eq!(
            registry.admit(key("a", "1"), TWILIO, SessionHandle::detached(), None).err(),
            Some(NotAdmitted::CallIdInUse)
        );
        let _other = registry.admit(key("b", "1"), TWILIO, SessionHandle::detached(), None).unwrap();
        drop(first);
        assert!(registry.find(&key("a", "1"), TWILIO).is_none());
        assert!(registry.admit(key("a", "1"), TWILIO, SessionHandle::detached(), None).is_ok());
    }

    #[tokio::test]
    async fn the_number_of_sessions_is_limited() {
        let registry = Registry::new(1, 10);
        let only = registry.admit(key("a", "1"), TWILIO, SessionHandle::detached(), None).unwrap();
        assert_eq!(
            registry.admit(key("a", "2"), TWILIO, SessionHandle::detached(), None).err(),
            Some(NotAdmitted::Full)
        );
        drop(only);
        assert_eq!(registry.counts(), Counts::default());
    }

    #[tokio::test]
    async fn a_tenants_sessions_are_limited_without_touching_anothers() {
        let registry = Registry::new(10, 10);
        let admit =
            |tenant, call| registry.admit(key(tenant, call), TWILIO, SessionHandle::detached(), Some(2));
        let (first, second) = (admit("a", "1").unwrap(), admit("a", "2").unwrap());
        assert_eq!(admit("a", "3").err(), Some(NotAdmitted::TenantFull));
        let other = admit("b", "1").unwrap();
        drop(first);
        let third = admit("a", "3").unwrap();
        assert_eq!(admit("a", "4").err(), Some(NotAdmitted::TenantFull));
        drop((second, other, third));
        assert!(registry.lock().of_tenant.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn audio_that_comes_first_is_woken_by_its_session() {
        let registry = Registry::new(10, 10);
        let deadline = Instant::now() + Duration::from_secs(10);
        let waiter = tokio::spawn({
            let registry = Arc::clone(&registry);
            async move { registry.wait_for(&key("a", "1"), deadline).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert_eq!(registry.counts().parked, 1);
        let _foreign = registry.admit(key("b", "1"), TWILIO, SessionHandle::detached(), None).unwrap();
        tokio::task::yield_now().await;
        assert_eq!(registry.counts().parked, 1, "another tenant's session is not this call's");
        let _session = registry.admit(key("a", "1"), TWILIO, SessionHandle::detached(), None).unwrap();
        assert!(waiter.await.unwrap());
        assert_eq!(registry.counts().parked, 0);
        assert!(registry.lock().waiting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn audio_without_a_session_waits_until_its_deadline_and_leaves_nothing() {
        let registry = Registry::new(10, 10);
        let begun = Instant::now();
        let found = registry.wait_for(&key("a", "1"), begun + Duration::from_secs(10)).await;
        assert!(found.is_none());
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        assert_eq!(registry.counts(), Counts::default());
        assert!(registry.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn the_number_of_waiting_audio_connections_is_limited() {
        let registry = Registry::new(10, 0);
        assert!(registry.wait_for(&key("a", "1"), Instant::now() + Duration::from_secs(10)).await.is_none());
    }

    const SEATS: ParkedCalls = ParkedCalls { most: 3, most_of_tenant: 2 };

    fn admit(registry: &Arc<Registry>, protocol: AudioProtocol) -> (Admission, SessionHandle) {
        let session = SessionHandle::detached();
        (registry.admit(key("a", "1"), protocol, session.clone(), None).unwrap(), session)
    }

    #[tokio::test]
    async fn a_session_is_found_by_the_protocol_it_waits_for_and_by_no_other() {
        let registry = Registry::new(10, 10);
        let mut seat = registry.park(&key("a", "1"), SEATS).unwrap();
        let (twilio, _) = admit(&registry, TWILIO);
        assert!(registry.find(&key("a", "1"), AudioProtocol::AudioHook).is_none());
        assert!(tokio::time::timeout(Duration::ZERO, seat.session()).await.is_err());
        drop(twilio);
        let (_admission, session) = admit(&registry, AudioProtocol::AudioHook);
        assert!(seat.session().await.is(&session));
        assert!(registry.find(&key("a", "1"), TWILIO).is_none());
    }

    #[tokio::test]
    async fn case_118_a_call_whose_session_refused_it_waits_for_the_next_one() {
        let registry = Registry::new(10, 10);
        let mut seat = registry.park(&key("a", "1"), SEATS).unwrap();
        let (first, session) = admit(&registry, AudioProtocol::AudioHook);
        let found = seat.session().await;
        assert!(found.is(&session));
        seat.was_refused_by(found);
        assert!(tokio::time::timeout(Duration::ZERO, seat.session()).await.is_err());
        drop(first);
        let (_second, session) = admit(&registry, AudioProtocol::AudioHook);
        assert!(seat.session().await.is(&session));
    }

    #[tokio::test]
    async fn seats_of_calls_are_limited_for_all_and_for_each_tenant_and_come_back() {
        let registry = Registry::new(10, 0);
        let park = |tenant, call| registry.park(&key(tenant, call), SEATS);
        let (one, two) = (park("a", "1").unwrap(), park("a", "2").unwrap());
        assert!(park("a", "3").is_none(), "the tenant's share");
        let three = park("b", "1").unwrap();
        assert!(park("b", "2").is_none(), "all of them");
        assert_eq!(registry.counts().parked, 3);
        drop(one);
        let again = park("b", "2").unwrap();
        drop((two, three, again));
        assert_eq!(registry.counts(), Counts::default());
        let inner = registry.lock();
        assert!(inner.waiting.is_empty() && inner.parked_of_tenant.is_empty());
    }
}
