//! In: an empty data directory. Out: one with random secrets, and, once, those secrets in clear for the operator.
//!
//! There is no fixed password and no open default: whoever wants to use a fresh server must have read its directory.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data_dir::{DataDir, DataDirError, Secrets, StoredApiKey, StoredClient, StoredKey, hex};
use crate::ids::DEFAULT_TENANT;
use crate::sensitive::Sensitive;
use crate::signalling::oauth::hash_secret;

/// The file with the secrets in clear.
pub const FIRST_RUN_FILE: &str = "first-run.json";

/// What a first start made: everything a client needs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FirstRun {
    /// Where the server listens.
    pub base_url: String,
    /// For the token endpoint.
    pub client_id: String,
    /// For the token endpoint.
    pub client_secret: Sensitive<String>,
    /// For the HTTP interfaces.
    pub api_key: Sensitive<String>,
}

/// The secrets of a directory; made now, if there are none, together with what the operator must know.
///
/// # Errors
/// If they can be neither read nor made.
pub fn secrets_of(dir: &DataDir) -> Result<(Secrets, Option<FirstRun>), DataDirError> {
    if let Some(secrets) = dir.secrets()? {
        return Ok((secrets, None));
    }
    let client_id = format!("ps-{}", hex(&random::<8>()?));
    let first_run = FirstRun {
        base_url: String::new(),
        client_id: client_id.clone(),
        client_secret: secret()?,
        api_key: secret()?,
    };
    let secret_hash = hash_secret(first_run.client_secret.expose())
        .map_err(|error| DataDirError::Secrets(error.to_string()))?;
    let sha256 = Sensitive::new(hex(&Sha256::digest(first_run.api_key.expose())));
    let secrets = Secrets::new(
        secret()?,
        vec![StoredKey { id: hex(&random::<8>()?), key: secret()? }],
        vec![StoredClient { tenant: DEFAULT_TENANT.into(), client_id, secret_hash }],
        vec![StoredApiKey { tenant: DEFAULT_TENANT.into(), sha256 }],
    );
    // The clear text first: without it the hashes are of no use to anybody.
    store(dir, &first_run)?;
    dir.store_secrets(&secrets)?;
    Ok((secrets, Some(first_run)))
}

/// Notes where the server listens, as long as the operator has not removed the file.
///
/// # Errors
/// If the file is there and cannot be replaced.
pub fn note_base_url(dir: &DataDir, base_url: &str) -> Result<(), DataDirError> {
    let path = dir.file(FIRST_RUN_FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
    let damaged = |_| DataDirError::Damaged { path, what: "is not what a first start writes" };
    let mut first_run: FirstRun = serde_json::from_str(&text).map_err(damaged)?;
    if first_run.base_url == base_url {
        return Ok(());
    }
    base_url.clone_into(&mut first_run.base_url);
    store(dir, &first_run)
}

fn store(dir: &DataDir, first_run: &FirstRun) -> Result<(), DataDirError> {
    let mut text = serde_json::to_vec_pretty(first_run).map_err(|e| DataDirError::Secrets(e.to_string()))?;
    text.push(b'\n');
    dir.replace(FIRST_RUN_FILE, &text)
}

fn random<const N: usize>() -> Result<[u8; N], DataDirError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| DataDirError::Secrets(error.to_string()))?;
    Ok(bytes)
}

fn secret() -> Result<Sensitive<String>, DataDirError> {
    Ok(Sensitive::new(URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn fresh() -> (tempfile::TempDir, DataDir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&temp.path().join("deep/data")).unwrap();
        (temp, dir)
    }

    #[test]
    fn a_first_start_makes_secrets_and_a_second_keeps_them() {
        let (_temp, dir) = fresh();
        let (first, shown) = secrets_of(&dir).unwrap();
        let shown = shown.unwrap();
        let (second, again) = secrets_of(&dir).unwrap();
        assert!(again.is_none());
        assert_eq!(first.token_key(), second.token_key());
        assert_eq!(second.clients()[0].client_id, shown.client_id);
        assert!(second.credential_keys().is_some());
    }

    #[test]
    fn two_servers_have_nothing_in_common() {
        let (one, two) = (fresh(), fresh());
        let (_, one) = secrets_of(&one.1).unwrap();
        let (_, two) = secrets_of(&two.1).unwrap();
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.client_id, two.client_id);
        assert_ne!(one.client_secret, two.client_secret);
        assert_ne!(one.api_key, two.api_key);
    }

    #[test]
    fn what_clients_know_is_stored_hashed() {
        let (_temp, dir) = fresh();
        let shown = secrets_of(&dir).unwrap().1.unwrap();
        let stored = fs::read_to_string(dir.file("secrets.toml")).unwrap();
        assert!(stored.contains("$argon2id$") && stored.contains(&shown.client_id));
        assert!(!stored.contains(shown.client_secret.expose()) && !stored.contains(shown.api_key.expose()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_directory_and_its_files() {
        use std::os::unix::fs::PermissionsExt;
        let (_temp, dir) = fresh();
        secrets_of(&dir).unwrap();
        let _lock = dir.lock().unwrap();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(dir.file("x").parent().unwrap()), 0o700);
        for file in ["secrets.toml", FIRST_RUN_FILE, "lock"] {
            assert_eq!(mode(&dir.file(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn the_base_url_follows_the_server_until_the_file_is_removed() {
        let (_temp, dir) = fresh();
        secrets_of(&dir).unwrap();
        note_base_url(&dir, "http://127.0.0.1:1").unwrap();
        note_base_url(&dir, "http://127.0.0.1:2").unwrap();
        let text = fs::read_to_string(dir.file(FIRST_RUN_FILE)).unwrap();
        assert!(text.contains("http://127.0.0.1:2") && text.contains("client_secret"));
        fs::remove_file(dir.file(FIRST_RUN_FILE)).unwrap();
        note_base_url(&dir, "http://127.0.0.1:3").unwrap();
        assert!(!dir.file(FIRST_RUN_FILE).exists());
    }

    #[test]
    fn a_damaged_secrets_file_is_refused_and_not_replaced() {
        let (_temp, dir) = fresh();
        fs::write(
            dir.file("secrets.toml"),
            "token_key = \"short\"\ncredential_keys = []\nclients = []\napi_keys = []\n",
        )
        .unwrap();
        assert!(matches!(secrets_of(&dir), Err(DataDirError::Damaged { .. })));
        fs::write(dir.file("secrets.toml"), "hunter2").unwrap();
        let shown = secrets_of(&dir).unwrap_err().to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(fs::read_to_string(dir.file("secrets.toml")).unwrap(), "hunter2");
    }

    #[test]
    fn a_second_server_is_kept_out() {
        let (_temp, dir) = fresh();
        let lock = dir.lock().unwrap();
        assert!(matches!(dir.lock(), Err(DataDirError::InUse { .. })));
        drop(lock);
        assert!(dir.lock().is_ok());
    }
}
