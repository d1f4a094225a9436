//! Speech detection by the Silero 6.2.3 network (MIT), 16 kHz: 32 ms of signal enter, a speech probability leaves.
//!
//! Our own forward pass of the published network: short-time spectrum → four convolutions → one LSTM cell → sigmoid.
//! About 0.4 million multiplications a step. An energy-like detector would be cheaper and counts hold music and dial
//! tones as speech.
//!
//! # Realtime safety
//! [`Silero::steps`] allocates nothing; its loops have fixed lengths.

use std::ops::Range;
use std::sync::Arc;

use crate::audio::resample::WIDE_BLOCK;
use crate::model::golden::{self, Golden};
use crate::model::tensors::{TensorError, Tensors};
use crate::model::{LoadError, ModelInfo};
use crate::simd::{Fourier, OnLine, PANEL, Packed, Product, kernels, room};

/// Samples of the previous step in front of each step.
const CONTEXT: usize = 64;
/// Samples reflected behind each step.
const REFLECTED: usize = 64;
const SIGNAL: usize = CONTEXT + WIDE_BLOCK + REFLECTED;
const FFT: usize = 256;
const FFT_HOP: usize = 128;
const SPECTRUM: usize = FFT / 2 + 1;
const FRAMES: usize = 4;
const HIDDEN: usize = 128;
/// Taps of every convolution.
const TAPS: usize = 3;
/// How many blocks of 32 ms can be computed at once.
pub const STEPS: usize = 4;
/// Where each step's input of the gates begins, and where its gates do.
const GATE_ROWS: [(usize, usize); STEPS] =
    [(0, 0), (HIDDEN, 4 * HIDDEN), (2 * HIDDEN, 8 * HIDDEN), (3 * HIDDEN, 12 * HIDDEN)];
/// How far the stored transform may be from the windowed Fourier transform that replaces it (its entries are ≤ 1).
const TRANSFORM_TOLERANCE: f32 = 1e-4;

/// A convolution of kernel 3 along time, padding 1, followed by ReLU.
///
/// A step's rows follow each other in memory, so that the rows under the kernel are one row of the product, and the weights of
/// `[tap][input]` are its matrix. Where the kernel reaches beyond a step, only the taps on its rows are computed: the others would
/// meet the padding, which is zeros (a sixth of the first layer, two thirds of the last one).
#[derive(Debug)]
struct Convolution {
    weights: Packed,
    parts: Vec<Part>,
}

/// The outputs of a convolution whose kernels have the same taps on the step's rows.
#[derive(Debug)]
struct Part {
    /// These taps' rows of the matrix.
    depth: Range<usize>,
    /// For each output of [`STEPS`] steps: where its input begins, where it goes.
    rows: Vec<(usize, usize)>,
}

/// The shape of a convolution's input and output for one step.
struct Shape {
    inputs: usize,
    outputs: usize,
    /// Rows of a step's input.
    times: usize,
    stride: usize,
}

impl Convolution {
    fn read(tensors: &Tensors<'_>, name: &str, shape: &Shape) -> Result<Self, TensorError> {
        let &Shape { inputs, outputs, times, stride } = shape;
        let stored = tensors.read(&format!("{name}.weight"), &[outputs, inputs, TAPS])?;
        let bias = tensors.read(&format!("{name}.bias"), &[outputs])?;
        let weights = Packed::new(kernels(), TAPS * inputs, &bias, |row, output| {
            stored[(output * inputs + row % inputs) * TAPS + row / inputs]
        });
        let results = times.div_ceil(stride);
        let mut parts: Vec<Part> = Vec::new();
        for (step, result) in (0..STEPS).flat_map(|step| (0..results).map(move |result| (step, result))) {
            // Tap 1 lies on this row of the step, the others before and behind it.
            let middle = result * stride;
            let taps = usize::from(middle == 0)..TAPS.min(times + 1 - middle);
            let from = (step * times + middle + taps.start - 1) * inputs;
            let to = (step * results + result) * outputs;
            let depth = taps.start * inputs..taps.end * inputs;
            match parts.iter_mut().find(|part| part.depth == depth) {
                Some(part) => part.rows.push((from, to)),
                None => parts.push(Part { depth, rows: vec![(from, to)] }),
            }
        }
        Ok(Self { weights, parts })
    }

    fn run(&self, steps: usize, input: &[f32], output: &mut [f32]) {
        for Part { depth, rows } in &self.parts {
            let rows = &rows[..rows.len() / STEPS * steps];
            let depth = depth.clone();
            let product =
                Product { matrix: &self.weights, depth, input, rows, relu: true, accumulate: false };
            kernels().product(&product, output);
        }
    }
}

/// The network's weights, which all calls share.
pub(crate) struct SileroWeights {
    transform: Fourier,
    encoder: [Convolution; 4],
    /// From the encoder's output to the four gates, and from the state to them.
    input_gates: Packed,
    state_gates: Packed,
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
        let window = &basis[..FFT];
        check_transform(&basis, window)?;

        let input_bias = tensors.read("lstm.bias_ih", &[4 * HIDDEN])?;
        let state_bias = tensors.read("lstm.bias_hh", &[4 * HIDDEN])?;
        let bias: Vec<f32> = input_bias.iter().zip(&state_bias).map(|(a, b)| a + b).collect();
        let gates = |name| {
            let stored = tensors.read(name, &[4 * HIDDEN, HIDDEN])?;
            Ok::<_, TensorError>(Packed::new(kernels(), HIDDEN, &bias, |row, gate| {
                stored[gate * HIDDEN + row]
            }))
        };
        let convolution = |name, inputs, outputs, times, stride| {
            Convolution::read(tensors, name, &Shape { inputs, outputs, times, stride })
        };
        Ok(Self {
            transform: Fourier::new(FFT, window),
            encoder: [
                convolution("encoder.0", SPECTRUM, 128, FRAMES, 1)?,
                convolution("encoder.1", 128, 64, FRAMES, 2)?,
                convolution("encoder.2", 64, 64, FRAMES / 2, 2)?,
                convolution("encoder.3", 64, HIDDEN, FRAMES / 4, 1)?,
            ],
            input_gates: gates("lstm.weight_ih")?,
            state_gates: gates("lstm.weight_hh")?,
            decoder: tensors.read("decoder.weight", &[1, HIDDEN, 1])?.into(),
            decoder_bias: tensors.read("decoder.bias", &[1])?[0],
        })
    }
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
    /// The end of the last step's samples.
    context: OnLine<[f32; CONTEXT]>,
    hidden: OnLine<[f32; HIDDEN]>,
    cell: OnLine<[f32; HIDDEN]>,
}

/// What lies between the layers, for as long as some steps take: 30 kB on the stack, which stay in the nearest cache whichever call is
/// worked on, and which no call has to hold.
struct Between {
    /// Inputs of the four convolutions, then the last one's output: `[step][time][channel]`, one after the other as [`LAYERS`] says.
    layers: OnLine<[f32; LAYERS[5]]>,
    /// `[step][gate]`.
    gates: OnLine<[f32; STEPS * 4 * HIDDEN]>,
}

/// Where each of the layers begins, with a cache line, and where the last one ends.
const LAYERS: [usize; 6] = {
    let sizes = [
        STEPS * FRAMES * SPECTRUM,
        STEPS * FRAMES * 128,
        STEPS * FRAMES / 2 * 64,
        STEPS * FRAMES / 4 * 64,
        STEPS * HIDDEN,
    ];
    let (mut begins, mut at) = ([0; 6], 0);
    while at < sizes.len() {
        begins[at + 1] = begins[at] + usize::next_multiple_of(sizes[at], PANEL);
        at += 1;
    }
    begins
};

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Silero")
    }
}

impl Silero {
    /// A network that has heard nothing.
    pub(crate) fn new(weights: Arc<SileroWeights>) -> Self {
        Self {
            weights,
            context: OnLine([0.0; CONTEXT]),
            hidden: OnLine([0.0; HIDDEN]),
            cell: OnLine([0.0; HIDDEN]),
        }
    }

    /// Probability, 0…1, that these 32 ms at 16 kHz hold speech.
    pub fn step(&mut self, samples: &[f32; WIDE_BLOCK]) -> f32 {
        let mut probability = [0.0];
        self.steps(std::slice::from_ref(samples), &mut probability);
        probability[0]
    }

    /// The probability of each block of 32 ms, one after the other; at most [`STEPS`] of them at once, further ones are left
    /// alone. The same numbers as one by one, in half of the time: the weights, 0.5 MB, are read once for all.
    pub fn steps(&mut self, blocks: &[[f32; WIDE_BLOCK]], probabilities: &mut [f32]) {
        let steps = blocks.len().min(probabilities.len()).min(STEPS);
        let mut between =
            Between { layers: OnLine([0.0; LAYERS[5]]), gates: OnLine([0.0; STEPS * 4 * HIDDEN]) };
        let Between { layers, gates } = &mut between;
        self.transform(&blocks[..steps], &mut layers[..LAYERS[1]]);
        let weights = Arc::clone(&self.weights);
        for (i, layer) in weights.encoder.iter().enumerate() {
            let (before, after) = layers[LAYERS[i]..LAYERS[i + 2]].split_at_mut(LAYERS[i + 1] - LAYERS[i]);
            layer.run(steps, before, after);
        }
        let product = Product {
            matrix: &weights.input_gates,
            depth: 0..HIDDEN,
            input: &layers[LAYERS[4]..],
            rows: &GATE_ROWS[..steps],
            relu: false,
            accumulate: false,
        };
        kernels().product(&product, &mut gates[..]);
        for (step, probability) in probabilities[..steps].iter_mut().enumerate() {
            self.remember(&mut gates[step * 4 * HIDDEN..][..4 * HIDDEN]);
            let shown = weights.decoder.iter().zip(self.hidden.iter()).map(|(weight, h)| weight * h.max(0.0));
            *probability = weights.decoder_bias + shown.sum::<f32>();
        }
        kernels().sigmoid(&mut probabilities[..steps]);
    }

    /// Puts a step's samples behind their context and reflects their end.
    fn take_in(&mut self, samples: &[f32; WIDE_BLOCK], signal: &mut [f32; SIGNAL]) {
        const END: usize = CONTEXT + WIDE_BLOCK;
        signal[..CONTEXT].copy_from_slice(&self.context[..]);
        signal[CONTEXT..END].copy_from_slice(samples);
        for i in 0..REFLECTED {
            signal[END + i] = signal[END - 2 - i];
        }
        self.context.copy_from_slice(&samples[WIDE_BLOCK - CONTEXT..]);
    }

    /// Magnitudes of each step's four frames.
    fn transform(&mut self, blocks: &[[f32; WIDE_BLOCK]], to: &mut [f32]) {
        const { assert!(STEPS * FRAMES == PANEL) };
        let mut signals = OnLine([[0.0; SIGNAL]; STEPS]);
        for (samples, signal) in blocks.iter().zip(signals.iter_mut()) {
            self.take_in(samples, signal);
        }
        let (mut frames, mut magnitudes) = (room::<FFT>(), room::<SPECTRUM>());
        let begins = std::array::from_fn(|frame| frame / FRAMES * SIGNAL + frame % FRAMES * FFT_HOP);
        let frames = kernels().lay_abreast(signals.as_flattened(), &begins, FFT, &mut frames[..]);
        let magnitudes = kernels().power(&self.weights.transform, frames, &mut magnitudes[..]);
        magnitudes.as_flattened_mut().iter_mut().for_each(|value| *value = value.sqrt());
        let begins = std::array::from_fn(|frame| frame * SPECTRUM);
        kernels().line_up(magnitudes, &begins, to);
    }

    /// The LSTM cell; gates in the order input, forget, candidate, output. The input's part of them is there already.
    fn remember(&mut self, gates: &mut [f32]) {
        let Self { weights, hidden, cell, .. } = self;
        let product = Product {
            matrix: &weights.state_gates,
            depth: 0..HIDDEN,
            input: &hidden[..],
            rows: &GATE_ROWS[..1],
            relu: false,
            accumulate: true,
        };
        kernels().product(&product, gates);
        let (input_and_forget, rest) = gates.split_at_mut(2 * HIDDEN);
        let (candidate, output) = rest.split_at_mut(HIDDEN);
        kernels().sigmoid(input_and_forget);
        kernels().tanh(candidate);
        kernels().sigmoid(output);
        let (input, forget) = input_and_forget.split_at(HIDDEN);
        for (i, cell) in cell.iter_mut().enumerate() {
            *cell = forget[i] * *cell + input[i] * candidate[i];
        }
        hidden.copy_from_slice(&cell[..]);
        kernels().tanh(&mut hidden[..]);
        for (hidden, output) in hidden.iter_mut().zip(output) {
            *hidden *= *output;
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
    golden.prove_each(|case| {
        let mut silero = Silero::new(Arc::clone(&weights));
        let signal = golden.signal(case);
        let (steps, _) = signal.as_chunks::<WIDE_BLOCK>();
        let mut found = vec![0.0; steps.len()];
        for (blocks, probabilities) in steps.chunks(STEPS).zip(found.chunks_mut(STEPS)) {
            silero.steps(blocks, probabilities);
        }
        let Expected { probabilities, tolerance } = &case.expected;
        golden::compare(
            &info.name,
            &case.name,
            "probabilities",
            &found,
            probabilities,
            tolerance.probabilities,
        )
    })?;
    Ok(weights)
}
