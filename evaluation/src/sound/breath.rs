//! A seed enters, someone who breathes into a telephone leaves.

use super::noise::white;
use super::random::Random;
use crate::channel::filter::{Symmetric, between_corners};

/// Turbulence in throat and mouth: strongest between 500 and 2,000 Hz.
const COLOUR: [(f64, f64); 5] =
    [(100.0, -25.0), (400.0, -6.0), (900.0, 0.0), (1_800.0, -3.0), (4_000.0, -18.0)];

/// Breaths of 0.8 to 1.8 s, in and out, with pauses of up to 2 s; about 35 dB under full scale.
pub fn breath(samples: usize, rate: u32, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, 0xB7);
    let colour = Symmetric::new(rate, 400, |hz| between_corners(&COLOUR, hz.max(1.0)));
    let mut sound = colour.apply(&white(samples, random.bits()));
    let mut rest = sound.as_mut_slice();
    while !rest.is_empty() {
        let length = ((random.between(0.8, 1.8) * f64::from(rate)) as usize).clamp(1, rest.len());
        let level = random.between(0.15, 0.5);
        let (breath, later) = rest.split_at_mut(length);
        for (n, sample) in breath.iter_mut().enumerate() {
            let swell = (std::f64::consts::PI * n as f64 / length as f64).sin().powi(2);
            *sample *= (level * swell) as f32;
        }
        let pause = ((random.between(0.1, 2.0) * f64::from(rate)) as usize).min(later.len());
        let (silence, later) = later.split_at_mut(pause);
        silence.fill(0.0);
        rest = later;
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaths_swell_and_pause() {
        let breath = breath(160_000, 8_000, 1);
        assert_eq!(breath.len(), 160_000);
        let powers: Vec<f32> =
            breath.chunks(800).map(|piece| piece.iter().map(|s| s * s).sum::<f32>() / 800.0).collect();
        assert!(powers.contains(&0.0));
        assert!(powers.iter().any(|power| *power > 1e-4));
    }
}
