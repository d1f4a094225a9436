//! Credentials: a template enters and an opaque sealed text leaves, which the customer keeps; and back.
//!
//! The text is base64url (RFC 4648 §5, no padding) of
//!
//! ```text
//! version 1 ‖ key id 8 ‖ nonce 24 ‖ XChaCha20-Poly1305( model hash 28 ‖ channel type 1 ‖ created at 8 ‖
//!                                                      calibration length 1 ‖ calibration ‖ 192 × f32 ‖
//!                                                      net speech, seconds f32 ‖ signal to noise, dB f32 ‖
//!                                                      of a voice by microphone, what a telephone leaves of it: 192 × f32
//!                                                    ) ‖ tag 16
//! ```
//!
//! all numbers little-endian, about 1.2 KiB, or 2.2 KiB by microphone. Version 1, which still opens, ends before the net speech; both are not numbers where
//! they are not known. Version 3, sealed where there is a fingerprint to keep and no other, begins with its length (16 bits) and the
//! fingerprint ([`crate::replay`]), which adds about half a KiB for each second of net speech, 12 KiB at most. Version, key id and the tenant's name are authenticated with it, so a
//! credential of one tenant does not open for another. The key id lets keys rotate: older ones keep opening.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::decision::Evidence;
use crate::model::speaker::DIMENSIONS;
use crate::replay::Fingerprint;
use crate::{ChannelType, ModelHash, Template};

const VERSION: u8 = 2;
/// Without what the template was made of.
const VERSION_WITHOUT_EVIDENCE: u8 = 1;
/// With the fingerprint of the recording.
const VERSION_WITH_FINGERPRINT: u8 = 3;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEADER: usize = 1 + KEY_ID + NONCE;
/// Longer texts are not credentials; refused before anything is done with them. One with the longest fingerprint has 14,500.
const LONGEST_TEXT: usize = 16_384;

/// A secret that seals credentials, and the name by which they find it again.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct CredentialKey {
    #[zeroize(skip)]
    id: [u8; KEY_ID],
    secret: [u8; 32],
}

impl std::fmt::Debug for CredentialKey {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl CredentialKey {
    /// Both must be random; the id is not secret.
    pub fn new(id: [u8; KEY_ID], secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.secret))
    }
}

/// The key that seals, and those that still open.
#[derive(Debug)]
pub struct CredentialKeys {
    current: CredentialKey,
    older: Vec<CredentialKey>,
}

impl CredentialKeys {
    /// `current` seals; all open.
    pub fn new(current: CredentialKey, older: Vec<CredentialKey>) -> Self {
        Self { current, older }
    }

    fn find(&self, id: &[u8]) -> Option<&CredentialKey> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id == *id)
    }
}

/// What a credential holds.
#[derive(Debug)]
pub struct Credential {
    /// The registered voice.
    pub template: Template,
    /// Identity of the calibration in force at registration, such as `telephone-channel@1f3a90c2`.
    pub calibration: String,
    /// Seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// Of the recording that the voice was heard in, if it is to be known again.
    pub fingerprint: Option<Fingerprint>,
}

/// Why a text is no credential that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Not base64url, too short, too long, or of a version that is not known.
    #[error("not a credential")]
    Malformed,
    /// Sealed with a key that this installation does not have.
    #[error("sealed with an unknown key")]
    UnknownKey,
    /// Tampered with, or another tenant's.
    #[error("decryption error")]
    Decryption,
}

/// Seals a credential. `nonce` must be random and never used twice with one key.
pub fn seal(keys: &CredentialKeys, tenant: &str, credential: &Credential, nonce: [u8; NONCE]) -> String {
    let key = &keys.current;
    // What earlier programs can open is sealed as they know it.
    let version = if credential.fingerprint.is_some() { VERSION_WITH_FINGERPRINT } else { VERSION };
    let mut text = Vec::with_capacity(1_024);
    text.push(version);
    text.extend(key.id);
    text.extend(nonce);
    let plain = plain(credential);
    let associated = associated_data(version, &key.id, tenant);
    let payload = Payload { msg: &plain, aad: &associated };
    // The cipher refuses nothing shorter than 256 GiB.
    text.extend(key.cipher().encrypt(&XNonce::from(nonce), payload).unwrap_or_default());
    URL_SAFE_NO_PAD.encode(text)
}

/// Opens a credential of that tenant.
///
/// # Errors
/// See [`CredentialError`]. Never panics, whatever the text.
pub fn open(keys: &CredentialKeys, tenant: &str, text: &str) -> Result<Credential, CredentialError> {
    let sealed = check_form(text)?;
    let (header, body) = sealed.split_at(HEADER);
    let id = &header[1..=KEY_ID];
    let key = keys.find(id).ok_or(CredentialError::UnknownKey)?;
    let nonce: [u8; NONCE] = header[1 + KEY_ID..].try_into().map_err(|_| CredentialError::Malformed)?;
    let payload = Payload { msg: body, aad: &associated_data(header[0], &key.id, tenant) };
    let plain =
        key.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| CredentialError::Decryption)?;
    from_plain(header[0], &Zeroizing::new(plain)).ok_or(CredentialError::Malformed)
}

/// Checks what can be checked without a key: base64url, length, version.
///
/// # Errors
/// [`CredentialError::Malformed`].
pub fn check_form(text: &str) -> Result<Vec<u8>, CredentialError> {
    if text.len() > LONGEST_TEXT {
        return Err(CredentialError::Malformed);
    }
    let sealed = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| CredentialError::Malformed)?;
    let versions = [VERSION_WITHOUT_EVIDENCE, VERSION, VERSION_WITH_FINGERPRINT];
    if sealed.len() <= HEADER || !versions.contains(&sealed[0]) {
        return Err(CredentialError::Malformed);
    }
    Ok(sealed)
}

fn associated_data(version: u8, key_id: &[u8], tenant: &str) -> Vec<u8> {
    [&[version], key_id, tenant.as_bytes()].concat()
}

/// Bytes of the evidence.
const EVIDENCE: usize = 8;

/// What is sealed. Public for the fuzz target only.
#[doc(hidden)]
pub fn plain(credential: &Credential) -> Zeroizing<Vec<u8>> {
    let Credential { template, calibration, created_at, fingerprint } = credential;
    let fingerprint = fingerprint.as_ref().map(|fingerprint| Zeroizing::new(fingerprint.to_bytes()));
    let kept = fingerprint.as_ref().map_or(0, |bytes| 2 + bytes.len());
    // Own names are far shorter than 255 bytes.
    let calibration = &calibration.as_bytes()[..calibration.len().min(255)];
    // In one piece from the start: what is outgrown is not wiped.
    let mut plain = Vec::with_capacity(kept + 38 + calibration.len() + 8 * DIMENSIONS + EVIDENCE);
    if let Some(fingerprint) = &fingerprint {
        // `MOST_FRAMES` of them are 9 kB.
        plain.extend((fingerprint.len() as u16).to_le_bytes());
        plain.extend(fingerprint.iter());
    }
    plain.extend(template.model().bytes());
    plain.push(template.channel_type().to_byte());
    plain.extend(created_at.to_le_bytes());
    plain.push(calibration.len() as u8);
    plain.extend(calibration);
    plain.extend(template.values().iter().flat_map(|value| value.to_le_bytes()));
    let unknown = Evidence { net_speech: f32::NAN, snr: f32::NAN };
    let Evidence { net_speech, snr } = template.evidence().unwrap_or(unknown);
    plain.extend([net_speech, snr].into_iter().flat_map(f32::to_le_bytes));
    if let (ChannelType::Microphone, Some(voice)) = (template.channel_type(), template.by_telephone()) {
        plain.extend(voice.values().iter().flat_map(|value| value.to_le_bytes()));
    }
    Zeroizing::new(plain)
}

/// Reads what was sealed under a version. Public for the fuzz target only.
#[doc(hidden)]
pub fn from_plain(version: u8, plain: &[u8]) -> Option<Credential> {
    let (fingerprint, plain) = match version {
        VERSION_WITH_FINGERPRINT => {
            let (length, rest) = plain.split_first_chunk::<2>()?;
            let (fingerprint, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            (Some(Fingerprint::from_bytes(fingerprint)?), rest)
        }
        _ => (None, plain),
    };
    let (model, rest) = plain.split_first_chunk::<28>()?;
    let (&channel_type, rest) = rest.split_first()?;
    let (created_at, rest) = rest.split_first_chunk::<8>()?;
    let (&length, rest) = rest.split_first()?;
    let (calibration, rest) = rest.split_at_checked(usize::from(length))?;
    let (values, rest) = direction(rest)?;
    let (evidence, rest) = match rest.as_chunks::<4>() {
        ([], []) => (None, rest),
        ([net_speech, snr, ..], []) => {
            let [net_speech, snr] = [net_speech, snr].map(|bytes| f32::from_le_bytes(*bytes));
            let known = net_speech.is_finite() && snr.is_finite();
            (known.then_some(Evidence { net_speech, snr }), &rest[EVIDENCE..])
        }
        _ => return None,
    };
    let channel_type = ChannelType::from_byte(channel_type)?;
    let voice = |channel_type, values| Template::new(ModelHash::from_bytes(*model), channel_type, values);
    let by_telephone = match (channel_type, rest) {
        (_, []) => None,
        (ChannelType::Telephone, _) => return None,
        (ChannelType::Microphone, _) => {
            let (values, []) = direction(rest)? else { return None };
            Some(voice(ChannelType::Telephone, values)?)
        }
    };
    Some(Credential {
        template: voice(channel_type, values)?.with_telephone(by_telephone.as_ref()).with_evidence(evidence),
        calibration: String::from_utf8(calibration.to_vec()).ok()?,
        created_at: u64::from_le_bytes(*created_at),
        fingerprint,
    })
}

/// The first 192 numbers, and what follows them.
fn direction(bytes: &[u8]) -> Option<([f32; DIMENSIONS], &[u8])> {
    let (direction, rest) = bytes.split_at_checked(4 * DIMENSIONS)?;
    let mut values = [0.0; DIMENSIONS];
    for (value, bytes) in values.iter_mut().zip(direction.as_chunks::<4>().0) {
        *value = f32::from_le_bytes(*bytes);
    }
    Some((values, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::MOST_FRAMES;
    use proptest::prelude::*;

    fn keys(secret: u8) -> CredentialKeys {
        CredentialKeys::new(CredentialKey::new([secret; 8], [secret; 32]), Vec::new())
    }

    const EVIDENCE_OF_FIVE_SECONDS: Evidence = Evidence { net_speech: 5.12, snr: 31.5 };

    fn credential() -> Credential {
        let values = std::array::from_fn(|i| (i as f32 - 90.0) / 50.0);
        let template = Template::new(ModelHash::from_bytes([7; 28]), ChannelType::Telephone, values);
        Credential {
            template: template.expect("a direction").with_evidence(Some(EVIDENCE_OF_FIVE_SECONDS)),
            calibration: "telephone-channel@1f3a90c2".into(),
            created_at: 1_790_000_000,
            fingerprint: None,
        }
    }

    fn fingerprint(frames: usize) -> Fingerprint {
        let bytes = [&[1], [3, 0, 7, 1, 0, 7].repeat(frames).as_slice()].concat();
        Fingerprint::from_bytes(&bytes).expect("a fingerprint")
    }

    #[test]
    fn what_was_sealed_opens_again() {
        let text = seal(&keys(1), "tenant", &credential(), [9; 24]);
        assert!(text.len() < 2_048, "{} bytes", text.len());
        let opened = open(&keys(1), "tenant", &text).expect("own credential");
        let cosine = opened.template.cosine(&credential().template);
        assert!((cosine - 1.0).abs() < 1e-6);
        assert_eq!(opened.template.model(), credential().template.model());
        assert_eq!(opened.calibration, credential().calibration);
        assert_eq!(opened.created_at, credential().created_at);
        assert_eq!(opened.template.evidence(), Some(EVIDENCE_OF_FIVE_SECONDS));
    }

    #[test]
    fn a_voice_by_microphone_keeps_what_a_telephone_leaves_of_it() {
        let voice = |channel_type, first: f32| {
            let values = std::array::from_fn(|i| if i == 0 { first } else { 0.1 });
            Template::new(ModelHash::from_bytes([7; 28]), channel_type, values).expect("a direction")
        };
        let by_telephone = voice(ChannelType::Telephone, 3.0);
        let by_microphone = voice(ChannelType::Microphone, -3.0);
        for known in [None, Some(&by_telephone)] {
            let template = by_microphone.clone().with_telephone(known);
            let text = seal(&keys(1), "tenant", &Credential { template, ..credential() }, [9; 24]);
            let opened = open(&keys(1), "tenant", &text).expect("own credential").template;
            assert_eq!(opened.channel_type(), ChannelType::Microphone);
            assert!((opened.cosine(&by_microphone) - 1.0).abs() < 1e-6);
            assert_eq!(opened.by_telephone().is_some(), known.is_some());
            assert!(opened.by_telephone().is_none_or(|voice| voice.cosine(&by_telephone) > 1.0 - 1e-6));
        }
    }

    #[test]
    fn a_recording_is_kept_with_the_voice_if_it_is_to_be_and_earlier_programs_open_what_has_none() {
        let version = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("own text")[0];
        let without = seal(&keys(1), "tenant", &credential(), [9; 24]);
        assert_eq!(version(&without), VERSION);
        assert_eq!(open(&keys(1), "tenant", &without).expect("own credential").fingerprint, None);
        for frames in [0, 250, MOST_FRAMES] {
            let kept = Some(fingerprint(frames));
            let text =
                seal(&keys(1), "tenant", &Credential { fingerprint: kept.clone(), ..credential() }, [9; 24]);
            assert_eq!(version(&text), VERSION_WITH_FINGERPRINT);
            assert!(text.len() < LONGEST_TEXT - 1_400, "{} bytes, and a voice by microphone", text.len());
            let opened = open(&keys(1), "tenant", &text).expect("own credential");
            assert_eq!(opened.fingerprint, kept);
            assert!((opened.template.cosine(&credential().template) - 1.0).abs() < 1e-6);
            assert_eq!(opened.template.evidence(), Some(EVIDENCE_OF_FIVE_SECONDS));
        }
    }

    #[test]
    fn credentials_of_version_1_still_open_and_know_nothing_of_their_speech() {
        let (keys, version) = (keys(1), VERSION_WITHOUT_EVIDENCE);
        let key = &keys.current;
        let plain = plain(&credential());
        let plain = &plain[..plain.len() - EVIDENCE];
        let payload = Payload { msg: plain, aad: &associated_data(version, &key.id, "tenant") };
        let sealed = key.cipher().encrypt(&XNonce::from([9; 24]), payload).expect("sealed");
        let text = URL_SAFE_NO_PAD.encode([&[version][..], &key.id, &[9; 24], &sealed].concat());
        let opened = open(&keys, "tenant", &text).expect("an older credential");
        assert_eq!(opened.template.evidence(), None);
        assert!((opened.template.cosine(&credential().template) - 1.0).abs() < 1e-6);
        // Its version cannot be raised without the key.
        let mut raised = URL_SAFE_NO_PAD.decode(&text).expect("own text");
        raised[0] = VERSION;
        let raised = URL_SAFE_NO_PAD.encode(raised);
        assert_eq!(open(&keys, "tenant", &raised).err(), Some(CredentialError::Decryption));
    }

    #[test]
    fn older_keys_keep_opening_after_rotation() {
        let text = seal(&keys(1), "tenant", &credential(), [9; 24]);
        let rotated = CredentialKeys::new(
            CredentialKey::new([2; 8], [2; 32]),
            vec![CredentialKey::new([1; 8], [1; 32])],
        );
        assert!(open(&rotated, "tenant", &text).is_ok());
        assert_eq!(open(&keys(2), "tenant", &text).err(), Some(CredentialError::UnknownKey));
    }

    #[test]
    fn a_credential_of_one_tenant_does_not_open_for_another() {
        let text = seal(&keys(1), "tenant", &credential(), [9; 24]);
        assert_eq!(open(&keys(1), "other", &text).err(), Some(CredentialError::Decryption));
    }

    #[test]
    fn a_changed_credential_does_not_open() {
        let text = seal(&keys(1), "tenant", &credential(), [9; 24]);
        for at in [0, 20, 40, 200, text.len() - 1] {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(open(&keys(1), "tenant", &changed).is_err(), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_opening_panic(text in "\\PC{0,200}") {
            prop_assert!(open(&keys(1), "tenant", &text).is_err());
        }

        #[test]
        fn no_plain_text_makes_parsing_panic(
            version in 1..=VERSION_WITH_FINGERPRINT,
            plain in proptest::collection::vec(any::<u8>(), 0..900),
        ) {
            let _ = from_plain(version, &plain);
        }
    }
}
