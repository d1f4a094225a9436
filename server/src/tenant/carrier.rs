//! In: the carriers' part of the key file. Out: whose an AudioHook API key is and what signs its requests; what Twilio
//! signs a tenant's requests with.
//!
//! Secrets are unsealed once for each reading of the file and stay in memory, wiped when they are dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::data_dir::unhex;
use crate::ids::Tenant;
use crate::sensitive::Sensitive;
use crate::tenant::file::{KeyFile, StoredKey};
use crate::tenant::keyring::{Validity, halves, not_over};
use crate::tenant::kind::KeyKind;
use crate::tenant::sealed::Sealer;
use crate::tenant::time::UnixTime;

/// Bytes that sign.
pub type SigningSecret = Arc<Sensitive<Zeroizing<Vec<u8>>>>;

/// Who presents an AudioHook API key.
#[derive(Clone, Debug)]
pub struct AudioHookKey {
    /// Whose calls come in with it.
    pub tenant: Tenant,
    /// Its public name.
    pub id: Arc<str>,
    /// What its requests are signed with. `None`: they need no signature.
    pub secret: Option<SigningSecret>,
}

#[derive(Debug)]
struct AudioHookEntry {
    /// The other half of the digest it is found by.
    rest: [u8; 16],
    key: AudioHookKey,
    expires_at: Option<UnixTime>,
    validity: Validity,
    /// Whether it was presented.
    seen: Arc<AtomicBool>,
}

#[derive(Debug)]
struct TwilioToken {
    secret: SigningSecret,
    expires_at: Option<UnixTime>,
    validity: Validity,
}

/// What carriers prove themselves with, of one reading of the file.
#[derive(Debug)]
pub(crate) struct CarrierKeys {
    /// By the first half of the digest, as ordinary API keys.
    audiohook: HashMap<[u8; 16], AudioHookEntry>,
    twilio: HashMap<Tenant, Vec<TwilioToken>>,
}

impl CarrierKeys {
    /// Takes over from `before` which keys were presented. `None` if something does not open; a file that was read has been
    /// checked for that.
    pub(super) fn of(
        file: &KeyFile,
        validity: impl Fn(&StoredKey) -> Validity,
        before: Option<&Self>,
    ) -> Option<Self> {
        let sealer = Sealer::of(&file.credential_keys)?;
        let unseal = |kind: KeyKind, tenant: &str, sealed: &Sensitive<String>| {
            let bytes = sealer.open(kind.owner(tenant), sealed.expose())?;
            Some(Arc::new(Sensitive::new(bytes)))
        };
        let (mut audiohook, mut twilio) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for key in &file.audiohook_keys {
            for stored in &key.secrets {
                let (first, rest) = halves(&unhex(stored.hash.expose())?);
                let secret = match &stored.sealed {
                    Some(sealed) => Some(unseal(KeyKind::AudioHook, &key.tenant, sealed)?),
                    None => None,
                };
                let known =
                    AudioHookKey { tenant: Tenant::new(&key.tenant), id: key.id.as_str().into(), secret };
                let (expires_at, validity) = (stored.expires_at, validity(key));
                let same = before.and_then(|keys| keys.audiohook.get(&first)).filter(|old| old.rest == rest);
                let seen = same.map(|old| Arc::clone(&old.seen)).unwrap_or_default();
                audiohook.insert(first, AudioHookEntry { rest, key: known, expires_at, validity, seen });
            }
        }
        for key in &file.twilio_tokens {
            for stored in &key.secrets {
                let secret = unseal(KeyKind::Twilio, &key.tenant, stored.sealed.as_ref()?)?;
                let (expires_at, validity) = (stored.expires_at, validity(key));
                let token = TwilioToken { secret, expires_at, validity };
                twilio.entry(Tenant::new(&key.tenant)).or_default().push(token);
            }
        }
        Some(Self { audiohook, twilio })
    }

    /// Whose AudioHook API key it is, and whether it was presented before.
    pub(super) fn audiohook(&self, digest: &[u8; 32], now: UnixTime) -> Option<(&AudioHookKey, &AtomicBool)> {
        let (first, rest) = halves(digest);
        let entry = self.audiohook.get(&first)?;
        let same = bool::from(entry.rest.ct_eq(&rest));
        let works = same && not_over(entry.expires_at, now) && entry.validity.holds(now);
        works.then_some((&entry.key, &*entry.seen))
    }

    pub(crate) fn twilio(&self, tenant: &Tenant, now: UnixTime) -> Vec<SigningSecret> {
        let tokens = self.twilio.get(tenant).into_iter().flatten();
        tokens
            .filter(|token| not_over(token.expires_at, now) && token.validity.holds(now))
            .map(|token| Arc::clone(&token.secret))
            .collect()
    }

    /// Whether the tenant has tokens at all, working ones or not: without any, its requests are not signed.
    pub(crate) fn has_twilio(&self, tenant: &Tenant) -> bool {
        self.twilio.contains_key(tenant)
    }
}

#[cfg(test)]
#[path = "carrier_tests.rs"]
mod tests;
