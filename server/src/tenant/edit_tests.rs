//! Changes of the key file, as operators make them.

use super::*;
use crate::first_run::ensure_keys;
use crate::tenant::failures::Source;
use crate::tenant::keyring::Keyring;

fn dir() -> (tempfile::TempDir, DataDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    (temp, dir)
}

#[test]
fn an_unknown_name_is_answered_with_those_like_it() {
    let (_temp, dir) = dir();
    edit(&dir, |file| file.add_tenant("acme-bank")).unwrap();
    let error = edit(&dir, |file| file.tenant_mut("acme-bnak").map(|_| ())).unwrap_err().to_string();
    assert!(error.contains("did you mean acme-bank?") && error.contains("tenant list"), "{error}");
    let error = edit(&dir, |file| file.tenant_mut("zebra").map(|_| ())).unwrap_err().to_string();
    assert!(!error.contains("did you mean"), "{error}");
    let id = KeyFile::read(&dir).unwrap().unwrap().clients[0].id.clone();
    let mistyped = id.replacen("ps-", "sp-", 1);
    let error = edit(&dir, |file| file.remove_key(&mistyped)).unwrap_err().to_string();
    assert!(error.contains(&id) && error.contains("key list"), "{error}");
}

#[test]
fn a_tenant_is_added_once_under_a_sound_name_and_removed_with_its_keys_only_if_told() {
    let (_temp, dir) = dir();
    assert!(matches!(edit(&dir, |file| file.add_tenant("Acme")), Err(EditError::TenantName(_))));
    edit(&dir, |file| file.add_tenant("acme")).unwrap();
    assert!(matches!(edit(&dir, |file| file.add_tenant("acme")), Err(EditError::TenantExists(_))));
    edit(&dir, |file| file.add_key(KeyKind::ApiKey, "acme", Scopes::ALL, None)).unwrap();
    let refused = edit(&dir, |file| file.remove_tenant("acme", false)).unwrap_err();
    assert!(refused.to_string().contains("--yes"), "{refused}");
    assert_eq!(edit(&dir, |file| file.remove_tenant("acme", true)).unwrap(), 1);
    assert!(KeyFile::read(&dir).unwrap().unwrap().keys().all(|key| key.tenant == "default"));
}

#[test]
fn a_refused_change_changes_nothing() {
    let (_temp, dir) = dir();
    let before = std::fs::read(dir.file("secrets.toml")).unwrap();
    let refused = edit(&dir, |file| {
        file.add_tenant("acme")?;
        file.add_tenant("acme")
    });
    assert!(refused.is_err());
    assert_eq!(std::fs::read(dir.file("secrets.toml")).unwrap(), before);
}

#[test]
fn changes_made_at_the_same_time_are_all_there_afterwards() {
    let (_temp, dir) = dir();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let dir = &dir;
            scope.spawn(move || edit(dir, |file| file.add_tenant(&format!("t{number}"))).unwrap());
        }
    });
    assert_eq!(KeyFile::read(&dir).unwrap().unwrap().tenants.len(), 17);
}

#[test]
fn a_rotated_key_has_both_secrets_until_the_overlap_is_over() {
    let (_temp, dir) = dir();
    let add = |file: &mut KeyFile| file.add_key(KeyKind::ApiKey, "default", Scopes::ALL, None);
    let first = edit(&dir, add).unwrap();
    let rotate = |overlap| edit(&dir, |file| file.rotate_key(&first.id, overlap, None));
    let second = rotate(Duration::from_secs(86_400)).unwrap();
    let keyring = Keyring::open(&dir).unwrap();
    let works = |secret: &NewSecret| keyring.api_key(secret.secret.expose(), Source::default()).is_ok();
    assert!(works(&first) && works(&second) && first.id == second.id);
    let third = rotate(Duration::ZERO).unwrap();
    assert!(!works(&first) && !works(&second) && works(&third), "no overlap ends all of them at once");
}

#[test]
fn a_key_is_not_rotated_without_end_nor_once_it_has_expired() {
    let (_temp, dir) = dir();
    let past = UnixTime::from_seconds(1);
    let key = edit(&dir, |file| file.add_key(KeyKind::Client, "default", Scopes::ALL, Some(past))).unwrap();
    let rotate = |overlap, renewed| edit(&dir, |file| file.rotate_key(&key.id, overlap, renewed));
    let day = Duration::from_secs(86_400);
    let expired = rotate(day, None).unwrap_err();
    assert!(expired.to_string().contains("--expires-in"), "{expired}");
    let future = UnixTime::now().after(day);
    for _ in 1..MAX_SECRETS {
        assert_eq!(rotate(day, Some(future)).unwrap().expires_at, Some(future));
    }
    assert!(matches!(rotate(day, None), Err(EditError::TooManySecrets { .. })));
    assert!(rotate(Duration::ZERO, None).is_ok());
}

#[test]
fn own_keys_that_are_over_are_forgotten_and_credential_keys_never() {
    let (_temp, dir) = dir();
    for _ in 0..3 {
        edit(&dir, |file| file.rotate_token_key(Duration::ZERO)).unwrap();
        edit(&dir, KeyFile::rotate_credential_key).unwrap();
    }
    let file = KeyFile::read(&dir).unwrap().unwrap();
    assert_eq!((file.token_keys.len(), file.credential_keys.len()), (1, 4));
}
