//! Keys and embeddings enter and come back in the next run: one file, which grows while an evaluation runs.
//!
//! **The file holds biometric data**: an embedding recognises its speaker. It lies where the operator says, is readable by
//! its owner only (mode 0600) and names nobody. Deleting it costs nothing but the time to listen again.
//!
//! ```text
//! "peakstream embeddings 1\n" ‖ entries of 820 bytes:
//!   key 32 ‖ has a voice 4 ‖ net speech, seconds f32 ‖ signal to noise, dB f32 ‖ 192 × f32 ‖ SHA-256 of these, first 8 bytes
//! ```
//!
//! all numbers little-endian. Entries are only appended, so a run that is interrupted loses at most the entry it was writing: what
//! does not match its digest ends the file and is overwritten.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use peakstream::Evidence;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::fingerprint::Hash;

const MAGIC: &[u8] = b"peakstream embeddings 1\n";
const DIMENSIONS: usize = 192;
const BODY: usize = 4 + 8 + 4 * DIMENSIONS;
const CHECK: usize = 8;
const LENGTH: usize = 32 + BODY + CHECK;

/// Why embeddings cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is something else, and is left alone.
    #[error("{}: not a file of embeddings; name another, or delete it", .0.display())]
    Foreign(PathBuf),
    /// Another process writes to it.
    #[error("{}: in use by another evaluation", .0.display())]
    InUse(PathBuf),
}

/// What one hearing gave. Wiped when dropped.
#[derive(Clone, Debug, PartialEq, Zeroize, ZeroizeOnDrop)]
pub(super) struct Entry {
    body: [u8; BODY],
}

impl Entry {
    pub(super) fn new(evidence: Evidence, values: Option<&[f32; DIMENSIONS]>) -> Self {
        let mut body = [0; BODY];
        body[..4].copy_from_slice(&u32::from(values.is_some()).to_le_bytes());
        body[4..8].copy_from_slice(&evidence.net_speech.to_le_bytes());
        body[8..12].copy_from_slice(&evidence.snr.to_le_bytes());
        for (bytes, value) in body[12..].chunks_exact_mut(4).zip(values.into_iter().flatten()) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        Self { body }
    }

    pub(super) fn evidence(&self) -> Evidence {
        Evidence { net_speech: self.number(4), snr: self.number(8) }
    }

    pub(super) fn values(&self) -> Option<Box<[f32; DIMENSIONS]>> {
        (self.body[0] != 0).then(|| Box::new(std::array::from_fn(|i| self.number(12 + 4 * i))))
    }

    fn number(&self, at: usize) -> f32 {
        f32::from_le_bytes(std::array::from_fn(|byte| self.body[at + byte]))
    }
}

/// Embeddings of earlier runs, and of this one.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    entries: HashMap<Hash, Entry>,
}

impl Cache {
    /// Opens or creates the file, for this process alone. Everything in it is held in memory: 1 kB an embedding.
    ///
    /// # Errors
    /// See [`CacheError`].
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let io = |source| CacheError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CacheError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        if bytes.is_empty() {
            file.write_all(MAGIC).map_err(io)?;
        } else if !bytes.starts_with(MAGIC) {
            return Err(CacheError::Foreign(path.to_owned()));
        }
        // Copied from elsewhere, it may have come with other rights.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(io)?;
        let (entries, good) = read(bytes.get(MAGIC.len()..).unwrap_or_default());
        bytes.zeroize();
        let end = (MAGIC.len() + good) as u64;
        file.set_len(end).map_err(io)?;
        file.seek(SeekFrom::Start(end)).map_err(io)?;
        Ok(Self { path: path.to_owned(), inner: Mutex::new(Inner { file, entries }) })
    }

    /// How many embeddings it holds.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn get(&self, key: &Hash) -> Option<Entry> {
        self.lock().entries.get(key).cloned()
    }

    pub(super) fn put(&self, key: Hash, entry: &Entry) -> Result<(), CacheError> {
        let mut bytes = [&key[..], &entry.body, &check(&key, &entry.body)].concat();
        let mut inner = self.lock();
        let written = inner.file.write_all(&bytes);
        bytes.zeroize();
        written.map_err(|source| CacheError::Io { path: self.path.clone(), source })?;
        inner.entries.insert(key, entry.clone());
        Ok(())
    }

    /// A thread that panicked while writing left an entry that its digest gives away.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries up to the first that is not whole, and how many bytes they take.
fn read(bytes: &[u8]) -> (HashMap<Hash, Entry>, usize) {
    let mut entries = HashMap::new();
    for (i, entry) in bytes.chunks(LENGTH).enumerate() {
        let Some((key, rest)) = entry.split_first_chunk::<32>() else { return (entries, i * LENGTH) };
        let Some((body, found)) = rest.split_first_chunk::<BODY>() else { return (entries, i * LENGTH) };
        if check(key, body) != *found {
            return (entries, i * LENGTH);
        }
        entries.insert(*key, Entry { body: *body });
    }
    (entries, bytes.len())
}

fn check(key: &Hash, body: &[u8; BODY]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(key).chain_update(body).finalize();
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Evidence = Evidence { net_speech: 1.3, snr: 22.7 };

    fn entry(seed: u8) -> Entry {
        Entry::new(SOME, Some(&std::array::from_fn(|i| i as f32 + f32::from(seed) / 7.0)))
    }

    #[test]
    fn embeddings_come_back_to_the_last_bit_and_only_their_owner_may_read_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("embeddings");
        let cache = Cache::open(&path).expect("a new file");
        cache.put([1; 32], &entry(5)).expect("written");
        cache.put([2; 32], &Entry::new(SOME, None)).expect("written");
        assert!(matches!(Cache::open(&path), Err(CacheError::InUse(_))));
        drop(cache);
        let cache = Cache::open(&path).expect("the same file");
        assert_eq!(cache.get(&[1; 32]).expect("there"), entry(5));
        assert_eq!(cache.get(&[1; 32]).and_then(|e| e.values()), entry(5).values());
        assert_eq!(cache.get(&[2; 32]).expect("there").values(), None);
        assert_eq!(cache.get(&[1; 32]).expect("there").evidence(), SOME);
        assert_eq!(cache.get(&[3; 32]), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_run_that_was_interrupted_while_writing_loses_only_that_entry() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("embeddings");
        let cache = Cache::open(&path).expect("a new file");
        (0..3).for_each(|i| cache.put([i; 32], &entry(i)).expect("written"));
        drop(cache);
        let whole = std::fs::read(&path).expect("a file");
        for lost in [1, CHECK, 40, LENGTH - 1] {
            std::fs::write(&path, &whole[..whole.len() - lost]).expect("cut");
            let cache = Cache::open(&path).expect("a cut file");
            assert_eq!(cache.len(), 2, "{lost} bytes lost");
            cache.put([2; 32], &entry(2)).expect("written");
            drop(cache);
            assert_eq!(std::fs::read(&path).expect("a file"), whole, "{lost} bytes lost");
        }
    }

    #[test]
    fn another_file_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("precious.txt");
        std::fs::write(&path, "do not touch").expect("written");
        assert!(matches!(Cache::open(&path), Err(CacheError::Foreign(_))));
        assert_eq!(std::fs::read(&path).expect("still there"), b"do not touch");
    }
}
