//! In: a tenant's requests and audio, and the passing of time. Out: whether it may, or how long it has to wait.
//!
//! Token buckets, one each for requests, bytes of requests, and bytes of audio. A bucket holds one second's worth, at
//! least one request. Bytes may overdraw it once: what is larger than a second's worth passes, and the next waits for
//! it. Audio is never refused: its connection is read later, so that the sender's TCP stalls. Requests and audio have a
//! bucket each, so that a call at full speed does not keep its own tenant from polling.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ids::Tenant;

/// Above this many tenants with limits, those whose buckets are full again are forgotten.
const REMEMBERED: usize = 1_024;

/// How much a tenant may have at once, and per second. What is not there is not limited.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLimits {
    /// Sessions that have not had their terminal event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_sessions: Option<usize>,
    /// Token requests, REST requests, connections to a namespace and `initialize` together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Bytes of request bodies; and, counted by itself, of audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<f64>,
}

impl TenantLimits {
    /// Whether rates are numbers above zero.
    pub(crate) fn is_sound(&self) -> bool {
        [self.requests_per_second, self.bytes_per_second]
            .into_iter()
            .flatten()
            .all(|rate| rate.is_finite() && rate > 0.0)
    }
}

/// A tenant asks too often, or sends too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Too many requests")]
pub struct Exceeded {
    /// After this time it may again.
    pub retry_after: Duration,
}

impl Exceeded {
    /// The value of `Retry-After`: whole seconds, at least one.
    pub fn retry_after_seconds(&self) -> u64 {
        (self.retry_after.as_secs_f64().ceil() as u64).max(1)
    }
}

/// The buckets of all tenants.
#[derive(Debug, Default)]
pub struct Limiter {
    tenants: Mutex<HashMap<Tenant, Buckets>>,
}

#[derive(Debug)]
struct Buckets {
    requests: Bucket,
    bytes: Bucket,
    audio: Bucket,
}

impl Limiter {
    /// Counts one request with a body of so many bytes.
    ///
    /// # Errors
    /// If it is one too many; then it is not counted.
    pub fn request(
        &self,
        tenant: &Tenant,
        limits: &TenantLimits,
        bytes: usize,
        now: Instant,
    ) -> Result<(), Exceeded> {
        if limits.requests_per_second.is_none() && limits.bytes_per_second.is_none() {
            return Ok(());
        }
        let mut tenants = self.lock();
        let buckets = of(&mut tenants, tenant, now);
        let request_rate = limits.requests_per_second.map(Rate::of);
        let byte_rate = limits.bytes_per_second.map(Rate::of);
        // First whether both have room, so that a refusal by one costs nothing of the other.
        let waits = [
            request_rate.and_then(|rate| buckets.requests.wait(rate, 1.0, now)),
            byte_rate.filter(|_| bytes > 0).and_then(|rate| buckets.bytes.wait(rate, 0.0, now)),
        ];
        if let Some(retry_after) = waits.into_iter().flatten().max() {
            return Err(Exceeded { retry_after });
        }
        if request_rate.is_some() {
            buckets.requests.take(1.0);
        }
        if byte_rate.is_some() {
            buckets.bytes.take(bytes as f64);
        }
        Ok(())
    }

    /// Counts so many bytes of audio that were read: how long to wait before reading more.
    pub fn audio(&self, tenant: &Tenant, bytes_per_second: f64, bytes: usize, now: Instant) -> Duration {
        let rate = Rate::of(bytes_per_second);
        let mut tenants = self.lock();
        let audio = &mut of(&mut tenants, tenant, now).audio;
        // Refilled first, then taken.
        let _ = audio.wait(rate, 0.0, now);
        audio.take(bytes as f64);
        audio.wait(rate, 0.0, now).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Tenant, Buckets>> {
        // Nothing panics while it holds the lock; if it did, numbers would still be numbers.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of<'a>(tenants: &'a mut HashMap<Tenant, Buckets>, tenant: &Tenant, now: Instant) -> &'a mut Buckets {
    if tenants.len() >= REMEMBERED && !tenants.contains_key(tenant) {
        // After a minute every bucket that is not in heavy debt is full, and a full one is as good as a new one.
        tenants.retain(|_, buckets| buckets.in_use(now));
    }
    let full = || Buckets { requests: Bucket::full(now), bytes: Bucket::full(now), audio: Bucket::full(now) };
    tenants.entry(tenant.clone()).or_insert_with(full)
}

impl Buckets {
    fn in_use(&self, now: Instant) -> bool {
        [&self.requests, &self.bytes, &self.audio].into_iter().any(|bucket| bucket.in_use(now))
    }
}

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

impl Rate {
    fn of(per_second: f64) -> Self {
        Self { per_second, burst: per_second.max(1.0) }
    }
}

/// A token bucket. Its rate comes with each use, because an operator may change it meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// What is missing from a full bucket: so that a changed capacity needs no conversion.
    missing: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) const fn full(now: Instant) -> Self {
        Self { missing: 0.0, at: now }
    }

    /// Fills up to now. `Some`: how long until there is as much as `needed`, or more than nothing if that is 0.
    pub(crate) fn wait(&mut self, rate: Rate, needed: f64, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.missing = (self.missing - elapsed * rate.per_second).max(0.0);
        self.at = self.at.max(now);
        let short = needed - (rate.burst - self.missing);
        // An empty bucket has nothing to overdraw; the tolerance is for sums of floating-point numbers.
        let enough = if needed > 0.0 { short <= 1e-9 } else { short < 0.0 };
        if enough {
            return None;
        }
        // A rate of next to nothing would be more seconds than a duration can hold.
        let seconds = (short / rate.per_second).clamp(1e-3, 86_400.0);
        Some(Duration::from_secs_f64(seconds))
    }

    pub(crate) fn take(&mut self, amount: f64) {
        self.missing += amount;
    }

    pub(crate) fn give_back(&mut self, amount: f64) {
        self.missing = (self.missing - amount).max(0.0);
    }

    fn in_use(&self, now: Instant) -> bool {
        self.missing > 0.0 && now.saturating_duration_since(self.at) < Duration::from_secs(60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests: Option<f64>, bytes: Option<f64>) -> TenantLimits {
        TenantLimits { live_sessions: None, requests_per_second: requests, bytes_per_second: bytes }
    }

    #[test]
    fn a_tenant_gets_its_rate_and_another_is_not_touched() {
        let (limiter, begun) = (Limiter::default(), Instant::now());
        let (a, b, limits) = (Tenant::new("a"), Tenant::new("b"), limits(Some(5.0), None));
        let mut passed = 0;
        for step in 0..10_000u32 {
            let now = begun + Duration::from_millis(1) * step;
            passed += u32::from(limiter.request(&a, &limits, 0, now).is_ok());
        }
        // Ten seconds at five a second, and the five that were there at first.
        assert!((54..=55).contains(&passed), "{passed}");
        assert!(limiter.request(&b, &limits, 0, begun).is_ok());
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_then_it_passes() {
        let (limiter, now, a) = (Limiter::default(), Instant::now(), Tenant::new("a"));
        let slow = limits(Some(0.1), None);
        assert_eq!(limiter.request(&a, &slow, 0, now), Ok(()));
        let exceeded = limiter.request(&a, &slow, 0, now).unwrap_err();
        assert_eq!(exceeded.retry_after_seconds(), 10);
        assert_eq!(limiter.request(&a, &slow, 0, now + exceeded.retry_after), Ok(()));
    }

    #[test]
    fn a_large_body_passes_once_and_the_next_waits_for_it() {
        let (limiter, now, a) = (Limiter::default(), Instant::now(), Tenant::new("a"));
        let limits = limits(None, Some(1_000.0));
        assert_eq!(limiter.request(&a, &limits, 5_000, now), Ok(()));
        let exceeded = limiter.request(&a, &limits, 1, now).unwrap_err();
        assert_eq!(exceeded.retry_after, Duration::from_secs(4));
        assert_eq!(limiter.request(&a, &limits, 0, now), Ok(()), "without a body nothing has to wait");
        assert_eq!(limiter.request(&a, &limits, 1, now + Duration::from_millis(4_001)), Ok(()));
    }

    #[test]
    fn what_one_bucket_refuses_the_other_does_not_count() {
        let (limiter, now, a) = (Limiter::default(), Instant::now(), Tenant::new("a"));
        let limits = limits(Some(2.0), Some(10.0));
        assert!(limiter.request(&a, &limits, 10, now).is_ok());
        for _ in 0..5 {
            assert!(limiter.request(&a, &limits, 10, now).is_err());
        }
        assert!(limiter.request(&a, &limits, 0, now).is_ok(), "the second request is still there");
    }

    #[test]
    fn audio_is_paced_never_refused_and_apart_from_requests() {
        let (limiter, mut now, a) = (Limiter::default(), Instant::now(), Tenant::new("a"));
        let begun = now;
        for _ in 0..100 {
            now += limiter.audio(&a, 8_000.0, 1_600, now);
        }
        let seconds = (now - begun).as_secs_f64();
        assert!((18.9..=20.1).contains(&seconds), "160,000 bytes, the first second's at once: {seconds}");
        assert!(limiter.request(&a, &limits(None, Some(8_000.0)), 100, now).is_ok());
    }

    #[test]
    fn tenants_that_ask_no_more_are_forgotten() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for number in 0..3 * REMEMBERED {
            let later = now + Duration::from_secs(number as u64);
            let tenant = Tenant::new(&number.to_string());
            assert!(limiter.request(&tenant, &limits(Some(1.0), None), 0, later).is_ok());
        }
        assert!(limiter.lock().len() <= REMEMBERED);
    }
}
