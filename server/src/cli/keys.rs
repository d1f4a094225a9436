//! In: a key file or a server's data directory. Out: the keys that seal and open credentials; and credentials as options.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use peakstream::credential::{CredentialKey, CredentialKeys};
use zeroize::Zeroizing;

use crate::cli::output::CliError;
use crate::data_dir::{DataDir, DataDirError, hex, unhex};
use crate::first_run;
use crate::sensitive::Sensitive;
use crate::tenant::file::KeyFile;

/// The first line of a key file.
const HEADER: &str = "# peakstream credential keys: the first seals, all open";

/// The largest key file and credential file that are read; a credential has at most 4 KiB, and a file has a line of 82
/// bytes for each key.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Which keys.
#[derive(Clone, Debug, clap::Args)]
pub struct KeyOptions {
    /// Directory of the server whose credentials these are; created by the first registration
    #[arg(long, env = "PEAKSTREAM_DATA_DIR", value_name = "DIR", default_value = "peakstream-data")]
    pub data_dir: PathBuf,
    /// Use a key file instead of a server's directory; created by the first registration, readable by its owner only
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Why there is no key or no credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no key yet, and none is to be created.
    #[error(
        "{}: no keys there; a credential is opened with the key it was sealed with: name the server's directory with \
         --data-dir, or the key file with --key-file",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a key file.
    #[error("{}: line {line} is not a key (16 hexadecimal digits, a space, 64 hexadecimal digits)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Others can read the secret.
    #[error("{0}: others can read this key; run: chmod 600 {0}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The server's directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The keys in the server's directory are damaged.
    #[error("{}: its keys cannot be used; restore it from a backup", dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
    },
    /// The text is no credential that can be opened.
    #[error(
        "--credential: {0}; give what `peakstream register` or a registration's result-success returned, with the same key"
    )]
    Credential(#[from] peakstream::credential::CredentialError),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl KeyOptions {
    /// The keys, for opening.
    ///
    /// # Errors
    /// No keys, or damaged ones.
    pub fn existing(&self) -> Result<CredentialKeys, CliError> {
        let keys = match &self.key_file {
            Some(file) => read_keys(file),
            None => self.keys_of_server(),
        };
        Ok(keys?)
    }

    /// The keys, for sealing; makes them if there are none.
    ///
    /// # Errors
    /// Damaged keys, or a place where none can be made.
    pub fn existing_or_new(&self) -> Result<CredentialKeys, CliError> {
        match self.existing() {
            Err(CliError::Key(KeyError::Missing { .. })) => {}
            other => return other,
        }
        match &self.key_file {
            Some(file) => create_key(file)?,
            // What a first start of the server would do.
            None => drop(
                first_run::ensure_keys(&DataDir::open(&self.data_dir).map_err(KeyError::from)?)
                    .map_err(KeyError::from)?,
            ),
        }
        self.existing()
    }

    fn keys_of_server(&self) -> Result<CredentialKeys, KeyError> {
        // Opening would make the directory.
        if !self.data_dir.is_dir() {
            return Err(KeyError::Missing { path: self.data_dir.clone() });
        }
        match KeyFile::read(&DataDir::open(&self.data_dir)?)? {
            None => Err(KeyError::Missing { path: self.data_dir.clone() }),
            Some(file) => {
                file.credential_keys().ok_or_else(|| KeyError::Damaged { dir: self.data_dir.clone() })
            }
        }
    }
}

/// A fresh nonce, or the bytes of a fresh key.
///
/// # Errors
/// The system has no random numbers.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(bytes)
}

/// The credential that an option means: the content of a file of that name, or else the text itself.
///
/// # Errors
/// A file that cannot be read.
pub fn credential_text(option: &str) -> Result<Sensitive<String>, KeyError> {
    let path = Path::new(option);
    // A credential is longer than any file name (255 bytes), and the system says so instead of "no such file".
    let is_file = option.len() < 4096 && path.is_file();
    let text = if is_file { read_text(path)?.trim().to_owned() } else { option.trim().to_owned() };
    Ok(Sensitive::new(text))
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut text = Zeroizing::new(String::new());
    File::open(path).map_err(io)?.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

fn read_keys(path: &Path) -> Result<CredentialKeys, KeyError> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.to_owned() });
        }
        Ok(metadata) if others_can_read(&metadata) => {
            return Err(KeyError::Exposed { path: path.to_owned() });
        }
        _ => {}
    }
    let text = read_text(path)?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            keys.push(parse_key(line).ok_or(KeyError::NoKey { path: path.to_owned(), line: index + 1 })?);
        }
    }
    if keys.is_empty() {
        return Err(KeyError::NoKey { path: path.to_owned(), line: 1 });
    }
    let current = keys.remove(0);
    Ok(CredentialKeys::new(current, keys))
}

fn parse_key(line: &str) -> Option<CredentialKey> {
    let (id, secret) = line.split_once(' ')?;
    let secret = Zeroizing::new(unhex::<32>(secret.trim())?);
    Some(CredentialKey::new(unhex(id)?, *secret))
}

fn create_key(path: &Path) -> Result<(), KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(io)?;
    }
    let (id, secret) = (random::<8>()?, Zeroizing::new(random::<32>()?));
    let secret = Zeroizing::new(hex(secret.as_slice()));
    let text = Zeroizing::new(format!("{HEADER}\n{} {}\n", hex(&id), *secret));
    // `create_new`: two first uses at once must not end with two keys, one of them lost.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)
}

#[cfg(unix)]
fn others_can_read(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn others_can_read(_metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(path: PathBuf) -> KeyOptions {
        KeyOptions { data_dir: "/no/such/folder".into(), key_file: Some(path) }
    }

    #[test]
    #[cfg(unix)]
    fn a_key_is_made_on_first_use_readable_by_its_owner_only_and_then_kept() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("new/credential.key");
        options(path.clone()).existing_or_new().expect("made");
        let first = std::fs::read_to_string(&path).expect("written");
        assert_eq!(path.metadata().expect("written").permissions().mode() & 0o777, 0o600);
        options(path.clone()).existing_or_new().expect("found");
        assert_eq!(std::fs::read_to_string(&path).expect("kept"), first);

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("own file");
        let error = options(path).existing().expect_err("exposed").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn opening_never_makes_a_key() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("credential.key");
        let error = options(path.clone()).existing().expect_err("no key yet").to_string();
        assert!(error.contains("--key-file"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn credentials_of_the_command_line_and_of_the_server_share_the_servers_keys() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let options = KeyOptions { data_dir: dir.path().join("data"), key_file: None };
        assert!(options.existing().is_err(), "a verification makes no server's directory");
        assert!(!options.data_dir.exists());
        options.existing_or_new().expect("made as by a first start");
        let secrets = std::fs::read(options.data_dir.join("secrets.toml")).expect("written");
        options.existing_or_new().expect("found");
        assert_eq!(std::fs::read(options.data_dir.join("secrets.toml")).expect("kept"), secrets);
    }

    #[test]
    fn a_damaged_key_file_is_named_with_the_line() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("credential.key");
        for (text, line) in
            [("", 1), ("# only a comment\n", 1), ("# x\n0011 22\n", 2), ("zz11223344556677 00\n", 1)]
        {
            let _ = std::fs::remove_file(&path);
            let mut file = OpenOptions::new();
            file.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
            file.open(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("temporary file");
            let error = options(path.clone()).existing().expect_err(text).to_string();
            assert!(error.contains(&format!("line {line} ")), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_credential_is_a_file_or_the_text_itself() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("alice.credential");
        std::fs::write(&path, "  abc\n").expect("temporary file");
        let from_file = credential_text(path.to_str().expect("UTF-8")).expect("readable");
        assert_eq!(from_file.expose(), "abc");
        let long = "x".repeat(5000);
        assert_eq!(credential_text(&long).expect("no file").expose(), &long);
        assert_eq!(credential_text("abc\n").expect("no file").expose(), "abc");
    }
}
