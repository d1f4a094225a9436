//! Sixteen sums of four products of bytes at once. Needs AVX-512 VNNI (Cascade Lake and Zen 4 or newer) beside what `avx512.rs` needs.

use std::arch::x86_64::*;

use super::PANEL;
use super::bytes::{ByteLayer, QUAD, RoundRows};
use super::lanes::Lanes;

/// The largest step of a byte.
const MOST: f32 = 255.0;
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
        if layer.matrix.columns().is_multiple_of(4 * PANEL) {
            columns::<6, 4>(layer, output);
        } else {
            columns::<12, 2>(layer, output);
        }
    }
}

#[inline(always)]
unsafe fn columns<const ROWS: usize, const VECTORS: usize>(layer: &ByteLayer<'_>, output: &mut [f32]) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut column = 0;
        while column < layer.matrix.columns() {
            if layer.count < ROWS {
                for row in 0..layer.count {
                    tile::<1, VECTORS>(layer, output, row, column);
                }
            } else {
                let mut row = 0;
                while row < layer.count {
                    // The last tile may reach back over rows that are done: they come out the same again.
                    tile::<ROWS, VECTORS>(layer, output, row.min(layer.count - ROWS), column);
                    row += ROWS;
                }
            }
            column += VECTORS * PANEL;
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
) {
    let matrix = layer.matrix;
    // SAFETY: every address lies inside its slice: `ByteMatrix` has runs · depth rows of weights in panels, and the rows' ends were
    // checked. Plain loops: a closure may stay a function of its own, and is then compiled for other instructions.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        for (number, &run) in layer.runs.iter().enumerate() {
            let mut weights = [matrix.panel(column); VECTORS];
            for (v, weights) in weights.iter_mut().enumerate() {
                *weights = matrix.panel(column + v * PANEL).add(number * matrix.depth * PANEL);
            }
            let first = layer.input.as_ptr().add(layer.from.first + row * layer.from.step + run);
            let mut exact = [[_mm512_setzero_si512(); VECTORS]; ROWS];
            let mut i = 0;
            while i < matrix.depth {
                let mut loaded = [_mm512_setzero_si512(); VECTORS];
                for (loaded, weights) in loaded.iter_mut().zip(weights) {
                    *loaded = _mm512_load_si512(weights.add(i * PANEL).cast());
                }
                for (r, exact) in exact.iter_mut().enumerate() {
                    let four = first.add(r * layer.from.step + i).cast::<i32>().read_unaligned();
                    let four = _mm512_set1_epi32(four);
                    for (exact, weights) in exact.iter_mut().zip(loaded) {
                        *exact = _mm512_dpbusd_epi32(*exact, four, weights);
                    }
                }
                i += QUAD;
            }
            for (r, (sums, exact)) in sums.iter_mut().zip(exact).enumerate() {
                let worth = _mm512_set1_ps(layer.worth(row + r, number));
                for (sum, exact) in sums.iter_mut().zip(exact) {
                    *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact), worth, *sum);
                }
            }
        }
        for v in 0..VECTORS {
            let at = column + v * PANEL;
            let worth = _mm512_loadu_ps(matrix.worth.as_ptr().add(at));
            let bias = _mm512_loadu_ps(matrix.bias.as_ptr().add(at));
            for (r, sums) in sums.iter().enumerate() {
                let to = output.as_mut_ptr().add(layer.to.first + (row + r) * layer.to.step + at);
                layer.then.of(sums[v].mul_add(worth, bias), row + r, at).store(to);
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
