//! ITU-T G.722 at 64 kbit/s (mode 1): bytes enter, samples at 16 kHz leave ([`Decoder`]), and the other way round
//! ([`Encoder`]).
//!
//! Each byte holds two samples: six bits of the band below 4 kHz, two of the band above, each coded by adaptive
//! prediction (ADPCM). Names of blocks and signals are those of the Recommendation (11/88, clause 6), whose integer
//! arithmetic is followed exactly: the golden vectors of an independent implementation come out to the bit.
//!
//! RTP calls its clock rate 8000 although it samples at 16,000 Hz, a mistake of RFC 1890 that RFC 3551 §4.5.2 keeps: either
//! rate may be declared, the audio is the same.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// Samples of one byte.
pub const SAMPLES_PER_BYTE: usize = 2;
/// Bytes of a second.
pub const BYTES_PER_SECOND: usize = 8_000;

/// Logarithmic to linear scale factors: 2048 · 2^(i/32) (table 15, ILB).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Steps of the lower band's scale factor, by four-bit code word (tables 12 and 13: WL of RL42).
const LOW_STEPS: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// Steps of the higher band's, by code word (WH of RH2).
const HIGH_STEPS: [i32; 4] = [798, -214, 798, -214];
/// Inverse quantizer of the lower band with four bits (table 9): what the predictor sees.
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Inverse quantizer of the higher band (table 10).
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// The even taps of the quadrature mirror filter (table 3); the odd ones are the same backwards.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// A band's 16-bit arithmetic.
const fn saturate(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

/// What scales a band's quantizer.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// NBL or NBH: the logarithm, 11 fractional bits.
    log: i32,
    /// DETL or DETH.
    linear: i32,
}

impl Scale {
    /// LOGSCL and SCALEL, or LOGSCH and SCALEH: one step, limited to the band's largest logarithm.
    fn adapt(&mut self, step: i32, most: i32, shift: i32) {
        self.log = (((self.log * 127) >> 7) + step).clamp(0, most);
        let mantissa = ILB[((self.log >> 6) & 31) as usize];
        let shift = shift - (self.log >> 11);
        let linear = if shift < 0 { mantissa << -shift } else { mantissa >> shift };
        self.linear = linear << 2;
    }
}

/// One band: its scale and the predictor of two poles and six zeros (BLOCK4).
#[derive(Clone, Debug)]
struct Band {
    scale: Scale,
    /// S: the signal's estimate, and SZ: the zeros' part of it.
    estimate: i32,
    zeros_estimate: i32,
    /// A1, A2 and the reconstructed signal before them.
    poles: [i32; 2],
    reconstructed: [i32; 2],
    /// Signs of the partly reconstructed signal, newest first.
    partial: [i32; 2],
    /// B1…B6 and the differences before them.
    zeros: [i32; 6],
    differences: [i32; 6],
}

impl Band {
    fn new(scale: i32) -> Self {
        Self {
            scale: Scale { log: 0, linear: scale },
            estimate: 0,
            zeros_estimate: 0,
            poles: [0; 2],
            reconstructed: [0; 2],
            partial: [0; 2],
            zeros: [0; 6],
            differences: [0; 6],
        }
    }

    fn low() -> Self {
        Self::new(32)
    }

    fn high() -> Self {
        Self::new(8)
    }

    /// Steps the lower band by the upper four bits of its code word.
    fn step_low(&mut self, code: usize) {
        let difference = (self.scale.linear * QM4[code]) >> 15;
        self.scale.adapt(LOW_STEPS[code], 18_432, 8);
        self.predict(difference);
    }

    /// The higher band's difference of a code word.
    const fn high_difference(&self, code: usize) -> i32 {
        (self.scale.linear * QM2[code]) >> 15
    }

    /// Steps the higher band.
    fn step_high(&mut self, code: usize) {
        let difference = self.high_difference(code);
        self.scale.adapt(HIGH_STEPS[code], 22_528, 10);
        self.predict(difference);
    }

    /// BLOCK4: adapts the predictor to a quantized difference and estimates the next sample.
    fn predict(&mut self, difference: i32) {
        let reconstructed = saturate(self.estimate + difference);
        let partial = saturate(self.zeros_estimate + difference) >> 15;
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.partial = [partial, self.partial[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        // FILTEP, FILTEZ, PREDIC.
        let poles = (0..2).map(|i| (self.poles[i] * saturate(2 * self.reconstructed[i])) >> 15).sum();
        let zeros = (0..6).map(|i| (self.zeros[i] * saturate(2 * self.differences[i])) >> 15).sum();
        self.zeros_estimate = saturate(zeros);
        self.estimate = saturate(saturate(poles) + self.zeros_estimate);
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let same_as_last = partial == self.partial[0];
        let quadruple = saturate(first << 2);
        let toward = if same_as_last { saturate(-quadruple) } else { quadruple };
        let leak = if partial == self.partial[1] { 128 } else { -128 };
        let second = ((toward >> 7) + leak + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let step = if same_as_last { 192 } else { -192 };
        let most = saturate(15_360 - second);
        let first = saturate(step + ((first * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        let sign = difference >> 15;
        for (zero, earlier) in self.zeros.iter_mut().zip(self.differences) {
            let toward = if earlier >> 15 == sign { step } else { -step };
            *zero = saturate(toward + ((*zero * 32_640) >> 15));
        }
    }
}

/// The 24-tap quadrature mirror filter: two products of the last 12 pairs.
#[derive(Clone, Debug, Default)]
struct Mirror {
    /// Oldest first.
    pairs: [[i32; 2]; 12],
}

impl Mirror {
    /// Takes a pair; the sums over the first and over the second of each.
    fn push(&mut self, pair: [i32; 2]) -> [i32; 2] {
        self.pairs.rotate_left(1);
        self.pairs[11] = pair;
        let first = self.pairs.iter().zip(QMF).map(|(pair, tap)| pair[0] * tap).sum();
        let second = self.pairs.iter().zip(QMF.iter().rev()).map(|(pair, tap)| pair[1] * tap).sum();
        [first, second]
    }
}

#[cfg(test)]
mod tests;
