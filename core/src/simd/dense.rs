//! Many rows of numbers times a matrix: convolutions and fully connected layers.
//!
//! A row of the input is one or more runs of numbers, at the same distances from its beginning in every row; rows begin at a fixed
//! step from each other and may overlap. So a convolution over time is a product whose rows begin one frame apart, and one
//! over frequency and time one with three runs, without a copy of anything (no "im2col").
//!
//! Sums of a tile of some rows and some columns stay in registers, and each loaded weight is used for all rows of the tile. The tiles
//! of the same columns follow each other, so that their weights stay in the nearest caches.

use super::PANEL;
use super::lanes::Lanes;

/// Columns of a matrix are a multiple of this: what the widest tile has.
pub(super) const GRANULE: usize = 2 * PANEL;

/// Sixteen weights of one row of a matrix, in a cache line of their own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; PANEL]);

/// A matrix of `runs` · `depth` rows and some columns, with a bias for each column, laid out for the loop: for each sixteen columns,
/// row after row.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    runs: usize,
    depth: usize,
    columns: usize,
    weights: Box<[Line]>,
    bias: Box<[f32]>,
}

impl Matrix {
    /// Lays out `weight(row, column)`. Columns are as many as biases, a multiple of 32.
    pub(crate) fn new(runs: usize, depth: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        assert!(runs * depth > 0 && bias.len().is_multiple_of(GRANULE), "no shape for the loop");
        let rows = runs * depth;
        let mut weights = vec![Line([0.0; PANEL]); rows * bias.len() / PANEL];
        for (at, line) in weights.iter_mut().enumerate() {
            for (column, packed) in line.0.iter_mut().enumerate() {
                *packed = weight(at % rows, at / rows * PANEL + column);
            }
        }
        Self { runs, depth, columns: bias.len(), weights: weights.into(), bias: bias.into() }
    }

    /// Columns.
    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }
}

/// Of a matrix.
pub(super) struct Shape {
    pub(super) runs: usize,
    pub(super) depth: usize,
    pub(super) columns: usize,
}

impl Shape {
    /// Whether rows that are to be multiplied lie in their slice, and what comes of them in its.
    pub(super) fn check<T>(
        &self,
        from: Rows,
        runs: &[usize],
        count: usize,
        input: &[T],
        to: Rows,
        output: &[f32],
    ) {
        assert_eq!(runs.len(), self.runs, "another number of runs than the matrix");
        let furthest = runs.iter().max().copied().unwrap_or_default();
        assert!(
            from.lie_in(count, furthest.saturating_add(self.depth), input),
            "a row ends behind the input"
        );
        assert!(to.lie_in(count, self.columns, output), "a row ends behind the output");
    }
}

/// Where rows begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// The first of them.
    pub(crate) first: usize,
    /// From each to the next.
    pub(crate) step: usize,
}

impl Rows {
    /// Rows that follow each other.
    pub(crate) const fn packed(step: usize) -> Self {
        Self { first: 0, step }
    }

    /// Whether so many rows, so long, lie inside a slice.
    pub(super) fn lie_in<T>(self, count: usize, length: usize, slice: &[T]) -> bool {
        let Some(last) = count.checked_sub(1) else { return true };
        let begin = last.checked_mul(self.step).and_then(|steps| steps.checked_add(self.first));
        begin.and_then(|begin| begin.checked_add(length)).is_some_and(|end| end <= slice.len())
    }
}

/// What becomes of a sum before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then<'a> {
    /// Nothing.
    Keep,
    /// Below zero it becomes zero.
    Relu,
    /// A number is added; below zero it becomes zero.
    AddRelu(&'a [f32], Rows),
}

impl Then<'_> {
    /// What [`Then::of`] relies on.
    pub(super) fn check(&self, count: usize, columns: usize) {
        if let Then::AddRelu(added, rows) = self {
            assert!(rows.lie_in(count, columns, added), "a row ends behind what is added");
        }
    }

    /// What becomes of some sums of a row.
    ///
    /// # Safety
    /// The machine has the vectors' instruction set; [`Then::check`] has passed for more rows, and a vector more columns.
    #[inline(always)]
    pub(super) unsafe fn of<V: Lanes>(self, sum: V, row: usize, column: usize) -> V {
        // SAFETY: as this function's.
        unsafe {
            match self {
                Then::Keep => sum,
                Then::Relu => sum.max(V::splat(0.0)),
                Then::AddRelu(added, rows) => {
                    let beside = V::load(added.as_ptr().add(rows.first + row * rows.step + column));
                    sum.add(beside).max(V::splat(0.0))
                }
            }
        }
    }
}

/// `count` rows times a matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    /// The matrix, as many rows as the runs have numbers together.
    pub(crate) matrix: &'a Matrix,
    /// The rows.
    pub(crate) input: &'a [f32],
    /// Where they begin.
    pub(crate) from: Rows,
    /// Where, from there, each run begins.
    pub(crate) runs: &'a [usize],
    /// How many rows.
    pub(crate) count: usize,
    /// What is done with the sums.
    pub(crate) then: Then<'a>,
    /// Where they are written to.
    pub(crate) to: Rows,
}

impl Layer<'_> {
    /// What the loops rely on.
    pub(super) fn check(&self, output: &[f32]) {
        let Matrix { runs, depth, columns, .. } = *self.matrix;
        Shape { runs, depth, columns }.check(self.from, self.runs, self.count, self.input, self.to, output);
        self.then.check(self.count, columns);
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and [`Layer::check`] has passed.
#[inline(always)]
pub(super) unsafe fn layer<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    layer: &Layer<'_>,
    output: &mut [f32],
) {
    let mut column = 0;
    // SAFETY: as this function's.
    unsafe {
        while column < layer.matrix.columns {
            if layer.count < ROWS {
                for row in 0..layer.count {
                    tile::<V, 1, VECTORS>(layer, output, row, column);
                }
            } else {
                let mut row = 0;
                while row < layer.count {
                    // The last tile may reach back over rows that are done: they come out the same again.
                    tile::<V, ROWS, VECTORS>(layer, output, row.min(layer.count - ROWS), column);
                    row += ROWS;
                }
            }
            column += VECTORS * V::COUNT;
        }
    }
}

/// A few rows of a few columns: all sums stay in registers.
#[inline(always)]
unsafe fn tile<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    layer: &Layer<'_>,
    output: &mut [f32],
    row: usize,
    column: usize,
) {
    let matrix = layer.matrix;
    let rows_of_matrix = matrix.runs * matrix.depth;
    // SAFETY: every address lies inside its slice: `Matrix` has runs · depth rows of weights in panels, and the rows' ends were
    // checked. Plain loops: a closure may stay a function of its own, and is then compiled for other instructions.
    unsafe {
        let mut weights = [matrix.weights.as_ptr().cast::<f32>(); VECTORS];
        for (v, weights) in weights.iter_mut().enumerate() {
            let at = column + v * V::COUNT;
            *weights = weights.add(at / PANEL * rows_of_matrix * PANEL + at % PANEL);
        }
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        for sums in &mut sums {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(matrix.bias.as_ptr().add(column + v * V::COUNT));
            }
        }
        let mut loaded = [V::splat(0.0); VECTORS];
        for (number, &run) in layer.runs.iter().enumerate() {
            let mut weights = weights;
            for weights in &mut weights {
                *weights = weights.add(number * matrix.depth * PANEL);
            }
            let mut inputs = [layer.input.as_ptr(); ROWS];
            for (r, input) in inputs.iter_mut().enumerate() {
                *input = input.add(layer.from.first + (row + r) * layer.from.step + run);
            }
            for i in 0..matrix.depth {
                for (loaded, weights) in loaded.iter_mut().zip(weights) {
                    *loaded = V::load(weights.add(i * PANEL));
                }
                for (input, sums) in inputs.iter().zip(&mut sums) {
                    let factor = V::splat(*input.add(i));
                    for (sum, weights) in sums.iter_mut().zip(loaded) {
                        *sum = weights.mul_add(factor, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let to = output.as_mut_ptr().add(layer.to.first + (row + r) * layer.to.step + column);
            for (v, sum) in sums.into_iter().enumerate() {
                layer.then.of(sum, row + r, column + v * V::COUNT).store(to.add(v * V::COUNT));
            }
        }
    }
}

/// A scale and a shift for each of some channels, a multiple of 32.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub(crate) scale: Box<[f32]>,
    pub(crate) shift: Box<[f32]>,
}

impl Affine {
    /// How many channels.
    pub(crate) const fn channels(&self) -> usize {
        self.scale.len()
    }

    /// What the loop relies on.
    pub(super) fn check(&self, input: &[f32], output: &[f32]) {
        let lengths = [input.len(), output.len(), self.shift.len()];
        assert!(
            lengths == [self.scale.len(); 3] && output.len().is_multiple_of(GRANULE),
            "another number of channels"
        );
    }
}

/// output = max(input · scale + shift, 0), number by number.
///
/// # Safety
/// The machine has the vectors' instruction set, and [`Affine::check`] has passed.
#[inline(always)]
pub(super) unsafe fn scale_relu<V: Lanes>(affine: &Affine, input: &[f32], output: &mut [f32]) {
    let mut at = 0;
    // SAFETY: as this function's.
    unsafe {
        let zero = V::splat(0.0);
        while at < output.len() {
            let shift = V::load(affine.shift.as_ptr().add(at));
            let value =
                V::load(input.as_ptr().add(at)).mul_add(V::load(affine.scale.as_ptr().add(at)), shift);
            value.max(zero).store(output.as_mut_ptr().add(at));
            at += V::COUNT;
        }
    }
}
