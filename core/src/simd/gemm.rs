//! Rows of numbers times a matrix of weights.

use std::ops::Range;

use super::Kernels;
use super::aligned::Aligned;
use super::lanes::Lanes;

/// Rows that are computed together, so that a loaded weight is used as often.
const ROWS: usize = 4;
/// Weights are prefetched so many bytes before they are multiplied: they come from the second-level cache, tile after tile.
const AHEAD: usize = 1024;
/// Bytes of a cache line.
const LINE: usize = 64;

/// A matrix of `depth` × `columns` weights with a bias for each column, laid out for the loop: for the columns of each tile, row after
/// row. Weights are kept in half precision, with an error of 1/2048 of each: reading them is what a product of few rows costs.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    depth: usize,
    columns: usize,
    /// Columns of a tile.
    tile: usize,
    weights: Aligned<u16>,
    bias: Aligned<f32>,
}

impl Packed {
    /// Lays out `weight(row, column)`, which is below 65,504, for the loops of a table. Columns beyond the last, up to a whole tile, are
    /// zeros.
    pub(crate) fn new(
        kernels: &Kernels,
        depth: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let tile = kernels.product_tile;
        let columns = bias.len().next_multiple_of(tile);
        let packed = |at: usize| {
            let (row, column) = (at / tile % depth, at / (tile * depth) * tile + at % tile);
            if column < bias.len() { half(weight(row, column)) } else { 0 }
        };
        let weights = (0..columns * depth).map(packed).collect();
        let bias = bias.iter().copied().chain(std::iter::repeat(0.0)).take(columns).collect();
        Self { depth, columns, tile, weights, bias }
    }

    /// Columns, those of zeros included: as many numbers leave for each row.
    #[cfg(test)]
    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }
}

/// IEEE 754 half precision, rounded to nearest even; what is below its normal numbers (6.1e-5) becomes zero.
fn half(value: f32) -> u16 {
    const DROPPED: u32 = 13;
    const REBIAS: u32 = (127 - 15) << 23;
    let bits = value.to_bits();
    let (sign, magnitude) = ((bits >> 16) as u16 & 0x8000, bits & 0x7fff_ffff);
    let odd = magnitude >> DROPPED & 1;
    let rounded = magnitude + ((1 << (DROPPED - 1)) - 1) + odd;
    debug_assert!(value.abs() < 65_504.0, "a weight is too large for half precision");
    if rounded < REBIAS + (1 << 23) { sign } else { sign | ((rounded - REBIAS) >> DROPPED) as u16 }
}

/// output[to] = act(bias + input[from] × matrix) for each pair of rows, given by where they begin.
///
/// Rows of the input may overlap: a convolution along time reads `kernel × channels` numbers that begin a stride apart.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    pub(crate) matrix: &'a Packed,
    /// Rows of the matrix that take part; a row of the input has a number for each.
    pub(crate) depth: Range<usize>,
    pub(crate) input: &'a [f32],
    /// Where each row begins in the input, and where its result begins in the output.
    pub(crate) rows: &'a [(usize, usize)],
    /// Negative results become zero.
    pub(crate) relu: bool,
    /// What is in the output already takes the place of the bias.
    pub(crate) accumulate: bool,
}

impl Product<'_> {
    /// What the loops rely on.
    pub(super) fn check(&self, kernels: &Kernels, output: &[f32]) {
        assert_eq!(self.matrix.tile, kernels.product_tile, "a matrix for other loops");
        assert!(
            self.depth.start <= self.depth.end && self.depth.end <= self.matrix.depth,
            "the matrix has no such rows"
        );
        for &(from, to) in self.rows {
            assert!(from + self.depth.len() <= self.input.len(), "a row ends behind the input");
            assert!(to + self.matrix.columns <= output.len(), "a row ends behind the output");
        }
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and [`Product::check`] has passed.
#[inline(always)]
pub(super) unsafe fn product<V: Lanes, const VECTORS: usize>(product: &Product<'_>, output: &mut [f32]) {
    debug_assert_eq!(VECTORS * V::COUNT, product.matrix.tile);
    for column in (0..product.matrix.columns).step_by(VECTORS * V::COUNT) {
        let mut rows = product.rows;
        // SAFETY: as this function's.
        unsafe {
            while let Some((first, rest)) = rows.split_first_chunk::<ROWS>() {
                tile::<V, ROWS, VECTORS>(product, output, column, first);
                rows = rest;
            }
            for row in rows {
                tile::<V, 1, VECTORS>(product, output, column, std::array::from_ref(row));
            }
        }
    }
}

/// A few rows of a few columns: all sums stay in registers.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const VECTORS: usize>(
    product: &Product<'_>,
    output: &mut [f32],
    column: usize,
    rows: &[(usize, usize); R],
) {
    let Product { matrix, depth, .. } = product;
    let columns = VECTORS * V::COUNT;
    // SAFETY: every address lies inside its slice: `Packed` has columns × depth weights in tiles, and the rows were checked against
    // both ends.
    unsafe {
        let mut weights = matrix.weights.as_ptr().add(column * matrix.depth + depth.start * columns);
        let inputs = rows.map(|(from, _)| product.input.as_ptr().add(from));
        let first = match product.accumulate {
            true => rows.map(|(_, to)| output.as_ptr().add(to)),
            false => [matrix.bias.as_ptr(); R],
        };
        let mut sums = [[V::splat(0.0); VECTORS]; R];
        for (first, sums) in first.iter().zip(&mut sums) {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(first.add(column + v * V::COUNT));
            }
        }
        // Plain loops: a closure may stay a function of its own, and is then compiled for other instructions.
        let mut loaded = [V::splat(0.0); VECTORS];
        for i in 0..depth.len() {
            for (v, loaded) in loaded.iter_mut().enumerate() {
                *loaded = V::load_half(weights.add(v * V::COUNT));
            }
            for line in (0..columns * size_of::<u16>()).step_by(LINE) {
                V::prefetch_near(weights.cast::<u8>().wrapping_add(AHEAD + line));
            }
            weights = weights.add(columns);
            for (input, sums) in inputs.iter().zip(&mut sums) {
                let factor = V::splat(*input.add(i));
                for (sum, weights) in sums.iter_mut().zip(loaded) {
                    *sum = weights.mul_add(factor, *sum);
                }
            }
        }
        for (row, sums) in rows.iter().zip(sums) {
            for (v, sum) in sums.into_iter().enumerate() {
                let sum = if product.relu { sum.max(V::splat(0.0)) } else { sum };
                sum.store(output.as_mut_ptr().add(row.1 + column + v * V::COUNT));
            }
        }
    }
}
