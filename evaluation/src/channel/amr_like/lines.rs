//! A prediction filter becomes line spectral frequencies, which can be rounded and mixed and stay stable, and back.
//!
//! The method of Kabal and Ramachandran (1986): the roots of a symmetric and an antisymmetric polynomial lie on the unit circle
//! and alternate.

use std::array::from_fn;
use std::f64::consts::PI;

use super::prediction::ORDER;

const HALF: usize = ORDER / 2;
/// Places between 0 and 4 kHz at which a root is looked for: 16 Hz apart, closer than two roots of speech.
const GRID: usize = 256;
const BISECTIONS: usize = 20;
/// Least distance of two lines in Hz.
const GAP: f64 = 40.0;
const NYQUIST: f64 = 4_000.0;

/// The lines of a filter that does nothing.
pub(super) const FLAT: [f64; ORDER] = {
    let mut lines = [0.0; ORDER];
    let mut i = 0;
    while i < ORDER {
        lines[i] = NYQUIST * (i + 1) as f64 / (ORDER + 1) as f64;
        i += 1;
    }
    lines
};

/// In Hz, rising; `None` if not all roots are found, as for a filter that is not stable.
pub(super) fn from_prediction(a: &[f64; ORDER]) -> Option<[f64; ORDER]> {
    let (sum, difference) = halves(a);
    let mut lines = [0.0; ORDER];
    let (mut found, mut before) = (0, 0.0);
    let mut value = cosines(&sum, before);
    for step in 1..=GRID {
        let here = PI * step as f64 / GRID as f64;
        let polynomial = if found % 2 == 0 { &sum } else { &difference };
        let next = cosines(polynomial, here);
        if value * next <= 0.0 {
            let root = bisect(polynomial, before, here);
            lines[found] = root / PI * NYQUIST;
            found += 1;
            if found == ORDER {
                return Some(lines);
            }
            // The next root is one of the other polynomial's, at or above this one.
            before = root;
            value = cosines(if found % 2 == 0 { &sum } else { &difference }, root);
        }
        // A root of the other polynomial in the same interval is found from where this one was.
        let polynomial = if found % 2 == 0 { &sum } else { &difference };
        let next = cosines(polynomial, here);
        if value * next > 0.0 {
            (before, value) = (here, next);
        } else if found > 0 {
            let root = bisect(polynomial, before, here);
            lines[found] = root / PI * NYQUIST;
            found += 1;
            if found == ORDER {
                return Some(lines);
            }
            (before, value) = (here, cosines(if found % 2 == 0 { &sum } else { &difference }, here));
        }
    }
    None
}

/// The symmetric polynomial without its root at −1, the antisymmetric one without its root at 1; half of their
/// coefficients, from the outermost.
fn halves(a: &[f64; ORDER]) -> ([f64; HALF + 1], [f64; HALF + 1]) {
    let (mut sum, mut difference) = ([1.0; HALF + 1], [1.0; HALF + 1]);
    for i in 0..HALF {
        sum[i + 1] = a[i] + a[ORDER - 1 - i] - sum[i];
        difference[i + 1] = a[i] - a[ORDER - 1 - i] + difference[i];
    }
    (sum, difference)
}

/// A symmetric polynomial on the unit circle, but for a factor.
fn cosines(half: &[f64; HALF + 1], angle: f64) -> f64 {
    let outer: f64 = (0..HALF).map(|i| half[i] * ((HALF - i) as f64 * angle).cos()).sum();
    outer + half[HALF] / 2.0
}

fn bisect(half: &[f64; HALF + 1], mut low: f64, mut high: f64) -> f64 {
    let sign = cosines(half, low);
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        if sign * cosines(half, middle) <= 0.0 { high = middle } else { low = middle }
    }
    (low + high) / 2.0
}

/// The filter of which these are the lines.
pub(super) fn to_prediction(lines: &[f64; ORDER]) -> [f64; ORDER] {
    let polynomial = |first: usize| {
        let mut product = vec![1.0];
        for line in lines.iter().skip(first).step_by(2) {
            product = times(&product, &[1.0, -2.0 * (PI * line / NYQUIST).cos(), 1.0]);
        }
        product
    };
    let (sum, difference) = (times(&polynomial(0), &[1.0, 1.0]), times(&polynomial(1), &[1.0, -1.0]));
    from_fn(|i| (sum[i + 1] + difference[i + 1]) / 2.0)
}

fn times(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            product[i + j] += x * y;
        }
    }
    product
}

/// Rounded to whole steps, apart from each other.
pub(super) fn quantised(lines: &[f64; ORDER], step: f64) -> [f64; ORDER] {
    let mut lowest = GAP;
    from_fn(|i| {
        let highest = NYQUIST - GAP * (ORDER - i) as f64;
        let line = ((lines[i] / step).round() * step).clamp(lowest, highest);
        lowest = line + GAP;
        line
    })
}

/// That share of the way from one to the other.
pub(super) fn between(from: &[f64; ORDER], to: &[f64; ORDER], share: f64) -> [f64; ORDER] {
    from_fn(|i| from[i] + share * (to[i] - from[i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_that_are_apart_survive_the_way_there_and_back(gaps in prop::array::uniform10(20.0f64..360.0)) {
            let mut at = 0.0;
            let lines = gaps.map(|gap| { at += gap; at });
            let back = from_prediction(&to_prediction(&lines)).expect("all lines");
            for (before, after) in lines.iter().zip(back) {
                prop_assert!((before - after).abs() < 0.5, "{lines:?} {back:?}");
            }
        }

        #[test]
        fn rounded_lines_stay_in_order(lines in prop::array::uniform10(0.0f64..4_000.0), step in 1.0f64..300.0) {
            let rounded = quantised(&lines, step);
            prop_assert!(rounded.windows(2).all(|pair| pair[1] - pair[0] >= GAP - 1e-9));
            prop_assert!(rounded[0] >= GAP - 1e-9 && rounded[ORDER - 1] <= NYQUIST - GAP + 1e-9);
        }
    }
}
