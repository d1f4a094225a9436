//! Two clips enter, whether they hold a piece of one recording leaves: by their samples, not by fingerprints.
//!
//! Prompts of telephone systems are cut from longer takes, so a piece of one take may lie in two files that pass for two calls. To
//! know that apart from what is measured here, the samples themselves are compared.

/// Clips have 16 kHz; every other sample is enough, since recordings of telephone prompts have no more.
const STEP: usize = 2;
/// A quarter of a second.
const WINDOW: usize = 2_000;
/// Normalised cross-correlation of copies is 1 but for rounding; the same words said again by the same speaker stay under 0.95.
const COPY: f64 = 0.99;
/// Windows and places with less than this share of the clip's mean power are pauses.
const LEAST_POWER: f64 = 0.1;

/// Whether a quarter of a second of the first is in the second, at any place. Finds every common piece of half a second. Costs a
/// product for every sample of one and every sample of the other: a second or two for clips of 7 s.
pub(super) fn have_a_piece_in_common(one: &[f32], other: &[f32]) -> bool {
    let [one, other] = [one, other].map(|clip| clip.iter().copied().step_by(STEP).collect::<Vec<f32>>());
    let least = LEAST_POWER * energy(&one) / one.len().max(1) as f64 * WINDOW as f64;
    let loud = |window: &&[f32]| energy(window) >= least.max(f64::MIN_POSITIVE);
    one.chunks_exact(WINDOW).filter(loud).any(|window| is_in(window, &other))
}

fn is_in(window: &[f32], clip: &[f32]) -> bool {
    let (own, least) =
        (energy(window), LEAST_POWER * energy(clip) / clip.len().max(1) as f64 * WINDOW as f64);
    let mut here = energy(&clip[..WINDOW.min(clip.len())]);
    for (begin, place) in clip.windows(WINDOW).enumerate() {
        if begin > 0 {
            here += f64::from(place[WINDOW - 1]).powi(2) - f64::from(clip[begin - 1]).powi(2);
        }
        if here > least && f64::from(product(window, place)) >= COPY * (own * here).sqrt() {
            return true;
        }
    }
    false
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// Sixteen sums side by side, which the compiler makes vectors of.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::pink;

    #[test]
    fn a_piece_that_was_cut_from_the_same_recording_is_found_at_any_gain() {
        let take = pink(48_000, 16_000, 1);
        let mut prompt = pink(16_000, 16_000, 2);
        prompt.extend(take[16_000..26_000].iter().map(|sample| 0.5 * sample));
        assert!(have_a_piece_in_common(&take, &prompt));
        assert!(have_a_piece_in_common(&prompt, &take));
    }

    #[test]
    fn other_sounds_and_silence_have_nothing_in_common() {
        let (one, other) = (pink(24_000, 16_000, 1), pink(24_000, 16_000, 2));
        assert!(!have_a_piece_in_common(&one, &other));
        assert!(!have_a_piece_in_common(&[0.0; 24_000], &[0.0; 24_000]));
        assert!(!have_a_piece_in_common(&one, &[]));
        assert!(!have_a_piece_in_common(&[], &one));
    }
}
