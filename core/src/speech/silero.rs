//! Speech detection by the Silero 6.2.3 network (MIT), 16 kHz: 32 ms of signal enter, a speech probability leaves.
//!
//! Our own forward pass of the published network: short-time spectrum → four convolutions → one LSTM cell → sigmoid.
//! About 0.4 million multiplications a step. An energy-like detector would be cheaper and counts hold music and dial
//! tones as speech.
//!
//! # Realtime safety
//! [`Silero::step`] allocates nothing; its loops have fixed lengths.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::audio::resample::WIDE_BLOCK;
use crate::model::golden::{self, Golden};
use crate::model::tensors::{TensorError, Tensors};
use crate::model::{LoadError, ModelInfo};

/// Samples of the previous step in front of each step.
const CONTEXT: usize = 64;
/// Samples reflected behind each step.
const REFLECTED: usize = 64;
const FFT: usize = 256;
const FFT_HOP: usize = 128;
const SPECTRUM: usize = FFT / 2 + 1;
const FRAMES: usize = 4;
const HIDDEN: usize = 128;
/// How far the stored transform may be from the windowed Fourier transform that replaces it (its entries are ≤ 1).
const TRANSFORM_TOLERANCE: f32 = 1e-4;

/// A convolution of kernel 3 along time, padding 1, followed by ReLU; weights as `[tap][input][output]`.
#[derive(Debug)]
struct Convolution {
    inputs: usize,
    outputs: usize,
    stride: usize,
    weights: Box<[f32]>,
    bias: Box<[f32]>,
}

impl Convolution {
    fn read(
        tensors: &Tensors<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
        stride: usize,
    ) -> Result<Self, TensorError> {
        let stored = tensors.read(&format!("{name}.weight"), &[outputs, inputs, 3])?;
        let mut weights = vec![0.0; stored.len()];
        for (output, of_output) in stored.chunks_exact(inputs * 3).enumerate() {
            for (input, taps) in of_output.chunks_exact(3).enumerate() {
                for (tap, &weight) in taps.iter().enumerate() {
                    weights[(tap * inputs + input) * outputs + output] = weight;
                }
            }
        }
        let bias = tensors.read(&format!("{name}.bias"), &[outputs])?.into();
        Ok(Self { inputs, outputs, stride, weights: weights.into(), bias })
    }

    /// `input` is `[time][inputs]`, `output` `[time'][outputs]` with time' = ⌈time / stride⌉.
    fn run(&self, input: &[f32], output: &mut [f32]) {
        let times = input.len() / self.inputs;
        for row in output.chunks_exact_mut(self.outputs) {
            row.copy_from_slice(&self.bias);
        }
        for tap in 0..3 {
            let taps = &self.weights[tap * self.inputs * self.outputs..][..self.inputs * self.outputs];
            for (i, weights) in taps.chunks_exact(self.outputs).enumerate() {
                for (t, row) in output.chunks_exact_mut(self.outputs).enumerate() {
                    // Position −1 and those behind the end are padding.
                    let at = (t * self.stride + tap).wrapping_sub(1);
                    if at < times {
                        add_scaled(row, weights, input[at * self.inputs + i]);
                    }
                }
            }
        }
        output.iter_mut().for_each(|value| *value = value.max(0.0));
    }
}

/// row += weights · factor
fn add_scaled(row: &mut [f32], weights: &[f32], factor: f32) {
    for (sum, weight) in row.iter_mut().zip(weights) {
        *sum += weight * factor;
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The network's weights, which all calls share.
pub(crate) struct SileroWeights {
    window: Box<[f32]>,
    fft: Arc<dyn RealToComplex<f32>>,
    encoder: [Convolution; 4],
    /// `[input or state][gate]`: 2 × 128 rows of 4 × 128.
    gates: Box<[f32]>,
    gate_bias: Box<[f32]>,
    decoder: Box<[f32]>,
    decoder_bias: f32,
}

impl std::fmt::Debug for SileroWeights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SileroWeights")
    }
}

impl SileroWeights {
    /// Reads the 16 kHz network.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape, or a transform that is no windowed Fourier transform.
    pub(crate) fn read(tensors: &Tensors<'_>) -> Result<Self, TensorError> {
        let basis = tensors.read("stft.forward_basis_buffer", &[2 * SPECTRUM, 1, FFT])?;
        // The row of 0 Hz is the window itself.
        let window: Box<[f32]> = basis[..FFT].into();
        check_transform(&basis, &window)?;

        let mut gates = transposed(&tensors.read("lstm.weight_ih", &[4 * HIDDEN, HIDDEN])?, HIDDEN);
        gates.extend(transposed(&tensors.read("lstm.weight_hh", &[4 * HIDDEN, HIDDEN])?, HIDDEN));
        let input_bias = tensors.read("lstm.bias_ih", &[4 * HIDDEN])?;
        let state_bias = tensors.read("lstm.bias_hh", &[4 * HIDDEN])?;
        Ok(Self {
            window,
            fft: RealFftPlanner::new().plan_fft_forward(FFT),
            encoder: [
                Convolution::read(tensors, "encoder.0", SPECTRUM, 128, 1)?,
                Convolution::read(tensors, "encoder.1", 128, 64, 2)?,
                Convolution::read(tensors, "encoder.2", 64, 64, 2)?,
                Convolution::read(tensors, "encoder.3", 64, HIDDEN, 1)?,
            ],
            gates: gates.into(),
            gate_bias: input_bias.iter().zip(&state_bias).map(|(a, b)| a + b).collect(),
            decoder: tensors.read("decoder.weight", &[1, HIDDEN, 1])?.into(),
            decoder_bias: tensors.read("decoder.bias", &[1])?[0],
        })
    }
}

/// `[rows][columns]` → `[columns][rows]`.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    (0..columns * rows).map(|i| matrix[i % rows * columns + i / rows]).collect()
}

/// Proves that the stored filters are the Fourier transform of the windowed signal, real parts first.
fn check_transform(basis: &[f32], window: &[f32]) -> Result<(), TensorError> {
    for (row, filter) in basis.chunks_exact(FFT).enumerate() {
        let bin = row % SPECTRUM;
        for (n, (&stored, &w)) in filter.iter().zip(window).enumerate() {
            let angle = 2.0 * std::f64::consts::PI * (bin * n % FFT) as f64 / FFT as f64;
            let wave = if row < SPECTRUM { angle.cos() } else { -angle.sin() } as f32;
            if (stored - w * wave).abs() > TRANSFORM_TOLERANCE {
                return Err(TensorError::Unexpected(
                    "stft.forward_basis_buffer is not a windowed Fourier transform",
                ));
            }
        }
    }
    Ok(())
}

/// The network's state in one call; [`crate::Engine::speech_detector`] makes one.
pub struct Silero {
    weights: Arc<SileroWeights>,
    /// Context, the step's samples, their reflection.
    signal: Box<[f32]>,
    frame: Box<[f32]>,
    bins: Box<[Complex<f32>]>,
    scratch: Box<[Complex<f32>]>,
    /// Inputs of the four convolutions, then the last one's output: `[time][channel]`.
    layers: [Box<[f32]>; 5],
    gates: Box<[f32]>,
    hidden: Box<[f32]>,
    cell: Box<[f32]>,
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Silero")
    }
}

impl Silero {
    /// A network that has heard nothing.
    pub(crate) fn new(weights: Arc<SileroWeights>) -> Self {
        let zeros = |length: usize| vec![0.0f32; length].into_boxed_slice();
        Self {
            signal: zeros(CONTEXT + WIDE_BLOCK + REFLECTED),
            frame: zeros(FFT),
            bins: vec![Complex::default(); SPECTRUM].into(),
            scratch: vec![Complex::default(); weights.fft.get_scratch_len()].into(),
            layers: [zeros(FRAMES * SPECTRUM), zeros(FRAMES * 128), zeros(2 * 64), zeros(64), zeros(HIDDEN)],
            gates: zeros(4 * HIDDEN),
            hidden: zeros(HIDDEN),
            cell: zeros(HIDDEN),
            weights,
        }
    }

    /// Probability, 0…1, that these 32 ms at 16 kHz hold speech.
    pub fn step(&mut self, samples: &[f32; WIDE_BLOCK]) -> f32 {
        self.take_in(samples);
        self.transform();
        let weights = &self.weights;
        for (i, layer) in weights.encoder.iter().enumerate() {
            let (before, after) = self.layers.split_at_mut(i + 1);
            layer.run(&before[i], &mut after[0]);
        }
        self.remember();
        let mut sum = self.weights.decoder_bias;
        for (weight, &h) in self.weights.decoder.iter().zip(&self.hidden) {
            sum += weight * h.max(0.0);
        }
        sigmoid(sum)
    }

    /// Puts the step's samples behind the context and reflects their end.
    fn take_in(&mut self, samples: &[f32; WIDE_BLOCK]) {
        const END: usize = CONTEXT + WIDE_BLOCK;
        self.signal.copy_within(WIDE_BLOCK..END, 0);
        self.signal[CONTEXT..END].copy_from_slice(samples);
        for i in 0..REFLECTED {
            self.signal[END + i] = self.signal[END - 2 - i];
        }
    }

    /// Magnitudes of the four frames.
    fn transform(&mut self) {
        let Self { weights, signal, frame, bins, scratch, layers, .. } = self;
        for (k, magnitudes) in layers[0].chunks_exact_mut(SPECTRUM).enumerate() {
            for ((out, sample), w) in frame.iter_mut().zip(&signal[k * FFT_HOP..]).zip(&weights.window) {
                *out = sample * w;
            }
            // The lengths are this type's own, so the transform cannot refuse them.
            let _ = weights.fft.process_with_scratch(frame, bins, scratch);
            for (magnitude, bin) in magnitudes.iter_mut().zip(bins.iter()) {
                *magnitude = (bin.re * bin.re + bin.im * bin.im).sqrt();
            }
        }
    }

    /// The LSTM cell; gates in the order input, forget, cell, output.
    fn remember(&mut self) {
        let Self { weights, layers, gates, hidden, cell, .. } = self;
        gates.copy_from_slice(&weights.gate_bias);
        let inputs = layers[4].iter().chain(hidden.iter());
        for (row, &value) in weights.gates.chunks_exact(4 * HIDDEN).zip(inputs) {
            add_scaled(gates, row, value);
        }
        for i in 0..HIDDEN {
            let [input, forget, candidate, output] = std::array::from_fn(|gate| gates[gate * HIDDEN + i]);
            cell[i] = sigmoid(forget) * cell[i] + sigmoid(input) * candidate.tanh();
            hidden[i] = sigmoid(output) * cell[i].tanh();
        }
    }
}

/// What a golden vector of this network holds.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Expected {
    probabilities: Vec<f32>,
    tolerance: Tolerance,
}

#[derive(Debug, serde::Deserialize)]
struct Tolerance {
    probabilities: f64,
}

/// Returns the weights if they reproduce every golden vector.
pub(crate) fn prove(
    weights: SileroWeights,
    info: &ModelInfo,
    golden: &Golden<Expected>,
) -> Result<Arc<SileroWeights>, LoadError> {
    let weights = Arc::new(weights);
    for case in &golden.cases {
        let mut silero = Silero::new(Arc::clone(&weights));
        let signal = golden.signal(case);
        let (steps, _) = signal.as_chunks::<WIDE_BLOCK>();
        let found: Vec<f32> = steps.iter().map(|step| silero.step(step)).collect();
        let Expected { probabilities, tolerance } = &case.expected;
        golden::compare(
            &info.name,
            &case.name,
            "probabilities",
            &found,
            probabilities,
            tolerance.probabilities,
        )?;
    }
    Ok(weights)
}
