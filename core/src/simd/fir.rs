//! A filter with a finite response over a contiguous signal.

use super::lanes::Lanes;

/// Vectors of results that are computed together, so that their sums do not wait for each other.
const VECTORS: usize = 4;

/// # Safety
/// The machine has the vectors' instruction set, and `signal` has at least output + taps − 1 samples.
#[inline(always)]
pub(super) unsafe fn convolve<V: Lanes>(taps: &[f32], signal: &[f32], output: &mut [f32]) {
    let mut at = 0;
    // SAFETY: reads and writes end where the caller promised.
    unsafe {
        while at + VECTORS * V::COUNT <= output.len() {
            piece::<V, VECTORS>(taps, signal, output, at);
            at += VECTORS * V::COUNT;
        }
        while at + V::COUNT <= output.len() {
            piece::<V, 1>(taps, signal, output, at);
            at += V::COUNT;
        }
    }
    for (n, out) in output.iter_mut().enumerate().skip(at) {
        *out = taps.iter().zip(&signal[n..]).map(|(tap, sample)| tap * sample).sum();
    }
}

#[inline(always)]
unsafe fn piece<V: Lanes, const N: usize>(taps: &[f32], signal: &[f32], output: &mut [f32], at: usize) {
    // SAFETY: as the caller's.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        for (k, &tap) in taps.iter().enumerate() {
            let tap = V::splat(tap);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(signal.as_ptr().add(at + k + v * V::COUNT)).mul_add(tap, *sum);
            }
        }
        for (v, sum) in sums.into_iter().enumerate() {
            sum.store(output.as_mut_ptr().add(at + v * V::COUNT));
        }
    }
}
