//! A seed enters, a tune leaves as waiting callers hear it: chords, plucked strings, a lead, a bass and drums, no voice.
//!
//! Everything is a formula: strings by Karplus and Strong (1983), the others as sums of sines. Four-bar progressions of
//! popular music in a random key and tempo; the lead walks over the pentatonic scale. It sounds like a cheap keyboard, which
//! is what much hold music is; it is no substitute for recordings, beside which `peakstream-bench speech` puts it.

use std::f64::consts::TAU;

use super::random::Random;

const PROGRESSIONS: [[i32; 4]; 4] = [[0, 7, 9, 5], [0, 9, 5, 7], [9, 5, 0, 7], [0, 5, 7, 5]];
/// Semitones over the key.
const PENTATONIC: [i32; 6] = [0, 2, 4, 7, 9, 12];
/// Loudness of the whole: RMS of full scale.
const RMS: f64 = 0.1;
/// Degrees whose chord is a minor one in a major key.
const MINOR: [i32; 3] = [2, 4, 9];

/// Samples of a tune that goes on as long as is asked.
pub fn music(samples: usize, rate: u32, seed: u64) -> Vec<f32> {
    let mut player = Player::new(samples, rate, seed);
    let (key, bar) = (player.random.between(43.0, 55.0).floor() as i32, player.random.between(1.9, 2.9));
    let progression = PROGRESSIONS[player.random.below(PROGRESSIONS.len())];
    let bars = (samples as f64 / f64::from(rate) / bar).ceil() as usize;
    for n in 0..bars {
        player.bar(n as f64 * bar, bar, key, progression[n % 4], n % 8 >= 2);
    }
    player.finished()
}

struct Player {
    out: Vec<f32>,
    rate: f64,
    random: Random,
    /// Where the lead stands on its scale.
    lead: usize,
}

impl Player {
    fn new(samples: usize, rate: u32, seed: u64) -> Self {
        Self { out: vec![0.0; samples], rate: f64::from(rate), random: Random::new(seed, 0x3D), lead: 2 }
    }

    fn bar(&mut self, at: f64, length: f64, key: i32, degree: i32, with_lead: bool) {
        let third = if MINOR.contains(&degree) { 3 } else { 4 };
        let chord = [degree, degree + third, degree + 7];
        let eighth = length / 8.0;
        for &note in &chord {
            self.sines(at, length, pitch(key + 12 + note), &[0.05, 0.02, 0.01], 0.3, 0.0);
        }
        for n in 0..8 {
            let note = chord[[0, 1, 2, 1, 0, 2, 1, 2][n]];
            self.string(at + n as f64 * eighth, 3.0 * eighth, pitch(key + 12 + note), 0.16);
            self.noise(at + n as f64 * eighth, 0.03, 0.04);
        }
        for half in [0.0, 0.5] {
            self.sines(
                at + half * length,
                length / 2.0,
                pitch(key - 12 + degree),
                &[0.25, 0.12, 0.05],
                0.01,
                0.0,
            );
            self.sines(at + half * length, 0.12, 55.0, &[0.5], 0.002, 0.0);
            self.noise(at + (half + 0.25) * length, 0.12, 0.12);
        }
        if with_lead {
            let mut beat = 0;
            while beat < 8 {
                let beats = 1 + self.random.below(3).min(7 - beat);
                self.lead = (self.lead + self.random.below(3)).saturating_sub(1).min(PENTATONIC.len() - 1);
                let note = pitch(key + 24 + PENTATONIC[self.lead]);
                let long = beats as f64 * eighth;
                self.sines(
                    at + beat as f64 * eighth,
                    long,
                    note,
                    &[0.14, 0.07, 0.05, 0.03, 0.02],
                    0.03,
                    0.006,
                );
                beat += beats;
            }
        }
    }

    /// Where a sound's samples go.
    fn place(&mut self, at: f64, seconds: f64) -> &mut [f32] {
        let from = ((at * self.rate) as usize).min(self.out.len());
        let to = (((at + seconds) * self.rate) as usize).clamp(from, self.out.len());
        &mut self.out[from..to]
    }

    /// Harmonics that swell for `attack` seconds and decay towards the end, with a vibrato of that depth.
    fn sines(&mut self, at: f64, seconds: f64, hz: f64, harmonics: &[f64], attack: f64, vibrato: f64) {
        let rate = self.rate;
        let mut phase = 0.0;
        for (n, out) in self.place(at, seconds).iter_mut().enumerate() {
            let t = n as f64 / rate;
            phase += hz * (1.0 + vibrato * (TAU * 5.5 * t).sin()) / rate;
            let shape = (t / attack).min(1.0) * ((seconds - t) / (0.4 * seconds)).min(1.0);
            let wave = harmonics.iter().zip(1..).map(|(gain, k)| gain * (TAU * f64::from(k) * phase).sin());
            let below = hz * (harmonics.len() as f64) < rate / 2.0;
            *out += if below { (shape * wave.sum::<f64>()) as f32 } else { 0.0 };
        }
    }

    /// A plucked string: noise goes round a delay line that averages it.
    fn string(&mut self, at: f64, seconds: f64, hz: f64, gain: f32) {
        let period = (self.rate / hz).round().max(2.0) as usize;
        let mut line: Vec<f32> = (0..period).map(|_| gain * self.random.between(-1.0, 1.0) as f32).collect();
        for (n, out) in self.place(at, seconds).iter_mut().enumerate() {
            let (here, next) = (n % period, (n + 1) % period);
            *out += line[here];
            line[here] = 0.497 * (line[here] + line[next]);
        }
    }

    /// A drum's hiss.
    fn noise(&mut self, at: f64, seconds: f64, gain: f32) {
        let mut random = self.random.clone();
        self.random.bits();
        let decay = seconds * self.rate / 4.0;
        let mut last = 0.0;
        for (n, out) in self.place(at, seconds).iter_mut().enumerate() {
            let sample = random.between(-1.0, 1.0) as f32;
            *out += gain * (sample - last) * (-(n as f64) / decay).exp() as f32;
            last = sample;
        }
    }

    fn finished(mut self) -> Vec<f32> {
        let power =
            self.out.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / self.out.len().max(1) as f64;
        let gain = if power > 0.0 { (RMS / power.sqrt()) as f32 } else { 0.0 };
        self.out.iter_mut().for_each(|s| *s *= gain);
        self.out
    }
}

/// Hertz of a note, counted in semitones as MIDI does.
fn pitch(note: i32) -> f64 {
    440.0 * 2f64.powf(f64::from(note - 69) / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tune_is_as_long_and_as_loud_as_is_said_and_its_seeds_differ() {
        let tune = music(80_000, 16_000, 5);
        let rms = (tune.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 80_000.0).sqrt();
        assert!((rms - 0.1).abs() < 1e-3, "{rms}");
        assert!(tune == music(80_000, 16_000, 5));
        assert!(tune != music(80_000, 16_000, 6));
    }

    #[test]
    fn no_second_of_a_tune_is_silent() {
        for second in music(160_000, 16_000, 1).chunks(16_000) {
            assert!(second.iter().any(|s| s.abs() > 0.02));
        }
    }
}
