//! Levels whose scores are log-likelihood ratios enter; costs of decisions and of the ratios themselves leave.
//!
//! Detection costs as in NIST's evaluation plans (SRE 2010 and later); Cllr as in Brümmer and du Preez, "Application-independent
//! evaluation of speaker detection" (2006).

use super::levels::Levels;

/// How often callers are who they claim to be, and what errors cost.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct OperatingPoint {
    /// Share of same-speaker trials where the decision is used, above 0 and below 1.
    pub prior: f64,
    /// Cost of a false reject, above 0, in any unit.
    pub cost_false_reject: f64,
    /// Cost of a false accept, above 0, in the same unit.
    pub cost_false_accept: f64,
}

impl OperatingPoint {
    /// Both errors cost the same.
    pub const fn of_prior(prior: f64) -> Self {
        Self { prior, cost_false_reject: 1.0, cost_false_accept: 1.0 }
    }

    /// The log-likelihood ratio from which accepting costs less than rejecting.
    pub fn threshold(self) -> f64 {
        ((1.0 - self.prior) * self.cost_false_accept / (self.prior * self.cost_false_reject)).ln()
    }

    /// Expected cost of these error rates, relative to that of the better of accepting everything and rejecting everything.
    fn cost(self, far: f64, frr: f64) -> f64 {
        let rejecting = self.prior * self.cost_false_reject;
        let accepting = (1.0 - self.prior) * self.cost_false_accept;
        (rejecting * frr + accepting * far) / rejecting.min(accepting)
    }
}

impl Levels {
    /// Lowest cost that a threshold can have, chosen in hindsight; 0…1.
    pub fn min_dcf(&self, point: OperatingPoint) -> f64 {
        self.decisions().map(|d| point.cost(d.far, d.frr)).fold(f64::INFINITY, f64::min)
    }

    /// Cost at the threshold that follows from the operating point, if scores are log-likelihood ratios as they claim.
    pub fn actual_dcf(&self, point: OperatingPoint) -> f64 {
        let threshold = point.threshold();
        let far: f64 = self.levels().iter().filter(|l| l.score >= threshold).map(|l| l.other).sum();
        let frr: f64 = self.levels().iter().filter(|l| l.score < threshold).map(|l| l.same).sum();
        point.cost(far / self.other(), frr / self.same())
    }

    /// Cost of the log-likelihood ratios over all operating points, in bits: 0 is perfect, 1 what knowing nothing costs,
    /// above 1 worse than that.
    pub fn cllr(&self) -> f64 {
        let (mut same, mut other) = (0.0, 0.0);
        for level in self.levels() {
            // A level that resampling emptied of one kind must not multiply 0 by a large cost.
            if level.same > 0.0 {
                same += level.same * softplus(-level.score);
            }
            if level.other > 0.0 {
                other += level.other * softplus(level.score);
            }
        }
        (same / self.same() + other / self.other()) / (2.0 * std::f64::consts::LN_2)
    }

    /// [`Levels::cllr`] after the best rising function of the score, chosen in hindsight: what discrimination alone costs.
    pub fn min_cllr(&self) -> f64 {
        let (mut same, mut other) = (0.0, 0.0);
        for block in self.hull() {
            // A block of one kind has an infinite ratio and costs nothing.
            if block.same > 0.0 && block.other > 0.0 {
                let ratio = (block.same / self.same()) / (block.other / self.other());
                same += block.same * (1.0 / ratio).ln_1p();
                other += block.other * ratio.ln_1p();
            }
        }
        (same / self.same() + other / self.other()) / (2.0 * std::f64::consts::LN_2)
    }
}

/// ln(1 + eˣ) without overflow.
pub(crate) fn softplus(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::super::levels::tests::{any_trials, levels};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn costs_computed_by_hand() {
        // At prior 0.01 the threshold is ln 99 = 4.595: one of two targets is missed, nothing is accepted falsely.
        let point = OperatingPoint::of_prior(0.01);
        assert!((point.threshold() - 99f64.ln()).abs() < 1e-12);
        let scores = levels(&[5.0, 4.0], &[-3.0, 0.0]);
        assert_eq!(scores.actual_dcf(point), 0.5);
        assert_eq!(scores.min_dcf(point), 0.0);
        // With a false accept at 4.7: rejecting everything costs 1, accepting it 99 · 1/2 at best.
        assert_eq!(levels(&[4.0, 4.0], &[-3.0, 4.7]).min_dcf(point), 1.0);
        assert!((levels(&[4.0, 4.0], &[-3.0, 4.7]).actual_dcf(point) - 50.5).abs() < 1e-9);
    }

    #[test]
    fn ratios_that_say_nothing_cost_one_bit_and_good_ones_little() {
        assert!((levels(&[0.0; 3], &[0.0; 5]).cllr() - 1.0).abs() < 1e-12);
        assert!((levels(&[0.0; 3], &[0.0; 5]).min_cllr() - 1.0).abs() < 1e-12);
        // log2(1 + e^-2) for either kind.
        let expected = (-2f64).exp().ln_1p() / std::f64::consts::LN_2;
        assert!((levels(&[2.0], &[-2.0, -2.0]).cllr() - expected).abs() < 1e-12);
        assert_eq!(levels(&[2.0], &[-2.0, -2.0]).min_cllr(), 0.0);
        assert!(levels(&[-700.0], &[700.0]).cllr() > 1_000.0);
    }

    /// Isotonic regression by its minimax formula (Robertson, Wright and Dykstra 1988, theorem 1.4.4), level by level.
    fn min_cllr_by_minimax(scores: &Levels) -> f64 {
        let l = scores.levels();
        let mean = |a: usize, b: usize| {
            let (same, other) = l[a..=b].iter().fold((0.0, 0.0), |s, l| (s.0 + l.same, s.1 + l.other));
            same / (same + other)
        };
        let share = scores.same() / (scores.same() + scores.other());
        let (mut same, mut other) = (0.0, 0.0);
        for i in 0..l.len() {
            let highest_of = |a: usize| (i..l.len()).map(|b| mean(a, b)).fold(f64::INFINITY, f64::min);
            let p = (0..=i).map(highest_of).fold(f64::NEG_INFINITY, f64::max);
            let ratio = p / (1.0 - p) / (share / (1.0 - share));
            same += if l[i].same > 0.0 { l[i].same * (1.0 + 1.0 / ratio).log2() } else { 0.0 };
            other += if l[i].other > 0.0 { l[i].other * (1.0 + ratio).log2() } else { 0.0 };
        }
        (same / scores.same() + other / scores.other()) / 2.0
    }

    proptest! {
        #[test]
        fn the_least_cllr_is_that_of_the_isotonic_regression((same, other) in any_trials()) {
            let scores = levels(&same, &other);
            prop_assert!((scores.min_cllr() - min_cllr_by_minimax(&scores)).abs() < 1e-9);
        }

        #[test]
        fn nothing_costs_less_than_its_minimum((same, other) in any_trials(), prior in 0.001f64..0.999) {
            let (scores, point) = (levels(&same, &other), OperatingPoint::of_prior(prior));
            prop_assert!(scores.min_cllr() <= scores.cllr() + 1e-12);
            prop_assert!(scores.min_dcf(point) <= scores.actual_dcf(point) + 1e-12);
            prop_assert!(scores.min_dcf(point) <= 1.0 + 1e-12);
        }
    }
}
