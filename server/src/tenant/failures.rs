//! In: attempts to prove something, and where they come from. Out: whether another one is looked at now.
//!
//! A budget of wrong ones: ten at once, then one in two seconds. An attempt is counted before it is looked at and given back
//! if it was right, so that attempts at the same time cannot share what is left. What was right before needs no attempt: whoever
//! uses up a budget keeps those out that were never seen, and no others.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::tenant::limits::{Bucket, Exceeded, Rate};

/// Wrong ones of one origin: ten at once, then one in two seconds.
pub(crate) const FAILURES: Rate = Rate { per_second: 0.5, burst: 10.0 };
/// Budgets of addresses: 40 bytes each. Addresses that meet in one share it; which ones do, nobody can choose.
const BUDGETS: usize = 1_024;

/// Why somebody is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Unknown, disabled, expired, or wrong: not told apart.
    Wrong,
    /// Too many wrong ones, or too many at once. It was not looked at.
    TooMany(Exceeded),
}

/// What is left of one budget.
#[derive(Debug)]
pub(crate) struct Failures(Mutex<Bucket>);

impl Failures {
    pub(crate) const fn none(now: Instant) -> Self {
        Self(Mutex::new(Bucket::full(now)))
    }

    /// Counts an attempt as a failure, in advance.
    pub(crate) fn attempt(&self, now: Instant) -> Result<(), Denied> {
        // Nothing panics while it holds the lock; if it did, numbers would still be numbers.
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(retry_after) = left.wait(FAILURES, 1.0, now) {
            return Err(Denied::TooMany(Exceeded { retry_after }));
        }
        left.take(1.0);
        Ok(())
    }

    /// It was none.
    pub(crate) fn succeeded(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).give_back(1.0);
    }
}

/// Where a request comes from: an IPv4 address, or the network of an IPv6 address, of which one customer has all (RFC 6177).
/// Behind a proxy it is the proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source(Option<IpAddr>);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
            address => address,
        }))
    }
}

/// The budgets of all addresses.
#[derive(Debug)]
pub(crate) struct Sources {
    budgets: Box<[Failures]>,
    hasher: RandomState,
}

impl Sources {
    pub(crate) fn new(now: Instant) -> Self {
        let budgets = (0..BUDGETS).map(|_| Failures::none(now)).collect();
        Self { budgets, hasher: RandomState::new() }
    }

    pub(crate) fn of(&self, source: Source) -> &Failures {
        let number = self.hasher.hash_one(source) % BUDGETS as u64;
        &self.budgets[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn source(text: &str) -> Source {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn ten_failures_are_looked_at_and_then_one_in_two_seconds() {
        let now = Instant::now();
        let failures = Failures::none(now);
        assert!((0..10).all(|_| failures.attempt(now).is_ok()));
        let Err(Denied::TooMany(exceeded)) = failures.attempt(now) else { panic!("an eleventh") };
        assert_eq!(exceeded.retry_after_seconds(), 2);
        assert!(failures.attempt(now + Duration::from_secs(2)).is_ok());
        assert!(failures.attempt(now + Duration::from_secs(3)).is_err());
    }

    #[test]
    fn what_is_right_costs_nothing() {
        let now = Instant::now();
        let failures = Failures::none(now);
        for _ in 0..100 {
            failures.attempt(now).unwrap();
            failures.succeeded();
        }
        assert!((0..10).all(|_| failures.attempt(now).is_ok()));
    }

    #[test]
    fn an_address_has_a_budget_of_its_own_and_so_has_a_network_of_ipv6() {
        let sources = Sources::new(Instant::now());
        let same = |a: &str, b: &str| std::ptr::eq(sources.of(source(a)), sources.of(source(b)));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        // Which budgets meet is random: of forty others, all by a chance of 1 in 10^120.
        assert!(!(0..40).all(|last| same("192.0.2.100", &format!("192.0.2.{last}"))));
        assert!(!(0..40).all(|last| same("2001:db8:1:2::1", &format!("2001:db8:1:{last}00::1"))));
    }
}
