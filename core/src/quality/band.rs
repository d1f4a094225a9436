//! Log-mel features enter, how much weaker one end of the telephone band is than its middle leaves.
//!
//! A telephone passes 300 to 3,400 Hz. Speech that has nothing at one end of that came through something else: a covered
//! microphone, a wrong filter, a codec of another purpose. What the loudest frames have there decides, so that pauses and
//! vowels without high frequencies do not.

use crate::speech::fbank::BINS;

/// Bands of the filter bank, whose centres are equally spaced in mel: 220 to 440 Hz, 480 to 1,480 Hz, 2,480 to 3,200 Hz.
const LOWER: std::ops::Range<usize> = 7..14;
const MIDDLE: std::ops::Range<usize> = 15..35;
const UPPER: std::ops::Range<usize> = 47..54;
/// The part of the frames, of 100, whose level a band's level is not exceeded by: the loudest tenth may be chance.
const LEVEL: usize = 90;

/// Decibels of the weaker end against the middle; rows of [`BINS`] natural logarithms of energies.
pub(super) fn weaker_end(rows: &[f32]) -> f32 {
    let level = |band: std::ops::Range<usize>| {
        let mean = |row: &[f32]| row[band.clone()].iter().map(|x| x.exp()).sum::<f32>() / band.len() as f32;
        let mut energies: Vec<f32> = rows.chunks_exact(BINS).map(mean).collect();
        energies.sort_by(f32::total_cmp);
        10.0 * energies
            .get(energies.len() * LEVEL / 100)
            .copied()
            .unwrap_or(1.0)
            .max(f32::MIN_POSITIVE)
            .log10()
    };
    let middle = level(MIDDLE);
    (level(LOWER) - middle).min(level(UPPER) - middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weaker_end_decides_and_silent_frames_do_not() {
        let mut row = [0.0; BINS];
        assert_eq!(weaker_end(&row.repeat(10)), 0.0);
        row[UPPER].fill(-10.0);
        row[LOWER].fill(-3.0);
        let rows = [row.repeat(10), [-30.0; BINS].repeat(30)].concat();
        assert!((weaker_end(&rows) + 43.43).abs() < 0.1, "{}", weaker_end(&rows));
        assert_eq!(weaker_end(&[]), 0.0);
    }
}
