//! A pitch enters, a voice that talks without end leaves, made by formula: the speech detector takes it for speech.

use std::f64::consts::TAU;

/// Frequency, width and gain of the resonances of two vowels, in Hz.
const VOWELS: [[(f64, f64, f64); 3]; 2] = [
    [(300.0, 80.0, 1.0), (2_300.0, 200.0, 0.4), (3_000.0, 200.0, 0.3)],
    [(730.0, 80.0, 1.0), (1_090.0, 110.0, 0.5), (2_440.0, 160.0, 0.3)],
];
const HARMONICS: i32 = 25;

/// So many samples of it: around that pitch in Hz, which rises and falls by a tenth twice a second, between two vowels and
/// swelling four times a second. Without randomness; about 20 dB under full scale.
pub fn voice(samples: usize, rate: u32, pitch: f64) -> Vec<f32> {
    let gain = |vowel: usize, hz: f64| -> f64 {
        VOWELS[vowel].iter().map(|(at, width, gain)| gain / (1.0 + ((hz - at) / width).powi(2))).sum()
    };
    let harmonics: Vec<(f64, [f64; 2])> = (1..=HARMONICS)
        .map(f64::from)
        .map(|harmonic| (TAU * harmonic, [gain(0, harmonic * pitch), gain(1, harmonic * pitch)]))
        .collect();
    (0..samples)
        .map(|n| {
            let t = n as f64 / f64::from(rate);
            // Its derivative is the pitch.
            let phase = pitch * (t - 0.1 * (TAU * 2.0 * t).cos() / (TAU * 2.0));
            let share = 0.5 + 0.5 * (TAU * 4.0 * t + 1.0).sin();
            let swell = 0.5 + 0.5 * (TAU * 4.0 * t).sin();
            let tone: f64 = harmonics
                .iter()
                .map(|(k, [one, other])| ((1.0 - share) * one + share * other) * (k * phase).sin())
                .sum();
            (0.2 * swell * tone) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_swells_and_has_its_pitch() {
        let voice = voice(16_000, 16_000, 140.0);
        let loudest =
            |from: usize, to: usize| voice[from..to].iter().fold(0.0f32, |most, s| most.max(s.abs()));
        // A quarter of a period after each second it is loudest, half a period later nothing is left.
        assert!((0.1..1.0).contains(&loudest(0, 2_000)), "{}", loudest(0, 2_000));
        assert!(loudest(2_950, 3_050) < 0.01);
        let correlation = |lag: usize| -> f32 { (200..1_000).map(|n| voice[n] * voice[n + lag]).sum() };
        let period = (80..180).max_by(|a, b| correlation(*a).total_cmp(&correlation(*b)));
        assert!((100..130).contains(&period.unwrap_or(0)), "{period:?} samples instead of 114 ± 10 %");
    }
}
