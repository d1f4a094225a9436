//! Between 8 and 16 kHz, while a call runs: blocks of 32 ms enter and leave, with exactly known delays.
//!
//! One chain serves enrolment and verification alike. What an interpolator leaves above 4 kHz decides how well the
//! speaker network, which has only seen wide-band speech, works on a telephone call: a clean filter alone leaves its upper
//! inputs on the log floor, and errors rise. `docs/front-end.md` has the comparison this choice comes from.
//!
//! # Realtime safety
//! Filters are designed when they are made; processing neither allocates nor branches on the signal.

use std::f64::consts::PI;

use crate::simd::kernels;

/// Samples of one block at 8 kHz: 32 ms, the speech detector's step.
pub const NARROW_BLOCK: usize = 256;
/// Samples of the same block at 16 kHz.
pub const WIDE_BLOCK: usize = 2 * NARROW_BLOCK;

/// Non-zero taps of the half-band filter that raises 8 to 16 kHz, beside its centre.
const RAISE_TAPS: usize = 20;
/// Kaiser window parameter of that filter.
const RAISE_BETA: f64 = 5.0;
/// Level of the noise above 4 kHz, RMS relative to full scale.
const NOISE_DBFS: f64 = -65.0;
const NOISE_SEED: u32 = 1;
/// Taps of the filter that limits 16 kHz to the telephone band, at 16 kHz. (Taps − 1) / 2 is even, so that the delay
/// is a whole number of samples at 8 kHz too.
const LOWER_TAPS: usize = 125;
/// Kaiser window parameter of that filter.
const LOWER_BETA: f64 = 8.0;
/// Its −6 dB frequency as a share of the Nyquist frequency of 16 kHz: 3,800 Hz, so that nothing folds back audibly.
const LOWER_CUTOFF: f64 = 3_800.0 / 8_000.0;

/// Raises 8 kHz to 16 kHz, twice: as it is, for the speech detector, and with the empty band above 4 kHz filled with faint
/// noise, for the speaker network. The detector hears worse in that noise (`docs/speech-detection.md`).
///
/// Every second output of a half-band filter is an input sample, unchanged; the ones between are interpolated. Noise that is
/// added to the samples and taken, interpolated, from those between has an alternating sign: it has moved from 0…4 kHz to
/// 4…8 kHz.
#[derive(Clone, Debug)]
pub struct Raise {
    taps: Box<[f32]>,
    /// The last samples of the previous block, then the current block.
    line: Box<[f32]>,
    /// The noise of the same samples.
    noise: Box<[f32]>,
    generator: u32,
    noise_amplitude: f32,
}

impl Raise {
    /// Delay in samples at 8 kHz, exact.
    pub const DELAY: usize = RAISE_TAPS / 2;
    const HISTORY: usize = RAISE_TAPS - 1;

    /// A filter at rest.
    pub fn new() -> Self {
        // The odd taps of a half-band filter, at twice its gain of one half; the even ones but the centre are zero.
        let response = low_pass(2 * RAISE_TAPS + 1, RAISE_BETA, 0.5);
        let taps = response.iter().skip(1).step_by(2).map(|tap| (2.0 * tap) as f32).collect();
        let line = vec![0.0; Self::HISTORY + NARROW_BLOCK].into_boxed_slice();
        Self {
            taps,
            noise: line.clone(),
            line,
            generator: NOISE_SEED,
            // A uniform distribution over ±a has an RMS of a / √3.
            noise_amplitude: (3f64.sqrt() * 10f64.powf(NOISE_DBFS / 20.0)) as f32,
        }
    }

    /// Turns a block at 8 kHz into the block at 16 kHz that lies [`Raise::DELAY`] earlier: `plain`, and `filled` with noise
    /// above 4 kHz.
    pub fn process(
        &mut self,
        narrow: &[f32; NARROW_BLOCK],
        plain: &mut [f32; WIDE_BLOCK],
        filled: &mut [f32; WIDE_BLOCK],
    ) {
        self.line.copy_within(NARROW_BLOCK.., 0);
        self.noise.copy_within(NARROW_BLOCK.., 0);
        self.line[Self::HISTORY..].copy_from_slice(narrow);
        for n in 0..NARROW_BLOCK {
            self.noise[Self::HISTORY + n] = self.next_noise();
        }
        let (mut between, mut noise_between) = ([0.0; NARROW_BLOCK], [0.0; NARROW_BLOCK]);
        kernels().convolve(&self.taps, &self.line, &mut between);
        kernels().convolve(&self.taps, &self.noise, &mut noise_between);
        let (plain, filled) = (plain.as_chunks_mut::<2>().0, filled.as_chunks_mut::<2>().0);
        for (n, (plain, filled)) in plain.iter_mut().zip(filled).enumerate() {
            let centre = Self::HISTORY + n - Self::DELAY;
            *plain = [self.line[centre], between[n]];
            *filled = [plain[0] + self.noise[centre], plain[1] - noise_between[n]];
        }
    }

    /// Uniform noise by the 32-bit linear congruential generator of Numerical Recipes (Press et al., §7.1): the same
    /// in every call, so that a call's result depends on nothing but its audio.
    fn next_noise(&mut self) -> f32 {
        self.generator = self.generator.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((self.generator >> 8) as f32 / 8_388_608.0 - 1.0) * self.noise_amplitude
    }
}

impl Default for Raise {
    fn default() -> Self {
        Self::new()
    }
}

/// Limits 16 kHz to the telephone band and lowers it to 8 kHz.
///
/// Only every second output is wanted. With the samples at even and at odd places each in a line of its own, it is the sum
/// of two filters, by the taps at even and at odd places.
#[derive(Clone, Debug)]
pub struct Lower {
    taps: [Box<[f32]>; 2],
    lines: [Box<[f32]>; 2],
}

impl Lower {
    /// Delay in samples at 16 kHz, exact and even.
    pub const DELAY: usize = (LOWER_TAPS - 1) / 2;
    /// Earlier samples in each line.
    const HISTORY: usize = (LOWER_TAPS - 1) / 2;

    /// A filter at rest.
    pub fn new() -> Self {
        // Symmetric: the response written backwards is the response.
        let response = low_pass(LOWER_TAPS, LOWER_BETA, LOWER_CUTOFF);
        let phase = |first: usize| response.iter().skip(first).step_by(2).map(|&tap| tap as f32).collect();
        let line = vec![0.0; Self::HISTORY + NARROW_BLOCK].into_boxed_slice();
        Self { taps: [phase(0), phase(1)], lines: [line.clone(), line] }
    }

    /// Turns a block at 16 kHz into the block at 8 kHz that lies [`Lower::DELAY`] earlier.
    pub fn process(&mut self, wide: &[f32; WIDE_BLOCK], narrow: &mut [f32; NARROW_BLOCK]) {
        for (phase, line) in self.lines.iter_mut().enumerate() {
            line.copy_within(NARROW_BLOCK.., 0);
            for (kept, pair) in line[Self::HISTORY..].iter_mut().zip(wide.chunks_exact(2)) {
                *kept = pair[phase];
            }
        }
        let mut odd = [0.0; NARROW_BLOCK];
        kernels().convolve(&self.taps[0], &self.lines[0], narrow);
        kernels().convolve(&self.taps[1], &self.lines[1], &mut odd);
        narrow.iter_mut().zip(odd).for_each(|(sum, odd)| *sum += odd);
    }
}

impl Default for Lower {
    fn default() -> Self {
        Self::new()
    }
}

/// Delays a stream of blocks by a fixed number of samples, so that streams of different filters stay aligned.
#[derive(Clone, Debug)]
pub(crate) struct Delay<T> {
    /// The samples that wait, then the current block.
    line: Box<[T]>,
    delay: usize,
}

impl<T: Copy + Default> Delay<T> {
    pub(crate) fn new(delay: usize, block: usize) -> Self {
        Self { line: vec![T::default(); delay + block].into(), delay }
    }

    /// Replaces the block by the one that lies `delay` samples earlier.
    pub(crate) fn process(&mut self, block: &mut [T]) {
        let length = block.len();
        self.line[self.delay..].copy_from_slice(block);
        block.copy_from_slice(&self.line[..length]);
        self.line.copy_within(length.., 0);
    }
}

/// A linear-phase low-pass of unit gain at 0 Hz: windowed sinc with a Kaiser window (Kaiser 1974). `cutoff` is the
/// −6 dB point as a share of the Nyquist frequency.
pub(super) fn low_pass(taps: usize, beta: f64, cutoff: f64) -> Vec<f64> {
    let centre = (taps - 1) as f64 / 2.0;
    let mut response: Vec<f64> = (0..taps)
        .map(|i| {
            let t = i as f64 - centre;
            let sinc = if t == 0.0 { cutoff } else { (PI * cutoff * t).sin() / (PI * t) };
            let edge = t / centre;
            sinc * bessel_i0(beta * (1.0 - edge * edge).max(0.0).sqrt()) / bessel_i0(beta)
        })
        .collect();
    let gain: f64 = response.iter().sum();
    response.iter_mut().for_each(|tap| *tap /= gain);
    response
}

/// Modified Bessel function of the first kind, order 0, by its power series (Abramowitz & Stegun 9.6.12).
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > 1e-18 * sum {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of amplitude 1 at a share of the sampling rate.
    fn tone<const N: usize>(frequency: f64, block: usize) -> [f32; N] {
        std::array::from_fn(|i| (2.0 * PI * frequency * (block * N + i) as f64).sin() as f32)
    }

    #[test]
    fn a_raised_tone_is_the_same_tone_delayed_by_exactly_the_stated_delay() {
        let (mut raise, mut plain, mut filled) = (Raise::new(), [0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
        let frequency = 500.0;
        for block in 0..3 {
            raise.process(&tone(frequency / 8_000.0, block), &mut plain, &mut filled);
        }
        for (i, (&plain, filled)) in plain.iter().zip(filled).enumerate() {
            let n = (2 * WIDE_BLOCK + i) as f64 - 2.0 * Raise::DELAY as f64;
            let expected = (2.0 * PI * frequency / 16_000.0 * n).sin() as f32;
            assert!((plain - expected).abs() < 2e-3, "sample {i}: {plain} instead of {expected}");
            assert!((filled - expected).abs() < 5e-3, "sample {i}: {filled} instead of {expected}");
        }
    }

    #[test]
    fn silence_stays_silent_for_the_detector_and_gets_faint_noise_above_4_khz_for_the_network() {
        let (mut raise, mut plain, mut filled) = (Raise::new(), [1.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
        for _ in 0..3 {
            raise.process(&[0.0; NARROW_BLOCK], &mut plain, &mut filled);
        }
        assert_eq!(plain, [0.0; WIDE_BLOCK]);
        let power =
            |signal: &[f32]| signal.iter().map(|s| f64::from(s * s)).sum::<f64>() / signal.len() as f64;
        let level = 10.0 * power(&filled).log10();
        assert!((level - NOISE_DBFS).abs() < 1.0, "{level} dB");
        let (mut lower, mut narrow) = (Lower::new(), [0.0; NARROW_BLOCK]);
        lower.process(&filled, &mut narrow);
        assert!(10.0 * power(&narrow[NARROW_BLOCK / 2..]).log10() < level - 15.0, "little of it below 4 kHz");
    }

    #[test]
    fn a_lowered_tone_is_the_same_tone_delayed_by_exactly_the_stated_delay() {
        let (mut lower, mut narrow) = (Lower::new(), [0.0; NARROW_BLOCK]);
        let frequency = 1_000.0;
        for block in 0..3 {
            lower.process(&tone(frequency / 16_000.0, block), &mut narrow);
        }
        for (i, &sample) in narrow.iter().enumerate() {
            let n = (2 * NARROW_BLOCK + i) as f64 - Lower::DELAY as f64 / 2.0;
            let expected = (2.0 * PI * frequency / 8_000.0 * n).sin() as f32;
            assert!((sample - expected).abs() < 1e-3, "sample {i}: {sample} instead of {expected}");
        }
    }

    #[test]
    fn nothing_above_the_telephone_band_folds_back() {
        let (mut lower, mut narrow) = (Lower::new(), [0.0; NARROW_BLOCK]);
        for block in 0..3 {
            lower.process(&tone(5_000.0 / 16_000.0, block), &mut narrow);
        }
        let loudest = narrow.iter().fold(0.0f32, |m, s| m.max(s.abs()));
        assert!(loudest < 1e-3, "a 5 kHz tone is left at {loudest}");
    }

    #[test]
    fn a_delay_gives_back_the_same_samples_later() {
        let mut delay = Delay::new(10, 4);
        let mut out = Vec::new();
        for block in 0..5i32 {
            let mut samples: [i32; 4] = std::array::from_fn(|i| block * 4 + i as i32 + 1);
            delay.process(&mut samples);
            out.extend(samples);
        }
        assert_eq!(out[..10], [0; 10]);
        assert_eq!(out[10..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
}
