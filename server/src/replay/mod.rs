//! In: the speech of a verification, what its credential knows of the enrolment, attempts that were made before. Out: whether the
//! recording was heard before, and the attempt, to be kept.
//!
//! What a fingerprint is: [`peakstream::replay`]; what a tenant says of it: [`crate::tenant::replay`]; how well it works and what it
//! costs: `docs/replay.md`. Attempts are kept sealed, under a keyed hash of the credential they were made with, and are compared with calls
//! that began after they had ended: a carrier's second copy of one call is the same recording for good reasons.
//!
//! Recordings that are new to the server leave other signs ([`Sign`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use peakstream::replay::{Agreement, Fingerprint};
use serde_json::{Value, json};

use crate::ids::{SessionId, Tenant, Timestamp};
use crate::session::countermeasure::Opinion;
use crate::store::{Change, Mark, NewAttempt, Store, StoreError, StoredAttempt};
use crate::tenant::keyring::Keyring;
use crate::tenant::replay::TenantReplay;
use crate::tenant::sealed::Owner;

mod sign;

pub use sign::Sign;

/// What was noticed of recordings in a call.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// It was heard before.
    pub replay: Option<Replay>,
    /// What else speaks for a recording.
    pub signs: Vec<Sign>,
    /// What is kept of the call once it has ended, to know it again.
    pub attempt: Option<Box<Attempt>>,
}

impl Recorded {
    /// What a recording that was heard before says of the call. A credential that knows no recording is no reason to ask.
    pub const fn opinion(&self) -> Opinion {
        if self.replay.is_some() { Opinion::Suspicious } else { Opinion::Unsuspicious }
    }
}

/// A recording that was heard before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replay {
    /// Where.
    pub heard: HeardIn,
    /// How much of it.
    pub agreement: Agreement,
}

/// Where a recording was heard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardIn {
    /// The registration that made the credential.
    Enrolment,
    /// An earlier verification with the credential.
    Attempt,
}

impl HeardIn {
    /// As results say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrolment => "enrolment",
            Self::Attempt => "attempt",
        }
    }
}

impl Replay {
    /// As results tell it: where it was heard, how alike, the share of compared cells that differ, seconds in common.
    pub fn as_json(&self) -> Value {
        let Self { heard, agreement } = self;
        let rate = f64::from(agreement.bit_error_rate().unwrap_or_default());
        json!({
            "heard_in": heard.name(),
            "similarity": agreement.similarity().0,
            "bit_error_rate": (rate * 1e4).round() / 1e4,
            "seconds": (agreement.seconds() * 100.0).round() / 100.0,
        })
    }
}

/// What a verification is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The credential's text, which opens.
    pub credential: &'a str,
    /// Of the enrolment, if the credential has it.
    pub enrolment: Option<&'a Fingerprint>,
    /// Cosine of its voice and the call's, if both came through the same channel type.
    pub cosine: Option<f64>,
    /// When the call began.
    pub began: Timestamp,
}

/// An attempt that is to be kept once the call has ended.
#[derive(Clone, Debug)]
pub struct Attempt {
    mark: Mark,
    fingerprint: Fingerprint,
}

/// What tenants have of recordings.
#[derive(Debug)]
pub struct Replays {
    keyring: Arc<Keyring>,
    store: Store,
    /// Attempts that are kept at most, of all tenants.
    most: u64,
    /// Whether the log has been told that there are so many.
    complained: AtomicBool,
}

/// Attempts of a tenant that are removed in one transaction.
const AT_ONCE: usize = 1_000;

impl Replays {
    /// Those of a data directory.
    pub const fn new(keyring: Arc<Keyring>, store: Store, most: u64) -> Self {
        Self { keyring, store, most, complained: AtomicBool::new(false) }
    }

    /// What a tenant wants; `None`: nothing.
    pub fn wanted(&self, tenant: &Tenant) -> Option<TenantReplay> {
        self.keyring.replay(tenant)
    }

    /// Looks for a call among what was heard before; where it agrees best, if that is the same recording. And the attempt, if it is to be
    /// kept: one that was heard before would only push out another. Costs a comparison for each fingerprint, and reads the store.
    pub fn look(
        &self,
        tenant: &Tenant,
        wanted: TenantReplay,
        known: Known<'_>,
        call: Fingerprint,
    ) -> Recorded {
        let signs = Sign::of(&call, known.cosine);
        let mark = if wanted.keeps_attempts() { self.mark(tenant, known.credential) } else { None };
        let attempts = mark.map(|mark| self.attempts(tenant, &mark, known.began)).unwrap_or_default();
        let enrolment = known.enrolment.map(|enrolment| (HeardIn::Enrolment, enrolment));
        let attempts = attempts.iter().map(|attempt| (HeardIn::Attempt, attempt));
        let replay = enrolment
            .into_iter()
            .chain(attempts)
            .map(|(heard, earlier)| Replay { heard, agreement: earlier.agreement(&call) })
            .filter(|replay| replay.agreement.is_same_recording())
            .max_by_key(|replay| replay.agreement.similarity());
        let new = mark.filter(|_| replay.is_none());
        let attempt = new.map(|mark| Box::new(Attempt { mark, fingerprint: call }));
        Recorded { replay, signs, attempt }
    }

    /// Keeps an attempt whose call has ended. What cannot be kept is said in the log; the call's result does not depend on it.
    pub async fn keep(&self, tenant: &Tenant, session: SessionId, attempt: &Attempt) {
        // What the tenant wants now.
        let Some(wanted) = self.wanted(tenant).filter(TenantReplay::keeps_attempts) else { return };
        if let Err(error) = self.try_keep(tenant, wanted, session, attempt).await {
            tracing::error!(%session, %error, "an attempt could not be kept");
        }
    }

    async fn try_keep(
        &self,
        tenant: &Tenant,
        wanted: TenantReplay,
        session: SessionId,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        if self.store.counts()?.attempts >= self.most {
            if !self.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!(most = self.most, "no more attempts are kept before others expire");
            }
            return Ok(());
        }
        self.complained.store(false, Ordering::Relaxed);
        let now = Timestamp::now();
        let purpose = purpose(&attempt.mark);
        let owner = Owner { purpose: &purpose, tenant: tenant.name() };
        let sealed = self.keyring.sealer().seal(owner, &attempt.fingerprint.to_bytes());
        let fingerprint = sealed.map_err(|_| StoreError::Damaged)?;
        let stored = StoredAttempt { fingerprint, ended_at: now, expires_at: now.after(wanted.kept_for()) };
        let new = NewAttempt {
            tenant: tenant.clone(),
            mark: attempt.mark,
            session: session.uuid(),
            attempt: stored,
            keep: wanted.keep as usize,
        };
        self.store.commit(vec![Change::PutAttempt(Box::new(new))]).await
    }

    /// Forgets attempts of tenants who do not want them any more, some at a time.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let unwanted = |tenant: &Tenant| !self.wanted(tenant).is_some_and(|wanted| wanted.keeps_attempts());
        let tenants = self.store.tenants_with_attempts()?.into_iter().filter(unwanted);
        let changes: Vec<Change> = tenants.map(|tenant| Change::DeleteAttempts(tenant, AT_ONCE)).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let tenants = changes.len();
        self.store.commit(changes).await?;
        tracing::info!(tenants, "attempts that nobody wants were removed");
        Ok(())
    }

    /// Fingerprints of attempts that had ended when a call began.
    fn attempts(&self, tenant: &Tenant, mark: &Mark, began: Timestamp) -> Vec<Fingerprint> {
        let kept = self.store.attempts(tenant, mark, Timestamp::now()).unwrap_or_else(|error| {
            tracing::error!(%error, "earlier attempts cannot be read; a call is not compared with them");
            Vec::new()
        });
        let purpose = purpose(mark);
        let owner = Owner { purpose: &purpose, tenant: tenant.name() };
        let sealer = self.keyring.sealer();
        let ended = kept.iter().filter(|attempt| attempt.ended_at < began);
        // What was sealed with a key that has been removed since is gone.
        let opened = ended.filter_map(|attempt| sealer.open(owner, attempt.fingerprint.expose()));
        opened.filter_map(|bytes| Fingerprint::from_bytes(&bytes)).collect()
    }

    /// `None` for what is not a credential sealed here, which does not open either.
    fn mark(&self, tenant: &Tenant, credential: &str) -> Option<Mark> {
        self.keyring.sealer().mark(tenant.name(), credential)
    }
}

/// What an attempt's fingerprint is sealed for.
fn purpose(mark: &Mark) -> String {
    format!("attempt with {}", crate::data_dir::hex(mark))
}

#[cfg(test)]
mod tests;
