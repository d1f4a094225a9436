//! Samples enter, the share of them that crowd at the signal's own limit leaves.
//!
//! Where an amplifier or a converter was overdriven, many samples of one sign crowd at its limit, whatever gain came later. The edge
//! is not sharp: filters and codecs behind it make every flat top overshoot a little. So the crowd is counted in the uppermost
//! tenth below the height that one sample in a thousand exceeds: of speech that was not cut off a quarter of a per cent is
//! there, of speech of which one per cent was cut off about one per cent.

/// One sample in so many may stand higher.
const HIGHER: usize = 1_000;
/// From this part of that height on.
const NEAR: f32 = 0.9;
/// Magnitudes of 16 bits, 0…32,768.
const MAGNITUDES: usize = 32_769;

/// The greater share, 0…1, of the two signs' samples. Silence has none.
pub(super) fn share(samples: &[i16]) -> f32 {
    let mut counts = [vec![0u32; MAGNITUDES], vec![0u32; MAGNITUDES]];
    for sample in samples {
        counts[usize::from(*sample < 0)][usize::from(sample.unsigned_abs())] += 1;
    }
    let most = counts.iter().map(|counts| crowd(counts, samples.len() / HIGHER)).max().unwrap_or_default();
    most as f32 / samples.len().max(1) as f32
}

/// How many stand near the height that so many exceed.
fn crowd(counts: &[u32], higher: usize) -> usize {
    let mut above = 0;
    let height = (1..counts.len()).rev().find(|&magnitude| {
        above += counts[magnitude] as usize;
        above > higher
    });
    let Some(height) = height else { return 0 };
    let near = (NEAR * height as f32).ceil() as usize;
    counts[near..].iter().map(|count| *count as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_cut_at_half_its_height_crowds_there_for_a_third_of_the_time_in_either_sign() {
        let tone = (0..8_000).map(|n| 16_000.0 * (f64::from(n) * 0.1).sin());
        let cut: Vec<i16> = tone.clone().map(|x| x.clamp(-8_000.0, 8_000.0) as i16).collect();
        // Above 0.45 of its height a sine is 0.35 of the time.
        assert!((share(&cut) - 0.35).abs() < 0.02, "{}", share(&cut));
        let one_sided: Vec<i16> = tone.map(|x| x.max(-4_000.0) as i16).collect();
        assert!(share(&one_sided) > 0.4);
    }

    #[test]
    fn a_few_peaks_hide_no_limit() {
        let mut cut: Vec<i16> =
            (0..8_000).map(|n| if n % 20 == 0 { 10_000 } else { (n % 7_000) as i16 }).collect();
        cut[17] = 32_767;
        assert!(share(&cut) >= 0.05);
    }

    #[test]
    fn silence_and_nothing_are_not_clipped() {
        assert_eq!([share(&[]), share(&[0; 100])], [0.0, 0.0]);
    }
}
