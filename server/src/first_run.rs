//! In: an empty data directory. Out: one with random secrets, and, once, those secrets in clear for the operator.
//!
//! There is no fixed password and no open default: whoever wants to use a fresh server must have read its directory.

use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError};
use crate::ids::DEFAULT_TENANT;
use crate::sensitive::Sensitive;
use crate::tenant::edit::{EditError, KeyKind, NewSecret};
use crate::tenant::file::KeyFile;
use crate::tenant::scope::Scopes;

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

/// Makes the keys of a directory, if it has none, together with what the operator must know. Of two processes that find
/// a fresh directory at the same time, one makes them and the other finds them.
///
/// # Errors
/// If they can be neither read nor made.
pub fn ensure_keys(dir: &DataDir) -> Result<Option<FirstRun>, DataDirError> {
    let alone = dir.lock_for_edit()?;
    if KeyFile::read(dir)?.is_some() {
        return Ok(None);
    }
    let mut keys = KeyFile::fresh()?;
    let made = make_tenant(&mut keys).map_err(|error| match error {
        EditError::DataDir(error) => error,
        other => DataDirError::Secrets(other.to_string()),
    });
    let (client, api_key) = made?;
    let first_run = FirstRun {
        base_url: String::new(),
        client_id: client.id,
        client_secret: client.secret,
        api_key: api_key.secret,
    };
    // The clear text first: without it the hashes are of no use to anybody.
    store(dir, &first_run)?;
    keys.write(dir, &alone)?;
    Ok(Some(first_run))
}

fn make_tenant(keys: &mut KeyFile) -> Result<(NewSecret, NewSecret), EditError> {
    keys.add_tenant(DEFAULT_TENANT)?;
    let client = keys.add_key(KeyKind::Client, DEFAULT_TENANT, Scopes::ALL, None)?;
    Ok((client, keys.add_key(KeyKind::ApiKey, DEFAULT_TENANT, Scopes::ALL, None)?))
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
        let shown = ensure_keys(&dir).unwrap().unwrap();
        let first = fs::read(dir.file("secrets.toml")).unwrap();
        assert!(ensure_keys(&dir).unwrap().is_none());
        assert_eq!(fs::read(dir.file("secrets.toml")).unwrap(), first);
        let keys = KeyFile::read(&dir).unwrap().unwrap();
        assert_eq!(keys.clients[0].id, shown.client_id);
        assert_eq!(keys.tenants[0].name, DEFAULT_TENANT);
    }

    #[test]
    fn many_first_starts_at_once_make_one_set_of_keys() {
        let (_temp, dir) = fresh();
        let start = || ensure_keys(&dir).unwrap();
        let made: Vec<FirstRun> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts.into_iter().filter_map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(made.len(), 1);
        let keys = KeyFile::read(&dir).unwrap().unwrap();
        assert_eq!(keys.clients[0].id, made[0].client_id);
        let noted = fs::read_to_string(dir.file(FIRST_RUN_FILE)).unwrap();
        assert!(noted.contains(&made[0].client_id), "what is shown is what works");
    }

    #[test]
    fn two_servers_have_nothing_in_common() {
        let (one, two) = (fresh(), fresh());
        let (one, two) = (ensure_keys(&one.1).unwrap().unwrap(), ensure_keys(&two.1).unwrap().unwrap());
        assert_ne!(one.client_id, two.client_id);
        assert_ne!(one.client_secret, two.client_secret);
        assert_ne!(one.api_key, two.api_key);
    }

    #[test]
    fn what_clients_know_is_stored_hashed() {
        let (_temp, dir) = fresh();
        let shown = ensure_keys(&dir).unwrap().unwrap();
        let stored = fs::read_to_string(dir.file("secrets.toml")).unwrap();
        assert!(stored.contains("$argon2id$") && stored.contains(&shown.client_id));
        assert!(!stored.contains(shown.client_secret.expose()) && !stored.contains(shown.api_key.expose()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_directory_and_its_files() {
        use std::os::unix::fs::PermissionsExt;
        let (_temp, dir) = fresh();
        ensure_keys(&dir).unwrap();
        let _lock = dir.lock().unwrap();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(dir.file("x").parent().unwrap()), 0o700);
        for file in ["secrets.toml", FIRST_RUN_FILE, "lock", "edit.lock"] {
            assert_eq!(mode(&dir.file(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn the_base_url_follows_the_server_until_the_file_is_removed() {
        let (_temp, dir) = fresh();
        ensure_keys(&dir).unwrap();
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
        assert!(matches!(ensure_keys(&dir), Err(DataDirError::Damaged { .. })));
        fs::write(dir.file("secrets.toml"), "hunter2").unwrap();
        let shown = ensure_keys(&dir).unwrap_err().to_string();
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
