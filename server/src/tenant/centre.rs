//! In: voices of callers who were accepted. Out: a tenant's centre ([`peakstream::Centre`]), learnt once, then the same for good.
//!
//! Off until an operator says `peakstream tenant centre NAME on`. Then the first [`Centre::FEWEST`] voices, each of another
//! credential, are added up in memory; a restart begins anew. Their mean is written into the key file, and from then on it is
//! taken from both voices of every comparison, until the operator switches it off or has it forgotten.
//!
//! A voice leaves nothing but its part in the sum, and what is written is nobody's template.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peakstream::{Centre, ChannelType, ModelHash, Template};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
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

/// A centre in the key file: [`Centre::to_bytes`] as base64url.
#[derive(Clone, Debug, PartialEq)]
pub struct LearntCentre(pub Arc<Centre>);

impl Serialize for LearntCentre {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for LearntCentre {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let centre = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Centre::from_bytes(&bytes));
        centre.map(|centre| Self(Arc::new(centre))).ok_or_else(|| serde::de::Error::custom("no centre"))
    }
}

impl TenantCentre {
    /// One of which nothing has been learnt.
    pub fn begin() -> Self {
        Self { in_use: true, since: UnixTime::now(), learnt: Vec::new() }
    }

    /// The one of a network and a channel type, if it was learnt.
    pub fn of(&self, model: ModelHash, channel_type: ChannelType) -> Option<&Arc<Centre>> {
        let fits = |centre: &Centre| (centre.model(), centre.channel_type()) == (model, channel_type);
        self.learnt.iter().map(|learnt| &learnt.0).find(|centre| fits(centre))
    }
}

/// The voice of a caller, from which a centre may learn.
#[derive(Clone)]
pub struct Voice {
    tenant: Tenant,
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

/// A centre of which too few voices have been heard.
struct Learning {
    since: UnixTime,
    centre: Centre,
    /// Those whose voices are in it, at most [`Centre::FEWEST`].
    credentials: HashSet<Digest>,
}

impl std::fmt::Debug for Learning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learning").field("centre", &self.centre).finish_non_exhaustive()
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

    /// The voice, if the tenant's centre still learns. `credential`: the sealed text, by which one person is counted once.
    pub fn hears(&self, tenant: &Tenant, template: &Template, credential: &str) -> Option<Box<Voice>> {
        let known = self.in_use(tenant)?;
        let voice = || Voice {
            tenant: tenant.clone(),
            template: template.clone(),
            credential: Sha256::digest(credential).into(),
        };
        known.of(template.model(), template.channel_type()).is_none().then(|| Box::new(voice()))
    }

    fn in_use(&self, tenant: &Tenant) -> Option<TenantCentre> {
        self.keyring.centre(tenant).filter(|centre| centre.in_use)
    }

    /// Adds the voice of somebody who was accepted. The one that completes a centre has it written: a file is synced, in
    /// milliseconds.
    pub fn learn(&self, voice: &Voice) {
        let Some(known) = self.in_use(&voice.tenant) else { return };
        let (model, channel_type) = (voice.template.model(), voice.template.channel_type());
        if known.of(model, channel_type).is_some() {
            return;
        }
        // No code panics while it holds the lock; if it did, what was learnt would still be sound.
        let mut learning = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (voice.tenant.clone(), model, channel_type);
        if learning.get(&key).is_none_or(|begun| begun.since != known.since) {
            // What other tenants no longer learn goes with the old one.
            learning.retain(|(tenant, ..), begun| {
                self.in_use(tenant).is_some_and(|centre| centre.since == begun.since)
            });
            let centre = Centre::new(model, channel_type);
            let begun = Learning { since: known.since, centre, credentials: HashSet::new() };
            learning.insert(key.clone(), begun);
        }
        let Some(begun) = learning.get_mut(&key) else { return };
        let wanted = !begun.centre.is_ready() && begun.credentials.insert(voice.credential);
        if wanted && let Err(error) = begun.centre.learn(&voice.template) {
            tracing::error!(%error, "a voice could not be added to its tenant's centre");
        }
        // If it cannot be written, the next voice tries again.
        if begun.centre.is_ready() && self.keep(&voice.tenant, begun) {
            learning.remove(&key);
        }
    }

    fn keep(&self, tenant: &Tenant, begun: &Learning) -> bool {
        let kept = edit(self.keyring.dir(), |file| {
            let known = file.tenant_mut(tenant.name())?.centre.as_mut();
            // It may have been forgotten a moment ago.
            if let Some(known) = known.filter(|known| known.since == begun.since) {
                known.learnt.push(LearntCentre(Arc::new(begun.centre.clone())));
            }
            Ok::<(), EditError>(())
        });
        match kept {
            Ok(()) => tracing::info!(
                tenant = tenant.name(),
                centre = begun.centre.identity(),
                "a centre was learnt"
            ),
            Err(ref problem) => tracing::error!(tenant = tenant.name(), %problem, "a centre cannot be kept"),
        }
        kept.is_ok()
    }
}

#[cfg(test)]
#[path = "centre_tests.rs"]
mod tests;
