//! In: messages that want to leave, and the client's complaints. Out: when the next one may.
//!
//! A token bucket on our side of the client's own: Genesys cuts connections that send too much and gives repeat offenders
//! no new sessions. What the protocol demands at once (`pong`, `opened`, `closed`, `disconnect`) always leaves and is
//! counted; everything else waits.

use std::time::{Duration, Instant};

/// Messages a second, sustained.
const RATE: f64 = 5.0;
/// Messages at once.
const BURST: f64 = 10.0;
/// A client that complains is sent this share of what it was sent before, but never less than [`SLOWEST`].
const SLOWER: f64 = 0.5;
const SLOWEST: f64 = 0.5;
/// The longest a client may silence us for.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// The bucket.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    tokens: f64,
    rate: f64,
    counted: Instant,
    silent_until: Instant,
}

impl Pace {
    /// A full one.
    pub const fn new(now: Instant) -> Self {
        Self { tokens: BURST, rate: RATE, counted: now, silent_until: now }
    }

    /// Counts a message that cannot wait.
    pub fn count(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = (self.tokens - 1.0).max(-BURST);
    }

    /// Takes room for a message that can wait; or says that it must.
    pub fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let may = self.tokens >= 1.0 && now >= self.silent_until;
        if may {
            self.tokens -= 1.0;
        }
        may
    }

    /// When [`Pace::take`] is worth asking again.
    pub fn next(&self) -> Instant {
        let missing = (1.0 - self.tokens).max(0.0) / self.rate;
        // A little later than exact, so that rounding never makes the caller ask in vain for ever.
        let filled = self.counted + Duration::from_secs_f64(missing) + Duration::from_millis(1);
        filled.max(self.silent_until)
    }

    /// The client complained of too many messages.
    pub fn slow_down(&mut self, now: Instant, retry_after: Duration) {
        self.fill(now);
        self.rate = (self.rate * SLOWER).max(SLOWEST);
        self.tokens = self.tokens.min(0.0);
        self.silent_until = self.silent_until.max(now + retry_after.min(LONGEST_SILENCE));
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(BURST);
        self.counted = self.counted.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many messages leave in so many seconds, if there is always one more.
    fn sent(pace: &mut Pace, mut now: Instant, seconds: u64) -> u32 {
        let (end, mut count) = (now + Duration::from_secs(seconds), 0);
        while now < end {
            match pace.take(now) {
                true => count += 1,
                false => now = pace.next(),
            }
        }
        count
    }

    #[test]
    fn a_burst_and_then_a_steady_rate() {
        let now = Instant::now();
        let count = sent(&mut Pace::new(now), now, 20);
        assert!((108..=111).contains(&count), "{count}");
    }

    #[test]
    fn case_057_a_client_that_complains_is_left_alone_and_then_sent_less() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.slow_down(now, Duration::from_secs(3));
        assert_eq!(sent(&mut pace, now, 3), 0);
        let count = sent(&mut pace, now + Duration::from_secs(3), 20);
        assert!(count < 60, "{count}");
        for _ in 0..100 {
            pace.slow_down(now, Duration::MAX);
        }
        assert!(pace.next() <= now + LONGEST_SILENCE && pace.rate >= SLOWEST);
    }

    #[test]
    fn what_cannot_wait_is_counted_and_delays_the_rest() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..12 {
            pace.count(now);
        }
        assert!(!pace.take(now) && pace.next() > now);
        assert!(sent(&mut pace, now, 2) <= 9);
    }
}
