//! The head: an image of 80 bins by T frames enters; 10 bins of 32 channels for every frame leave.
//!
//! Every second bin is left out by some of the convolutions, never a frame. They are computed bin by bin: over frames by
//! Winograd's algorithm ([`crate::simd::winograd`]), over bins and channels as products with matrices. Each bin is turned into
//! points once, and kept while the bins beside it need it: what is worked on stays in the second-level cache.

use super::super::image::{Shape, hold};
use super::{Heard, Weights, WeightsError};
use crate::simd::winograd::{self, Gather, POINTS, TAPS};
use crate::simd::{Layer, Matrix, Rows, Then, kernels};
use crate::speech::fbank::BINS;

/// Channels of every image between.
pub(super) const CHANNELS: usize = 32;
/// Bins that leave.
pub(super) const BINS_LEFT: usize = 10;
/// Bins that a convolution looks at.
const SPAN: usize = 3;
/// Names of the residual parts, and how many bins are one afterwards.
const RESIDUALS: [(&str, usize); 4] = [("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)];

/// The convolutions.
#[derive(Debug)]
pub(super) struct Head {
    /// The first has one channel to look at, and is a plain product.
    first: Matrix,
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

/// A convolution of 3 bins by 3 frames.
#[derive(Debug)]
struct Convolution {
    points: [Matrix; POINTS],
    bias: Vec<f32>,
    stride: usize,
}

/// Images between the convolutions, with a border of zeros.
#[derive(Debug, Default)]
pub(super) struct Images {
    images: [Vec<f32>; 4],
    between: Between,
}

/// What a convolution works on.
#[derive(Debug, Default)]
struct Between {
    /// Points of as many bins as a convolution looks at, by turns.
    points: Vec<f32>,
    products: Vec<f32>,
}

impl Head {
    pub(super) fn take(weights: &mut Weights) -> Result<Self, WeightsError> {
        let first = {
            let values = weights.take("head.conv1.weight", &[CHANNELS, 1, SPAN, TAPS])?;
            let bias = weights.take("head.conv1.bias", &[CHANNELS])?;
            Matrix::new(SPAN, TAPS, &bias, |row, column| values[column * SPAN * TAPS + row])
        };
        let residual = |(name, stride): (&str, usize)| {
            let one = Convolution::take(weights, &format!("head.{name}.a"), stride)?;
            let two = Convolution::take(weights, &format!("head.{name}.b"), 1)?;
            let shortcut =
                if stride == 1 { None } else { Some(shortcut(weights, &format!("head.{name}.s"))?) };
            Ok(Residual { one, two, shortcut })
        };
        let residuals = RESIDUALS.into_iter().map(residual).collect::<Result<_, WeightsError>>()?;
        Ok(Self { first, residuals, last: Convolution::take(weights, "head.conv2", 2)? })
    }

    /// `flat`: for each frame, bins of channels. What stands before the last convolution is told to `heard`.
    pub(super) fn run(
        &self,
        features: &[f32],
        means: &[f32; BINS],
        images: &mut Images,
        flat: &mut [f32],
        heard: Option<&mut Heard>,
    ) {
        let Images { images: [spare, current, middle, after], between } = images;
        let mut shape = Shape { bins: BINS, frames: features.len() / BINS, channels: 1 };
        shape.room(spare);
        for (frame, row) in features.chunks_exact(BINS).enumerate() {
            for (bin, (value, mean)) in row.iter().zip(means).enumerate() {
                spare[shape.at(bin) + frame] = value - mean;
            }
        }
        let mut next = Shape { channels: CHANNELS, ..shape };
        next.room(current);
        self.begin(spare, shape, current, next);
        shape = next;
        for residual in &self.residuals {
            next = Shape { bins: shape.bins / residual.one.stride, ..shape };
            next.room(middle);
            next.room(after);
            residual.one.run(current, shape, between, |bin| (Then::Relu, next.rows(bin)), middle);
            let beside = match &residual.shortcut {
                None => &*current,
                Some(matrix) => {
                    next.room(spare);
                    shorten(matrix, current, shape, residual.one.stride, spare, next);
                    &*spare
                }
            };
            let sum = |bin| (Then::AddRelu(beside, next.rows(bin)), next.rows(bin));
            residual.two.run(middle, next, between, sum, after);
            shape = next;
            std::mem::swap(current, after);
        }
        if let Some(heard) = heard {
            heard.add(current, shape.frames, (shape.bins, CHANNELS), |bin| shape.rows(bin));
        }
        let flat_rows = |bin| Rows { first: bin * CHANNELS, step: BINS_LEFT * CHANNELS };
        self.last.run(current, shape, between, |bin| (Then::Relu, flat_rows(bin)), flat);
    }

    fn begin(&self, input: &[f32], shape: Shape, output: &mut [f32], to: Shape) {
        for bin in 0..to.bins {
            let layer = Layer {
                matrix: &self.first,
                input,
                from: shape.before(bin),
                runs: &shape.around(),
                count: to.frames,
                then: Then::Relu,
                to: to.rows(bin),
            };
            kernels().layer(&layer, output);
        }
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
        let (from, rows) = (shape.rows(bin * stride), to.rows(bin));
        let layer = Layer { matrix, input, from, runs: &[0], count: to.frames, then: Then::Keep, to: rows };
        kernels().layer(&layer, output);
    }
}

impl Convolution {
    fn take(weights: &mut Weights, name: &str, stride: usize) -> Result<Self, WeightsError> {
        let values = weights.take(&format!("{name}.weight"), &[CHANNELS, CHANNELS, SPAN, TAPS])?;
        let bias = weights.take(&format!("{name}.bias"), &[CHANNELS])?;
        let point = |point: usize| {
            Matrix::new(SPAN, CHANNELS, &[0.0; CHANNELS], |row, column| {
                let (bin, channel) = (row / CHANNELS, row % CHANNELS);
                let at = ((column * CHANNELS + channel) * SPAN + bin) * TAPS;
                winograd::weight(point, [values[at], values[at + 1], values[at + 2]])
            })
        };
        Ok(Self { points: std::array::from_fn(point), bias, stride })
    }

    /// `bin`: what becomes of the sums of a bin, and where they go.
    fn run<'a>(
        &self,
        input: &[f32],
        shape: Shape,
        between: &mut Between,
        bin: impl Fn(usize) -> (Then<'a>, Rows),
        output: &mut [f32],
    ) {
        let point = winograd::tiles(shape.frames) * CHANNELS;
        let Between { points, products } = between;
        hold(points, SPAN * POINTS * point);
        hold(products, POINTS * point);
        let mut turned = 0;
        for number in 0..shape.bins / self.stride {
            let first = number * self.stride;
            // Bins count with the border here: an output looks at the one before it.
            while turned < first + SPAN {
                let place = &mut points[turned % SPAN * POINTS * point..][..POINTS * point];
                kernels().spread(&input[turned * shape.bin()..][..shape.bin()], CHANNELS, place);
                turned += 1;
            }
            let place = |bin: usize| (first + bin) % SPAN * POINTS * point;
            for (number, matrix) in self.points.iter().enumerate() {
                let rows = Rows { first: number * point, step: CHANNELS };
                let layer = Layer {
                    matrix,
                    input: points,
                    from: rows,
                    runs: &[place(0), place(1), place(2)],
                    count: winograd::tiles(shape.frames),
                    then: Then::Keep,
                    to: rows,
                };
                kernels().layer(&layer, products);
            }
            let (then, to) = bin(number);
            let gather = Gather { products, bias: &self.bias, count: shape.frames, then, to };
            kernels().gather(&gather, output);
        }
    }
}
