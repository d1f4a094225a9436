//! Many rows of bytes times a matrix of bytes: what [`super::dense`] does, in a quarter of the arithmetic.
//!
//! A number that is not negative is kept as one of 256 steps between zero and the largest beside it; a weight as one of 255 steps
//! between the largest of its column, either way. Four products of bytes are one instruction (`vpdpbusd`), and sums of them are
//! exact: all error is in the two roundings. What a step is worth is found for each row, or whatever else shares one
//! ([`Worth`]), so nothing has to be calibrated, and no input saturates.

use super::dense::{Affine, GRANULE, Rows, Shape, Then};
use super::reading::Ahead;
use super::{Aligned, PANEL};

/// Rows of the matrix that are multiplied at once.
pub(super) const QUAD: usize = 4;
/// Columns of a tile where the matrix has a multiple of so many; of others, [`GRANULE`].
const WIDE: usize = 4 * PANEL;
/// The largest step of a weight.
const MOST: f32 = 127.0;

/// Four weights of each of sixteen columns, in a cache line of their own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([i8; QUAD * PANEL]);

/// A matrix of `runs` · `depth` rows and some columns, with a bias for each column, laid out for the loop: for the columns of
/// each tile, four rows after four rows.
#[derive(Clone, Debug)]
pub(crate) struct ByteMatrix {
    pub(super) runs: usize,
    pub(super) depth: usize,
    weights: Box<[Line]>,
    /// What a step of a column's weights is worth.
    pub(super) worth: Aligned<f32>,
    pub(super) bias: Aligned<f32>,
}

impl ByteMatrix {
    /// Rounds and lays out `weight(row, column)`. Columns are as many as biases, a multiple of 32; `depth` is a multiple of 4.
    ///
    /// `usual(row)`: what enters there on average, or 0 where that is not known. What rounding the weights takes from that is added to the
    /// biases (Nagel et al., "Data-free quantization", arXiv 1906.04721, section 4.2): nothing that enters is below zero, so that errors of
    /// many weights would not cancel out.
    pub(crate) fn new(
        runs: usize,
        depth: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
        usual: impl Fn(usize) -> f32,
    ) -> Self {
        assert!(runs * depth > 0 && depth.is_multiple_of(QUAD), "no shape for the loop");
        assert!(bias.len().is_multiple_of(GRANULE), "no shape for the loop");
        let (rows, columns) = (runs * depth, bias.len());
        let largest = |column: usize| (0..rows).map(|row| weight(row, column).abs()).fold(0.0, f32::max);
        let worth: Aligned<f32> = (0..columns).map(|column| largest(column) / MOST).collect();
        let lines = rows / QUAD;
        let mut weights = vec![Line([0; QUAD * PANEL]); lines * columns / PANEL];
        // Of a tile, the lines of four rows follow each other.
        let wide = tile(columns) / PANEL;
        for (at, line) in weights.iter_mut().enumerate() {
            let (four, panel) = (at / wide % lines, at / (wide * lines) * wide + at % wide);
            for (place, packed) in line.0.iter_mut().enumerate() {
                let (row, column) = (four * QUAD + place % QUAD, panel * PANEL + place / QUAD);
                // A column of zeros has steps that are worth nothing; then so be it.
                *packed = (weight(row, column) / worth[column]).round_ties_even() as i8;
            }
        }
        let lost = |row: usize, column: usize| {
            let panel = column / PANEL;
            let line = (panel / wide * lines + row / QUAD) * wide + panel % wide;
            let steps = weights[line].0[column % PANEL * QUAD + row % QUAD];
            f64::from(usual(row)) * f64::from(weight(row, column) - f32::from(steps) * worth[column])
        };
        let right =
            |column: usize| f64::from(bias[column]) + (0..rows).map(|row| lost(row, column)).sum::<f64>();
        let bias = (0..columns).map(|column| right(column) as f32).collect();
        Self { runs, depth, weights: weights.into(), worth, bias }
    }

    /// Columns.
    pub(crate) fn columns(&self) -> usize {
        self.bias.len()
    }

    /// Columns of a tile.
    pub(super) fn tile(&self) -> usize {
        tile(self.columns())
    }

    /// The weights that a product begins with.
    pub(crate) fn ahead(&self) -> Ahead<'_> {
        self.of_tile(0)
    }

    /// The weights of the tile that begins with a column.
    pub(super) fn of_tile(&self, column: usize) -> Ahead<'_> {
        let lines = self.runs * self.depth / QUAD * self.tile() / PANEL;
        Ahead::of(&self.weights[column / self.tile() * lines..][..lines])
    }

    /// Where the weights of the tile lie that begins with a column.
    ///
    /// # Safety
    /// There is such a column.
    #[inline(always)]
    pub(super) unsafe fn weights(&self, column: usize) -> *const i8 {
        // SAFETY: as this function's.
        unsafe { self.weights.as_ptr().cast::<i8>().add(column * self.runs * self.depth) }
    }
}

/// Columns of a tile, of a matrix of so many.
const fn tile(columns: usize) -> usize {
    if columns.is_multiple_of(WIDE) { WIDE } else { GRANULE }
}

/// What a step of the bytes that enter is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Worth<'a> {
    /// The same in all rows.
    All(f32),
    /// In each row.
    Rows(&'a [f32]),
    /// In each run, of all rows.
    Runs(&'a [f32]),
}

/// `count` rows of bytes times a matrix: [`super::Layer`] says the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteLayer<'a> {
    pub(crate) matrix: &'a ByteMatrix,
    pub(crate) input: &'a [u8],
    pub(crate) worth: Worth<'a>,
    pub(crate) from: Rows,
    pub(crate) runs: &'a [usize],
    pub(crate) count: usize,
    pub(crate) then: Then<'a>,
    pub(crate) to: Rows,
    pub(crate) ahead: Ahead<'a>,
}

impl ByteLayer<'_> {
    /// What the loops rely on.
    pub(super) fn check(&self, output: &[f32]) {
        let ByteMatrix { runs, depth, .. } = *self.matrix;
        let columns = self.matrix.columns();
        Shape { runs, depth, columns }.check(self.from, self.runs, self.count, self.input, self.to, output);
        self.then.check(self.count, columns);
        match self.worth {
            Worth::All(_) => {}
            Worth::Rows(worth) => assert!(self.count <= worth.len(), "a row of no worth"),
            Worth::Runs(worth) => assert!(runs <= worth.len(), "a run of no worth"),
        }
    }
}

/// Rows to be normalised and rounded: numbers enter, and each becomes max(number · scale + shift, 0) before it becomes a step
/// between zero and the largest of its row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundRows<'a> {
    pub(crate) affine: &'a Affine,
    pub(crate) input: &'a [f32],
    pub(crate) from: Rows,
    /// From each row of bytes to the next.
    pub(crate) step: usize,
}

impl RoundRows<'_> {
    /// What the loop relies on.
    pub(super) fn check(&self, row: &[f32], to: &[u8], worth: &[f32]) {
        let channels = self.affine.channels();
        self.affine.check(row, row);
        assert!(self.from.lie_in(worth.len(), channels, self.input), "a row ends behind the input");
        assert!(Rows::packed(self.step).lie_in(worth.len(), channels, to), "a row ends behind the output");
    }
}
