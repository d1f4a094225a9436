//! In: bytes of G.722. Out: samples at 16 kHz.

use super::{Band, Mirror, SAMPLES_PER_BYTE, saturate};

/// Inverse quantizer of the lower band with all six bits (table 11).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// LIMIT: a band holds 15 bits.
const BAND_LIMIT: i32 = 16_383;

/// Decodes one signal. Allocates nothing; any bytes are audio.
#[derive(Clone, Debug)]
pub struct Decoder {
    low: Band,
    high: Band,
    mirror: Mirror,
}

impl Decoder {
    /// A decoder that has heard nothing.
    pub fn new() -> Self {
        Self { low: Band::low(), high: Band::high(), mirror: Mirror::default() }
    }

    /// The two samples of a byte.
    pub fn decode(&mut self, byte: u8) -> [i16; SAMPLES_PER_BYTE] {
        let (low_code, high_code) = (usize::from(byte & 63), usize::from(byte >> 6));
        let difference = (self.low.scale.linear * QM6[low_code]) >> 15;
        let low = (self.low.estimate + difference).clamp(-BAND_LIMIT - 1, BAND_LIMIT);
        self.low.step_low(low_code >> 2);
        let difference = self.high.high_difference(high_code);
        let high = (self.high.estimate + difference).clamp(-BAND_LIMIT - 1, BAND_LIMIT);
        self.high.step_high(high_code);
        let [first, second] = self.mirror.push([low + high, low - high]);
        // The second product is the earlier sample.
        [saturate(second >> 11) as i16, saturate(first >> 11) as i16]
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
