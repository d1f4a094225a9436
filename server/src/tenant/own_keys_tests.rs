//! The server's own keys go only knowingly, and take nothing with them that stands in the file.

use peakstream::credential::CredentialKeys;

use super::*;
use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::tenant::edit::{Origin, edit};
use crate::tenant::failures::Source;
use crate::tenant::keyring::Keyring;

const TWILIO: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn dir() -> (tempfile::TempDir, DataDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    (temp, dir)
}

fn ids(dir: &DataDir) -> Vec<String> {
    let file = KeyFile::read(dir).unwrap().unwrap();
    let _: CredentialKeys = file.credential_keys().unwrap();
    file.credential_keys.iter().map(|key| key.id.clone()).collect()
}

#[test]
fn the_key_that_seals_stays_and_an_unknown_one_is_answered_with_those_like_it() {
    let (_temp, dir) = dir();
    edit(&dir, KeyFile::rotate_credential_key).unwrap();
    let [active, older] = ids(&dir).try_into().unwrap();
    let refused = edit(&dir, |file| file.remove_credential_key(&active, true)).unwrap_err();
    assert!(matches!(refused, EditError::CredentialKeySeals { .. }));
    assert!(refused.to_string().contains("key rotate-credential"), "{refused}");
    let mistyped = format!("{}x", &older[..15]);
    let refused = edit(&dir, |file| file.remove_credential_key(&mistyped, true)).unwrap_err().to_string();
    assert!(refused.contains(&older) && refused.contains("key list"), "{refused}");
    assert_eq!(ids(&dir), [active, older]);
}

#[test]
fn an_older_key_goes_only_if_told_and_what_it_takes_is_said_before() {
    let (_temp, dir) = dir();
    edit(&dir, KeyFile::rotate_credential_key).unwrap();
    let [active, older] = ids(&dir).try_into().unwrap();
    let before = std::fs::read(dir.file(crate::tenant::file::KEY_FILE)).unwrap();
    let refused = edit(&dir, |file| file.remove_credential_key(&older, false)).unwrap_err().to_string();
    assert!(refused.contains("never") && refused.contains("--yes"), "{refused}");
    assert_eq!(
        std::fs::read(dir.file(crate::tenant::file::KEY_FILE)).unwrap(),
        before,
        "nothing was changed"
    );
    let removal = edit(&dir, |file| file.remove_credential_key(&older, true)).unwrap();
    assert_eq!((removal, ids(&dir)), (Removal { sealed_anew: 0, left: 1 }, vec![active]));
}

#[test]
fn secrets_of_carriers_open_after_the_key_is_gone_that_they_were_sealed_with() {
    let (_temp, dir) = dir();
    let hook = edit(&dir, |file| {
        file.add_carrier_key(KeyKind::AudioHook, "default", None, Origin::Fresh { signed: true })
    });
    let hook = hook.unwrap();
    edit(&dir, |file| file.add_carrier_key(KeyKind::Twilio, "default", None, Origin::Supplied(TWILIO)))
        .unwrap();
    let older = ids(&dir).remove(0);
    edit(&dir, KeyFile::rotate_credential_key).unwrap();
    // One that is sealed with the active key already.
    edit(&dir, |file| {
        file.add_carrier_key(KeyKind::AudioHook, "default", None, Origin::Fresh { signed: true })
    })
    .unwrap();
    let keyring = Keyring::open(&dir).unwrap();
    let secrets = || {
        let hook = keyring.audiohook_key(hook.secret.expose(), Source::default()).unwrap().secret.unwrap();
        let twilio = keyring.twilio_tokens(&crate::ids::Tenant::new("default")).unwrap();
        (hook.expose().to_vec(), twilio[0].expose().to_vec())
    };
    let before = secrets();
    let removal = edit(&dir, |file| file.remove_credential_key(&older, true)).unwrap();
    assert_eq!(removal, Removal { sealed_anew: 2, left: 1 });
    assert_eq!(secrets(), before);
    assert_eq!(before.1, TWILIO.as_bytes());
}
