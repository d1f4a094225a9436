//! The convolutions bin by bin as products of bytes. A bin of numbers stays in the nearest caches until its largest is known; then it
//! becomes bytes, whose steps are worth the same in all of the bin.

use super::super::super::image::Shape;
use super::super::product::UNKNOWN;
use super::super::{Heard, Pause, Weights, WeightsError};
use super::{CHANNELS, SPAN, flat_rows};
use crate::simd::{Ahead, Aligned, ByteKernels, ByteLayer, ByteMatrix, Rows, Then, Worth};

/// A convolution of 3 bins by 3 frames: three runs, because frames of channels follow each other.
#[derive(Debug)]
struct Convolution {
    matrix: ByteMatrix,
    stride: usize,
}

/// All but the first.
#[derive(Debug)]
pub(super) struct Convolutions {
    convolutions: super::Convolutions<Convolution, ByteMatrix>,
    kernels: &'static ByteKernels,
}

/// Images between the convolutions.
#[derive(Debug, Default)]
pub(super) struct Images {
    images: [Image; 3],
    row: Aligned<f32>,
    beside: Aligned<f32>,
}

/// An image with a border of zeros.
#[derive(Debug, Default)]
struct Image {
    bytes: Aligned<u8>,
    /// What a step is worth in each bin, those of the border counted.
    worth: Aligned<f32>,
}

impl Image {
    fn room(&mut self, shape: Shape) {
        shape.room(&mut self.bytes);
        self.worth.hold(shape.bins + 2);
    }

    /// Where a bin's frames lie, without the border.
    fn frames(shape: Shape, bin: usize) -> std::ops::Range<usize> {
        shape.at(bin)..shape.at(bin) + shape.frames * CHANNELS
    }

    fn round(&mut self, kernels: &ByteKernels, shape: Shape, bin: usize, row: &[f32]) {
        self.worth[bin + 1] = kernels.round(row, &mut self.bytes[Self::frames(shape, bin)]);
    }
}

impl Convolution {
    /// A bin of what leaves.
    fn run(
        &self,
        kernels: &ByteKernels,
        (input, shape): (&Image, Shape),
        bin: usize,
        then: Then<'_>,
        to: Rows,
        output: &mut [f32],
    ) {
        let first = bin * self.stride;
        let layer = ByteLayer {
            matrix: &self.matrix,
            input: &input.bytes,
            worth: Worth::Runs(&input.worth[first..first + SPAN]),
            from: shape.before(first),
            runs: &shape.around(),
            count: shape.frames,
            then,
            to,
            ahead: Ahead::UNKNOWN,
        };
        kernels.layer(&layer, output);
    }
}

impl Convolutions {
    pub(super) fn take(weights: &mut Weights, kernels: &'static ByteKernels) -> Result<Self, WeightsError> {
        let convolution = |values: &[f32], bias: &[f32], stride| {
            let matrix = ByteMatrix::new(
                SPAN,
                SPAN * CHANNELS,
                bias,
                |row, column| {
                    let (bin, frame, channel) =
                        (row / CHANNELS / SPAN, row / CHANNELS % SPAN, row % CHANNELS);
                    values[((column * CHANNELS + channel) * SPAN + bin) * SPAN + frame]
                },
                |_| UNKNOWN,
            );
            Convolution { matrix, stride }
        };
        let shortcut = |values: &[f32], bias: &[f32]| {
            let weight = |row, column| values[column * CHANNELS + row];
            ByteMatrix::new(1, CHANNELS, bias, weight, |_| UNKNOWN)
        };
        Ok(Self { convolutions: super::Convolutions::take(weights, convolution, shortcut)?, kernels })
    }

    /// `begin` writes a bin of the first convolution.
    pub(super) fn run(
        &self,
        begin: impl Fn(usize, Rows, &mut [f32]),
        mut shape: Shape,
        images: &mut Images,
        flat: &mut [f32],
        heard: Option<&mut Heard>,
        pause: Pause<'_>,
    ) {
        let kernels = self.kernels;
        let Images { images: [current, middle, after], row, beside } = images;
        let (size, packed) = (shape.frames * CHANNELS, Rows::packed(CHANNELS));
        row.hold(size);
        beside.hold(size);
        let (row, beside) = (&mut row[..size], &mut beside[..size]);
        current.room(shape);
        for bin in 0..shape.bins {
            begin(bin, packed, row);
            current.round(kernels, shape, bin, row);
        }
        let residuals = &self.convolutions.residuals;
        let mut heard = heard.map(|heard| heard.layer(super::BINS_BEFORE, CHANNELS));
        for (number, residual) in residuals.iter().enumerate() {
            let next = Shape { bins: shape.bins / residual.stride, ..shape };
            middle.room(next);
            after.room(next);
            pause();
            for bin in 0..next.bins {
                residual.one.run(kernels, (current, shape), bin, Then::Relu, packed, row);
                middle.round(kernels, next, bin, row);
            }
            pause();
            for bin in 0..next.bins {
                let before = bin * residual.stride;
                let (bytes, worth) =
                    (&current.bytes[Image::frames(shape, before)], current.worth[before + 1]);
                match &residual.shortcut {
                    None => kernels.restore(bytes, worth, beside),
                    Some(matrix) => {
                        let layer = ByteLayer {
                            matrix,
                            input: bytes,
                            worth: Worth::All(worth),
                            from: packed,
                            runs: &[0],
                            count: shape.frames,
                            then: Then::Keep,
                            to: packed,
                            ahead: Ahead::UNKNOWN,
                        };
                        kernels.layer(&layer, beside);
                    }
                }
                let sum = Then::AddRelu(beside, packed);
                residual.two.run(kernels, (middle, next), bin, sum, packed, row);
                after.round(kernels, next, bin, row);
                if let (Some(heard), true) = (&mut heard, number + 1 == residuals.len()) {
                    heard.add(bin, row, packed, shape.frames);
                }
            }
            shape = next;
            std::mem::swap(current, after);
        }
        for bin in 0..super::BINS_LEFT {
            self.convolutions.last.run(kernels, (current, shape), bin, Then::Relu, flat_rows(bin), flat);
        }
    }
}
