//! Speech enters, the same speech in noise of a given strength leaves.

use super::ChannelError;
use super::filter;
use super::level::active_power;
use crate::sound;
use crate::sound::random::Random;

/// Speakers of a babble: fewer are understood, more become noise.
const SPEAKERS: usize = 6;

/// What disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    White,
    Pink,
    /// Other people talking, made of their clips.
    Babble,
    /// A tune in the background.
    Music,
}

/// Adds it so that the speech (without its pauses) is `snr` dB stronger. Silence stays silent: it has no level.
///
/// # Errors
/// Babble of nobody.
pub(super) fn add(
    kind: Kind,
    snr: f64,
    samples: &mut [f32],
    rate: u32,
    others: &[&[f32]],
    random: &mut Random,
) -> Result<(), ChannelError> {
    let noise = match kind {
        Kind::White => sound::white(samples.len(), random.bits()),
        Kind::Pink => sound::pink(samples.len(), rate, random.bits()),
        Kind::Babble => babble(samples.len(), rate, others, random)?,
        Kind::Music => sound::music(samples.len(), rate, random.bits()),
    };
    let power = noise.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / noise.len().max(1) as f64;
    if power > 0.0 {
        let gain = (active_power(samples) / power / 10f64.powf(snr / 10.0)).sqrt() as f32;
        samples.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += gain * noise);
    }
    Ok(())
}

/// Six voices at once, equally loud, each from a random place of a random clip and the next clip when that one ends.
fn babble(
    samples: usize,
    rate: u32,
    others: &[&[f32]],
    random: &mut Random,
) -> Result<Vec<f32>, ChannelError> {
    let voices: Vec<_> = others.iter().filter(|clip| active_power(clip) > 0.0).collect();
    if voices.is_empty() {
        return Err(ChannelError::NoOthers);
    }
    let wide_samples = if rate == 8_000 { 2 * samples } else { samples };
    let mut sum = vec![0.0; wide_samples];
    for _ in 0..SPEAKERS {
        let mut clip = random.below(voices.len());
        let mut at = random.below(voices[clip].len());
        let mut gain = loudness(voices[clip]);
        for out in &mut sum {
            if at == voices[clip].len() {
                clip = random.below(voices.len());
                (at, gain) = (0, loudness(voices[clip]));
            }
            *out += gain * voices[clip][at];
            at += 1;
        }
    }
    Ok(if rate == 8_000 { filter::to_narrow(&sum) } else { sum })
}

fn loudness(clip: &[f32]) -> f32 {
    (0.1 / active_power(clip).sqrt()) as f32
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::tone;
    use super::*;

    #[test]
    fn the_noise_is_as_strong_as_is_asked_for() {
        let voices = [tone(300.0, 16_000, 9_000), tone(700.0, 16_000, 4_000)];
        let others: Vec<&[f32]> = voices.iter().map(Vec::as_slice).collect();
        for kind in [Kind::White, Kind::Pink, Kind::Babble, Kind::Music] {
            for rate in [8_000, 16_000] {
                let clean = tone(500.0, rate, 32_000);
                let mut noisy = clean.clone();
                add(kind, 10.0, &mut noisy, rate, &others, &mut Random::new(1, 1)).expect("others are there");
                let noise: f64 =
                    clean.iter().zip(&noisy).map(|(a, b)| f64::from(b - a).powi(2)).sum::<f64>() / 32_000.0;
                let snr = 10.0 * (0.125 / noise).log10();
                assert!((snr - 10.0).abs() < 0.1, "{kind:?} at {rate} Hz: {snr} dB");
            }
        }
    }

    #[test]
    fn a_babble_of_nobody_is_refused() {
        let mut samples = tone(500.0, 8_000, 800);
        for others in [&[][..], &[&[0.0; 100][..]]] {
            let added = add(Kind::Babble, 10.0, &mut samples, 8_000, others, &mut Random::new(1, 1));
            assert!(matches!(added, Err(ChannelError::NoOthers)));
        }
    }

    #[test]
    fn silence_stays_silent() {
        let mut samples = [0.0; 800];
        add(Kind::White, 10.0, &mut samples, 8_000, &[], &mut Random::new(1, 1)).expect("white noise");
        assert!(samples.iter().all(|s| *s == 0.0));
    }
}
