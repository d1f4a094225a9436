//! The adaptive codebook: the excitation of a pitch period ago, found by what it would sound like.

use std::array::from_fn;

use super::{PART, PAST, prediction};

/// Lags in thirds of a sample: 20 to 143 samples.
const SHORTEST: usize = 3 * 20;
const LONGEST: usize = 3 * 143;
/// Half the length of the interpolating sinc.
const REACH: i64 = 8;
/// More would let an error grow from period to period.
const MOST_GAIN: f64 = 1.2;

/// The past excitation that many thirds of a sample ago; a lag shorter than the part repeats itself.
pub(super) fn vector(past: &[f64; PAST], thirds: usize) -> [f64; PART] {
    let mut line = [0.0; PAST + PART];
    line[..PAST].copy_from_slice(past);
    // n − lag = n − whole + fraction, fraction 0, 1/3 or 2/3.
    let whole = thirds.div_ceil(3);
    let fraction = (3 * whole - thirds) as f64 / 3.0;
    for n in PAST..PAST + PART {
        let at = n - whole;
        line[n] = if fraction == 0.0 {
            line[at]
        } else {
            (1 - REACH..=REACH)
                .map(|k| {
                    let sample =
                        usize::try_from(at as i64 + k).ok().filter(|i| *i < n).map_or(0.0, |i| line[i]);
                    sample * sinc(k as f64 - fraction)
                })
                .sum()
        };
    }
    from_fn(|n| line[PAST + n])
}

/// A sinc under a Hann window.
fn sinc(t: f64) -> f64 {
    let angle = std::f64::consts::PI * t;
    angle.sin() / angle * (0.5 + 0.5 * (angle / (REACH as f64 + 1.0)).cos())
}

/// The lag whose sound is most like the target: every whole sample first, then the thirds around the best.
pub(super) fn best_lag(past: &[f64; PAST], target: &[f64; PART], response: &[f64; PART]) -> usize {
    let likeness = |thirds: usize| {
        let sound = prediction::convolved(&vector(past, thirds), response);
        let product: f64 = sound.iter().zip(target).map(|(a, b)| a * b).sum();
        let power: f64 = sound.iter().map(|s| s * s).sum();
        product.max(0.0) * product / (power + 1e-12)
    };
    let best = |lags: &mut dyn Iterator<Item = usize>| {
        lags.map(|lag| (likeness(lag), lag))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or(SHORTEST, |best| best.1)
    };
    let whole = best(&mut (SHORTEST..=LONGEST).step_by(3));
    best(&mut (whole - 2..=whole + 2).filter(|lag| (SHORTEST..=LONGEST).contains(lag)))
}

/// How strong it is, in whole steps.
pub(super) fn gain(target: &[f64; PART], sound: &[f64; PART], step: f64) -> f64 {
    let product: f64 = sound.iter().zip(target).map(|(a, b)| a * b).sum();
    let power: f64 = sound.iter().map(|s| s * s).sum();
    ((product / (power + 1e-12)).clamp(0.0, MOST_GAIN) / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_continued_at_any_lag_that_fits_it() {
        // A period of 31⅓ samples.
        let wave = |n: f64| (std::f64::consts::TAU * n / (94.0 / 3.0)).sin();
        let past = from_fn(|n| wave(n as f64 - PAST as f64));
        let next = vector(&past, 94);
        for (n, sample) in next.iter().enumerate() {
            assert!((sample - wave(n as f64)).abs() < 0.05, "{n}: {sample}");
        }
    }

    #[test]
    fn the_pitch_of_pulses_is_found() {
        // Only one period is there: a pulse, and another one 57 samples later, in the part.
        let past = from_fn(|n| if n == PAST - 50 { 1.0 } else { 0.0 });
        let mut response = [0.0; PART];
        response[0] = 1.0;
        let target = vector(&past, 3 * 57);
        assert_eq!(best_lag(&past, &target, &response), 3 * 57);
        assert!((gain(&target, &target, 0.08) - 1.0).abs() < 0.05);
    }
}
