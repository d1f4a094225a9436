//! In: a client id and a secret. Out: which client it is, or a refusal; slow to guess, cheap to refuse.
//!
//! Checking a secret the first time is argon2: milliseconds of a core and megabytes of memory. So that guessing cannot
//! turn that against the server or against other tenants:
//!
//! * a secret that was found right before is recognised by a keyed digest, in microseconds, whatever else goes on;
//! * each client id has a **lane**: one computation at a time, a few requests that wait for it, the rest is refused at
//!   once; and a budget of failures (ten, then one in two seconds), beyond which nothing is computed;
//! * ids that do not exist share a few lanes, and are compared with the hash of nobody's secret: they cost and answer
//!   as those that do;
//! * lanes take turns on the cores that compute, first come, first served: behind 10,000 guesses at one client, another
//!   one waits for at most one of them.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::time::Instant;

use crate::data_dir::DataDirError;
use crate::sensitive::Sensitive;
use crate::tenant::failures::{Denied, Failures};
use crate::tenant::keyring::{Client, ClientSecret, Keyring, Keys};
use crate::tenant::limits::Exceeded;
use crate::tenant::secret;
use crate::tenant::time::UnixTime;

/// Computations at the same time.
const PARALLEL: usize = 2;
/// Requests of one lane that compute or wait; a fleet that starts at once with one secret waits for its first member.
const LANE_REQUESTS: usize = 64;
/// Lanes of ids that do not exist: as many as keep the cost of all of them together at a few percent of a core.
const STRANGERS: usize = 16;
/// When to come back to a lane that is full.
const LANE_RETRY: Duration = Duration::from_secs(2);

/// Where the attempts at one client id queue.
#[derive(Debug)]
pub(crate) struct Lane {
    requests: Semaphore,
    turn: Arc<tokio::sync::Mutex<()>>,
    failures: Failures,
}

impl Default for Lane {
    fn default() -> Self {
        let failures = Failures::none(now());
        Self { requests: Semaphore::new(LANE_REQUESTS), turn: Arc::default(), failures }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A client that proved itself, and with which of its secrets.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) client: Arc<Client>,
    pub(crate) secret: ClientSecret,
}

/// Checks client secrets.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Of this process only: what it recognises by is of no use to anybody who reads its memory later.
    digest_key: Sensitive<[u8; 32]>,
    /// The hash of nobody's secret.
    nobody: Sensitive<String>,
    strangers: Vec<Arc<Lane>>,
    stranger: RandomState,
    computing: Arc<Semaphore>,
    /// How many computations there were.
    computed: Arc<AtomicU64>,
}

impl Guard {
    /// A guard that has seen nobody yet.
    pub(crate) fn new() -> Result<Self, DataDirError> {
        Ok(Self {
            digest_key: Sensitive::new(secret::random()?),
            nobody: secret::hash("", None)?,
            strangers: (0..STRANGERS).map(|_| Arc::default()).collect(),
            stranger: RandomState::new(),
            computing: Arc::new(Semaphore::new(PARALLEL)),
            computed: Arc::default(),
        })
    }

    /// Whose secret it is.
    pub(crate) async fn prove(
        &self,
        keyring: &Keyring,
        client_id: &str,
        presented: Sensitive<String>,
    ) -> Result<Proven, Denied> {
        let digest = self.digest(client_id, presented.expose());
        let keys = keyring.keys();
        if let Some(proven) = recognise(&keys, client_id, &digest) {
            return Ok(proven);
        }
        let lane = match keys.client(client_id) {
            Some(client) => Arc::clone(&client.lane),
            None => {
                let number = self.stranger.hash_one(client_id) % STRANGERS as u64;
                Arc::clone(&self.strangers[number as usize])
            }
        };
        let full = |_| Denied::TooMany(Exceeded { retry_after: LANE_RETRY });
        let _waiting = lane.requests.try_acquire().map_err(full)?;
        let turn = Arc::clone(&lane.turn).lock_owned().await;
        // While it waited, somebody may have proved this secret, or the operator have changed the keys.
        let keys = keyring.keys();
        if let Some(proven) = recognise(&keys, client_id, &digest) {
            return Ok(proven);
        }
        lane.failures.attempt(now())?;
        let client = keys.client(client_id).cloned();
        let secrets: Vec<ClientSecret> =
            client.iter().flat_map(|client| client.live_secrets(UnixTime::now())).cloned().collect();
        let found = self.compute(presented, digest, secrets, lane.clone(), turn).await;
        match (client, found) {
            (Some(client), Some(secret)) => Ok(Proven { client, secret }),
            _ => Err(Denied::Wrong),
        }
    }

    async fn compute(
        &self,
        presented: Sensitive<String>,
        digest: [u8; 32],
        secrets: Vec<ClientSecret>,
        lane: Arc<Lane>,
        turn: OwnedMutexGuard<()>,
    ) -> Option<ClientSecret> {
        let core = Arc::clone(&self.computing).acquire_owned().await.ok()?;
        let mut hashes: Vec<Sensitive<String>> = secrets.iter().map(|secret| secret.hash.clone()).collect();
        if hashes.is_empty() {
            hashes.push(self.nobody.clone());
        }
        let computed = Arc::clone(&self.computed);
        let compute = move || {
            // Held here and not by the request, which its client can drop: the computation would go on without them.
            let _held = (core, turn);
            computed.fetch_add(1, Ordering::Relaxed);
            let found = secrets.get(secret::which(presented.expose(), &hashes)?)?.clone();
            lane.failures.succeeded();
            let _ = found.recognised.set(digest);
            Some(found)
        };
        tokio::task::spawn_blocking(compute).await.ok().flatten()
    }

    fn digest(&self, client_id: &str, presented: &str) -> [u8; 32] {
        // A key of any length is taken; the error cannot happen.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.digest_key.expose()) else { return [0; 32] };
        // The length first: or a part of the id could pass for a part of the secret.
        mac.update(&(client_id.len() as u64).to_le_bytes());
        mac.update(client_id.as_bytes());
        mac.update(presented.as_bytes());
        mac.finalize().into_bytes().into()
    }

    #[cfg(test)]
    pub(crate) fn computations(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }
}

fn recognise(keys: &Keys, client_id: &str, digest: &[u8; 32]) -> Option<Proven> {
    let client = keys.client(client_id)?;
    let same =
        |secret: &&ClientSecret| secret.recognised.get().is_some_and(|known| bool::from(known.ct_eq(digest)));
    let secret = client.live_secrets(UnixTime::now()).find(same)?.clone();
    Some(Proven { client: Arc::clone(client), secret })
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
