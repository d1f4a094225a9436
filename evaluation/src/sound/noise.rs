//! A seed enters, noise of one colour leaves, RMS about 0.1 of full scale.

use super::random::Random;
use crate::channel::filter::Symmetric;

const RMS: f32 = 0.1;
/// Pink noise has no lowest octave; below this it is white.
const LOWEST_HZ: f64 = 40.0;

/// As strong at every frequency.
pub fn white(samples: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, 0x77);
    (0..samples).map(|_| RMS * random.normal()).collect()
}

/// As strong in every octave, at that many samples a second.
pub fn pink(samples: usize, rate: u32, seed: u64) -> Vec<f32> {
    let highest = f64::from(rate) / 2.0;
    // The integral of 1 / f over the band gives the power that is scaled to that of white noise.
    let power = (1.0 + (highest / LOWEST_HZ).ln()) * LOWEST_HZ / highest;
    let shape = Symmetric::new(rate, 1_024, |hz| (LOWEST_HZ / hz.max(LOWEST_HZ) / power).sqrt());
    shape.apply(&white(samples, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power(samples: &[f32]) -> f64 {
        samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    /// Power between two frequencies.
    fn band(samples: &[f32], low: f64, high: f64) -> f64 {
        let filter = Symmetric::new(16_000, 2_000, |hz| if (low..high).contains(&hz) { 1.0 } else { 0.0 });
        power(&filter.apply(samples))
    }

    #[test]
    fn both_are_as_loud_as_is_said() {
        assert!((power(&white(64_000, 1)).sqrt() - 0.1).abs() < 0.01);
        assert!((power(&pink(64_000, 16_000, 1)).sqrt() - 0.1).abs() < 0.02);
    }

    #[test]
    fn pink_noise_has_the_same_power_in_every_octave_and_white_noise_twice_as_much_in_the_next() {
        let (pink, white) = (pink(160_000, 16_000, 2), white(160_000, 2));
        for low in [250.0, 500.0, 1_000.0, 2_000.0] {
            let octaves = |samples: &[f32]| {
                10.0 * (band(samples, 2.0 * low, 4.0 * low) / band(samples, low, 2.0 * low)).log10()
            };
            assert!(octaves(&pink).abs() < 0.6, "{low} Hz: {}", octaves(&pink));
            assert!((octaves(&white) - 3.0).abs() < 0.6, "{low} Hz: {}", octaves(&white));
        }
    }
}
