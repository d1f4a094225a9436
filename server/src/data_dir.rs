//! In: a folder. Out: the server's identity kept there: clients, API keys, the keys of credentials and tokens.
//!
//! | file | content | mode |
//! |---|---|---|
//! | `secrets.toml` | [`Secrets`]: hashes of what clients know, and the server's own keys | 0600 |
//! | `first-run.json` | what the first start made, in clear, for the operator to take away | 0600 |
//! | `store.redb` | [`crate::store`]: audio settings, sessions, results | 0600 |
//! | `lock` | held by the running server | 0600 |
//!
//! The folder is 0700. Files are replaced whole: written beside, synced, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peakstream::credential::{CredentialKey, CredentialKeys};
use serde::{Deserialize, Serialize};

use crate::ids::Tenant;
use crate::sensitive::Sensitive;
use crate::signalling::oauth::Client;

const SECRETS_FILE: &str = "secrets.toml";
const LOCK_FILE: &str = "lock";

/// What can be wrong with a data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is there, but its content is not what we wrote.
    #[error("{}: {what}; restore it from a backup, or start with another --data-dir", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong, without any of its content.
        what: &'static str,
    },
    /// Another server runs with this directory.
    #[error("{}: another server is running with this data directory", path.display())]
    InUse {
        /// Which directory.
        path: PathBuf,
    },
    /// Random numbers or hashes could not be made.
    #[error("no secrets could be made: {0}")]
    Secrets(String),
}

/// A data directory that exists.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

/// Keeps other servers out of a data directory for as long as it lives.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// The content of `secrets.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Secrets {
    /// Signs access tokens: 32 bytes, base64url.
    token_key: Sensitive<String>,
    /// Seals credentials; the first seals, all open.
    credential_keys: Vec<StoredKey>,
    /// Who may ask for tokens.
    clients: Vec<StoredClient>,
    /// Who may use the HTTP interfaces.
    api_keys: Vec<StoredApiKey>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StoredKey {
    /// 8 bytes, hexadecimal.
    pub(crate) id: String,
    /// 32 bytes, base64url.
    pub(crate) key: Sensitive<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StoredClient {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    /// PHC string.
    pub(crate) secret_hash: Sensitive<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StoredApiKey {
    pub(crate) tenant: String,
    /// The key is 256 random bits, for which a plain hash is enough, and cheap enough for every request.
    pub(crate) sha256: Sensitive<String>,
}

impl Secrets {
    pub(crate) const fn new(
        token_key: Sensitive<String>,
        credential_keys: Vec<StoredKey>,
        clients: Vec<StoredClient>,
        api_keys: Vec<StoredApiKey>,
    ) -> Self {
        Self { token_key, credential_keys, clients, api_keys }
    }

    /// The clients that may ask for tokens.
    pub fn clients(&self) -> Vec<Client> {
        let client = |stored: &StoredClient| Client {
            tenant: Tenant::new(&stored.tenant),
            client_id: stored.client_id.clone(),
            secret_hash: stored.secret_hash.clone(),
        };
        self.clients.iter().map(client).collect()
    }

    /// The API keys' SHA-256, and whose they are.
    pub fn api_keys(&self) -> impl Iterator<Item = ([u8; 32], Tenant)> {
        self.api_keys
            .iter()
            .filter_map(|stored| Some((unhex(stored.sha256.expose())?, Tenant::new(&stored.tenant))))
    }

    /// The key that signs tokens.
    pub fn token_key(&self) -> Option<Sensitive<Vec<u8>>> {
        let bytes = URL_SAFE_NO_PAD.decode(self.token_key.expose()).ok()?;
        (bytes.len() >= 32).then(|| Sensitive::new(bytes))
    }

    /// The keys that seal and open credentials.
    pub fn credential_keys(&self) -> Option<CredentialKeys> {
        let mut keys = self.credential_keys.iter().map(|stored| {
            let id = unhex(&stored.id)?;
            let secret = URL_SAFE_NO_PAD.decode(stored.key.expose()).ok()?;
            Some(CredentialKey::new(id, secret.try_into().ok()?))
        });
        let current = keys.next()??;
        Some(CredentialKeys::new(current, keys.collect::<Option<Vec<_>>>()?))
    }
}

impl DataDir {
    /// The directory at `path`, made if it does not exist.
    ///
    /// # Errors
    /// If it cannot be made or is not ours.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|source| DataDirError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where a file of the directory is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where a file of the directory is that others write; it exists then, readable by its owner only.
    ///
    /// # Errors
    /// If it can be neither found nor made.
    pub fn private_file(&self, name: &str) -> Result<PathBuf, DataDirError> {
        let path = self.file(name);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        private(&mut options);
        match options.open(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(DataDirError::Io { path, source }),
        }
    }

    /// Keeps other servers out.
    ///
    /// # Errors
    /// [`DataDirError::InUse`] if one is in.
    pub fn lock(&self) -> Result<DataDirLock, DataDirError> {
        let path = self.file(LOCK_FILE);
        let io = |source| DataDirError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        private(&mut options);
        let file = options.open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(DataDirLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(DataDirError::InUse { path: self.path.clone() }),
            Err(fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// What is kept in the directory; `None` before the first start.
    ///
    /// # Errors
    /// If the file is damaged or cannot be read.
    pub fn secrets(&self) -> Result<Option<Secrets>, DataDirError> {
        let path = self.file(SECRETS_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DataDirError::Io { path, source }),
        };
        let damaged = |what| DataDirError::Damaged { path: path.clone(), what };
        // The parser's own message would quote the content.
        let secrets: Secrets = toml::from_str(&text).map_err(|_| damaged("is not a secrets file"))?;
        if secrets.token_key().is_none() {
            return Err(damaged("has no token key of at least 32 bytes"));
        }
        if secrets.credential_keys().is_none() {
            return Err(damaged("has no credential key of 8 and 32 bytes"));
        }
        Ok(Some(secrets))
    }

    pub(crate) fn store_secrets(&self, secrets: &Secrets) -> Result<(), DataDirError> {
        let text = toml::to_string(secrets).map_err(|e| DataDirError::Secrets(e.to_string()))?;
        self.replace(SECRETS_FILE, text.as_bytes())
    }

    /// Writes a private file, whole or not at all.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), DataDirError> {
        let (path, beside) = (self.file(name), self.file(&format!("{name}.new")));
        let write = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true);
            private(&mut options);
            let mut file = options.open(&beside)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            // The rename is durable once its directory is.
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| DataDirError::Io { path: path.clone(), source })
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
