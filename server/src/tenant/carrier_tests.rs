//! Whose carriers' keys work, with which secrets, and from when on they do not.

use std::time::Duration;

use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::ids::Tenant;
use crate::tenant::edit::{EditError, KeyKind, NewSecret, Origin, edit};
use crate::tenant::failures::Source;
use crate::tenant::file::KeyFile;
use crate::tenant::keyring::Keyring;
use crate::tenant::time::UnixTime;

const API_KEY: &str = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";
const CLIENT_SECRET: &str = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const SIGNED: Origin<'static> = Origin::Fresh { signed: true };

struct Place {
    _temp: tempfile::TempDir,
    dir: DataDir,
    keyring: std::sync::Arc<Keyring>,
}

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    edit(&dir, |file| file.add_tenant("acme")).unwrap();
    let keyring = Keyring::open(&dir).unwrap();
    Place { _temp: temp, dir, keyring }
}

impl Place {
    fn edit<T>(&self, change: impl FnOnce(&mut KeyFile) -> Result<T, EditError>) -> T {
        edit(&self.dir, change).unwrap()
    }

    fn add(&self, kind: KeyKind, tenant: &str, origin: Origin<'_>) -> Result<NewSecret, EditError> {
        edit(&self.dir, |file| file.add_carrier_key(kind, tenant, None, origin))
    }

    fn tokens(&self, tenant: &str) -> Option<Vec<Vec<u8>>> {
        let tokens = self.keyring.twilio_tokens(&Tenant::new(tenant))?;
        Some(tokens.iter().map(|token| token.expose().to_vec()).collect())
    }

    fn works(&self, made: &NewSecret) -> bool {
        self.keyring.audiohook_key(made.secret.expose(), Source::default()).is_some()
    }
}

#[test]
fn an_audiohook_key_says_whose_calls_come_in_and_what_signs_them() {
    let place = place();
    let supplied = format!("{API_KEY}\n{CLIENT_SECRET}");
    let made = place.add(KeyKind::AudioHook, "acme", Origin::Supplied(&supplied)).unwrap();
    let key = place.keyring.audiohook_key(API_KEY, Source::default()).unwrap();
    assert_eq!((key.tenant.name(), &*key.id), ("acme", made.id.as_str()));
    assert_eq!(key.secret.unwrap().expose()[..], *b"MySuperSecretKeyTellNo-1!2@3#4$5");
    let unsigned = place.add(KeyKind::AudioHook, "default", Origin::Fresh { signed: false }).unwrap();
    let key = place.keyring.audiohook_key(unsigned.secret.expose(), Source::default()).unwrap();
    assert_eq!((key.tenant.name(), key.secret.is_none()), ("default", true));
    assert!(place.keyring.audiohook_key("SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXki", Source::default()).is_none());
    assert!(
        place.keyring.api_key(API_KEY, Source::default()).is_err(),
        "it opens the audio channel and nothing else"
    );
}

#[test]
fn what_carriers_sign_with_is_sealed_and_what_they_present_is_hashed() {
    let place = place();
    let made = place.add(KeyKind::AudioHook, "acme", SIGNED).unwrap();
    place.add(KeyKind::Twilio, "acme", Origin::Supplied(TOKEN)).unwrap();
    let stored = std::fs::read_to_string(place.dir.file("secrets.toml")).unwrap();
    for secret in [made.secret.expose(), made.client_secret.unwrap().expose(), TOKEN] {
        assert!(!stored.contains(secret));
    }
}

#[test]
fn a_rotation_lets_both_pairs_work_until_the_overlap_is_over() {
    let place = place();
    let first = place.add(KeyKind::AudioHook, "acme", SIGNED).unwrap();
    let hour = Duration::from_secs(3600);
    let second = place.edit(|file| file.rotate_key(&first.id, hour, None));
    assert!(second.client_secret.is_some(), "signed as before");
    assert!(place.works(&first) && place.works(&second));
    let secret = |made: &NewSecret| {
        place.keyring.audiohook_key(made.secret.expose(), Source::default()).unwrap().secret.unwrap()
    };
    assert_ne!(secret(&first).expose(), secret(&second).expose(), "each key has its own client secret");
    place.edit(|file| file.rotate_key(&first.id, Duration::ZERO, None));
    assert!(!place.works(&first) && !place.works(&second));

    let unsigned = place.add(KeyKind::AudioHook, "acme", Origin::Fresh { signed: false }).unwrap();
    assert!(place.edit(|file| file.rotate_key(&unsigned.id, hour, None)).client_secret.is_none());
}

#[test]
fn twilio_tokens_are_the_tenants_own_newest_first() {
    let place = place();
    assert_eq!(place.tokens("acme"), None, "no token: requests cannot be checked");
    let first = place.add(KeyKind::Twilio, "acme", Origin::Supplied(TOKEN)).unwrap();
    assert_eq!(place.tokens("acme").unwrap(), [TOKEN.as_bytes()]);
    assert_eq!(place.tokens("default"), None);
    let other = "fedcba9876543210fedcba9876543210";
    let hour = Duration::from_secs(3600);
    place.edit(|file| file.rotate_key_to(&first.id, hour, None, Origin::Supplied(other)));
    assert_eq!(place.tokens("acme").unwrap(), [other.as_bytes(), TOKEN.as_bytes()]);
    place.edit(|file| file.disable_key(&first.id, true));
    assert_eq!(place.tokens("acme"), Some(Vec::new()), "a token that is disabled is not no token");
}

#[test]
fn disabling_removing_and_expiry_take_effect_at_once() {
    let place = place();
    let made = place.add(KeyKind::AudioHook, "acme", SIGNED).unwrap();
    place.edit(|file| file.disable_key(&made.id, true));
    assert!(!place.works(&made));
    place.edit(|file| file.disable_key(&made.id, false));
    assert!(place.works(&made));
    place.edit(|file| file.disable_tenant("acme", true));
    assert!(!place.works(&made));
    place.edit(|file| file.disable_tenant("acme", false));
    place.edit(|file| file.remove_key(&made.id));
    assert!(!place.works(&made));
    let past = Some(UnixTime::from_seconds(1));
    let over = place.edit(|file| file.add_carrier_key(KeyKind::AudioHook, "acme", past, SIGNED));
    assert!(!place.works(&over));
    let last = place.add(KeyKind::AudioHook, "acme", SIGNED).unwrap();
    assert_eq!(place.edit(|file| file.remove_tenant("acme", true)), 2);
    assert!(!place.works(&last));
}

#[test]
fn an_api_key_is_one_entrys_only_and_twilio_makes_its_own_tokens() {
    let place = place();
    let first = place.add(KeyKind::AudioHook, "acme", Origin::Supplied(API_KEY)).unwrap();
    for tenant in ["acme", "default"] {
        let refused = place.add(KeyKind::AudioHook, tenant, Origin::Supplied(API_KEY)).unwrap_err();
        assert!(matches!(refused, EditError::KnownKey { id } if id == first.id));
    }
    let again = |file: &mut KeyFile| {
        file.rotate_key_to(&first.id, Duration::from_secs(60), None, Origin::Supplied(API_KEY))
    };
    assert!(matches!(edit(&place.dir, again), Err(EditError::KnownKey { .. })));
    let made_here = place.add(KeyKind::Twilio, "acme", SIGNED).unwrap_err();
    assert!(made_here.to_string().contains("--secret-file"), "{made_here}");
}

#[test]
fn a_sealed_secret_survives_the_rotation_of_the_key_that_sealed_it() {
    let place = place();
    place.add(KeyKind::Twilio, "acme", Origin::Supplied(TOKEN)).unwrap();
    place.edit(KeyFile::rotate_credential_key);
    assert_eq!(place.tokens("acme").unwrap(), [TOKEN.as_bytes()]);
}

#[test]
fn a_sealed_secret_that_was_copied_to_another_tenant_makes_the_file_unusable() {
    let place = place();
    place.add(KeyKind::Twilio, "acme", Origin::Supplied(TOKEN)).unwrap();
    assert!(place.tokens("acme").is_some());
    let path = place.dir.file("secrets.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, entry) = text.split_at(text.find("[[twilio_tokens]]").unwrap());
    std::fs::write(&path, format!("{head}{}", entry.replacen("acme", "default", 1))).unwrap();
    let error = KeyFile::read(&place.dir).unwrap_err().to_string();
    assert!(error.contains("do not open"), "{error}");
    assert_eq!(place.tokens("acme").unwrap(), [TOKEN.as_bytes()], "the last good keys stay in force");
}
