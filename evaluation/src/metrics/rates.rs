//! Levels and thresholds enter; false accepts and false rejects leave, with their 95 % intervals.

use serde::Serialize;

use super::levels::Levels;

/// Errors that must be seen before a rate is worth reporting: Doddington's rule of 30 (Doddington et al. 2000): with 30 errors
/// the true rate is within 30 % of the observed one, with 90 % confidence. Fewer make no row.
pub const ENOUGH_ERRORS: f64 = 30.0;

/// The two-sided 95 % deviate of the normal distribution.
const DEVIATE: f64 = 1.959_963_985;

/// A share that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// How often it happened.
    pub count: u64,
    /// How often it could have.
    pub of: u64,
    /// The share.
    pub rate: f64,
    /// Wilson's 95 % interval (Wilson 1927), which is right for few and for no events too. It takes trials as independent;
    /// many trials of few speakers are not, and the truth may lie outside more often.
    pub interval: [f64; 2],
}

impl Share {
    /// So many of so many.
    pub fn new(count: u64, of: u64) -> Self {
        if of == 0 {
            return Self { count, of, rate: 0.0, interval: [0.0, 1.0] };
        }
        let (n, z2) = (of as f64, DEVIATE * DEVIATE);
        let rate = count as f64 / n;
        let centre = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = DEVIATE * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        // At no and at all events one end is exact.
        let low = if count == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if count == of { 1.0 } else { (centre + half).min(1.0) };
        Self { count, of, rate, interval: [low, high] }
    }
}

/// What a threshold does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// False accepts among trials of two speakers.
    pub far: Share,
    /// False rejects among trials of one speaker.
    pub frr: Share,
}

/// The threshold for a share of false accepts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdAt {
    /// The lowest score that keeps to it.
    Found {
        /// Accept from this score on.
        threshold: f64,
        /// What it does.
        rates: Rates,
    },
    /// So few trials of two speakers that under [`ENOUGH_ERRORS`] errors are to be expected: any threshold would be a guess.
    TooFewTrials {
        /// Trials of two speakers.
        has: u64,
        /// How many it takes.
        needs: u64,
    },
}

impl Levels {
    /// Counts the errors of accepting from `threshold` on.
    pub fn rates(&self, threshold: f64) -> Rates {
        let accepted: f64 = self.levels().iter().filter(|l| l.score >= threshold).map(|l| l.other).sum();
        let rejected: f64 = self.levels().iter().filter(|l| l.score < threshold).map(|l| l.same).sum();
        Rates {
            far: Share::new(accepted.round() as u64, self.other().round() as u64),
            frr: Share::new(rejected.round() as u64, self.same().round() as u64),
        }
    }

    /// The lowest threshold with at most this share of false accepts, if there are enough trials for it.
    pub fn threshold_at(&self, far: f64) -> ThresholdAt {
        if self.other() * far < ENOUGH_ERRORS {
            let needs = (ENOUGH_ERRORS / far).ceil() as u64;
            return ThresholdAt::TooFewTrials { has: self.other().round() as u64, needs };
        }
        let threshold = self.lowest_threshold(far);
        ThresholdAt::Found { threshold, rates: self.rates(threshold) }
    }

    /// The lowest score with at most this share of false accepts, however few trials there are; infinite if even the
    /// highest score has more.
    pub fn lowest_threshold(&self, far: f64) -> f64 {
        self.decisions().find(|decision| decision.far <= far).map_or(f64::INFINITY, |d| d.threshold)
    }

    /// False rejects at the lowest threshold with at most this share of false accepts.
    pub fn frr_at(&self, far: f64) -> f64 {
        self.decisions().find(|decision| decision.far <= far).map_or(1.0, |decision| decision.frr)
    }
}

#[cfg(test)]
mod tests {
    use super::super::levels::tests::levels;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_are_those_of_the_literature() {
        // Newcombe 1998, table I, method 3 (score without continuity correction).
        let cases = [
            (81, 263, [0.2553, 0.3662]),
            (15, 148, [0.0624, 0.1605]),
            (0, 20, [0.0, 0.1611]),
            (1, 29, [0.0061, 0.1718]),
        ];
        for (count, of, expected) in cases {
            let found = Share::new(count, of).interval;
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 5e-5), "{count}/{of}: {found:?}");
        }
        assert_eq!(Share::new(20, 20).interval[1], 1.0);
        assert_eq!(Share::new(0, 0).interval, [0.0, 1.0]);
    }

    #[test]
    fn a_threshold_accepts_what_equals_it() {
        let rates = levels(&[1.0, 2.0], &[1.0, 0.0, -1.0]).rates(1.0);
        assert_eq!((rates.far.count, rates.far.of, rates.frr.count, rates.frr.of), (1, 3, 0, 2));
    }

    #[test]
    fn a_threshold_for_fewer_errors_than_thirty_is_not_given() {
        let other: Vec<f64> = (0..3_000).map(f64::from).collect();
        let scores = levels(&[2_969.5, 5_000.0], &other);
        let ThresholdAt::Found { threshold, rates } = scores.threshold_at(0.01) else {
            panic!("enough trials")
        };
        // 30 of 3,000 lie above 2,969, and the lowest score that keeps them out is a target's.
        assert_eq!((threshold, rates.far.count, rates.frr.count), (2_969.5, 30, 0));
        assert_eq!(scores.threshold_at(0.001), ThresholdAt::TooFewTrials { has: 3_000, needs: 30_000 });
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_rate(of in 1u64..5_000, part in 0.0f64..=1.0) {
            let share = Share::new((part * of as f64).round() as u64, of);
            prop_assert!(share.interval[0] <= share.rate && share.rate <= share.interval[1]);
            prop_assert!((0.0..=1.0).contains(&share.interval[0]) && (0.0..=1.0).contains(&share.interval[1]));
        }
    }
}
