//! Kaldi-compatible log-mel features (the speaker network's input): frames of 25 ms enter, rows of 80 numbers leave.
//!
//! Kaldi's `compute-fbank-feats` with 80 bins from 20 Hz to 8 kHz, 16 kHz, Povey window, pre-emphasis 0.97, mean of
//! the frame removed, no dither, `snip_edges`, power spectrum, natural logarithm. Samples lie in [-1, 1]: that scale
//! matters through the log floor alone and must be one for enrolment and verification.

use std::f64::consts::PI;
use std::sync::Arc;

use super::framing::{Framing, Rows};
use super::silero::STEPS;
use crate::audio::resample::WIDE_BLOCK;
use crate::simd::{Bank, Fourier, OnLine, PANEL, kernels, room};

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

/// Tables that all calls share: filters and transform.
#[derive(Debug)]
pub struct FbankTables {
    filters: Bank,
    transform: Fourier,
}

impl FbankTables {
    /// Computes the tables, once for a process.
    pub fn new() -> Self {
        let window: Vec<f32> = (0..FRAME)
            .map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / (FRAME - 1) as f64).cos()).powf(0.85) as f32)
            .collect();
        Self { filters: filters(), transform: Fourier::new(FFT, &window) }
    }
}

impl Default for FbankTables {
    fn default() -> Self {
        Self::new()
    }
}

/// Triangles equally spaced in mel (HTK's formula), linear in mel, without area normalisation.
fn filters() -> Bank {
    let mel = |hz: f64| 1_127.0 * (1.0 + hz / 700.0).ln();
    let (low, high) = (mel(LOWEST_HZ), mel(RATE / 2.0));
    let step = (high - low) / (BINS + 1) as f64;
    Bank::new((0..BINS).map(|j| {
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
        (first, inside.iter().map(|&bin| weight(bin) as f32).collect())
    }))
}

/// Features of one call, computed while it runs.
///
/// # Realtime safety
/// [`Fbank::push`] allocates nothing and needs 55 kB of stack. What it costs: `core/src/simd/NOTES.md`.
#[derive(Debug)]
pub struct Fbank {
    tables: Arc<FbankTables>,
    framing: Framing,
}

impl Fbank {
    /// A stream that has heard nothing.
    pub fn new(tables: Arc<FbankTables>) -> Self {
        Self { tables, framing: Framing::new(FRAME, HOP, STEPS * WIDE_BLOCK) }
    }

    /// The row of every frame that the samples complete: at most [`STEPS`] blocks of [`WIDE_BLOCK`].
    pub fn push(&mut self, samples: &[f32]) -> Rows<BINS> {
        let (mut frames, mut power) = (room::<FFT>(), room::<{ FFT / 2 + 1 }>());
        let mut energies = OnLine([[0.0f32; PANEL]; BINS]);
        let (frames, ends) = self.framing.push(samples, &mut frames[..]);
        kernels().emphasise(PRE_EMPHASIS, &mut frames[..FRAME]);
        let power = kernels().power(&self.tables.transform, frames, &mut power[..]);
        kernels().sum(&self.tables.filters, power, &mut energies[..]);
        let flat = energies.as_flattened_mut();
        flat.iter_mut().for_each(|energy| *energy = energy.max(FLOOR));
        kernels().ln(flat);
        Rows::new(&energies, ends)
    }
}
