//! The dense blocks: frames of channels enter, every layer appends 32 channels to them, half of all channels leave.
//!
//! A layer looks at three frames around each (`local`), and weighs what it finds by a gate that depends on the mean over the whole call
//! and over segments of 100 frames.

use super::super::image::hold;
use super::{BORDER, GROWTH, Weights, WeightsError};
use crate::simd::{Affine, Layer, Matrix, Rows, Then, kernels};

/// Channels between the two matrices of a layer.
const BOTTLENECK: usize = 128;
/// Channels between the two matrices of a gate.
const GATE: usize = 64;
/// Frames of a segment of the gate.
const SEGMENT: usize = 100;
/// Of every batch normalisation.
const EPSILON: f64 = 1e-5;
/// So that frames do not lie a power of two apart, where they would compete for the same cache lines.
const SPACING: usize = 32;

/// Layers that see everything before them.
#[derive(Debug)]
pub(super) struct Block {
    entering: usize,
    dilation: usize,
    layers: Vec<Dense>,
    norm: Affine,
    transit: Matrix,
}

#[derive(Debug)]
struct Dense {
    norm: Affine,
    bottleneck: Matrix,
    local: Matrix,
    gate: [Matrix; 2],
}

/// What lies between the matrices of a layer.
#[derive(Debug, Default)]
pub(super) struct Between {
    /// What enters, normalised.
    normed: Vec<f32>,
    /// With a border.
    narrow: Vec<f32>,
    context: Vec<f32>,
    gates: [Vec<f32>; 2],
}

/// A batch normalisation that follows a concatenation.
fn norm(weights: &mut Weights, name: &str, channels: usize) -> Result<Affine, WeightsError> {
    let mut part = |part: &str| weights.take(&format!("{name}.norm.{part}"), &[channels]);
    let (weight, bias) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    let scale = |c: usize| f64::from(weight[c]) / (f64::from(variance[c]) + EPSILON).sqrt();
    Ok(Affine {
        scale: (0..channels).map(|c| scale(c) as f32).collect(),
        shift: (0..channels).map(|c| (f64::from(bias[c]) - f64::from(mean[c]) * scale(c)) as f32).collect(),
    })
}

/// Every frame's first channels, normalised, nothing below zero. Returns how far apart they lie.
fn apply(norm: &Affine, frames: usize, input: &[f32], width: usize, output: &mut Vec<f32>) -> usize {
    let channels = norm.channels();
    let step = channels + SPACING;
    hold(output, frames * step);
    for (from, to) in input.chunks_exact(width).zip(output.chunks_exact_mut(step)).take(frames) {
        kernels().scale_relu(norm, &from[..channels], &mut to[..channels]);
    }
    step
}

impl Dense {
    fn take(weights: &mut Weights, name: &str, channels: usize) -> Result<Self, WeightsError> {
        let norm = norm(weights, &format!("{name}.in"), channels)?;
        let mut matrix = |part: &str, columns: usize, depth: usize, runs: usize, biased: bool| {
            let values = weights.take(&format!("{name}.{part}.weight"), &[columns, depth, runs])?;
            let bias = match biased {
                true => weights.take(&format!("{name}.{part}.bias"), &[columns])?,
                false => vec![0.0; columns],
            };
            Ok(Matrix::new(runs, depth, &bias, |row, column| {
                values[(column * depth + row % depth) * runs + row / depth]
            }))
        };
        Ok(Self {
            norm,
            bottleneck: matrix("bottleneck", BOTTLENECK, channels, 1, true)?,
            local: matrix("local", GROWTH, BOTTLENECK, 3, false)?,
            gate: [matrix("gate1", GATE, BOTTLENECK, 1, true)?, matrix("gate2", GROWTH, GATE, 1, true)?],
        })
    }

    /// Appends to the channels of every frame, which lie `width` apart.
    fn run(&self, frames: usize, dilation: usize, channels: &mut [f32], width: usize, between: &mut Between) {
        let entering = self.norm.channels();
        let step = apply(&self.norm, frames, channels, width, &mut between.normed);
        let narrow = Rows { first: BORDER * BOTTLENECK, step: BOTTLENECK };
        hold(&mut between.narrow, (frames + 2 * BORDER) * BOTTLENECK);
        between.narrow[..narrow.first].fill(0.0);
        between.narrow[narrow.first + frames * BOTTLENECK..][..BORDER * BOTTLENECK].fill(0.0);
        let bottleneck = Layer {
            matrix: &self.bottleneck,
            input: &between.normed,
            from: Rows::packed(step),
            runs: &[0],
            count: frames,
            then: Then::Relu,
            to: narrow,
        };
        kernels().layer(&bottleneck, &mut between.narrow);
        let local = Layer {
            matrix: &self.local,
            input: &between.narrow,
            from: Rows { first: (BORDER - dilation) * BOTTLENECK, step: BOTTLENECK },
            runs: &[0, dilation * BOTTLENECK, 2 * dilation * BOTTLENECK],
            count: frames,
            then: Then::Keep,
            to: Rows { first: entering, step: width },
        };
        kernels().layer(&local, channels);
        self.gate(frames, between);
        for (frame, row) in channels.chunks_exact_mut(width).take(frames).enumerate() {
            let gate = &between.gates[1][frame / SEGMENT * GROWTH..][..GROWTH];
            row[entering..entering + GROWTH].iter_mut().zip(gate).for_each(|(value, gate)| *value *= gate);
        }
    }

    /// One gate for each segment.
    fn gate(&self, frames: usize, between: &mut Between) {
        let segments = frames.div_ceil(SEGMENT);
        let narrow = &between.narrow[BORDER * BOTTLENECK..][..frames * BOTTLENECK];
        hold(&mut between.context, segments * BOTTLENECK);
        let mut all = [0.0; BOTTLENECK];
        for (segment, context) in
            narrow.chunks(SEGMENT * BOTTLENECK).zip(between.context.chunks_exact_mut(BOTTLENECK))
        {
            context.fill(0.0);
            for frame in segment.chunks_exact(BOTTLENECK) {
                context.iter_mut().zip(frame).for_each(|(sum, value)| *sum += value);
            }
            all.iter_mut().zip(&*context).for_each(|(all, sum)| *all += sum);
            let count = (segment.len() / BOTTLENECK) as f32;
            context.iter_mut().for_each(|sum| *sum /= count);
        }
        for context in between.context.chunks_exact_mut(BOTTLENECK).take(segments) {
            context.iter_mut().zip(&all).for_each(|(mean, all)| *mean += all / frames as f32);
        }
        let [hidden, gates] = &mut between.gates;
        hold(hidden, segments * GATE);
        hold(gates, segments * GROWTH);
        let [first, second] = &self.gate;
        let layer = |matrix, input, depth, then, columns| Layer {
            matrix,
            input,
            from: Rows::packed(depth),
            runs: &[0],
            count: segments,
            then,
            to: Rows::packed(columns),
        };
        kernels().layer(&layer(first, &between.context, BOTTLENECK, Then::Relu, GATE), hidden);
        kernels().layer(&layer(second, hidden, GATE, Then::Keep, GROWTH), gates);
        kernels().sigmoid(&mut gates[..segments * GROWTH]);
    }
}

impl Block {
    pub(super) fn take(
        weights: &mut Weights,
        number: usize,
        entering: usize,
        layers: usize,
        dilation: usize,
    ) -> Result<Self, WeightsError> {
        let layer = |layer: usize| {
            let name = format!("xvector.block{number}.tdnnd{}", layer + 1);
            Dense::take(weights, &name, entering + layer * GROWTH)
        };
        let taken = (0..layers).map(layer).collect::<Result<_, _>>()?;
        let (channels, name) = (entering + layers * GROWTH, format!("xvector.transit{number}"));
        let norm = norm(weights, &format!("{name}.in"), channels)?;
        let values = weights.take(&format!("{name}.weight"), &[channels / 2, channels, 1])?;
        // Only the last block's has one: the batch normalisation that follows it.
        let bias = weights
            .take_if_any(&format!("{name}.bias"), &[channels / 2])?
            .unwrap_or_else(|| vec![0.0; channels / 2]);
        let transit = Matrix::new(1, channels, &bias, |row, column| values[column * channels + row]);
        Ok(Self { entering, dilation, layers: taken, norm, transit })
    }

    /// How far apart frames lie that this block works on.
    pub(super) fn width(&self) -> usize {
        self.entering + self.layers.len() * GROWTH + SPACING
    }

    /// Channels that leave.
    pub(super) const fn leaving(&self) -> usize {
        self.transit.columns()
    }

    /// Lets every layer append its channels.
    pub(super) fn run(&self, frames: usize, channels: &mut [f32], between: &mut Between) {
        let width = self.width();
        self.layers.iter().for_each(|layer| layer.run(frames, self.dilation, channels, width, between));
    }

    /// What leaves the block.
    pub(super) fn leave(
        &self,
        frames: usize,
        channels: &[f32],
        between: &mut Between,
        then: Then<'_>,
        to: Rows,
        output: &mut [f32],
    ) {
        let step = apply(&self.norm, frames, channels, self.width(), &mut between.normed);
        let from = Rows::packed(step);
        let transit = Layer {
            matrix: &self.transit,
            input: &between.normed,
            from,
            runs: &[0],
            count: frames,
            then,
            to,
        };
        kernels().layer(&transit, output);
    }
}
