//! In: nonces of signatures that were right. Out: whether one was seen before, while its signature could still be valid.
//!
//! Kept in memory only, as digests, and no longer than the signatures are valid: after a restart a request of the last
//! minute could be sent once more. Only right signatures get in, so nobody without a key can fill it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::tenant::time::UnixTime;

/// Nonces that are remembered: at a window of a minute, a thousand new calls a second.
const MAX_NONCES: usize = 65_536;

/// The nonces of the window. Shared by reference counting.
#[derive(Debug)]
pub struct Nonces {
    most: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    until: HashMap<[u8; 16], UnixTime>,
    /// In the order in which they came, which is nearly that in which they end.
    order: VecDeque<[u8; 16]>,
}

impl Default for Nonces {
    fn default() -> Self {
        Self::with_room_for(MAX_NONCES)
    }
}

impl Nonces {
    /// Room for so many.
    pub fn with_room_for(most: usize) -> Self {
        Self { most, seen: Mutex::default() }
    }

    /// Notes the nonce of a key, to be kept until its signature is over. `false`: it was seen before, or there is no room for
    /// it, and then the signature does not count.
    pub fn note(&self, key_id: &str, nonce: &str, until: UnixTime, now: UnixTime) -> bool {
        let digest = Sha256::new().chain_update(key_id).chain_update([0]).chain_update(nonce).finalize();
        let mut name = [0; 16];
        name.copy_from_slice(&digest[..16]);
        // Nothing panics while it holds the lock; if it did, the two would still be sound.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = seen.order.front().copied() {
            if seen.until.get(&oldest).is_some_and(|until| *until >= now) {
                break;
            }
            seen.until.remove(&oldest);
            seen.order.pop_front();
        }
        if seen.until.contains_key(&name) {
            return false;
        }
        if seen.order.len() >= self.most {
            tracing::warn!("more AudioHook connections than nonces can be remembered; one is refused");
            return false;
        }
        seen.until.insert(name, until);
        seen.order.push_back(name);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    #[test]
    fn case_012_a_nonce_counts_once_for_each_key_while_it_is_valid() {
        let nonces = Nonces::default();
        assert!(nonces.note("key", "nonce", at(100), at(50)));
        assert!(!nonces.note("key", "nonce", at(100), at(100)));
        assert!(nonces.note("other", "nonce", at(100), at(50)));
        assert!(nonces.note("key", "nonce", at(200), at(101)), "its signature was over");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_room_comes_back_with_time() {
        let nonces = Nonces::with_room_for(3);
        assert!((0..3).all(|n| nonces.note("key", &n.to_string(), at(100 + n), at(50))));
        assert!(!nonces.note("key", "3", at(100), at(50)), "no room");
        assert!(nonces.note("key", "3", at(200), at(101)));
        assert!(!nonces.note("key", "4", at(200), at(101)));
    }
}
