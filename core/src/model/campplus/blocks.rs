//! The dense blocks: frames of channels enter, every layer appends 32 channels to them, half of all channels leave.
//!
//! A layer looks at three frames around each (`local`), and weighs what it finds by a gate that depends on the mean over the whole call
//! and over segments of 100 frames.

use std::sync::LazyLock;

use super::product::{Bytes, Entering, Factor, Product, SPACING, UNKNOWN};
use super::{BORDER, GROWTH, Pause, Weights, WeightsError};
use crate::simd::{Affine, Ahead, Aligned, Layer, Matrix, Rows, Then, kernels};

/// Channels between the two matrices of a layer.
const BOTTLENECK: usize = 128;
/// Channels between the two matrices of a gate.
const GATE: usize = 64;
/// Frames of a segment of the gate.
const SEGMENT: usize = 100;
/// Frames that a layer looks at.
const SPAN: usize = 3;
/// Of every batch normalisation.
const EPSILON: f64 = 1e-5;

/// Layers that see everything before them.
#[derive(Debug)]
pub(super) struct Block {
    entering: usize,
    dilation: usize,
    layers: Vec<Dense>,
    norm: Affine,
    transit: Factor,
    bytes: Bytes,
}

#[derive(Debug)]
struct Dense {
    norm: Affine,
    bottleneck: Factor,
    local: Factor,
    gate: [Matrix; 2],
}

/// What lies between the matrices of a layer.
#[derive(Debug, Default)]
pub(super) struct Between {
    /// What enters, normalised.
    normed: Entering,
    /// With a border.
    narrow: Entering,
    context: Aligned<f32>,
    gates: [Aligned<f32>; 2],
}

/// A batch normalisation that follows a concatenation, and what becomes of it on average once what is below zero is cut off.
fn norm(weights: &mut Weights, name: &str, channels: usize) -> Result<(Affine, Vec<f32>), WeightsError> {
    let mut part = |part: &str| weights.take(&format!("{name}.norm.{part}"), &[channels]);
    let (weight, bias) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    let scale = |c: usize| f64::from(weight[c]) / (f64::from(variance[c]) + EPSILON).sqrt();
    let affine = Affine {
        scale: (0..channels).map(|c| scale(c) as f32).collect(),
        shift: (0..channels).map(|c| (f64::from(bias[c]) - f64::from(mean[c]) * scale(c)) as f32).collect(),
    };
    let usual =
        bias.iter().zip(&weight).map(|(bias, weight)| cut_off(f64::from(*bias), f64::from(*weight)) as f32);
    Ok((affine, usual.collect()))
}

/// The mean of max(x, 0) for x of a normal distribution.
fn cut_off(mean: f64, deviation: f64) -> f64 {
    NORMAL.iter().map(|[z, weight]| weight * (mean + deviation * z).max(0.0)).sum()
}

/// Places of the standard normal distribution, up to six deviations either way, and what is there: an integral is off by far less than
/// a thousandth of a deviation.
static NORMAL: LazyLock<Vec<[f64; 2]>> = LazyLock::new(|| {
    const FINENESS: i32 = 16;
    let scale = 1.0 / f64::from(FINENESS) / std::f64::consts::TAU.sqrt();
    let places = (-6 * FINENESS..=6 * FINENESS).map(|place| f64::from(place) / f64::from(FINENESS));
    places.map(|z| [z, scale * (-0.5 * z * z).exp()]).collect()
});

impl Dense {
    fn take(weights: &mut Weights, name: &str, channels: usize, bytes: Bytes) -> Result<Self, WeightsError> {
        let (norm, usual) = norm(weights, &format!("{name}.in"), channels)?;
        let bottleneck = {
            let values = weights.take(&format!("{name}.bottleneck.weight"), &[BOTTLENECK, channels, 1])?;
            let bias = weights.take(&format!("{name}.bottleneck.bias"), &[BOTTLENECK])?;
            let weight = |row, column| values[column * channels + row];
            Factor::new(bytes, 1, channels, &bias, weight, |row| usual[row])
        };
        let local = {
            let values = weights.take(&format!("{name}.local.weight"), &[GROWTH, BOTTLENECK, SPAN])?;
            let weight =
                |row, column| values[(column * BOTTLENECK + row % BOTTLENECK) * SPAN + row / BOTTLENECK];
            Factor::new(bytes, SPAN, BOTTLENECK, &[0.0; GROWTH], weight, |_| UNKNOWN)
        };
        let mut gate = |part: &str, columns: usize, depth: usize| {
            let values = weights.take(&format!("{name}.{part}.weight"), &[columns, depth, 1])?;
            let bias = weights.take(&format!("{name}.{part}.bias"), &[columns])?;
            Ok(Matrix::new(kernels(), 1, depth, &bias, |row, column| values[column * depth + row]))
        };
        let gate = [gate("gate1", GATE, BOTTLENECK)?, gate("gate2", GROWTH, GATE)?];
        Ok(Self { norm, bottleneck, local, gate })
    }

    /// Appends to the channels of every frame, which lie `width` apart. `ahead`: what is multiplied with next.
    fn run(
        &self,
        bytes: Bytes,
        (frames, dilation): (usize, usize),
        channels: &mut [f32],
        width: usize,
        between: &mut Between,
        ahead: Ahead<'_>,
    ) {
        let entering = self.norm.channels();
        let Between { normed, narrow, .. } = between;
        let step = normed.take(bytes, &self.norm, frames, channels, width);
        let (border, all) = (BORDER * BOTTLENECK, (frames + 2 * BORDER) * BOTTLENECK);
        narrow.values.hold(all);
        narrow.values[..border].fill(0.0);
        narrow.values[all - border..all].fill(0.0);
        let bottleneck = Product {
            from: Rows::packed(step),
            runs: &[0],
            count: frames,
            then: Then::Relu,
            to: Rows { first: border, step: BOTTLENECK },
            ahead: self.local.ahead(),
        };
        self.bottleneck.multiply(normed, bottleneck, &mut narrow.values);
        narrow.round(bytes, all);
        let local = Product {
            from: Rows { first: (BORDER - dilation) * BOTTLENECK, step: BOTTLENECK },
            runs: &[0, dilation * BOTTLENECK, 2 * dilation * BOTTLENECK],
            count: frames,
            then: Then::Keep,
            to: Rows { first: entering, step: width },
            ahead,
        };
        self.local.multiply(narrow, local, channels);
        self.gate(frames, between);
        for (first, gate) in (0..frames).step_by(SEGMENT).zip(between.gates[1].chunks_exact(GROWTH)) {
            let appended = Rows { first: first * width + entering, step: width };
            kernels().scale_rows(gate, appended, SEGMENT.min(frames - first), channels);
        }
    }

    /// The weights that it begins with.
    fn ahead(&self) -> Ahead<'_> {
        self.bottleneck.ahead()
    }

    /// One gate for each segment.
    fn gate(&self, frames: usize, between: &mut Between) {
        let segments = frames.div_ceil(SEGMENT);
        let narrow = &between.narrow.values[BORDER * BOTTLENECK..][..frames * BOTTLENECK];
        between.context.hold(segments * BOTTLENECK);
        let mut all = [0.0; BOTTLENECK];
        for (segment, context) in
            narrow.chunks(SEGMENT * BOTTLENECK).zip(between.context.chunks_exact_mut(BOTTLENECK))
        {
            context.fill(0.0);
            let count = segment.len() / BOTTLENECK;
            kernels().add_rows(segment, Rows::packed(BOTTLENECK), count, context);
            all.iter_mut().zip(&*context).for_each(|(all, sum)| *all += sum);
            context.iter_mut().for_each(|sum| *sum /= count as f32);
        }
        for context in between.context.chunks_exact_mut(BOTTLENECK).take(segments) {
            context.iter_mut().zip(&all).for_each(|(mean, all)| *mean += all / frames as f32);
        }
        let [hidden, gates] = &mut between.gates;
        hidden.hold(segments * GATE);
        gates.hold(segments * GROWTH);
        let [first, second] = &self.gate;
        let layer = |matrix, input, depth, then, columns| Layer {
            matrix,
            input,
            from: Rows::packed(depth),
            runs: &[0],
            count: segments,
            then,
            to: Rows::packed(columns),
            ahead: second.ahead(),
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
        (layers, dilation): (usize, usize),
        bytes: Bytes,
    ) -> Result<Self, WeightsError> {
        let layer = |layer: usize| {
            let name = format!("xvector.block{number}.tdnnd{}", layer + 1);
            Dense::take(weights, &name, entering + layer * GROWTH, bytes)
        };
        let taken = (0..layers).map(layer).collect::<Result<_, _>>()?;
        let (channels, name) = (entering + layers * GROWTH, format!("xvector.transit{number}"));
        let (norm, usual) = norm(weights, &format!("{name}.in"), channels)?;
        let values = weights.take(&format!("{name}.weight"), &[channels / 2, channels, 1])?;
        // Only the last block's has one: the batch normalisation that follows it.
        let bias = weights
            .take_if_any(&format!("{name}.bias"), &[channels / 2])?
            .unwrap_or_else(|| vec![0.0; channels / 2]);
        let weight = |row, column| values[column * channels + row];
        let transit = Factor::new(bytes, 1, channels, &bias, weight, |row| usual[row]);
        Ok(Self { entering, dilation, layers: taken, norm, transit, bytes })
    }

    /// How far apart frames lie that this block works on.
    pub(super) fn width(&self) -> usize {
        self.entering + self.layers.len() * GROWTH + SPACING
    }

    /// Channels that leave.
    pub(super) fn leaving(&self) -> usize {
        self.transit.columns()
    }

    /// Lets every layer append its channels, each after a pause.
    pub(super) fn run(&self, frames: usize, channels: &mut [f32], between: &mut Between, pause: Pause<'_>) {
        let following = self.layers.iter().skip(1).map(Dense::ahead).chain([self.transit.ahead()]);
        for (layer, ahead) in self.layers.iter().zip(following) {
            pause();
            layer.run(self.bytes, (frames, self.dilation), channels, self.width(), between, ahead);
        }
    }

    /// The weights that it begins with.
    pub(super) fn ahead(&self) -> Ahead<'_> {
        self.layers[0].ahead()
    }

    /// What leaves the block. `ahead`: what is multiplied with next.
    pub(super) fn leave(
        &self,
        frames: usize,
        channels: &[f32],
        between: &mut Between,
        then: Then<'_>,
        (to, output): (Rows, &mut [f32]),
        ahead: Ahead<'_>,
    ) {
        let step = between.normed.take(self.bytes, &self.norm, frames, channels, self.width());
        let product = Product { from: Rows::packed(step), runs: &[0], count: frames, then, to, ahead };
        self.transit.multiply(&between.normed, product, output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_what_is_cut_off_at_zero_is_that_of_the_half_normal_and_of_what_is_never_cut() {
        let half = 2.0 / std::f64::consts::TAU.sqrt();
        for (mean, deviation, exact) in
            [(0.0, 2.0, half), (0.0, -2.0, half), (50.0, 2.0, 50.0), (-50.0, 2.0, 0.0)]
        {
            let found = cut_off(mean, deviation);
            assert!((found - exact).abs() < 1e-3, "{found} of {mean} ± {deviation}");
        }
    }
}
