//! In: connections that have a call. Out: the one that a new connection of the same call continues, and where it stood.
//!
//! A reconnecting client opens a second connection and names the sessions it continues. What it finds here depends on
//! whether the first is still there: then it hands its audio over; or gone a moment ago: then its position is known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use peakstream::AudioFormat;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::audio_channel::audiohook::link::Streaming;
use crate::audio_channel::audiohook::message::StreamTime;
use crate::session::registry::CallKey;

/// How long a connection may take to hand its call over; the other one's client waits 5 s for its answer.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);
/// Positions of connections that are gone are kept for as long as clients try to reconnect.
const KEPT: Duration = Duration::from_secs(60);
/// And no more of them than this.
const MOST_KEPT: usize = 1024;

/// What a connection leaves to the one that continues it.
#[derive(Debug)]
pub struct Legacy {
    /// The audio's way into the session, if it had found one.
    pub streaming: Option<Box<Streaming>>,
    /// How far it has heard.
    pub position: StreamTime,
}

/// Asks a connection to hand its call over to one whose audio has this format.
#[derive(Debug)]
pub struct HandOver {
    /// Of the audio that will come.
    pub format: AudioFormat,
    /// Where the call goes.
    pub heir: oneshot::Sender<Legacy>,
}

/// A call, and the client's name of one connection of it.
type Name = (CallKey, Box<str>);

/// The calls of all AudioHook connections.
#[derive(Debug, Default)]
pub struct Calls {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<Name, mpsc::Sender<HandOver>>,
    gone: HashMap<Name, (StreamTime, Instant)>,
}

/// A connection's entry; dropping it removes it.
#[derive(Debug)]
pub struct Entry {
    calls: Arc<Calls>,
    name: Name,
    requests: mpsc::Receiver<HandOver>,
}

impl Calls {
    /// Enters a connection. A second one of the same name takes the first one's place.
    pub fn enter(self: &Arc<Self>, key: CallKey, id: &str) -> Entry {
        let (sender, requests) = mpsc::channel(1);
        let name = (key, Box::from(id.to_ascii_lowercase()));
        self.lock().live.insert(name.clone(), sender);
        Entry { calls: Arc::clone(self), name, requests }
    }

    /// What one of the earlier connections leaves, if it is there, or was.
    pub async fn take_over(&self, key: &CallKey, earlier: &[String], format: AudioFormat) -> Option<Legacy> {
        for id in earlier {
            let name = (key.clone(), Box::from(id.to_ascii_lowercase()));
            let live = self.lock().live.get(&name).cloned();
            if let Some(way) = live {
                let (heir, legacy) = oneshot::channel();
                if way.try_send(HandOver { format, heir }).is_ok()
                    && let Ok(Ok(legacy)) = timeout(HAND_OVER_TIMEOUT, legacy).await
                {
                    return Some(legacy);
                }
            }
            let gone = self.lock().gone.remove(&name);
            if let Some((position, _)) = gone.filter(|(_, since)| since.elapsed() < KEPT) {
                return Some(Legacy { streaming: None, position });
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds the lock; if it did, the maps would still be sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whose call it is.
    pub const fn key(&self) -> &CallKey {
        &self.name.0
    }

    /// The next request to hand the call over. Cancelling it loses nothing.
    pub async fn asked(&mut self) -> HandOver {
        match self.requests.recv().await {
            Some(request) => request,
            // The sender was replaced: nobody will ask.
            None => std::future::pending().await,
        }
    }

    /// The connection broke off while audio came: another may go on from here.
    pub fn leave_position(&self, position: StreamTime) {
        let mut inner = self.calls.lock();
        inner.gone.retain(|_, (_, since)| since.elapsed() < KEPT);
        if inner.gone.len() < MOST_KEPT {
            inner.gone.insert(self.name.clone(), (position, Instant::now()));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Closed first: a sender that is still open is another connection's.
        self.requests.close();
        let mut inner = self.calls.lock();
        if inner.live.get(&self.name).is_some_and(mpsc::Sender::is_closed) {
            inner.live.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CallId, Tenant};
    use peakstream::{Encoding, SampleRate};

    const MONO: AudioFormat = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);

    fn key(tenant: &str) -> CallKey {
        CallKey { tenant: Tenant::new(tenant), call_id: CallId::new("1").unwrap() }
    }

    fn seconds(seconds: u64) -> StreamTime {
        StreamTime::of_samples(seconds * 8000)
    }

    #[tokio::test]
    async fn case_072_a_connection_that_is_there_hands_its_call_over() {
        let calls = Arc::new(Calls::default());
        let mut entry = calls.enter(key("a"), "AB");
        let answers = tokio::spawn(async move {
            let request = entry.asked().await;
            request.heir.send(Legacy { streaming: None, position: seconds(7) }).unwrap();
            entry
        });
        let legacy = calls.take_over(&key("a"), &["other".into(), "ab".into()], MONO).await.unwrap();
        assert_eq!(legacy.position, seconds(7));
        drop(answers.await.unwrap());
        assert!(calls.lock().live.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_answer_or_is_another_tenants_gives_nothing() {
        let calls = Arc::new(Calls::default());
        let _silent = calls.enter(key("a"), "ab");
        assert!(calls.take_over(&key("b"), &["ab".into()], MONO).await.is_none());
        let begun = Instant::now();
        assert!(calls.take_over(&key("a"), &["ab".into()], MONO).await.is_none());
        assert_eq!(begun.elapsed(), HAND_OVER_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn the_position_of_a_connection_that_broke_off_is_known_once_and_for_a_while() {
        let calls = Arc::new(Calls::default());
        for _ in 0..2 {
            let entry = calls.enter(key("a"), "ab");
            entry.leave_position(seconds(3));
        }
        let position = async || Some(calls.take_over(&key("a"), &["ab".into()], MONO).await?.position);
        assert_eq!(position().await, Some(seconds(3)));
        assert_eq!(position().await, None);
        calls.enter(key("a"), "ab").leave_position(seconds(3));
        tokio::time::advance(KEPT).await;
        assert_eq!(position().await, None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let calls = Arc::new(Calls::default());
        for number in 0..2 * MOST_KEPT {
            calls.enter(key("a"), &number.to_string()).leave_position(seconds(3));
        }
        let inner = calls.lock();
        assert_eq!((inner.gone.len(), inner.live.len()), (MOST_KEPT, 0));
    }
}
