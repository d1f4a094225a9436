//! Carriers' rates to 16 kHz, while a call runs: samples enter in pieces of any size, samples at 16 kHz leave.
//!
//! One windowed-sinc low-pass per rate, cut into the phases of the exact ratio L/M of the two rates, so nothing
//! drifts however long the call. Between the edge of the pass band and half the lower rate it
//! falls by 90 dB; what lies above cannot fold into speech.
//!
//! | from | L/M | taps of a phase | flat to | −90 dB from |
//! |---|---|---|---|---|
//! | 12 kHz | 4/3 | 117 | 5.4 kHz | 6 kHz |
//! | 24 kHz | 2/3 | 173 | 7.2 kHz | 8 kHz |
//! | 32 kHz | 1/2 | 231 | 7.2 kHz | 8 kHz |
//! | 44.1 kHz | 160/441 | 317 | 7.2 kHz | 8 kHz |
//! | 48 kHz | 1/3 | 345 | 7.2 kHz | 8 kHz |
//!
//! # Delay
//! None in the signal: the first output lies at the time of the first input. An output is there as soon as half a
//! filter of later input is: after 4.8 ms at 12 kHz and 3.6 ms at the others. That much is missing at a call's end.
//!
//! # Realtime safety
//! Filters are designed once and shared ([`Filters`]); a converter reserves its line when it is made. Processing neither
//! allocates nor branches on the signal, and an output is the same sum in the same order however the input was cut.

use std::sync::Arc;

use zeroize::Zeroize;

use super::resample::low_pass;
use crate::{SampleRate, WireRate};

/// What all leave at.
const OUT_HZ: u32 = SampleRate::Hz16000.hz();
/// Stop-band attenuation that the window is designed for, in dB.
const ATTENUATION: f64 = 90.0;
/// Width of the transition band as a share of the lower of the two Nyquist frequencies; speech has little there.
const TRANSITION: f64 = 0.1;
/// The filter of one rate.
#[derive(Debug)]
struct Filter {
    rate: WireRate,
    /// Outputs for every `down` inputs.
    up: u64,
    down: u64,
    /// Half the taps of a phase: inputs that an output needs beyond its own time.
    half: usize,
    /// `up` rows of `2 · half + 1` taps, oldest input first.
    phases: Box<[f32]>,
}

impl Filter {
    fn new(rate: WireRate) -> Self {
        let common = greatest_common_divisor(rate.hz(), OUT_HZ);
        let (up, down) = (OUT_HZ / common, rate.hz() / common);
        let nyquist = f64::from(rate.hz().min(OUT_HZ)) / 2.0;
        let between = f64::from(rate.hz()) * f64::from(up);
        // Kaiser's estimates (1974) of length and window parameter for an attenuation and a width.
        let width = std::f64::consts::TAU * TRANSITION * nyquist / between;
        let length = (ATTENUATION - 8.0) / (2.285 * width);
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let half = (length / 2.0 / f64::from(up)).ceil() as usize;
        let (up, taps) = (up as usize, 2 * half + 1);
        let cutoff = nyquist * (1.0 - TRANSITION / 2.0) / (between / 2.0);
        let response = low_pass(2 * half * up + 1, beta, cutoff);
        // Output n lies at n · M in L-fold time, phase p = (n · M) mod L behind input i; input j has the tap at
        // half · L + p + (i − j) · L.
        let phases = (0..up)
            .flat_map(|phase| (0..taps).map(move |tap| phase + (taps - 1 - tap) * up))
            .map(|at| response.get(at).map_or(0.0, |tap| (tap * up as f64) as f32))
            .collect();
        Self { rate, up: up as u64, down: u64::from(down), half, phases }
    }

    const fn taps(&self) -> usize {
        2 * self.half + 1
    }
}

/// The filters of all rates that are converted. Made once; about 250 kB.
#[derive(Debug)]
pub struct Filters {
    filters: Vec<Filter>,
    longest: usize,
}

impl Filters {
    /// Designs them; takes some milliseconds.
    pub fn new() -> Self {
        let converted = WireRate::ALL.into_iter().filter(|rate| rate.call_rate().on_the_wire() != *rate);
        let filters: Vec<_> = converted.map(Filter::new).collect();
        let longest = filters.iter().map(Filter::taps).max().unwrap_or_default();
        Self { filters, longest }
    }

    fn position(&self, rate: WireRate) -> Option<usize> {
        self.filters.iter().position(|filter| filter.rate == rate)
    }
}

impl Default for Filters {
    fn default() -> Self {
        Self::new()
    }
}

/// Converts one signal.
#[derive(Clone, Debug)]
pub struct Converter {
    filters: Arc<Filters>,
    filter: usize,
    line: Box<[f32]>,
    /// Samples in `line`; the last one is the newest input.
    filled: usize,
    /// Inputs so far.
    received: u64,
    /// Outputs so far.
    made: u64,
}

impl Drop for Converter {
    fn drop(&mut self) {
        self.line.zeroize();
    }
}

impl Converter {
    /// Inputs that its line holds beside a filter's length.
    pub const ROOM: usize = 512;

    /// A converter at rest for that rate; `None` for the rates that need none.
    pub fn new(filters: &Arc<Filters>, from: WireRate) -> Option<Self> {
        let filter = filters.position(from)?;
        let mut converter = Self::unset(filters);
        converter.start(filter);
        Some(converter)
    }

    /// Room for any rate, before it is known which.
    pub(crate) fn unset(filters: &Arc<Filters>) -> Self {
        let mut converter = Self {
            filters: Arc::clone(filters),
            filter: 0,
            line: vec![0.0; filters.longest + Self::ROOM].into(),
            filled: 0,
            received: 0,
            made: 0,
        };
        converter.start(0);
        converter
    }

    /// Prepares the same room for that rate; false if it needs no conversion. Allocates nothing.
    pub(crate) fn set(&mut self, from: WireRate) -> bool {
        let filter = self.filters.position(from);
        if let Some(filter) = filter {
            self.start(filter);
        }
        filter.is_some()
    }

    fn start(&mut self, filter: usize) {
        self.filter = filter;
        self.line.fill(0.0);
        // Silence before the first sample.
        self.filled = self.filters.filters[filter].half;
    }

    /// How many more inputs `outputs` more outputs need, beyond those received. Giving exactly so many leaves nothing
    /// behind that could still be made.
    pub fn inputs_for(&self, outputs: usize) -> usize {
        let filter = &self.filters.filters[self.filter];
        if outputs == 0 {
            return 0;
        }
        let last = (self.made + outputs as u64 - 1) * filter.down / filter.up + filter.half as u64;
        (last + 1).saturating_sub(self.received) as usize
    }

    /// Takes samples, as many as there is room for: at least [`Converter::ROOM`] if all outputs were taken before.
    /// Returns how many.
    pub fn push(&mut self, samples: &[i16]) -> usize {
        if samples.len() > self.line.len() - self.filled {
            self.forget();
        }
        let taken = samples.len().min(self.line.len() - self.filled);
        for (place, &sample) in self.line[self.filled..].iter_mut().zip(&samples[..taken]) {
            *place = f32::from(sample);
        }
        self.filled += taken;
        self.received += taken as u64;
        taken
    }

    /// Writes the outputs for which there is input, as many as fit; returns how many.
    pub fn pull(&mut self, samples: &mut [i16]) -> usize {
        let filter = &self.filters.filters[self.filter];
        let taps = filter.taps();
        for (n, sample) in samples.iter_mut().enumerate() {
            let at = self.made * filter.down;
            let newest = at / filter.up + filter.half as u64;
            if newest >= self.received {
                return n;
            }
            let end = self.filled - (self.received - 1 - newest) as usize;
            let row = (at % filter.up) as usize * taps;
            let sum = dot(&filter.phases[row..row + taps], &self.line[end - taps..end]);
            // `as` saturates: what overshoots at the filter's edges is clipped, as in any 16-bit recording.
            *sample = sum.round() as i16;
            self.made += 1;
        }
        samples.len()
    }

    /// Moves what the next output needs to the front.
    fn forget(&mut self) {
        let filter = &self.filters.filters[self.filter];
        let at = self.made * filter.down / filter.up;
        let kept = ((self.received + filter.half as u64).saturating_sub(at) as usize).min(self.filled);
        self.line.copy_within(self.filled - kept..self.filled, 0);
        self.filled = kept;
    }
}

/// Σ a[k] · b[k] in eight partial sums, an order that vector units can keep; always the same.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_eights.remainder().iter().zip(b_eights.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_eights.zip(b_eights) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
#[path = "polyphase_tests.rs"]
mod tests;
