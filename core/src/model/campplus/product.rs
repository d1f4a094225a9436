//! Products with the network's large matrices, in the precision that was asked for: numbers enter, numbers leave.

use crate::simd::{
    Affine, Ahead, Aligned, ByteKernels, ByteLayer, ByteMatrix, Layer, Matrix, RoundRows, Rows, Then, Worth,
    kernels,
};

/// The loops of bytes, if products are to be of bytes.
pub(super) type Bytes = Option<&'static ByteKernels>;

/// So that frames do not lie a power of two apart, where they would compete for the same cache lines.
pub(super) const SPACING: usize = 32;

/// Of what enters a product, where nothing is known of it.
pub(super) const UNKNOWN: f32 = 0.0;

/// What is multiplied with.
#[derive(Debug)]
pub(super) enum Factor {
    Numbers(Matrix),
    Bytes(ByteMatrix, &'static ByteKernels),
}

/// Which rows are multiplied, as in [`Layer`], and what becomes of the sums.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub(super) from: Rows,
    pub(super) runs: &'a [usize],
    pub(super) count: usize,
    pub(super) then: Then<'a>,
    pub(super) to: Rows,
    pub(super) ahead: Ahead<'a>,
}

/// What enters products, nothing of it below zero.
#[derive(Debug, Default)]
pub(super) struct Entering {
    pub(super) values: Aligned<f32>,
    /// The same, rounded.
    bytes: Aligned<u8>,
    /// What a step of the bytes is worth: in each row, or one for all.
    worth: Vec<f32>,
}

impl Entering {
    /// Takes every frame's first channels, normalised, nothing below zero. Returns how far apart they lie.
    pub(super) fn take(
        &mut self,
        bytes: Bytes,
        norm: &Affine,
        frames: usize,
        input: &[f32],
        width: usize,
    ) -> usize {
        let channels = norm.channels();
        let step = channels + SPACING;
        match bytes {
            None => {
                self.values.hold(frames * step);
                let rows = input.chunks_exact(width).map(|row| &row[..channels]).take(frames);
                for (from, to) in rows.zip(self.values.chunks_exact_mut(step)) {
                    kernels().scale_relu(norm, from, &mut to[..channels]);
                }
            }
            Some(bytes) => {
                self.values.hold(channels);
                self.bytes.hold(frames * step);
                self.worth.resize(frames, 0.0);
                let rows = RoundRows { affine: norm, input, from: Rows::packed(width), step };
                bytes.round_rows(&rows, &mut self.values[..channels], &mut self.bytes, &mut self.worth);
            }
        }
        step
    }

    /// Makes bytes of so many values, if products are to be of bytes; a step is worth the same in all of them.
    pub(super) fn round(&mut self, bytes: Bytes, count: usize) {
        let Some(bytes) = bytes else { return };
        self.bytes.hold(count);
        self.worth.clear();
        self.worth.push(bytes.round(&self.values[..count], &mut self.bytes[..count]));
    }
}

impl Factor {
    /// See [`Matrix::new`] and [`ByteMatrix::new`].
    pub(super) fn new(
        bytes: Bytes,
        runs: usize,
        depth: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
        usual: impl Fn(usize) -> f32,
    ) -> Self {
        match bytes {
            None => Self::Numbers(Matrix::new(kernels(), runs, depth, bias, weight)),
            Some(kernels) => Self::Bytes(ByteMatrix::new(runs, depth, bias, weight, usual), kernels),
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Numbers(matrix) => matrix.columns(),
            Self::Bytes(matrix, _) => matrix.columns(),
        }
    }

    /// The weights that a product begins with.
    pub(super) fn ahead(&self) -> Ahead<'_> {
        match self {
            Self::Numbers(matrix) => matrix.ahead(),
            Self::Bytes(matrix, _) => matrix.ahead(),
        }
    }

    /// Multiplies what entered; bytes must have been made of it in the same precision.
    pub(super) fn multiply(&self, entering: &Entering, product: Product<'_>, output: &mut [f32]) {
        let Product { from, runs, count, then, to, ahead } = product;
        match self {
            Self::Numbers(matrix) => {
                let layer = Layer { matrix, input: &entering.values, from, runs, count, then, to, ahead };
                kernels().layer(&layer, output);
            }
            Self::Bytes(matrix, kernels) => {
                let worth = match entering.worth[..] {
                    [all] => Worth::All(all),
                    _ => Worth::Rows(&entering.worth),
                };
                let input = &entering.bytes;
                let layer = ByteLayer { matrix, input, worth, from, runs, count, then, to, ahead };
                kernels.layer(&layer, output);
            }
        }
    }
}
