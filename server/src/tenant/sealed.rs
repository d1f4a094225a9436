//! In: a secret the server itself must compute with. Out: a sealed text for the key file or the store, and back.
//!
//! What carriers sign with cannot be kept as a hash: checking a signature needs the secret. It is sealed with
//! XChaCha20-Poly1305 under a key derived (HMAC-SHA256, one label) from the data directory's credential keys, which rotate
//! and keep opening. The text is base64url of
//!
//! ```text
//! version 1 ‖ key id 8 ‖ nonce 24 ‖ ciphertext ‖ tag 16
//! ```
//!
//! Version, key id, what the secret is for and whose it is are authenticated with it: an entry that is copied to another
//! tenant does not open there. The keys stand in the same file. What the seal protects is therefore every copy of an entry
//! without them (a listing, a screenshot, a difference in a ticket), not the whole file, which stays a secret.
//!
//! Attempts that may come again ([`crate::replay`]) are sealed so too, and go by the mark of their credential: an HMAC-SHA256 under
//! a second key derived from the one that sealed the credential, so that the mark stays the same while the credential opens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::data_dir::{DataDirError, hex, unhex};
use crate::sensitive::Sensitive;
use crate::tenant::file::OwnKey;
use crate::tenant::secret;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEADER: usize = 1 + KEY_ID + NONCE;
/// Keeps these keys apart from the credential keys they come from.
const LABEL: &[u8] = b"peakstream carrier secrets 1";
/// And those that marks are made with.
const MARK_LABEL: &[u8] = b"peakstream marks of credentials 1";

/// Seals with the first of the data directory's keys, opens with all of them.
pub(crate) struct Sealer {
    keys: Vec<Derived>,
}

/// What is made of one of the data directory's keys.
struct Derived {
    id: [u8; KEY_ID],
    cipher: XChaCha20Poly1305,
    marker: Hmac<Sha256>,
}

impl std::fmt::Debug for Sealer {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// What a sealed text is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// What it is good for.
    pub(crate) purpose: &'a str,
    /// Whose it is.
    pub(crate) tenant: &'a str,
}

impl Sealer {
    /// `None` if one of the keys is not sound, or there is none.
    pub(crate) fn of(keys: &[OwnKey]) -> Option<Self> {
        let derived = |stored: &OwnKey| {
            let own = Zeroizing::new(stored.bytes()?);
            let key = |label| {
                let mut mac = Hmac::<Sha256>::new_from_slice(own.as_slice()).ok()?;
                mac.update(label);
                Some(Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes())))
            };
            Some(Derived {
                id: unhex(&stored.id)?,
                cipher: XChaCha20Poly1305::new(&Key::from(*key(LABEL)?)),
                marker: Hmac::new_from_slice(key(MARK_LABEL)?.as_slice()).ok()?,
            })
        };
        let keys: Vec<_> = keys.iter().map(derived).collect::<Option<_>>()?;
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Seals a secret.
    ///
    /// # Errors
    /// Without random numbers.
    pub(crate) fn seal(&self, owner: Owner<'_>, plain: &[u8]) -> Result<Sensitive<String>, DataDirError> {
        let failed = || DataDirError::Secrets("a secret could not be sealed".to_owned());
        let Derived { id, cipher, .. } = self.keys.first().ok_or_else(failed)?;
        let nonce: [u8; NONCE] = secret::random()?;
        let payload = Payload { msg: plain, aad: &associated(id, owner) };
        let body = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| failed())?;
        let text = [&[VERSION], &id[..], &nonce, &body].concat();
        Ok(Sensitive::new(URL_SAFE_NO_PAD.encode(text)))
    }

    /// Opens a secret. `None`: not sealed here, for somebody else, or changed.
    pub(crate) fn open(&self, owner: Owner<'_>, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let text = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (header, body) = text.split_at_checked(HEADER)?;
        let (&version, rest) = header.split_first()?;
        let (id, nonce) = rest.split_first_chunk::<KEY_ID>()?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let Derived { cipher, .. } = self.keys.iter().find(|key| version == VERSION && key.id == *id)?;
        let payload = Payload { msg: body, aad: &associated(id, owner) };
        cipher.decrypt(&XNonce::from(nonce), payload).ok().map(Zeroizing::new)
    }

    /// What a tenant's credential is called where it must not be kept. `None`: it is no credential, or none that opens here.
    pub(crate) fn mark(&self, tenant: &str, credential: &str) -> Option<[u8; 32]> {
        let sealed = URL_SAFE_NO_PAD.decode(credential.trim()).ok()?;
        // Credentials begin as these texts do: a version, then the key.
        let id = sealed.get(1..=KEY_ID)?;
        let mut marker = self.keys.iter().find(|key| key.id == *id)?.marker.clone();
        marker.update(&(tenant.len() as u64).to_le_bytes());
        marker.update(tenant.as_bytes());
        marker.update(&sealed);
        Some(marker.finalize().into_bytes().into())
    }
}

/// The key that a text was sealed with, as the key file names it. `None`: it is no such text.
pub(crate) fn key_id(sealed: &str) -> Option<String> {
    let text = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (&version, rest) = text.split_first()?;
    (version == VERSION).then(|| rest.get(..KEY_ID).map(hex)).flatten()
}

/// Lengths keep the two names apart: neither can run into the other.
fn associated(id: &[u8; KEY_ID], owner: Owner<'_>) -> Vec<u8> {
    let length = (owner.purpose.len() as u64).to_le_bytes();
    [&[VERSION], &id[..], &length, owner.purpose.as_bytes(), owner.tenant.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Owner<'_> = Owner { purpose: "twilio", tenant: "acme" };

    fn keys(count: usize) -> Vec<OwnKey> {
        (0..count).map(|_| OwnKey::random().unwrap()).collect()
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_and_nobody_else() {
        let keys = keys(1);
        let sealer = Sealer::of(&keys).unwrap();
        let sealed = sealer.seal(OURS, b"hunter2").unwrap();
        assert!(!sealed.expose().contains("hunter2"));
        assert_ne!(
            sealed.expose(),
            sealer.seal(OURS, b"hunter2").unwrap().expose(),
            "a fresh nonce each time"
        );
        assert_eq!(**sealer.open(OURS, sealed.expose()).unwrap(), *b"hunter2");
        for other in [
            Owner { tenant: "default", ..OURS },
            Owner { purpose: "audiohook", ..OURS },
            Owner { purpose: "twili", tenant: "oacme" },
        ] {
            assert!(sealer.open(other, sealed.expose()).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_rotated_key_seals_and_the_older_ones_keep_opening() {
        let mut own = keys(1);
        let sealed = Sealer::of(&own).unwrap().seal(OURS, b"hunter2").unwrap();
        own.splice(0..0, keys(1));
        assert!(Sealer::of(&own).unwrap().open(OURS, sealed.expose()).is_some());
        assert!(Sealer::of(&own[..1]).unwrap().open(OURS, sealed.expose()).is_none());
        assert!(Sealer::of(&[]).is_none());
    }

    #[test]
    fn what_was_changed_or_is_no_seal_does_not_open() {
        let sealer = Sealer::of(&keys(1)).unwrap();
        let sealed = sealer.seal(OURS, b"hunter2").unwrap().into_inner();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last characters may hold bits that base64 does not use; then it is not base64url.
            assert!(sealer.open(OURS, &changed).is_none(), "character {at}");
        }
        for text in ["", "AQ", "not base64 at all", &sealed[..40]] {
            assert!(sealer.open(OURS, text).is_none(), "{text:?}");
        }
    }
}
