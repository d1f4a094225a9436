//! Log spectrum of the telephone band (the authenticity network's input): 8 kHz enters, rows of 112 numbers leave.
//!
//! Frames of 256 samples every 80 (10 ms), symmetric Hann window, power, natural logarithm with a floor of 1e-10, bins
//! 4…115 (125 Hz to 3,594 Hz): outside them each synthesiser's own resampling would give it away, which is not what
//! is to be learnt (`models/authenticity/CARD.md`).

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::framing::Framing;
use crate::audio::resample::NARROW_BLOCK;
use crate::simd::kernels;

/// Numbers in a row.
pub const BINS: usize = 112;
/// Samples of a frame at 8 kHz, also the FFT's length: 32 ms.
pub const FRAME: usize = 256;
/// Samples between frames at 8 kHz: 10 ms.
pub const HOP: usize = 80;

const FIRST_BIN: usize = 4;
const FLOOR: f32 = 1e-10;

/// Tables that all calls share: window, transform.
pub struct SpectrumTables {
    window: Box<[f32]>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl SpectrumTables {
    /// Computes the tables, once for a process.
    pub fn new() -> Self {
        let window = (0..FRAME)
            .map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / (FRAME - 1) as f64).cos()) as f32)
            .collect();
        Self { window, fft: RealFftPlanner::new().plan_fft_forward(FRAME) }
    }
}

impl Default for SpectrumTables {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for SpectrumTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SpectrumTables")
    }
}

/// Spectra of one call, computed while it runs.
///
/// # Realtime safety
/// [`Spectrum::push`] allocates nothing; about 1 µs for each frame.
pub struct Spectrum {
    tables: Arc<SpectrumTables>,
    framing: Framing,
    frame: Box<[f32]>,
    bins: Box<[Complex<f32>]>,
    scratch: Box<[Complex<f32>]>,
}

impl Spectrum {
    /// A stream that has heard nothing.
    pub fn new(tables: Arc<SpectrumTables>) -> Self {
        let scratch = vec![Complex::default(); tables.fft.get_scratch_len()].into();
        Self {
            tables,
            framing: Framing::new(FRAME, HOP, NARROW_BLOCK),
            frame: vec![0.0; FRAME].into(),
            bins: vec![Complex::default(); FRAME / 2 + 1].into(),
            scratch,
        }
    }

    /// Hands the row of every frame that the block completes to `each`. At most [`NARROW_BLOCK`] samples.
    pub fn push(&mut self, block: &[f32], mut each: impl FnMut(&[f32; BINS])) {
        let Self { tables, framing, frame, bins, scratch } = self;
        framing.push(block, |samples| {
            for ((out, sample), w) in frame.iter_mut().zip(samples).zip(&tables.window) {
                *out = sample * w;
            }
            // The lengths are this type's own, so the transform cannot refuse them.
            let _ = tables.fft.process_with_scratch(frame, bins, scratch);
            let mut row = std::array::from_fn(|i| {
                let bin = bins[FIRST_BIN + i];
                (bin.re * bin.re + bin.im * bin.im).max(FLOOR)
            });
            kernels().ln(&mut row);
            each(&row);
        });
    }
}

impl std::fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spectrum")
    }
}
