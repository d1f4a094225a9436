//! Spectra of speech enter, the steepest edge in their mean leaves.
//!
//! A telephone passes 300 to 3,400 Hz. Speech that came through something narrower (a covered microphone, a wrong filter, a codec of
//! another purpose) ends inside that band, and ends abruptly: a filter falls by more within 500 Hz than vowels and consonants
//! together ever do. What lies beyond the edge says less: G.711 fills it with noise 35 dB below the speech. Each frame counts by its own
//! level, so that soft consonants count as much as loud vowels.

use crate::simd::kernels;
use crate::speech::spectrum::BINS;

/// Places of the spectra per 250 Hz: over so many both sides of an edge are averaged, and as many lie between them.
const WIDTH: usize = 8;
/// Places at which an upper edge (a fall) may begin, from 812 Hz: below, the first formant falls as steeply.
const FALL: std::ops::Range<usize> = 22..75;
/// Places at which a lower edge (a rise) may begin, from 312 Hz, where a line's own edge ends.
const RISE: std::ops::Range<usize> = 6..75;
/// Frames below this part of the median frame's power are pauses.
const PAUSE: f32 = 0.1;

/// Decibels of the steepest fall or rise within 500 Hz, 0…100; rows of [`BINS`] natural logarithms of power.
pub(super) fn steepest_edge(rows: &[f32]) -> f32 {
    let mean = mean_spectrum(rows);
    let level =
        |place: usize| 10.0 * mean[place..place + WIDTH].iter().sum::<f32>().max(f32::MIN_POSITIVE).log10();
    let fall = |place: usize| level(place) - level(place + 2 * WIDTH);
    let steepest = FALL.map(fall).chain(RISE.map(|place| -fall(place))).fold(0.0, f32::max);
    steepest.min(100.0)
}

/// Mean of the spectra, each divided by its own power, without those of pauses.
fn mean_spectrum(rows: &[f32]) -> [f32; BINS] {
    let mut spectra = rows.to_vec();
    kernels().exp(&mut spectra);
    let powers: Vec<f32> = spectra.chunks_exact(BINS).map(|row| row.iter().sum()).collect();
    let mut sorted = powers.clone();
    sorted.sort_by(f32::total_cmp);
    let pause = PAUSE * sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let mut mean = [0.0; BINS];
    for (row, power) in spectra.chunks_exact(BINS).zip(powers).filter(|(_, power)| *power > pause) {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x / power);
    }
    mean
}

const _: () = assert!(FALL.end + 3 * WIDTH <= BINS && RISE.end + 3 * WIDTH <= BINS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_inside_the_band_is_as_steep_as_it_was_made_and_a_slope_is_not_steep() {
        let slope: Vec<f32> = (0..BINS).map(|place| -(place as f32) * 0.05).collect();
        let mut ends = slope.clone();
        ends[54..].iter_mut().for_each(|x| *x -= 8.0);
        let mut begins = slope.clone();
        begins[..30].iter_mut().for_each(|x| *x -= 8.0);
        let edge = |row: &[f32]| steepest_edge(&[row.repeat(10), vec![-30.0; 5 * BINS]].concat());
        // 16 places of 0.05 nats are 3.5 dB; 8 nats 34.7 dB.
        assert!((edge(&slope) - 3.47).abs() < 0.1, "{}", edge(&slope));
        assert!((edge(&ends) - 38.2).abs() < 0.5, "{}", edge(&ends));
        assert!((edge(&begins) - 31.3).abs() < 0.5, "{}", edge(&begins));
    }

    #[test]
    fn nothing_has_no_edge() {
        assert_eq!(steepest_edge(&[]), 0.0);
    }
}
