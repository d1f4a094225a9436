//! The head: an image of 80 bins by T frames enters; 10 bins of 32 channels for every frame leave.
//!
//! Every second bin is left out by some of the convolutions, never a frame. Each is a product for each bin it computes: its rows
//! are frames, with three runs, one for each bin it looks at, of three frames' channels.

use super::{WeightsError, Weights, hold};
use crate::simd::{Layer, Matrix, Rows, Then, kernels};

/// Bins of the features.
pub(crate) const BINS: usize = 80;
/// Channels of every image between.
pub(super) const CHANNELS: usize = 32;
/// Bins that leave.
pub(super) const BINS_LEFT: usize = 10;
/// Bins and frames that a convolution looks at.
const SPAN: usize = 3;
/// Names of the residual parts, and how many bins are one afterwards.
const RESIDUALS: [(&str, usize); 4] = [("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)];

/// The convolutions.
#[derive(Debug)]
pub(super) struct Head {
    first: Convolution,
    residuals: Vec<Residual>,
    last: Convolution,
}

/// Two convolutions beside a shortcut.
#[derive(Debug)]
struct Residual {
    one: Convolution,
    two: Convolution,
    /// Where bins are left out: a matrix for the channels.
    shortcut: Option<Matrix>,
}

/// A convolution of 3 × 3, over bins and frames.
#[derive(Debug)]
struct Convolution {
    matrix: Matrix,
    channels: usize,
    stride: usize,
}

/// Images between the convolutions, with a border of zeros.
#[derive(Debug, Default)]
pub(super) struct Images([Vec<f32>; 4]);

/// How an image lies in its buffer.
#[derive(Clone, Copy)]
struct Shape {
    bins: usize,
    frames: usize,
    channels: usize,
}

impl Shape {
    /// From a bin to the next.
    const fn bin(self) -> usize {
        (self.frames + 2) * self.channels
    }

    /// Where a bin's first frame lies.
    const fn at(self, bin: usize) -> usize {
        (bin + 1) * self.bin() + self.channels
    }

    fn room(self, buffer: &mut Vec<f32>) {
        hold(buffer, (self.bins + 2) * self.bin());
        // Another number of frames has its borders elsewhere.
        buffer[..self.bin()].fill(0.0);
        buffer[(self.bins + 1) * self.bin()..(self.bins + 2) * self.bin()].fill(0.0);
        for bin in buffer[self.bin()..(self.bins + 1) * self.bin()].chunks_exact_mut(self.bin()) {
            bin[..self.channels].fill(0.0);
            bin[(self.frames + 1) * self.channels..].fill(0.0);
        }
    }
}

impl Head {
    pub(super) fn take(weights: &mut Weights) -> Result<Self, WeightsError> {
        let first = Convolution::take(weights, "head.conv1", 1, 1)?;
        let residual = |(name, stride): (&str, usize)| {
            let name = format!("head.{name}");
            let one = Convolution::take(weights, &format!("{name}.a"), CHANNELS, stride)?;
            let two = Convolution::take(weights, &format!("{name}.b"), CHANNELS, 1)?;
            let shortcut = if stride == 1 { None } else { Some(shortcut(weights, &format!("{name}.s"))?) };
            Ok(Residual { one, two, shortcut })
        };
        let residuals = RESIDUALS.into_iter().map(residual).collect::<Result<_, WeightsError>>()?;
        let last = Convolution::take(weights, "head.conv2", CHANNELS, 2)?;
        Ok(Self { first, residuals, last })
    }

    /// `flat`: for each frame, bins of channels.
    pub(super) fn run(&self, features: &[f32], images: &mut Images, flat: &mut [f32]) {
        let frames = features.len() / BINS;
        let [spare, current, between, after] = &mut images.0;
        let mut shape = Shape { bins: BINS, frames, channels: 1 };
        shape.room(spare);
        for (frame, row) in features.chunks_exact(BINS).enumerate() {
            for (bin, value) in row.iter().enumerate() {
                spare[shape.at(bin) + frame] = *value;
            }
        }
        let mut next = Shape { channels: CHANNELS, ..shape };
        next.room(current);
        self.first.run(spare, shape, Then::Relu, current, next);
        shape = next;
        for residual in &self.residuals {
            next = Shape { bins: shape.bins / residual.one.stride, ..shape };
            next.room(between);
            next.room(after);
            residual.one.run(current, shape, Then::Relu, between, next);
            let beside = match &residual.shortcut {
                None => &*current,
                Some(matrix) => {
                    next.room(spare);
                    shorten(matrix, current, shape, residual.one.stride, spare, next);
                    &*spare
                }
            };
            residual.two.run_beside(between, next, beside, after);
            shape = next;
            std::mem::swap(current, after);
        }
        self.last.run_flat(current, shape, flat);
    }
}

/// A matrix for the channels of single places.
fn shortcut(weights: &mut Weights, name: &str) -> Result<Matrix, WeightsError> {
    let values = weights.take(&format!("{name}.weight"), &[CHANNELS, CHANNELS, 1, 1])?;
    let bias = weights.take(&format!("{name}.bias"), &[CHANNELS])?;
    Ok(Matrix::new(1, CHANNELS, &bias, |row, column| values[column * CHANNELS + row]))
}

fn shorten(matrix: &Matrix, input: &[f32], shape: Shape, stride: usize, output: &mut [f32], to: Shape) {
    for bin in 0..to.bins {
        let layer = Layer {
            matrix,
            input,
            from: Rows { first: shape.at(bin * stride), step: CHANNELS },
            runs: &[0],
            count: to.frames,
            then: Then::Keep,
            to: Rows { first: to.at(bin), step: CHANNELS },
        };
        kernels().layer(&layer, output);
    }
}

impl Convolution {
    fn take(weights: &mut Weights, name: &str, channels: usize, stride: usize) -> Result<Self, WeightsError> {
        let values = weights.take(&format!("{name}.weight"), &[CHANNELS, channels, SPAN, SPAN])?;
        let bias = weights.take(&format!("{name}.bias"), &[CHANNELS])?;
        let matrix = Matrix::new(SPAN, SPAN * channels, &bias, |row, column| {
            let (bin, frame, channel) = (row / (SPAN * channels), row / channels % SPAN, row % channels);
            values[((column * channels + channel) * SPAN + bin) * SPAN + frame]
        });
        Ok(Self { matrix, channels, stride })
    }

    /// One bin of the output: where its frames look, and what becomes of the sums.
    fn bin<'a>(&'a self, input: &'a [f32], shape: Shape, bin: usize, runs: &'a [usize; SPAN], then: Then<'a>, to: Rows) -> Layer<'a> {
        // A place looks at the bin and the frame before it, too: the border's for the first.
        let first = shape.at(bin * self.stride) - shape.bin() - self.channels;
        let from = Rows { first, step: self.channels };
        Layer { matrix: &self.matrix, input, from, runs, count: shape.frames, then, to }
    }

    fn run(&self, input: &[f32], shape: Shape, then: Then<'_>, output: &mut [f32], to: Shape) {
        let runs = [0, shape.bin(), 2 * shape.bin()];
        for bin in 0..to.bins {
            let rows = Rows { first: to.at(bin), step: CHANNELS };
            kernels().layer(&self.bin(input, shape, bin, &runs, then, rows), output);
        }
    }

    /// With an image of the same shape added.
    fn run_beside(&self, input: &[f32], shape: Shape, beside: &[f32], output: &mut [f32]) {
        let runs = [0, shape.bin(), 2 * shape.bin()];
        for bin in 0..shape.bins {
            let rows = Rows { first: shape.at(bin), step: CHANNELS };
            kernels().layer(&self.bin(input, shape, bin, &runs, Then::AddRelu(beside, rows), rows), output);
        }
    }

    /// To frames of bins.
    fn run_flat(&self, input: &[f32], shape: Shape, flat: &mut [f32]) {
        let runs = [0, shape.bin(), 2 * shape.bin()];
        for bin in 0..BINS_LEFT {
            let rows = Rows { first: bin * CHANNELS, step: BINS_LEFT * CHANNELS };
            kernels().layer(&self.bin(input, shape, bin, &runs, Then::Relu, rows), flat);
        }
    }
}
