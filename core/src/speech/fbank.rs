//! Kaldi-compatible log-mel features (the speaker network's input): frames of 25 ms enter, rows of 80 numbers leave.
//!
//! Kaldi's `compute-fbank-feats` with 80 bins from 20 Hz to 8 kHz, 16 kHz, Povey window, pre-emphasis 0.97, mean of
//! the frame removed, no dither, `snip_edges`, power spectrum, natural logarithm. Samples lie in [-1, 1]: that scale
//! matters through the log floor alone and must be one for enrolment and verification.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::framing::Framing;
use crate::audio::resample::WIDE_BLOCK;
use crate::simd::kernels;

/// Numbers in a row.
pub const BINS: usize = 80;
/// Samples of a frame at 16 kHz: 25 ms.
pub const FRAME: usize = 400;
/// Samples between frames at 16 kHz: 10 ms.
pub const HOP: usize = 160;

const FFT: usize = 512;
const RATE: f64 = 16_000.0;
const LOWEST_HZ: f64 = 20.0;
const PRE_EMPHASIS: f32 = 0.97;
/// Kaldi's floor: the spacing of f32 at 1.
const FLOOR: f32 = f32::EPSILON;

/// One triangular filter: weights of consecutive FFT bins.
#[derive(Debug)]
struct Filter {
    first: usize,
    weights: Box<[f32]>,
}

/// Tables that all calls share: window, filters, transform.
pub struct FbankTables {
    window: Box<[f32]>,
    filters: Box<[Filter]>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl FbankTables {
    /// Computes the tables, once for a process.
    pub fn new() -> Self {
        let window = (0..FRAME)
            .map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / (FRAME - 1) as f64).cos()).powf(0.85) as f32)
            .collect();
        Self { window, filters: filters(), fft: RealFftPlanner::new().plan_fft_forward(FFT) }
    }
}

impl Default for FbankTables {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FbankTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FbankTables")
    }
}

/// Triangles equally spaced in mel (HTK's formula), linear in mel, without area normalisation.
fn filters() -> Box<[Filter]> {
    let mel = |hz: f64| 1_127.0 * (1.0 + hz / 700.0).ln();
    let (low, high) = (mel(LOWEST_HZ), mel(RATE / 2.0));
    let step = (high - low) / (BINS + 1) as f64;
    (0..BINS)
        .map(|j| {
            let left = low + j as f64 * step;
            let (centre, right) = (left + step, left + 2.0 * step);
            let weight = |bin: usize| {
                let m = mel(bin as f64 * RATE / FFT as f64);
                if m <= left || m >= right {
                    0.0
                } else if m <= centre {
                    (m - left) / (centre - left)
                } else {
                    (right - m) / (right - centre)
                }
            };
            // The Nyquist bin has no weight.
            let inside: Vec<usize> = (0..FFT / 2).filter(|&bin| weight(bin) > 0.0).collect();
            let first = inside.first().copied().unwrap_or(0);
            Filter { first, weights: inside.iter().map(|&bin| weight(bin) as f32).collect() }
        })
        .collect()
}

/// Features of one call, computed while it runs.
///
/// # Realtime safety
/// [`Fbank::push`] allocates nothing; about 2 µs for each frame.
pub struct Fbank {
    tables: Arc<FbankTables>,
    framing: Framing,
    frame: Box<[f32]>,
    spectrum: Box<[Complex<f32>]>,
    scratch: Box<[Complex<f32>]>,
    power: Box<[f32]>,
}

impl Fbank {
    /// A stream that has heard nothing.
    pub fn new(tables: Arc<FbankTables>) -> Self {
        let scratch = vec![Complex::default(); tables.fft.get_scratch_len()].into();
        Self {
            tables,
            framing: Framing::new(FRAME, HOP, WIDE_BLOCK),
            frame: vec![0.0; FFT].into(),
            spectrum: vec![Complex::default(); FFT / 2 + 1].into(),
            scratch,
            power: vec![0.0; FFT / 2].into(),
        }
    }

    /// Hands the row of every frame that the block completes to `each`. At most [`WIDE_BLOCK`] samples.
    pub fn push(&mut self, block: &[f32], mut each: impl FnMut(&[f32; BINS])) {
        let Self { tables, framing, frame, spectrum, scratch, power } = self;
        framing.push(block, |samples| {
            prepare(samples, &tables.window, frame);
            // The lengths are this type's own, so the transform cannot refuse them.
            let _ = tables.fft.process_with_scratch(frame, spectrum, scratch);
            for (p, bin) in power.iter_mut().zip(spectrum.iter()) {
                *p = bin.re * bin.re + bin.im * bin.im;
            }
            let mut row = [0.0; BINS];
            for (value, filter) in row.iter_mut().zip(&tables.filters) {
                let bins = &power[filter.first..filter.first + filter.weights.len()];
                let energy: f32 = filter.weights.iter().zip(bins).map(|(w, p)| w * p).sum();
                *value = energy.max(FLOOR);
            }
            kernels().ln(&mut row);
            each(&row);
        });
    }
}

impl std::fmt::Debug for Fbank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fbank")
    }
}

/// Removes the frame's mean, emphasises, windows and pads with zeros.
fn prepare(samples: &[f32], window: &[f32], frame: &mut [f32]) {
    let mean = samples.iter().sum::<f32>() / FRAME as f32;
    let mut before = samples[0] - mean;
    for ((out, &sample), w) in frame.iter_mut().zip(samples).zip(window) {
        let centred = sample - mean;
        *out = (centred - PRE_EMPHASIS * before) * w;
        before = centred;
    }
    frame[FRAME..].fill(0.0);
}
