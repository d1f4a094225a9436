//! In: voices of callers who were accepted. Out: a tenant's centre ([`peakstream::Centre`]), learnt once, then the same for good.
//!
//! Off until an operator says `peakstream tenant centre NAME on`. Then the first [`Centre::FEWEST`] voices, each of another
//! credential, are added up in memory; a restart begins anew, and so does a sum that is of few people's voices
//! ([`Centre::is_of_many`]). The mean is written into the key file, and from then on it is taken from both voices of every comparison,
//! until the operator switches it off or has it forgotten.
//!
//! A voice leaves nothing but its part in the sum, which is wiped.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peakstream::{Centre, ChannelType, ModelHash, Template};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::Tenant;
use crate::tenant::edit::{EditError, edit};
use crate::tenant::keyring::Keyring;
use crate::tenant::time::UnixTime;

/// What the key file says of a tenant's centre.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TenantCentre {
    /// Whether it is learnt and used.
    pub in_use: bool,
    /// Since when; voices that were heard for an earlier one are not counted.
    pub since: UnixTime,
    /// One for each network and channel type of which enough voices were heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learnt: Vec<LearntCentre>,
}

/// A centre in the key file: [`Centre::to_bytes`] as base64url. One that cannot be read, damaged or of a newer version, stays in the
/// file and is as good as none: a tenant's calls do not depend on another's line in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub struct LearntCentre {
    text: String,
    centre: Option<Arc<Centre>>,
}

impl From<String> for LearntCentre {
    fn from(text: String) -> Self {
        let bytes = URL_SAFE_NO_PAD.decode(&text).ok();
        let centre = bytes.and_then(|bytes| Centre::from_bytes(&bytes)).map(Arc::new);
        if centre.is_none() {
            tracing::warn!("a tenant's centre in the key file cannot be read; it is learnt anew");
        }
        Self { text, centre }
    }
}

impl From<LearntCentre> for String {
    fn from(learnt: LearntCentre) -> Self {
        learnt.text
    }
}

impl From<&Centre> for LearntCentre {
    fn from(centre: &Centre) -> Self {
        Self::from(URL_SAFE_NO_PAD.encode(centre.to_bytes()))
    }
}

impl TenantCentre {
    /// One of which nothing has been learnt, later than the one before.
    pub fn begin(before: Option<&Self>) -> Self {
        let after = before.map(|before| before.since.after(Duration::from_secs(1)));
        let since = after.map_or_else(UnixTime::now, |after| after.max(UnixTime::now()));
        Self { in_use: true, since, learnt: Vec::new() }
    }

    /// Those that were learnt.
    pub fn centres(&self) -> impl Iterator<Item = &Arc<Centre>> {
        self.learnt.iter().filter_map(|learnt| learnt.centre.as_ref())
    }

    /// The one of a network and a channel type, if it was learnt.
    pub fn of(&self, model: ModelHash, channel_type: ChannelType) -> Option<&Arc<Centre>> {
        self.centres().find(|centre| (centre.model(), centre.channel_type()) == (model, channel_type))
    }
}

/// The voice of a caller, from which a centre may learn.
#[derive(Clone)]
pub struct Voice {
    tenant: Tenant,
    /// Of the centre that asked for it.
    since: UnixTime,
    template: Template,
    credential: Digest,
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Of a sealed credential, SHA-256.
type Digest = [u8; 32];

/// Centres of all tenants.
#[derive(Debug)]
pub struct Centres {
    keyring: Arc<Keyring>,
    learning: Mutex<HashMap<Key, Learning>>,
}

type Key = (Tenant, ModelHash, ChannelType);

/// After a centre could not be written, it is tried again no sooner than this.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// A centre of which too few voices have been heard, or that could not be written.
struct Learning {
    since: UnixTime,
    centre: Centre,
    /// Those whose voices are in it, at most [`Centre::FEWEST`].
    credentials: HashSet<Digest>,
    failed: Option<Instant>,
}

impl std::fmt::Debug for Learning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learning").field("centre", &self.centre).finish_non_exhaustive()
    }
}

impl Learning {
    fn begin(since: UnixTime, template: &Template) -> Self {
        let centre = Centre::new(template.model(), template.channel_type());
        Self { since, centre, credentials: HashSet::new(), failed: None }
    }

    fn hear(&mut self, voice: &Voice) {
        let wanted = !self.centre.is_ready() && self.credentials.insert(voice.credential);
        if wanted && let Err(error) = self.centre.learn(&voice.template) {
            tracing::error!(%error, "a voice could not be added to its tenant's centre");
        }
    }

    fn is_due(&self) -> bool {
        self.centre.is_ready() && self.failed.is_none_or(|failed| failed.elapsed() >= TRY_AGAIN)
    }
}

impl Centres {
    /// Those of a data directory.
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, learning: Mutex::default() }
    }

    /// What a tenant's voices are compared by, if it was learnt and is in use.
    pub fn of(&self, tenant: &Tenant, model: ModelHash, channel_type: ChannelType) -> Option<Arc<Centre>> {
        self.in_use(tenant)?.of(model, channel_type).cloned()
    }

    /// The voice, if the tenant's centre still learns. `credential`: the sealed text; each counts once.
    pub fn hears(&self, tenant: &Tenant, template: &Template, credential: &str) -> Option<Box<Voice>> {
        let known = self.in_use(tenant)?;
        let voice = || Voice {
            tenant: tenant.clone(),
            since: known.since,
            template: template.clone(),
            credential: Sha256::digest(credential).into(),
        };
        known.of(template.model(), template.channel_type()).is_none().then(|| Box::new(voice()))
    }

    fn in_use(&self, tenant: &Tenant) -> Option<Arc<TenantCentre>> {
        self.keyring.centre(tenant).filter(|centre| centre.in_use)
    }

    /// Adds the voice of somebody who was accepted. The one that completes a centre has it written: a file is synced, in
    /// milliseconds; nobody else waits for that.
    pub fn learn(&self, voice: &Voice) {
        let key = (voice.tenant.clone(), voice.template.model(), voice.template.channel_type());
        let Some(complete) = self.hear(&key, voice) else { return };
        if !complete.centre.is_of_many() {
            tracing::warn!(
                tenant = voice.tenant.name(),
                "fifty voices are too much alike to be those of many people; a centre is learnt from the next"
            );
            return;
        }
        if let Err(problem) = self.keep(&voice.tenant, &complete) {
            tracing::error!(tenant = voice.tenant.name(), %problem, "a centre cannot be kept; it is tried again in a minute");
            self.learning().insert(key, Learning { failed: Some(Instant::now()), ..complete });
        }
    }

    /// The sum that the voice completes, taken out: nobody else waits while it is written.
    fn hear(&self, key: &Key, voice: &Voice) -> Option<Learning> {
        let mut learning = self.learning();
        // What is no longer learnt goes, and its voices with it.
        learning.retain(|(tenant, model, channel_type), begun| {
            let known = self.in_use(tenant);
            known.is_some_and(|known| known.since == begun.since && known.of(*model, *channel_type).is_none())
        });
        // Asked while nobody else learns: another voice may have completed it a moment ago.
        let known = self.in_use(&voice.tenant)?;
        if known.since != voice.since || known.of(key.1, key.2).is_some() {
            return None;
        }
        let begin = || Learning::begin(known.since, &voice.template);
        let begun = learning.entry(key.clone()).or_insert_with(begin);
        begun.hear(voice);
        if begun.is_due() { learning.remove(key) } else { None }
    }

    fn learning(&self) -> MutexGuard<'_, HashMap<Key, Learning>> {
        // No code panics while it holds the lock; if it did, what was learnt would still be sound.
        self.learning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, tenant: &Tenant, complete: &Learning) -> Result<(), EditError> {
        let centre = &complete.centre;
        let kept = edit(self.keyring.dir(), |file| {
            let known = file.tenant_mut(tenant.name())?.centre.as_mut();
            // It may have been forgotten a moment ago.
            let wanted = known.filter(|known| {
                known.since == complete.since && known.of(centre.model(), centre.channel_type()).is_none()
            });
            Ok::<_, EditError>(wanted.map(|known| known.learnt.push(LearntCentre::from(centre))).is_some())
        })?;
        if kept {
            tracing::info!(tenant = tenant.name(), centre = centre.identity(), "a centre was learnt");
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "centre_tests.rs"]
mod tests;
