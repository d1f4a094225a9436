//! Rows of numbers times a matrix of weights.

use super::lanes::Lanes;

/// Columns of the matrix that lie together in memory: the widest vector there is.
pub(crate) const PANEL: usize = 16;
/// Rows that are computed together, so that a loaded weight is used as often.
const ROWS: usize = 4;

/// A matrix of `depth` × `columns` weights with a bias for each column, laid out for the loop: for each sixteen columns,
/// row after row. Weights are kept in half precision, with an error of 1/2048 of each: reading them is what a product of few rows
/// costs.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    depth: usize,
    columns: usize,
    weights: Box<[u16]>,
    bias: Box<[f32]>,
}

impl Packed {
    /// Lays out `weight(row, column)`, which is below 65,504. Columns beyond the last, up to a multiple of [`PANEL`], are zeros.
    pub(crate) fn new(depth: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        let panels = bias.len().div_ceil(PANEL);
        let mut weights = vec![0; panels * depth * PANEL];
        for (at, packed) in weights.iter_mut().enumerate() {
            let (row, column) = (at / PANEL % depth, at / (PANEL * depth) * PANEL + at % PANEL);
            if column < bias.len() {
                *packed = half(weight(row, column));
            }
        }
        let mut padded = bias.to_vec();
        padded.resize(panels * PANEL, 0.0);
        Self { depth, columns: panels * PANEL, weights: weights.into(), bias: padded.into() }
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
    pub(super) fn check(&self, output: &[f32]) {
        for &(from, to) in self.rows {
            assert!(from + self.matrix.depth <= self.input.len(), "a row ends behind the input");
            assert!(to + self.matrix.columns <= output.len(), "a row ends behind the output");
        }
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and [`Product::check`] has passed.
#[inline(always)]
pub(super) unsafe fn product<V: Lanes, const PANELS: usize, const VECTORS: usize>(
    product: &Product<'_>,
    output: &mut [f32],
) {
    debug_assert_eq!(VECTORS * V::COUNT, PANELS * PANEL);
    let panels = product.matrix.columns / PANEL;
    let mut panel = 0;
    // SAFETY: as this function's.
    unsafe {
        while panel + PANELS <= panels {
            columns::<V, VECTORS>(product, output, panel);
            panel += PANELS;
        }
        while panel < panels {
            match PANEL / V::COUNT {
                1 => columns::<V, 1>(product, output, panel),
                2 => columns::<V, 2>(product, output, panel),
                _ => columns::<V, 4>(product, output, panel),
            }
            panel += 1;
        }
    }
}

/// All rows of the columns that begin with a panel.
#[inline(always)]
unsafe fn columns<V: Lanes, const VECTORS: usize>(product: &Product<'_>, output: &mut [f32], panel: usize) {
    let mut rows = product.rows;
    // SAFETY: as the caller's.
    unsafe {
        while let Some((first, rest)) = rows.split_first_chunk::<ROWS>() {
            tile::<V, ROWS, VECTORS>(product, output, panel, first);
            rows = rest;
        }
        for row in rows {
            tile::<V, 1, VECTORS>(product, output, panel, std::array::from_ref(row));
        }
    }
}

/// A few rows of a few columns: all sums stay in registers.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const VECTORS: usize>(
    product: &Product<'_>,
    output: &mut [f32],
    panel: usize,
    rows: &[(usize, usize); R],
) {
    let matrix = product.matrix;
    let in_panel = PANEL / V::COUNT;
    // SAFETY: every address lies inside its slice: `Packed` has columns × depth weights in panels, and the rows were
    // checked against both ends.
    unsafe {
        let mut weights = [matrix.weights.as_ptr(); VECTORS];
        for (v, weights) in weights.iter_mut().enumerate() {
            *weights = weights.add((panel + v / in_panel) * matrix.depth * PANEL + v % in_panel * V::COUNT);
        }
        let inputs = rows.map(|(from, _)| product.input.as_ptr().add(from));
        let first = match product.accumulate {
            true => rows.map(|(_, to)| output.as_ptr().add(to)),
            false => [matrix.bias.as_ptr(); R],
        };
        let mut sums = [[V::splat(0.0); VECTORS]; R];
        for (first, sums) in first.iter().zip(&mut sums) {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(first.add(panel * PANEL + v * V::COUNT));
            }
        }
        // Plain loops: a closure may stay a function of its own, and is then compiled for other instructions.
        let mut loaded = [V::splat(0.0); VECTORS];
        for i in 0..matrix.depth {
            for (loaded, weights) in loaded.iter_mut().zip(weights) {
                *loaded = V::load_half(weights.add(i * PANEL));
            }
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
                sum.store(output.as_mut_ptr().add(row.1 + panel * PANEL + v * V::COUNT));
            }
        }
    }
}
