//! Samples of net speech enter, how far the speech stands over the noise between its words leaves.
//!
//! Net speech keeps the short pauses between words, in which a line's noise is alone. The quietest tenth of its frames is taken
//! for noise, the louder half for speech with that noise, and [`BIAS`] is taken off. So it is an estimate, and a low one for speech
//! without pauses or in the reverberation of a large room: what it comes to at known ratios is in `docs/quality-gates-figures.md`.

/// Decibels by which this is too high: the quietest tenth of noise is quieter than noise, the louder half of speech louder than
/// speech. Measured: 3.1 to 5.2 dB for white and pink noise at 5, 10 and 20 dB of speech without its pauses.
const BIAS: f64 = 4.0;
/// Decibels that stand for speech without any noise: those of 16 bits.
const MOST: f32 = 96.0;

/// Decibels, −10…96, of [`crate::speech::power::ascending`]; what has no speech in it has −10.
pub(super) fn ratio(powers: &[f64]) -> f32 {
    let mean = |powers: &[f64]| powers.iter().sum::<f64>() / powers.len().max(1) as f64;
    let noise = mean(&powers[..powers.len().div_ceil(10)]);
    let speech = mean(&powers[powers.len() / 2..]) - noise;
    if speech <= 0.0 {
        return -10.0;
    }
    ((10.0 * (speech / noise).log10() - BIAS) as f32).clamp(-10.0, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SampleRate;
    use crate::speech::power::ascending;

    #[test]
    fn words_over_pauses_are_as_far_apart_as_they_were_made() {
        // Every fourth frame is a pause.
        let samples: Vec<i16> = (0..16_000).map(|i| if i / 160 % 4 == 0 { 80 } else { 8_000 }).collect();
        assert!((ratio(&ascending(&samples, SampleRate::Hz8000)) - (40.0 - BIAS as f32)).abs() < 0.01);
    }

    #[test]
    fn what_never_changes_is_no_speech() {
        for samples in [vec![], vec![0; 8_000], vec![100; 8_000]] {
            assert_eq!(ratio(&ascending(&samples, SampleRate::Hz8000)), -10.0);
        }
    }
}
