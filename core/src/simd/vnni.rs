//! Sixteen sums of four products of bytes at once. Needs AVX-512 VNNI (Cascade Lake and Zen 4 or newer) beside what `avx512.rs` needs.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::PANEL;
use super::bytes::{ByteLayer, QUAD, RoundRows, Worth};
use super::lanes::Lanes;
use super::reading::{Inputs, Share, TURN};

/// The largest step of a byte.
const MOST: f32 = 255.0;
/// Weights in a cache line.
const LINE: usize = QUAD * PANEL;
/// Vectors that become one of bytes.
const GROUP: usize = 4;

/// The loops of bytes for these machines.
pub(super) static KERNELS: super::ByteKernels = super::ByteKernels { layer, round, round_rows, restore };

/// # Safety
/// The machine has the instructions, and [`ByteLayer::check`] has passed.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
unsafe fn layer(layer: &ByteLayer<'_>, output: &mut [f32]) {
    // SAFETY: as this function's. 24 sums stay in registers either way; four vectors of columns halve the loads.
    unsafe {
        if layer.matrix.tile() == 4 * PANEL {
            columns::<6, 4>(layer, output);
        } else {
            columns::<12, 2>(layer, output);
        }
    }
}

#[inline(always)]
unsafe fn columns<const ROWS: usize, const VECTORS: usize>(layer: &ByteLayer<'_>, output: &mut [f32]) {
    let ByteLayer { matrix, count, .. } = *layer;
    let (tiles, times) = (count.div_ceil(ROWS), matrix.runs * (matrix.depth / QUAD / TURN));
    let mut column = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while column < matrix.columns() {
            let next = column + VECTORS * PANEL;
            let ahead =
                if next < matrix.columns() { matrix.of_tile(next) } else { layer.ahead.or(matrix.ahead()) };
            if count < ROWS {
                for row in 0..count {
                    tile::<1, VECTORS>(layer, output, row, column, ahead.share(row, count, times));
                }
            } else {
                for number in 0..tiles {
                    // The last tile may reach back over rows that are done: they come out the same again.
                    let row = (number * ROWS).min(count - ROWS);
                    tile::<ROWS, VECTORS>(layer, output, row, column, ahead.share(number, tiles, times));
                }
            }
            column = next;
        }
    }
}

/// A few rows of a few columns: all sums of a run stay in registers.
#[inline(always)]
unsafe fn tile<const ROWS: usize, const VECTORS: usize>(
    layer: &ByteLayer<'_>,
    output: &mut [f32],
    row: usize,
    column: usize,
    mut ahead: Share,
) {
    let matrix = layer.matrix;
    // SAFETY: every address lies inside its slice: `ByteMatrix` has runs · depth rows of weights for each tile, and the rows' ends were
    // checked. Plain loops: a closure may stay a function of its own, and is then compiled for other instructions.
    unsafe {
        let first = layer.input.as_ptr().add(layer.from.first + row * layer.from.step);
        let mut weights = matrix.weights(column);
        let mut exact = [[_mm512_setzero_si512(); VECTORS]; ROWS];
        // Written before they are read, there is a run at least. Zeros would go through memory, a kilobyte and a half for every tile.
        let mut sums = [[MaybeUninit::<__m512>::uninit(); VECTORS]; ROWS];
        for (number, &run) in layer.runs.iter().enumerate() {
            let inputs = Inputs::new(first.add(run), layer.from.step);
            weights = multiply(&mut exact, inputs, weights, matrix.depth, &mut ahead);
            // Steps that are worth as much in all runs are summed up as they are.
            let Worth::Runs(worth) = layer.worth else { continue };
            let worth = _mm512_set1_ps(*worth.get_unchecked(number));
            for (sums, exact) in sums.iter_mut().zip(&mut exact) {
                for (sum, exact) in sums.iter_mut().zip(exact) {
                    let run = _mm512_cvtepi32_ps(*exact);
                    sum.write(if number == 0 {
                        run.mul(worth)
                    } else {
                        run.mul_add(worth, sum.assume_init())
                    });
                    *exact = _mm512_setzero_si512();
                }
            }
        }
        for (r, (sums, exact)) in sums.iter_mut().zip(exact).enumerate() {
            let worth = match layer.worth {
                Worth::All(worth) => worth,
                Worth::Rows(worth) => *worth.get_unchecked(row + r),
                Worth::Runs(_) => continue,
            };
            for (sum, exact) in sums.iter_mut().zip(exact) {
                sum.write(_mm512_cvtepi32_ps(exact).mul(_mm512_set1_ps(worth)));
            }
        }
        for v in 0..VECTORS {
            let at = column + v * PANEL;
            let worth = _mm512_loadu_ps(matrix.worth.as_ptr().add(at));
            let bias = _mm512_loadu_ps(matrix.bias.as_ptr().add(at));
            for (r, sums) in sums.iter().enumerate() {
                let to = output.as_mut_ptr().add(layer.to.first + (row + r) * layer.to.step + at);
                layer.then.of(sums[v].assume_init().mul_add(worth, bias), row + r, at).store(to);
            }
        }
    }
}

/// Adds the products of a run, and returns where the weights of the next begin.
#[inline(always)]
unsafe fn multiply<const ROWS: usize, const VECTORS: usize>(
    sums: &mut [[__m512i; VECTORS]; ROWS],
    mut inputs: Inputs<u8, ROWS>,
    mut weights: *const i8,
    depth: usize,
    ahead: &mut Share,
) -> *const i8 {
    // SAFETY: the caller's promise.
    unsafe {
        for _ in 0..depth / (TURN * QUAD) {
            four(sums, &inputs, 0, weights);
            four(sums, &inputs, QUAD, weights.add(VECTORS * LINE));
            _mm_prefetch::<_MM_HINT_T1>(ahead.next().cast());
            weights = weights.add(TURN * VECTORS * LINE);
            inputs.advance(TURN * QUAD);
        }
        if !depth.is_multiple_of(TURN * QUAD) {
            four(sums, &inputs, 0, weights);
            weights = weights.add(VECTORS * LINE);
        }
        weights
    }
}

/// Four bytes of each row times the weights that they meet.
#[allow(
    clippy::needless_range_loop,
    reason = "a loop over an iterator as long as this is not always unrolled"
)]
#[inline(always)]
unsafe fn four<const ROWS: usize, const VECTORS: usize>(
    sums: &mut [[__m512i; VECTORS]; ROWS],
    inputs: &Inputs<u8, ROWS>,
    offset: usize,
    weights: *const i8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut loaded = [_mm512_setzero_si512(); VECTORS];
        for v in 0..VECTORS {
            loaded[v] = _mm512_load_si512(weights.add(v * LINE).cast());
        }
        for r in 0..ROWS {
            let four = _mm512_set1_epi32(inputs.at(r, offset).cast::<i32>().read_unaligned());
            for v in 0..VECTORS {
                sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], four, loaded[v]);
            }
        }
    }
}

/// # Safety
/// The machine has the instructions; both slices are as long, a multiple of [`PANEL`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn round(from: &[f32], to: &mut [u8]) -> f32 {
    // SAFETY: every vector lies inside its slice.
    unsafe {
        // Several at once: a maximum waits for the one before it.
        let mut most = [_mm512_setzero_ps(); GROUP];
        let mut at = 0;
        while at < from.len() {
            let group = (from.len() - at).min(GROUP * PANEL);
            for (v, most) in most.iter_mut().enumerate().take(group / PANEL) {
                *most = most.max(_mm512_loadu_ps(from.as_ptr().add(at + v * PANEL)));
            }
            at += group;
        }
        steps(from, largest(most), to.as_mut_ptr())
    }
}

/// # Safety
/// The machine has the instructions, and [`RoundRows::check`] has passed.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn round_rows(rows: &RoundRows<'_>, row: &mut [f32], to: &mut [u8], worth: &mut [f32]) {
    let RoundRows { affine, input, from, step } = *rows;
    // SAFETY: every vector lies inside its slice.
    unsafe {
        for (number, worth) in worth.iter_mut().enumerate() {
            let input = input.as_ptr().add(from.first + number * from.step);
            let mut most = [_mm512_setzero_ps(); GROUP];
            let mut at = 0;
            while at < row.len() {
                let group = (row.len() - at).min(GROUP * PANEL);
                for (v, most) in most.iter_mut().enumerate().take(group / PANEL) {
                    let at = at + v * PANEL;
                    // Of the next row; behind the last there is nothing, which does no harm.
                    _mm_prefetch::<_MM_HINT_T0>(input.wrapping_add(from.step + at).cast());
                    let shift = _mm512_loadu_ps(affine.shift.as_ptr().add(at));
                    let scale = _mm512_loadu_ps(affine.scale.as_ptr().add(at));
                    let value = _mm512_fmadd_ps(_mm512_loadu_ps(input.add(at)), scale, shift);
                    _mm512_storeu_ps(row.as_mut_ptr().add(at), value);
                    *most = most.max(value);
                }
                at += group;
            }
            *worth = steps(row, largest(most), to.as_mut_ptr().add(number * step));
        }
    }
}

#[inline(always)]
unsafe fn largest(most: [__m512; GROUP]) -> f32 {
    // SAFETY: the caller's instruction set.
    unsafe { _mm512_reduce_max_ps(most[0].max(most[1]).max(most[2].max(most[3]))) }
}

/// Writes numbers as steps between zero and the largest, and returns what a step is worth.
#[inline(always)]
unsafe fn steps(from: &[f32], most: f32, to: *mut u8) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let factor = _mm512_set1_ps(if most > 0.0 { MOST / most } else { 0.0 });
        let step = |at: usize| _mm512_cvtps_epi32(_mm512_loadu_ps(from.as_ptr().add(at)).mul(factor));
        // Packing takes quarters of its operands by turns; this puts them in order again.
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let mut at = 0;
        while at + GROUP * PANEL <= from.len() {
            let (low, high) = (
                _mm512_packs_epi32(step(at), step(at + PANEL)),
                _mm512_packs_epi32(step(at + 2 * PANEL), step(at + 3 * PANEL)),
            );
            // What is below zero becomes zero.
            let bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
            _mm512_storeu_si512(to.add(at).cast(), bytes);
            at += GROUP * PANEL;
        }
        while at < from.len() {
            let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(step(at), _mm512_setzero_si512()));
            _mm_storeu_si128(to.add(at).cast(), bytes);
            at += PANEL;
        }
        most / MOST
    }
}

/// # Safety
/// As [`round`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn restore(from: &[u8], worth: f32, to: &mut [f32]) {
    // SAFETY: every vector lies inside its slice.
    unsafe {
        let worth = _mm512_set1_ps(worth);
        let mut at = 0;
        while at < from.len() {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().add(at).cast()));
            _mm512_cvtepi32_ps(bytes).mul(worth).store(to.as_mut_ptr().add(at));
            at += PANEL;
        }
    }
}
