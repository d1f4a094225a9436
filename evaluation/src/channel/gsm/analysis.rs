//! A frame of samples enters, its coded log area ratios leave (clauses 5.2.1 to 5.2.7).

use super::FRAME_SAMPLES;
use super::arithmetic::{abs, add, clamp16, div, mult, mult_r, norm};

/// Table 5.1: how the eight log area ratios are quantised: factor, offset, least and largest code.
pub(super) const FACTOR: [i16; 8] = [20_480, 20_480, 20_480, 20_480, 13_964, 15_360, 8_534, 9_036];
pub(super) const OFFSET: [i16; 8] = [0, 0, 2_048, -2_560, 94, -1_792, -341, -1_144];
pub(super) const LEAST: [i16; 8] = [-32, -32, -16, -16, -8, -8, -4, -4];
const LARGEST: [i16; 8] = [31, 31, 15, 15, 7, 7, 3, 3];

/// Takes the offset away and raises the high frequencies.
#[derive(Clone, Debug, Default)]
pub(super) struct Preprocessor {
    last_input: i16,
    offset: i32,
    last_output: i16,
}

impl Preprocessor {
    pub(super) fn run(&mut self, samples: &[i16; FRAME_SAMPLES]) -> [i16; FRAME_SAMPLES] {
        samples.map(|sample| {
            // 5.2.1: 13 bits, in the upper part of 15.
            let scaled = (sample >> 3) << 2;
            // 5.2.2: a high-pass whose state has 31 bits, 16 and 15 of which are multiplied apart.
            let step = i32::from(scaled) - i32::from(self.last_input);
            self.last_input = scaled;
            let high = (self.offset >> 15) as i16;
            let low = (self.offset - (i32::from(high) << 15)) as i16;
            let scaled_step = (step << 15) + i32::from(mult_r(low, 32_735));
            self.offset = (i32::from(high) * 32_735).saturating_add(scaled_step);
            let rounded = self.offset.saturating_add(16_384) >> 15;
            // 5.2.3: pre-emphasis.
            let emphasised = add(clamp16(rounded), mult_r(self.last_output, -28_180));
            self.last_output = clamp16(rounded);
            emphasised
        })
    }
}

/// The codes LARc; the samples lose the bits that the autocorrelation has no room for, as 5.2.4 says.
pub(super) fn log_area_ratios(samples: &mut [i16; FRAME_SAMPLES]) -> [i16; 8] {
    let reflections = reflections(&autocorrelation(samples));
    let mut codes = [0; 8];
    for (i, code) in codes.iter_mut().enumerate() {
        let quantised = add(add(mult(FACTOR[i], ratio(reflections[i])), OFFSET[i]), 256) >> 9;
        *code = quantised.clamp(LEAST[i], LARGEST[i]) - LEAST[i];
    }
    codes
}

/// 5.2.4.
fn autocorrelation(samples: &mut [i16; FRAME_SAMPLES]) -> [i32; 9] {
    let loudest = samples.iter().map(|s| abs(*s)).max().unwrap_or(0);
    let scale = if loudest == 0 { 0 } else { 4 - norm(i32::from(loudest) << 16) };
    if scale > 0 {
        let factor = 16_384 >> (scale - 1);
        samples.iter_mut().for_each(|sample| *sample = mult_r(*sample, factor));
    }
    let sums = std::array::from_fn(|lag| {
        let products = samples[lag..].iter().zip(samples.iter());
        products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>() << 1
    });
    if scale > 0 {
        samples.iter_mut().for_each(|sample| *sample <<= scale);
    }
    sums
}

/// 5.2.5: Schur's recursion.
fn reflections(autocorrelation: &[i32; 9]) -> [i16; 8] {
    let mut reflections = [0; 8];
    if autocorrelation[0] == 0 {
        return reflections;
    }
    let places = norm(autocorrelation[0]);
    let mut p = autocorrelation.map(|sum| ((sum << places) >> 16) as i16);
    let mut k = p;
    for (n, reflection) in reflections.iter_mut().enumerate() {
        let magnitude = abs(p[1]);
        if p[0] < magnitude {
            break;
        }
        let quotient = div(magnitude, p[0]);
        *reflection = if p[1] > 0 { -quotient } else { quotient };
        p[0] = add(p[0], mult_r(p[1], *reflection));
        for m in 1..8 - n {
            let next = add(p[m + 1], mult_r(k[m], *reflection));
            k[m] = add(k[m], mult_r(p[m + 1], *reflection));
            p[m] = next;
        }
    }
    reflections
}

/// 5.2.6: the logarithm of a ratio of areas, in three straight pieces.
fn ratio(reflection: i16) -> i16 {
    let magnitude = match abs(reflection) {
        small @ ..22_118 => small >> 1,
        middle @ 22_118..31_130 => middle - 11_059,
        large => (large - 26_112) << 2,
    };
    if reflection < 0 { -magnitude } else { magnitude }
}
