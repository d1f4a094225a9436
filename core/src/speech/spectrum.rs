//! Log spectrum of the telephone band, by which the quality gates know a band that ends too low: 8 kHz enters, rows of 112 numbers leave.
//!
//! Frames of 256 samples every 80 (10 ms), symmetric Hann window, power, natural logarithm with a floor of 1e-10, bins
//! 4…115 (125 Hz to 3,594 Hz).

use std::f64::consts::PI;
use std::sync::Arc;

use super::framing::{Framing, Rows};
use super::silero::STEPS;
use crate::audio::resample::NARROW_BLOCK;
use crate::simd::{Abreast, Fourier, OnLine, kernels, room};

/// Numbers in a row.
pub const BINS: usize = 112;
/// Samples of a frame at 8 kHz, also the FFT's length: 32 ms.
pub const FRAME: usize = 256;
/// Samples between frames at 8 kHz: 10 ms.
pub const HOP: usize = 80;

const FIRST_BIN: usize = 4;
const FLOOR: f32 = 1e-10;

/// Tables that all calls share: window and transform.
#[derive(Debug)]
pub struct SpectrumTables {
    transform: Fourier,
}

impl SpectrumTables {
    /// Computes the tables, once for a process.
    pub fn new() -> Self {
        let window: Vec<f32> = (0..FRAME)
            .map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / (FRAME - 1) as f64).cos()) as f32)
            .collect();
        Self { transform: Fourier::new(FRAME, &window) }
    }
}

impl Default for SpectrumTables {
    fn default() -> Self {
        Self::new()
    }
}

/// Spectra of one call, computed while it runs.
///
/// # Realtime safety
/// [`Spectrum::push`] allocates nothing and needs 40 kB of stack. What it costs: `core/src/simd/NOTES.md`.
#[derive(Debug)]
pub struct Spectrum {
    tables: Arc<SpectrumTables>,
    framing: Framing,
}

impl Spectrum {
    /// A stream that has heard nothing.
    pub fn new(tables: Arc<SpectrumTables>) -> Self {
        Self { tables, framing: Framing::new(FRAME, HOP, STEPS * NARROW_BLOCK) }
    }

    /// The row of every frame that the samples complete: at most [`STEPS`] blocks of [`NARROW_BLOCK`].
    pub fn push(&mut self, samples: &[f32]) -> Rows<BINS> {
        let (mut frames, mut power) = (room::<FRAME>(), room::<{ FRAME / 2 + 1 }>());
        let (frames, ends) = self.framing.push(samples, &mut frames[..]);
        let power = kernels().power(&self.tables.transform, frames, &mut power[..]);
        let mut heard: OnLine<[Abreast; BINS]> = OnLine(std::array::from_fn(|n| power[FIRST_BIN + n]));
        let flat = heard.as_flattened_mut();
        flat.iter_mut().for_each(|power| *power = power.max(FLOOR));
        kernels().ln(flat);
        Rows::new(&heard, ends)
    }
}
