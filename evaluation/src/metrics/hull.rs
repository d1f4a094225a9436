//! Levels enter, the convex hull of the ROC and the equal error rate on it leave.
//!
//! The hull is found by pooling adjacent violators (PAV; Ayer et al. 1955): its edges are the blocks of the isotonic
//! regression of the truth on the score (Fawcett and Niculescu-Mizil 2007). **The equal error rate of this project is that of
//! the hull** (ROCCH-EER; Brümmer and de Villiers, BOSARIS toolkit, 2011): it does not depend on how a curve of steps is
//! interpolated, and is the largest error that the best threshold makes, over all shares of targets. It is never above the
//! EER read off the steps; with few trials it is optimistic, as every minimum found in hindsight.

use super::levels::{Decision, Levels};

/// An edge of the hull: adjacent levels whose order says nothing about the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) same: f64,
    pub(super) other: f64,
}

impl Block {
    /// Whether trials of one speaker are at least as dense here as in the block above; then both are one.
    fn violates(self, above: Self) -> bool {
        self.same * above.other >= above.same * self.other
    }
}

impl Levels {
    /// Edges of the hull, lowest score first; the share of trials of one speaker rises strictly.
    pub(super) fn hull(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for level in self.levels() {
            let mut block = Block { same: level.same, other: level.other };
            // Weights of resampling may empty a level.
            if block.same == 0.0 && block.other == 0.0 {
                continue;
            }
            while let Some(&below) = blocks.last()
                && below.violates(block)
            {
                blocks.pop();
                block = Block { same: below.same + block.same, other: below.other + block.other };
            }
            blocks.push(block);
        }
        blocks
    }

    /// Equal error rate on the convex hull of the ROC, 0…0.5.
    pub fn eer(&self) -> f64 {
        let (mut far, mut frr) = (1.0, 0.0);
        for block in self.hull() {
            let next = (far - block.other / self.other(), frr + block.same / self.same());
            if next.1 >= next.0 {
                // The edge crosses far = frr.
                let (before, after) = (far - frr, next.1 - next.0);
                let share = before / (before + after);
                return frr + share * (next.1 - frr);
            }
            (far, frr) = next;
        }
        // The last vertex rejects everything, which has crossed; only sums of weights could miss it by a rounding.
        (far + frr) / 2.0
    }

    /// The DET curve (Martin et al. 1997): at most `most` of the decisions, both errors above 0, evenly spaced along the curve
    /// on the axes that it is drawn with ([`probit`]).
    pub fn det(&self, most: usize) -> Vec<Decision> {
        let drawn: Vec<_> = self.decisions().filter(|d| d.far > 0.0 && d.frr > 0.0).collect();
        let place = |d: &Decision| (probit(d.far), probit(d.frr));
        let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() + (a.1 - b.1).abs();
        let length: f64 = drawn.windows(2).map(|pair| distance(place(&pair[0]), place(&pair[1]))).sum();
        let step = length / most.max(2) as f64;
        let mut kept: Vec<Decision> = Vec::new();
        for decision in &drawn {
            let far_enough = kept.last().is_none_or(|last| distance(place(last), place(decision)) >= step);
            if far_enough {
                kept.push(*decision);
            }
        }
        kept
    }
}

/// The normal deviate of a probability: the inverse of the standard normal distribution function, within 1e-9.
///
/// By bisection: a plot asks for a few hundred values. 0 and 1 give ±8, beyond what a double of this function tells apart.
pub fn probit(probability: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        if normal(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Standard normal distribution function by its power series (Abramowitz and Stegun 26.2.11), for |x| ≤ 8.
fn normal(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::levels::tests::{any_trials, levels};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn separated_scores_have_no_equal_error_and_random_ones_a_half() {
        assert_eq!(levels(&[1.0, 2.0], &[-1.0, 0.0]).eer(), 0.0);
        assert_eq!(levels(&[0.0, 1.0], &[0.0, 1.0]).eer(), 0.5);
        assert_eq!(levels(&[0.0], &[1.0]).eer(), 0.5);
    }

    #[test]
    fn the_equal_error_rate_of_a_hull_computed_by_hand() {
        // Impostors 1 2 3 4, targets 3.5 4.5 5 6: vertices (1, 0), (1/4, 0), (0, 1/4). Its edge crosses at 1/8, where
        // the steps say 1/4.
        let scores = levels(&[3.5, 4.5, 5.0, 6.0], &[1.0, 2.0, 3.0, 4.0]);
        assert!((scores.eer() - 0.125).abs() < 1e-12);
    }

    #[test]
    fn normal_deviates_are_those_of_the_tables() {
        for (probability, deviate) in
            [(0.5, 0.0), (0.975, 1.959_963_985), (0.01, -2.326_347_874), (0.001, -3.090_232_306)]
        {
            assert!((probit(probability) - deviate).abs() < 1e-8, "{probability}");
        }
    }

    #[test]
    fn a_det_curve_has_about_as_many_points_as_asked_for() {
        let many: Vec<f64> = (0..4_000).map(|i| f64::from(i * 7 % 4_001) / 1_000.0).collect();
        let curve = levels(&many.iter().map(|x| x + 1.0).collect::<Vec<_>>(), &many).det(100);
        assert!((50..=101).contains(&curve.len()), "{} points", curve.len());
        assert!(curve.windows(2).all(|pair| pair[0].far >= pair[1].far && pair[0].frr <= pair[1].frr));
    }

    /// The equal error rate by its other definition: the worst share of targets for the best threshold. The cost is
    /// concave in that share, so a ternary search finds the top.
    fn worst_case_of_the_best_threshold(scores: &Levels) -> f64 {
        let cost = |prior: f64| {
            scores.decisions().map(|d| prior * d.frr + (1.0 - prior) * d.far).fold(f64::INFINITY, f64::min)
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..200 {
            let third = (high - low) / 3.0;
            if cost(low + third) < cost(high - third) { low += third } else { high -= third }
        }
        cost(low)
    }

    proptest! {
        #[test]
        fn the_equal_error_rate_is_the_worst_case_of_the_best_threshold((same, other) in any_trials()) {
            let scores = levels(&same, &other);
            prop_assert!((scores.eer() - worst_case_of_the_best_threshold(&scores)).abs() < 1e-9);
        }

        #[test]
        fn error_rates_do_not_change_under_a_rising_function_of_the_score((same, other) in any_trials()) {
            let raise = |scores: &[f64]| scores.iter().map(|x| (x / 2.0).exp()).collect::<Vec<_>>();
            prop_assert_eq!(levels(&same, &other).eer(), levels(&raise(&same), &raise(&other)).eer());
        }
    }
}
