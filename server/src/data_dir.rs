//! In: a folder. Out: the server's identity kept there: clients, API keys, the keys of credentials and tokens.
//!
//! | file | content | mode |
//! |---|---|---|
//! | `secrets.toml` | [`crate::tenant::file`]: hashes of what clients know, and the server's own keys | 0600 |
//! | `first-run.json` | what the first start made, in clear, for the operator to take away | 0600 |
//! | `store.redb` | [`crate::store`]: audio settings, sessions, results | 0600 |
//! | `lock` | held by the running server | 0600 |
//! | `edit.lock` | held while `secrets.toml` is changed | 0600 |
//!
//! The folder is 0700. Files are replaced whole: written beside, synced, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "lock";
const EDIT_LOCK_FILE: &str = "edit.lock";

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
    /// Nobody has made keys in this directory yet.
    #[error(
        "{}: no keys there; start the server once with this data directory, or name the right one with --data-dir",
        path.display()
    )]
    NoKeys {
        /// Which directory.
        path: PathBuf,
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

/// Keeps others from changing the key file for as long as it lives.
#[derive(Debug)]
pub struct EditLock {
    _file: File,
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

    /// The directory at `path`, which must be there.
    ///
    /// # Errors
    /// [`DataDirError::NoKeys`] if it is not.
    pub fn existing(path: &Path) -> Result<Self, DataDirError> {
        if path.is_dir() { Self::open(path) } else { Err(DataDirError::NoKeys { path: path.to_owned() }) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
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
        let file = self.lock_file(LOCK_FILE)?;
        match file.try_lock() {
            Ok(()) => Ok(DataDirLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(DataDirError::InUse { path: self.path.clone() }),
            Err(fs::TryLockError::Error(source)) => {
                Err(DataDirError::Io { path: self.file(LOCK_FILE), source })
            }
        }
    }

    /// Waits until nobody else changes the key file, which takes others milliseconds.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn lock_for_edit(&self) -> Result<EditLock, DataDirError> {
        let file = self.lock_file(EDIT_LOCK_FILE)?;
        let io = |source| DataDirError::Io { path: self.file(EDIT_LOCK_FILE), source };
        file.lock().map_err(io)?;
        Ok(EditLock { _file: file })
    }

    fn lock_file(&self, name: &str) -> Result<File, DataDirError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        private(&mut options);
        let path = self.file(name);
        options.open(&path).map_err(|source| DataDirError::Io { path, source })
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
