//! What pitch and vocal tract do not explain, as thirteen pulses on a regular grid (clauses 5.2.13 to 5.2.17).

use super::PART_SAMPLES;
use super::arithmetic::{abs, add, clamp16, mult, mult_r, shift};
use super::frame::PULSES;

/// Table 5.4: the weighting filter, 11 taps.
const WEIGHTS: [i32; 11] = [-134, -374, 0, 2_054, 5_741, 8_192, 5_741, 2_054, 0, -374, -134];
/// Table 5.5 and 5.6: inverse mantissas and mantissas of the pulses' maximum.
const INVERSE_MANTISSA: [i16; 8] = [29_128, 26_215, 23_832, 21_846, 20_165, 18_725, 17_476, 16_384];
const MANTISSA: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];

/// Coded pulses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coded {
    pub(super) grid: i16,
    pub(super) maximum: i16,
    pub(super) pulses: [i16; PULSES],
}

pub(super) fn code(residual: &[i16; PART_SAMPLES]) -> Coded {
    let weighted = weighted(residual);
    let (grid, pulses) = strongest_grid(&weighted);
    let maximum = coded_maximum(pulses.iter().map(|p| abs(*p)).max().unwrap_or(0));
    let (exponent, mantissa) = exponent_and_mantissa(maximum);
    let coded = pulses.map(|pulse| (mult(shift(pulse, 6 - exponent), INVERSE_MANTISSA[mantissa]) >> 12) + 4);
    Coded { grid, maximum, pulses: coded }
}

/// 5.2.16 and 5.2.17: the pulses at their places, zeros between.
pub(super) fn decode(coded: &Coded) -> [i16; PART_SAMPLES] {
    let (exponent, mantissa) = exponent_and_mantissa(coded.maximum);
    let places = 6 - exponent;
    let half = shift(1, places - 1);
    let mut out = [0; PART_SAMPLES];
    for (i, pulse) in coded.pulses.iter().enumerate() {
        let level = mult_r(MANTISSA[mantissa], ((pulse << 1) - 7) << 12);
        out[coded.grid as usize + 3 * i] = add(level, half) >> places;
    }
    out
}

/// 5.2.13.
fn weighted(residual: &[i16; PART_SAMPLES]) -> [i16; PART_SAMPLES] {
    std::array::from_fn(|k| {
        let taps = WEIGHTS.iter().enumerate().filter_map(|(i, weight)| {
            let at = (k + i).checked_sub(5)?;
            residual.get(at).map(|sample| weight * i32::from(*sample))
        });
        clamp16((taps.sum::<i32>() + 4_096) >> 13)
    })
}

/// 5.2.14: the first of the strongest of four grids.
fn strongest_grid(weighted: &[i16; PART_SAMPLES]) -> (i16, [i16; PULSES]) {
    let pulses_of = |grid: usize| std::array::from_fn(|i| weighted[grid + 3 * i]);
    let power = |grid: usize| {
        let pulses: [i16; PULSES] = pulses_of(grid);
        pulses.iter().map(|pulse| i32::from(pulse >> 2).pow(2)).sum::<i32>() << 1
    };
    let mut best = (power(0), 0);
    for grid in 1..4 {
        let power = power(grid);
        if power > best.0 {
            best = (power, grid);
        }
    }
    (best.1 as i16, pulses_of(best.1))
}

/// 5.2.15: logarithmic, with a mantissa of three bits.
fn coded_maximum(maximum: i16) -> i16 {
    let exponent = (16 - (maximum >> 9).leading_zeros() as i16).min(6);
    add(maximum >> (exponent + 5), exponent << 3)
}

/// 5.2.15, second part: exponent −4…6 and mantissa 0…7.
fn exponent_and_mantissa(maximum: i16) -> (i32, usize) {
    let mut exponent = if maximum > 15 { (maximum >> 3) - 1 } else { 0 };
    let mut mantissa = maximum - (exponent << 3);
    if mantissa == 0 {
        return (-4, 7);
    }
    while mantissa <= 7 {
        mantissa = mantissa << 1 | 1;
        exponent -= 1;
    }
    (i32::from(exponent), (mantissa - 8) as usize)
}
