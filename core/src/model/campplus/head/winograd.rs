//! The convolutions bin by bin: over frames by Winograd's algorithm ([`crate::simd::winograd`]), over bins and channels as products with
//! matrices. Each bin is turned into points once, and kept while the bins beside it need it: what is worked on stays in the
//! second-level cache.

use super::super::super::image::Shape;
use super::super::{Heard, Pause, Weights, WeightsError};
use super::{CHANNELS, Convolutions, SPAN, flat_rows};
use crate::simd::winograd::{self, Gather, POINTS, TAPS};
use crate::simd::{Ahead, Aligned, Layer, Matrix, Rows, Then, kernels};

/// A convolution of 3 bins by 3 frames.
#[derive(Debug)]
pub(super) struct Convolution {
    points: [Matrix; POINTS],
    bias: Vec<f32>,
    stride: usize,
}

/// Images between the convolutions, with a border of zeros.
#[derive(Debug, Default)]
pub(super) struct Images {
    images: [Aligned<f32>; 4],
    between: Between,
}

/// What a convolution works on.
#[derive(Debug, Default)]
struct Between {
    /// Points of as many bins as a convolution looks at, by turns.
    points: Aligned<f32>,
    products: Aligned<f32>,
}

pub(super) fn take(weights: &mut Weights) -> Result<Convolutions<Convolution, Matrix>, WeightsError> {
    Convolutions::take(weights, Convolution::new, |values, bias| {
        Matrix::new(kernels(), 1, CHANNELS, bias, |row, column| values[column * CHANNELS + row])
    })
}

impl Convolutions<Convolution, Matrix> {
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
        let Images { images: [spare, current, middle, after], between } = images;
        shape.room(current);
        (0..shape.bins).for_each(|bin| begin(bin, shape.rows(bin), current));
        for residual in &self.residuals {
            let next = Shape { bins: shape.bins / residual.stride, ..shape };
            next.room(middle);
            next.room(after);
            pause();
            residual.one.run(current, shape, between, |bin| (Then::Relu, next.rows(bin)), middle);
            let beside = match &residual.shortcut {
                None => &*current,
                Some(matrix) => {
                    next.room(spare);
                    shorten(matrix, current, shape, residual.stride, spare, next);
                    &*spare
                }
            };
            pause();
            let sum = |bin| (Then::AddRelu(beside, next.rows(bin)), next.rows(bin));
            residual.two.run(middle, next, between, sum, after);
            shape = next;
            std::mem::swap(current, after);
        }
        if let Some(heard) = heard {
            heard.add(current, shape.frames, (shape.bins, CHANNELS), |bin| shape.rows(bin));
        }
        self.last.run(current, shape, between, |bin| (Then::Relu, flat_rows(bin)), flat);
    }
}

fn shorten(matrix: &Matrix, input: &[f32], shape: Shape, stride: usize, output: &mut [f32], to: Shape) {
    for bin in 0..to.bins {
        let (from, rows) = (shape.rows(bin * stride), to.rows(bin));
        let layer = Layer {
            matrix,
            input,
            from,
            runs: &[0],
            count: to.frames,
            then: Then::Keep,
            to: rows,
            ahead: Ahead::UNKNOWN,
        };
        kernels().layer(&layer, output);
    }
}

impl Convolution {
    fn new(values: &[f32], bias: &[f32], stride: usize) -> Self {
        let point = |point: usize| {
            Matrix::new(kernels(), SPAN, CHANNELS, &[0.0; CHANNELS], |row, column| {
                let (bin, channel) = (row / CHANNELS, row % CHANNELS);
                let at = ((column * CHANNELS + channel) * SPAN + bin) * TAPS;
                winograd::weight(point, [values[at], values[at + 1], values[at + 2]])
            })
        };
        Self { points: std::array::from_fn(point), bias: bias.to_vec(), stride }
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
        points.hold(SPAN * POINTS * point);
        products.hold(POINTS * point);
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
                    ahead: Ahead::UNKNOWN,
                };
                kernels().layer(&layer, products);
            }
            let (then, to) = bin(number);
            let gather = Gather { products, bias: &self.bias, count: shape.frames, then, to };
            kernels().gather(&gather, output);
        }
    }
}
