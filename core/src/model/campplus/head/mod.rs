//! The head: an image of 80 bins by T frames enters; 10 bins of 32 channels for every frame leave.
//!
//! Every second bin is left out by some of the convolutions, never a frame. The first has one channel to look at, and is a plain
//! product of numbers; the others are computed by Winograd's algorithm, or as products of bytes.

mod bytes;
mod winograd;

use super::super::image::Shape;
use super::product::Bytes;
use super::{Heard, Pause, Weights, WeightsError};
use crate::simd::{Ahead, Aligned, Layer, Matrix, Rows, Then, kernels};
use crate::speech::fbank::BINS;

/// Channels of every image between.
pub(super) const CHANNELS: usize = 32;
/// Bins that leave.
pub(super) const BINS_LEFT: usize = 10;
/// Bins that stand before the last convolution, and are heard.
const BINS_BEFORE: usize = 2 * BINS_LEFT;
/// Bins and frames that a convolution looks at.
const SPAN: usize = 3;
/// Names of the residual parts, and how many bins are one afterwards.
const RESIDUALS: [(&str, usize); 4] = [("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)];

/// The convolutions.
#[derive(Debug)]
pub(super) struct Head {
    first: Matrix,
    others: Others,
}

#[derive(Debug)]
enum Others {
    Winograd(Box<Convolutions<winograd::Convolution, Matrix>>),
    Bytes(bytes::Convolutions),
}

/// All but the first.
#[derive(Debug)]
struct Convolutions<C, M> {
    residuals: Vec<Residual<C, M>>,
    last: C,
}

/// Two convolutions beside a shortcut.
#[derive(Debug)]
struct Residual<C, M> {
    one: C,
    two: C,
    /// How many bins are one afterwards.
    stride: usize,
    /// Where bins are left out: a matrix for the channels.
    shortcut: Option<M>,
}

/// Images between the convolutions, with a border of zeros.
#[derive(Debug, Default)]
pub(super) struct Images {
    features: Aligned<f32>,
    winograd: winograd::Images,
    bytes: bytes::Images,
}

impl<C, M> Convolutions<C, M> {
    /// `convolution` makes one of its weights ([out][in][bin][frame]), its biases and its stride; `shortcut` of weights
    /// ([out][in]) and biases.
    fn take(
        weights: &mut Weights,
        convolution: impl Fn(&[f32], &[f32], usize) -> C,
        shortcut: impl Fn(&[f32], &[f32]) -> M,
    ) -> Result<Self, WeightsError> {
        let mut part = |name: &str, span: usize| {
            let values = weights.take(&format!("head.{name}.weight"), &[CHANNELS, CHANNELS, span, span])?;
            Ok((values, weights.take(&format!("head.{name}.bias"), &[CHANNELS])?))
        };
        let mut residuals = Vec::new();
        for (name, stride) in RESIDUALS {
            let (values, bias) = part(&format!("{name}.a"), SPAN)?;
            let one = convolution(&values, &bias, stride);
            let (values, bias) = part(&format!("{name}.b"), SPAN)?;
            let two = convolution(&values, &bias, 1);
            let beside = if stride == 1 { None } else { Some(part(&format!("{name}.s"), 1)?) };
            let shortcut = beside.map(|(values, bias)| shortcut(&values, &bias));
            residuals.push(Residual { one, two, stride, shortcut });
        }
        let (values, bias) = part("conv2", SPAN)?;
        Ok(Self { residuals, last: convolution(&values, &bias, 2) })
    }
}

impl Head {
    pub(super) fn take(weights: &mut Weights, bytes: Bytes) -> Result<Self, WeightsError> {
        let first = {
            let values = weights.take("head.conv1.weight", &[CHANNELS, 1, SPAN, SPAN])?;
            let bias = weights.take("head.conv1.bias", &[CHANNELS])?;
            Matrix::new(kernels(), SPAN, SPAN, &bias, |row, column| values[column * SPAN * SPAN + row])
        };
        let others = match bytes {
            None => Others::Winograd(Box::new(winograd::take(weights)?)),
            Some(kernels) => Others::Bytes(bytes::Convolutions::take(weights, kernels)?),
        };
        Ok(Self { first, others })
    }

    /// `flat`: for each frame, bins of channels. What stands before the last convolution is told to `heard`.
    pub(super) fn run(
        &self,
        features: &[f32],
        means: &[f32; BINS],
        images: &mut Images,
        flat: &mut [f32],
        heard: Option<&mut Heard>,
        pause: Pause<'_>,
    ) {
        let shape = Shape { bins: BINS, frames: features.len() / BINS, channels: 1 };
        let Images { features: image, winograd, bytes } = images;
        shape.room(image);
        for (frame, row) in features.chunks_exact(BINS).enumerate() {
            for (bin, (value, mean)) in row.iter().zip(means).enumerate() {
                image[shape.at(bin) + frame] = value - mean;
            }
        }
        let begin = |bin: usize, to: Rows, output: &mut [f32]| {
            let layer = Layer {
                matrix: &self.first,
                input: image,
                from: shape.before(bin),
                runs: &shape.around(),
                count: shape.frames,
                then: Then::Relu,
                to,
                ahead: Ahead::UNKNOWN,
            };
            kernels().layer(&layer, output);
        };
        let shape = Shape { channels: CHANNELS, ..shape };
        match &self.others {
            Others::Winograd(convolutions) => convolutions.run(begin, shape, winograd, flat, heard, pause),
            Others::Bytes(convolutions) => convolutions.run(begin, shape, bytes, flat, heard, pause),
        }
    }
}

/// Where a bin of what leaves lies.
const fn flat_rows(bin: usize) -> Rows {
    Rows { first: bin * CHANNELS, step: BINS_LEFT * CHANNELS }
}
