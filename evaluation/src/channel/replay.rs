//! Speech enters, the same speech played by a small loudspeaker in a room and recorded again leaves.
//!
//! Three parts, none of them a measurement of one device: the band of a telephone's or a small Bluetooth loudspeaker, its
//! distortion (mostly third order; about 3 % of a tone as loud as the speech), and a room by the statistical model of Polack
//! (1988): the direct sound, a few reflections, and noise that decays by 60 dB in the reverberation time.

use super::filter::{Symmetric, between_corners, convolve};
use super::level::active_power;
use crate::sound::random::Random;

/// A driver of 2 to 4 cm: little below 400 Hz, less and less above 6 kHz.
const LOUDSPEAKER: [(f64, f64); 7] = [
    (100.0, -40.0),
    (200.0, -22.0),
    (400.0, -5.0),
    (800.0, 0.0),
    (1_600.0, 2.0),
    (5_000.0, 0.0),
    (8_000.0, -12.0),
];
/// Amplitude of the loudspeaker's input at the speech's active level, on the scale where tanh bends: tanh(x) ≈ x − x³/3
/// turns x²/12 of a tone's amplitude into its third harmonic.
const DRIVE: f64 = 0.6;
/// Power of everything that is reflected relative to the direct sound at arm's length, dB.
const REVERBERANT_DB: f64 = -3.0;
const REFLECTIONS: usize = 6;
/// A room swallows high tones first: pole of the low-pass through which the reverberation passes.
const AIR: f32 = 0.4;

/// Plays and records it, as loud as it was, with that reverberation time in seconds.
pub(super) fn play(samples: &[f32], rate: u32, reverberation: f64, random: &mut Random) -> Vec<f32> {
    let before = active_power(samples);
    if before == 0.0 {
        return samples.to_vec();
    }
    let mut played =
        Symmetric::new(rate, 512, |hz| between_corners(&LOUDSPEAKER, hz.max(1.0))).apply(samples);
    let drive = (DRIVE / (2.0 * active_power(&played)).sqrt().max(1e-9)) as f32;
    played.iter_mut().for_each(|sample| *sample = (drive * *sample).tanh());
    let mut heard = convolve(&played, &room(rate, reverberation, random));
    heard.truncate(samples.len());
    let gain = (before / active_power(&heard).max(f64::MIN_POSITIVE)).sqrt() as f32;
    heard.iter_mut().for_each(|sample| *sample *= gain);
    heard
}

/// A room's response, from the direct sound on.
fn room(rate: u32, reverberation: f64, random: &mut Random) -> Vec<f32> {
    let rate = f64::from(rate);
    let length = (reverberation * rate) as usize;
    let mut response = vec![0.0f32; length + 1];
    let mut low = 0.0;
    // The tail begins when the first walls have answered: 5 ms, less than two metres of detour.
    for (n, tap) in response.iter_mut().enumerate().skip((0.005 * rate) as usize) {
        low = AIR * low + (1.0 - AIR) * random.normal();
        *tap = low * 10f64.powf(-3.0 * n as f64 / length as f64) as f32;
    }
    let tail = response.iter().map(|s| s * s).sum::<f32>().sqrt();
    for _ in 0..REFLECTIONS {
        let at = (random.between(0.002, 0.02) * rate) as usize;
        if let Some(tap) = response.get_mut(at) {
            *tap += random.between(-0.3, 0.3) as f32 * tail;
        }
    }
    let power: f32 = response.iter().map(|s| s * s).sum();
    let gain = 10f32.powf(REVERBERANT_DB as f32 / 20.0) / power.sqrt().max(1e-9);
    response.iter_mut().for_each(|tap| *tap *= gain);
    response[0] = 1.0;
    response
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::{gain_db, tone};
    use super::*;

    #[test]
    fn a_room_decays_by_60_db_in_its_reverberation_time() {
        let response = room(16_000, 0.5, &mut Random::new(1, 1));
        let power = |from: usize| response[from..from + 800].iter().map(|s| s * s).sum::<f32>();
        let decay = 10.0 * (power(1_600) / power(6_400)).log10();
        // 0.3 s of 0.5 s: 36 dB.
        assert!((decay - 36.0).abs() < 3.0, "{decay}");
        let reverberant: f32 = response[1..].iter().map(|s| s * s).sum();
        assert!((10.0 * reverberant.log10() + 3.0).abs() < 0.1);
    }

    #[test]
    fn a_tone_comes_back_as_loud_and_with_harmonics() {
        let before = tone(1_000.0, 16_000, 32_000);
        let after = play(&before, 16_000, 0.3, &mut Random::new(2, 1));
        assert_eq!(after.len(), before.len());
        assert!(gain_db(&before, &after).abs() < 0.5);
        let third =
            Symmetric::new(16_000, 1_000, |hz| if (2_900.0..3_100.0).contains(&hz) { 1.0 } else { 0.0 });
        let distortion = gain_db(&before, &third.apply(&after));
        assert!((-40.0..-24.0).contains(&distortion), "{distortion} dB");
    }

    #[test]
    fn silence_stays_silent() {
        assert!(play(&[0.0; 1_000], 8_000, 0.3, &mut Random::new(1, 1)).iter().all(|s| *s == 0.0));
    }
}
