//! In: samples at 16 kHz. Out: bytes of G.722. For tests and for sending recordings as a carrier would.

use super::{Band, Mirror, SAMPLES_PER_BYTE, saturate};

/// Decision levels of the lower band's quantizer (table 7, LL6), above 0.
const LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// The higher band's only one (table 8).
const HIGH_LEVEL: i32 = 564;

/// Encodes one signal.
#[derive(Clone, Debug)]
pub struct Encoder {
    low: Band,
    high: Band,
    mirror: Mirror,
}

impl Encoder {
    /// An encoder that has heard nothing.
    pub fn new() -> Self {
        Self { low: Band::low(), high: Band::high(), mirror: Mirror::default() }
    }

    /// The byte of two samples.
    pub fn encode(&mut self, samples: [i16; SAMPLES_PER_BYTE]) -> u8 {
        let [odd, even] = self.mirror.push(samples.map(i32::from));
        let (low, high) = ((even + odd) >> 14, (even - odd) >> 14);
        let low_code = quantize_low(saturate(low - self.low.estimate), self.low.scale.linear);
        self.low.step_low(usize::from(low_code >> 2));
        let high_code = quantize_high(saturate(high - self.high.estimate), self.high.scale.linear);
        self.high.step_high(usize::from(high_code));
        high_code << 6 | low_code
    }

    /// All of a recording; a last odd sample is left out.
    pub fn encode_all(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        bytes.extend(samples.chunks_exact(SAMPLES_PER_BYTE).map(|pair| self.encode([pair[0], pair[1]])));
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// A difference's magnitude; −1 is as small as 0 (one's complement).
const fn magnitude(difference: i32) -> i32 {
    if difference < 0 { -(difference + 1) } else { difference }
}

/// QUANTL: six bits. Code words fall with the magnitude, from 61 above and from 63 below zero; the two smallest below
/// are 63 and 62, then the words go on at 31.
fn quantize_low(difference: i32, scale: i32) -> u8 {
    let magnitude = magnitude(difference);
    let level = LEVELS.iter().take_while(|&&level| magnitude >= (level * scale) >> 12).count() as u8;
    match (difference < 0, level) {
        (false, level) => 61 - level,
        (true, level @ 0..2) => 63 - level,
        (true, level) => 33 - level,
    }
}

/// QUANTH: two bits.
fn quantize_high(difference: i32, scale: i32) -> u8 {
    let large = magnitude(difference) >= (HIGH_LEVEL * scale) >> 12;
    match (difference < 0, large) {
        (true, false) => 1,
        (true, true) => 0,
        (false, false) => 3,
        (false, true) => 2,
    }
}
