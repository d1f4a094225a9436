//! Many rows of numbers times a matrix: convolutions and fully connected layers.
//!
//! A row of the input is one or more runs of numbers, at the same distances from its beginning in every row; rows begin at a fixed
//! step from each other and may overlap. So a convolution over time is a product whose rows begin one frame apart, and one
//! over frequency and time one with three runs, without a copy of anything (no "im2col").
//!
//! Sums of a tile of some rows and some columns stay in registers, and each loaded weight is used for all rows of the tile. The tiles
//! of the same columns follow each other, so that their weights stay in the nearest caches; meanwhile they bring those that are read
//! next into the second-level cache ([`Ahead`]).

use super::lanes::Lanes;
use super::reading::{Ahead, Inputs, Share, TURN};
use super::{Aligned, Kernels, PANEL};

/// Columns of a matrix are a multiple of this: what the widest tile has.
pub(super) const GRANULE: usize = 2 * PANEL;

/// Sixteen weights of one row of a matrix, in a cache line of their own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; PANEL]);

/// A matrix of `runs` · `depth` rows and some columns, with a bias for each column, laid out for the loop: for the columns of each tile,
/// row after row.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    runs: usize,
    depth: usize,
    columns: usize,
    /// Columns of a tile.
    tile: usize,
    weights: Box<[Line]>,
    bias: Aligned<f32>,
}

impl Matrix {
    /// Lays out `weight(row, column)` for the loops of a table. Columns are as many as biases, a multiple of 32.
    pub(crate) fn new(
        kernels: &Kernels,
        runs: usize,
        depth: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        assert!(runs * depth > 0 && bias.len().is_multiple_of(GRANULE), "no shape for the loop");
        let (rows, columns) = (runs * depth, bias.len());
        let tile = kernels.tile(columns);
        let mut weights = vec![Line([0.0; PANEL]); rows * columns / PANEL];
        for (at, line) in weights.iter_mut().enumerate() {
            let (row, first) =
                (at * PANEL / tile % rows, at * PANEL / (rows * tile) * tile + at * PANEL % tile);
            for (column, packed) in (first..).zip(&mut line.0) {
                *packed = weight(row, column);
            }
        }
        Self { runs, depth, columns, tile, weights: weights.into(), bias: bias.iter().copied().collect() }
    }

    /// Columns.
    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }

    /// The weights that a product begins with.
    pub(crate) fn ahead(&self) -> Ahead<'_> {
        self.of_tile(0)
    }

    /// The weights of the tile that begins with a column.
    fn of_tile(&self, column: usize) -> Ahead<'_> {
        let lines = self.runs * self.depth * self.tile / PANEL;
        Ahead::of(&self.weights[column / self.tile * lines..][..lines])
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
    /// The weights of the product that follows.
    pub(crate) ahead: Ahead<'a>,
}

impl Layer<'_> {
    /// What the loops of a table rely on.
    pub(super) fn check(&self, kernels: &Kernels, output: &[f32]) {
        let Matrix { runs, depth, columns, tile, .. } = *self.matrix;
        assert_eq!(tile, kernels.tile(columns), "a matrix for other loops");
        Shape { runs, depth, columns }.check(self.from, self.runs, self.count, self.input, self.to, output);
        self.then.check(self.count, columns);
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and [`Layer::check`] has passed.
#[inline(always)]
pub(super) unsafe fn layer<
    V: Lanes,
    const ROWS: usize,
    const VECTORS: usize,
    const WIDE_ROWS: usize,
    const WIDE_VECTORS: usize,
>(
    layer: &Layer<'_>,
    output: &mut [f32],
) {
    // SAFETY: as this function's.
    unsafe {
        if layer.matrix.tile == WIDE_VECTORS * V::COUNT {
            columns::<V, WIDE_ROWS, WIDE_VECTORS>(layer, output);
        } else {
            columns::<V, ROWS, VECTORS>(layer, output);
        }
    }
}

/// All rows of some columns, then of the next.
#[inline(always)]
unsafe fn columns<V: Lanes, const ROWS: usize, const VECTORS: usize>(layer: &Layer<'_>, output: &mut [f32]) {
    let Layer { matrix, count, .. } = *layer;
    let (tiles, times) = (count.div_ceil(ROWS), matrix.runs * (matrix.depth / TURN));
    let mut column = 0;
    // SAFETY: as this function's.
    unsafe {
        while column < matrix.columns {
            let next = column + matrix.tile;
            let ahead =
                if next < matrix.columns { matrix.of_tile(next) } else { layer.ahead.or(matrix.ahead()) };
            if count < ROWS {
                for row in 0..count {
                    tile::<V, 1, VECTORS>(layer, output, row, column, ahead.share(row, count, times));
                }
            } else {
                for number in 0..tiles {
                    // The last tile may reach back over rows that are done: they come out the same again.
                    let row = (number * ROWS).min(count - ROWS);
                    tile::<V, ROWS, VECTORS>(layer, output, row, column, ahead.share(number, tiles, times));
                }
            }
            column = next;
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
    mut ahead: Share,
) {
    let matrix = layer.matrix;
    // SAFETY: every address lies inside its slice: `Matrix` has runs · depth rows of weights for each tile, and the rows' ends were
    // checked. Plain loops: a closure may stay a function of its own, and is then compiled for other instructions.
    unsafe {
        let mut weights = matrix.weights.as_ptr().cast::<f32>().add(column * matrix.runs * matrix.depth);
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        for sums in &mut sums {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(matrix.bias.as_ptr().add(column + v * V::COUNT));
            }
        }
        for &run in layer.runs {
            let first = layer.input.as_ptr().add(layer.from.first + row * layer.from.step + run);
            let mut inputs = Inputs::<f32, ROWS>::new(first, layer.from.step);
            for _ in 0..matrix.depth / TURN {
                multiply(&mut sums, &inputs, 0, weights);
                multiply(&mut sums, &inputs, 1, weights.add(VECTORS * V::COUNT));
                V::prefetch(ahead.next());
                weights = weights.add(TURN * VECTORS * V::COUNT);
                inputs.advance(TURN);
            }
            if !matrix.depth.is_multiple_of(TURN) {
                multiply(&mut sums, &inputs, 0, weights);
                weights = weights.add(VECTORS * V::COUNT);
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

/// One number of each row times the weights that it meets.
#[allow(
    clippy::needless_range_loop,
    reason = "a loop over an iterator as long as this is not always unrolled"
)]
#[inline(always)]
unsafe fn multiply<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    sums: &mut [[V; VECTORS]; ROWS],
    inputs: &Inputs<f32, ROWS>,
    offset: usize,
    weights: *const f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut loaded = [V::splat(0.0); VECTORS];
        for v in 0..VECTORS {
            loaded[v] = V::load(weights.add(v * V::COUNT));
        }
        for r in 0..ROWS {
            let factor = V::splat(*inputs.at(r, offset));
            for v in 0..VECTORS {
                sums[r][v] = loaded[v].mul_add(factor, sums[r][v]);
            }
        }
    }
}

/// A scale and a shift for each of some channels, a multiple of 32.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub(crate) scale: Aligned<f32>,
    pub(crate) shift: Aligned<f32>,
}

impl Affine {
    /// How many channels.
    pub(crate) fn channels(&self) -> usize {
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

/// Adds rows, as long as the sums are many, to the sums.
///
/// # Safety
/// The machine has the vectors' instruction set; so many rows lie in the input, and sums are a multiple of [`GRANULE`].
#[inline(always)]
pub(super) unsafe fn add_rows<V: Lanes>(input: &[f32], rows: Rows, count: usize, sums: &mut [f32]) {
    // SAFETY: as this function's.
    unsafe {
        for row in 0..count {
            let from = input.as_ptr().add(rows.first + row * rows.step);
            let mut at = 0;
            while at < sums.len() {
                let to = sums.as_mut_ptr().add(at);
                V::load(to).add(V::load(from.add(at))).store(to);
                at += V::COUNT;
            }
        }
    }
}

/// Adds the squares of rows less the means, as long as these are many, to the sums.
///
/// # Safety
/// As of [`add_rows`]; means are as many as sums.
#[inline(always)]
pub(super) unsafe fn add_squares<V: Lanes>(
    input: &[f32],
    rows: Rows,
    count: usize,
    means: &[f32],
    sums: &mut [f32],
) {
    // SAFETY: as this function's.
    unsafe {
        for row in 0..count {
            let from = input.as_ptr().add(rows.first + row * rows.step);
            let mut at = 0;
            while at < sums.len() {
                let to = sums.as_mut_ptr().add(at);
                let off = V::load(from.add(at)).sub(V::load(means.as_ptr().add(at)));
                off.mul_add(off, V::load(to)).store(to);
                at += V::COUNT;
            }
        }
    }
}

/// Multiplies rows, as long as the factors are many, by the factors.
///
/// # Safety
/// As of [`add_rows`], of the values and the factors.
#[inline(always)]
pub(super) unsafe fn scale_rows<V: Lanes>(factors: &[f32], rows: Rows, count: usize, values: &mut [f32]) {
    // SAFETY: as this function's.
    unsafe {
        for row in 0..count {
            let first = values.as_mut_ptr().add(rows.first + row * rows.step);
            let mut at = 0;
            while at < factors.len() {
                let to = first.add(at);
                V::load(to).mul(V::load(factors.as_ptr().add(at))).store(to);
                at += V::COUNT;
            }
        }
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
