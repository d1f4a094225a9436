//! Whose keys work, and from when on they do not.

use super::*;
use crate::first_run::{FirstRun, ensure_keys};
use crate::tenant::edit::{EditError, KeyKind, NewSecret, edit};
use crate::tenant::guard::Guard;
use crate::tenant::scope::Scope;

struct Place {
    _temp: tempfile::TempDir,
    dir: DataDir,
    first_run: FirstRun,
    keyring: Arc<Keyring>,
    guard: Guard,
}

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    let first_run = ensure_keys(&dir).unwrap().unwrap();
    let keyring = Keyring::open(&dir).unwrap();
    Place { _temp: temp, dir, first_run, keyring, guard: Guard::new().unwrap() }
}

impl Place {
    fn edit<T>(&self, change: impl FnOnce(&mut KeyFile) -> Result<T, EditError>) -> T {
        edit(&self.dir, change).unwrap()
    }

    fn add(&self, kind: KeyKind, tenant: &str, scopes: Scopes) -> NewSecret {
        self.edit(|file| {
            if file.tenant(tenant).is_err() {
                file.add_tenant(tenant)?;
            }
            file.add_key(kind, tenant, scopes, None)
        })
    }

    async fn token(&self, id: &str, secret: &Sensitive<String>) -> String {
        let proven = self.guard.prove(&self.keyring, id, secret.clone()).await.unwrap();
        let keys = self.keyring.keys();
        let scopes = proven.client.scopes;
        keys.issue(&proven.client, &proven.secret, scopes, UnixTime::now()).unwrap().token.into_inner()
    }

    async fn first_token(&self) -> String {
        self.token(&self.first_run.client_id, &self.first_run.client_secret).await
    }
}

#[tokio::test]
async fn keys_and_tokens_say_whose_they_are_and_what_for() {
    let place = place();
    let api_key = place.keyring.api_key(place.first_run.api_key.expose(), Source::default()).unwrap();
    assert_eq!((api_key.tenant.name(), api_key.scopes), ("default", Scopes::ALL));
    let client = place.add(KeyKind::Client, "acme", Scopes::from_iter([Scope::Verify]));
    let token = place.token(&client.id, &client.secret).await;
    let principal = place.keyring.token(&token).unwrap();
    assert_eq!(principal.key, KeyId::Client(client.id.as_str().into()));
    assert_eq!((principal.tenant.name(), principal.scopes.to_string()), ("acme", "verify".to_owned()));
    for wrong in ["", "x", place.first_run.client_secret.expose(), client.secret.expose(), &token] {
        assert_eq!(place.keyring.api_key(wrong, Source::default()), Err(Denied::Wrong));
    }
    assert_eq!(place.keyring.token(place.first_run.api_key.expose()), Err(Unauthorized));
}

#[tokio::test]
async fn disabling_takes_effect_at_once_also_for_tokens_and_connections_and_can_be_undone() {
    let place = place();
    let token = place.first_token().await;
    let connected = place.keyring.token(&token).unwrap();
    let by_api_key = place.keyring.api_key(place.first_run.api_key.expose(), Source::default()).unwrap();
    let works = || {
        (
            place.keyring.token(&token).is_ok(),
            place.keyring.is_enabled(&connected),
            place.keyring.api_key(place.first_run.api_key.expose(), Source::default()).is_ok(),
            place.keyring.is_enabled(&by_api_key),
        )
    };
    assert_eq!(works(), (true, true, true, true));
    let client = |disabled| {
        place.edit(|file| file.disable_key(&place.first_run.client_id, disabled));
    };
    let tenant = |disabled| place.edit(|file| file.disable_tenant("default", disabled));
    client(true);
    assert_eq!(works(), (false, false, true, true));
    client(false);
    assert_eq!(works(), (true, true, true, true));
    tenant(true);
    assert_eq!(works(), (false, false, false, false));
    tenant(false);
    assert_eq!(works(), (true, true, true, true));
    place.edit(|file| file.remove_tenant("default", true));
    assert_eq!(works(), (false, false, false, false));
}

#[tokio::test]
async fn everybody_may_come_in_without_authentication_unless_the_tenant_is_disabled() {
    let place = place();
    let anybody = Principal::anybody(Tenant::new("default"));
    assert!(place.keyring.is_enabled(&anybody));
    place.edit(|file| file.disable_tenant("default", true));
    assert!(!place.keyring.is_enabled(&anybody));
}

#[tokio::test]
async fn tokens_survive_a_rotation_of_the_token_key_as_long_as_is_said() {
    let place = place();
    let before = place.first_token().await;
    place.edit(|file| file.rotate_token_key(Duration::from_secs(60)));
    let after = place.first_token().await;
    assert_ne!(key_id(&before), key_id(&after), "the new key signs");
    assert!(place.keyring.token(&before).is_ok() && place.keyring.token(&after).is_ok());
    place.edit(|file| file.rotate_token_key(Duration::ZERO));
    assert!(place.keyring.token(&before).is_err() && place.keyring.token(&after).is_err());
}

#[tokio::test]
async fn a_token_ends_with_the_secret_it_was_given_for() {
    let place = place();
    let id = place.first_run.client_id.as_str();
    let old = place.first_token().await;
    let second = place.edit(|file| file.rotate_key(id, Duration::from_secs(60), None));
    let new = place.token(id, &second.secret).await;
    let limited = place.first_token().await;
    assert!([&old, &new, &limited].iter().all(|token| place.keyring.token(token).is_ok()));
    let keys = place.keyring.keys();
    let end = |token| keys.signers[0].key.check(token).unwrap().exp - UnixTime::now().seconds();
    assert!(end(&limited) <= 60 && end(&new) > 7_000);
    place.edit(|file| file.rotate_key(id, Duration::ZERO, None));
    assert!([&old, &new, &limited].iter().all(|token| place.keyring.token(token).is_err()));
}

#[tokio::test]
async fn tokens_of_the_version_before_are_good_until_they_expire() {
    let place = place();
    let signer = &place.keyring.keys().signers[0].key.check(&place.first_token().await).unwrap();
    let claims = Claims { scope: None, sid: None, ..signer.clone() };
    let bytes = KeyFile::read(&place.dir).unwrap().unwrap().token_keys[0].bytes().unwrap();
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    let key = jsonwebtoken::EncodingKey::from_secret(&bytes);
    let old = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    assert_eq!(place.keyring.token(&old).unwrap().scopes, Scopes::ALL);
    let foreign = Claims { tenant: "acme".into(), ..claims };
    let foreign = jsonwebtoken::encode(&header, &foreign, &key).unwrap();
    assert!(place.keyring.token(&foreign).is_err(), "a client is of one tenant");
}

#[test]
fn credentials_of_before_a_rotation_open_after_it() {
    let place = place();
    let before = place.keyring.credential_keys();
    assert!(Arc::ptr_eq(&before, &place.keyring.credential_keys()), "not read again without need");
    place.edit(KeyFile::rotate_credential_key);
    assert!(!Arc::ptr_eq(&before, &place.keyring.credential_keys()));
    let file = KeyFile::read(&place.dir).unwrap().unwrap();
    assert_eq!(file.credential_keys.len(), 2);
}

#[test]
fn a_damaged_or_missing_file_leaves_the_last_good_keys_in_force() {
    let place = place();
    let works = || place.keyring.api_key(place.first_run.api_key.expose(), Source::default()).is_ok();
    let path = place.dir.file(KEY_FILE);
    let good = std::fs::read(&path).unwrap();
    for bad in ["", "version = 2\n", "hunter2"] {
        std::fs::write(&path, bad).unwrap();
        assert!(works(), "{bad:?}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(works());
    std::fs::write(&path, good).unwrap();
    assert!(works());
    place.edit(|file| file.disable_tenant("default", true));
    assert!(!works(), "what comes after the damage is noticed");
}

#[test]
fn limits_are_those_of_the_file_as_it_is_now() {
    let place = place();
    let tenant = Tenant::new("default");
    assert_eq!(place.keyring.limits(&tenant), TenantLimits::default());
    place.edit(|file| {
        file.tenant_mut("default")?.limits.live_sessions = Some(3);
        Ok(())
    });
    assert_eq!(place.keyring.limits(&tenant).live_sessions, Some(3));
    assert_eq!(place.keyring.limits(&Tenant::new("nobody")), TenantLimits::default());
}

#[test]
fn a_directory_without_keys_is_told_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    let error = Keyring::open(&dir).unwrap_err().to_string();
    assert!(error.contains("--data-dir"), "{error}");
}

#[test]
fn wrong_api_keys_use_up_what_their_address_has_and_keep_no_key_out_that_was_seen() {
    let place = place();
    let addresses: [Source; 2] =
        ["192.0.2.1", "198.51.100.7"].map(|text| text.parse::<std::net::IpAddr>().unwrap().into());
    let [here, elsewhere] = addresses;
    // Two addresses share a budget by chance; then there is nothing to tell apart.
    let apart = !std::ptr::eq(place.keyring.sources.of(here), place.keyring.sources.of(elsewhere));
    let seen = place.first_run.api_key.expose();
    assert!(place.keyring.api_key(seen, here).is_ok());
    let unseen = place.add(KeyKind::ApiKey, "acme", Scopes::ALL);
    let unseen = unseen.secret.expose();
    let hook = place.edit(|file| file.add_key(KeyKind::AudioHook, "acme", Scopes::ALL, None));

    let guesses: Vec<_> =
        (0..30).map(|guess| place.keyring.api_key(&format!("guess {guess}"), here)).collect();
    assert!(guesses[..10].iter().all(|guess| *guess == Err(Denied::Wrong)));
    assert!(guesses[11..].iter().all(|guess| matches!(guess, Err(Denied::TooMany(_)))), "{guesses:?}");

    assert!(place.keyring.api_key(seen, here).is_ok(), "it was right before");
    assert!(
        matches!(place.keyring.api_key(unseen, here), Err(Denied::TooMany(_))),
        "or guessing would go on"
    );
    assert!(
        place.keyring.audiohook_key(hook.secret.expose(), here).is_none(),
        "one budget for keys of all kinds"
    );
    if apart {
        assert!(
            place.keyring.api_key(unseen, elsewhere).is_ok() && place.keyring.api_key(unseen, here).is_ok()
        );
        assert!(place.keyring.audiohook_key(hook.secret.expose(), elsewhere).is_some());
    }
    place.edit(|file| file.disable_tenant("acme", true));
    assert!(place.keyring.api_key(seen, here).is_ok(), "what was seen is known after the file has changed");
}
