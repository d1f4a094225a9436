//! A seed enters, a singing voice leaves, made by formula: no one sang it.
//!
//! A source of harmonics that fall by 12 dB an octave, with vibrato, glides through five vowels: three formants each, as
//! Peterson and Barney (1952) measured them. Notes of a pentatonic melody last 0.25 to 1.2 s; half of them begin with a
//! consonant: a closure, or a hiss. Phrases of three to eight notes, with a breath of half a second between. It is a
//! synthesiser's voice, nearer to speech than a real singer's in nothing but its formants.

use std::f64::consts::TAU;

use super::random::Random;

/// Formants in Hz: a, e, i, o, u.
const VOWELS: [[f64; 3]; 5] = [
    [730.0, 1_090.0, 2_440.0],
    [530.0, 1_840.0, 2_480.0],
    [270.0, 2_290.0, 3_010.0],
    [570.0, 840.0, 2_410.0],
    [300.0, 870.0, 2_240.0],
];
const BANDWIDTHS: [f64; 3] = [80.0, 110.0, 160.0];
/// Semitones over the lowest note.
const SCALE: [i32; 8] = [0, 2, 4, 7, 9, 12, 14, 16];
/// Seconds in which one vowel becomes the next.
const GLIDE: f64 = 0.08;
const RMS: f64 = 0.1;

/// So many samples of it.
pub fn singing(samples: usize, rate: u32, seed: u64) -> Vec<f32> {
    let mut singer = Singer::new(rate, seed);
    let mut out = Vec::with_capacity(samples);
    while out.len() < samples {
        for _ in 0..3 + singer.random.below(6) {
            singer.note(&mut out);
        }
        out.resize(out.len() + rate as usize / 2, 0.0);
    }
    out.truncate(samples);
    let power = out.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.max(1) as f64;
    let gain = (RMS / power.sqrt().max(1e-9)) as f32;
    out.iter_mut().for_each(|sample| *sample *= gain);
    out
}

struct Singer {
    rate: f64,
    random: Random,
    /// Hertz of the lowest note.
    lowest: f64,
    step: usize,
    phase: f64,
    formants: [f64; 3],
}

impl Singer {
    fn new(rate: u32, seed: u64) -> Self {
        let mut random = Random::new(seed, 0x51);
        let lowest = random.between(110.0, 220.0);
        Self { rate: f64::from(rate), random, lowest, step: 2, phase: 0.0, formants: VOWELS[0] }
    }

    fn note(&mut self, out: &mut Vec<f32>) {
        let seconds = self.random.between(0.25, 1.2);
        self.step = (self.step + self.random.below(5)).saturating_sub(2).min(SCALE.len() - 1);
        let hz = self.lowest * 2f64.powf(f64::from(SCALE[self.step]) / 12.0);
        let (from, to) = (self.formants, VOWELS[self.random.below(VOWELS.len())]);
        self.formants = to;
        let consonant = self.random.below(4);
        // Gains of the harmonics change slowly: once in 5 ms is often enough.
        let (refresh, mut gains) = ((0.005 * self.rate) as usize, Vec::new());
        let mut last_hiss = 0.0;
        for n in 0..(seconds * self.rate) as usize {
            let t = n as f64 / self.rate;
            if n % refresh == 0 {
                let share = (t / GLIDE).min(1.0);
                let formants = std::array::from_fn(|i| from[i] + share * (to[i] - from[i]));
                gains = harmonics(hz, &formants, self.rate);
            }
            // Vibrato sets in after a quarter of a second.
            let depth = 0.025 * ((t - 0.25) / 0.2).clamp(0.0, 1.0);
            self.phase += hz * (1.0 + depth * (TAU * 5.6 * t).sin()) / self.rate;
            let voice: f64 =
                gains.iter().zip(1..).map(|(gain, k)| gain * (TAU * f64::from(k) * self.phase).sin()).sum();
            let open = match consonant {
                0 => ((t - 0.05) / 0.02).clamp(0.0, 1.0),
                1 => ((t - 0.08) / 0.03).clamp(0.1, 1.0),
                _ => 1.0,
            };
            let white = self.random.between(-1.0, 1.0);
            let hiss = if consonant == 1 && t < 0.08 { 0.4 * (white - last_hiss) } else { 0.01 * white };
            last_hiss = white;
            let end = ((seconds - t) / 0.04).min(1.0);
            out.push((end * (open * voice + hiss)) as f32);
        }
        self.phase = self.phase.fract();
    }
}

/// What the vocal tract leaves of a source that falls by 12 dB an octave, lifted by 6 dB at the lips.
fn harmonics(hz: f64, formants: &[f64; 3], rate: f64) -> Vec<f64> {
    (1..)
        .map(|k| f64::from(k) * hz)
        .take_while(|harmonic| *harmonic < 0.48 * rate)
        .map(|harmonic| {
            let tract: f64 = formants
                .iter()
                .zip(BANDWIDTHS)
                .map(|(formant, width)| 1.0 / (1.0 + ((harmonic - formant) / width).powi(2)))
                .sum();
            hz / harmonic * (0.02 + tract)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_has_its_loudness_and_its_pauses() {
        let song = singing(160_000, 16_000, 3);
        let rms = (song.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 160_000.0).sqrt();
        assert!((rms - 0.1).abs() < 1e-3);
        assert!(song.chunks(1_600).any(|tenth| tenth.iter().all(|s| *s == 0.0)));
        assert!(song == singing(160_000, 16_000, 3));
    }
}
