//! Sixteen numbers at once. Needs AVX-512 F, BW, DQ and VL (Skylake-SP and Zen 4 or newer).

use std::arch::x86_64::*;

use super::lanes::Lanes;
use super::{Kernels, Level, Product, elementwise, fir, gemm};

const MANTISSA_BITS: u32 = 23;
const BIAS: i32 = 127;

// SAFETY of all methods: they are inlined into the functions below, which are compiled for these instructions and only
// reached through a table that is handed out on machines that have them; pointers are the caller's.
impl Lanes for __m512 {
    const COUNT: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_div_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_min_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(self, factor, summand) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_roundscale_ps::<0>(self) }
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        // SAFETY: see above.
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(self), _mm512_set1_epi32(BIAS));
            _mm512_castsi512_ps(_mm512_slli_epi32::<{ MANTISSA_BITS }>(exponent))
        }
    }
    #[inline(always)]
    unsafe fn split(self) -> (Self, Self) {
        // SAFETY: see above.
        unsafe {
            let bits = _mm512_castps_si512(self);
            let exponent =
                _mm512_sub_epi32(_mm512_srli_epi32::<{ MANTISSA_BITS }>(bits), _mm512_set1_epi32(BIAS));
            let mantissa = _mm512_or_si512(
                _mm512_and_si512(bits, _mm512_set1_epi32(0x007f_ffff)),
                _mm512_set1_epi32(0x3f80_0000),
            );
            (_mm512_castsi512_ps(mantissa), _mm512_cvtepi32_ps(exponent))
        }
    }
}

/// The loops for these machines.
pub(super) static KERNELS: Kernels = Kernels { level: Level::Avx512, product, convolve, sigmoid, tanh, ln };

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn product(p: &Product<'_>, output: &mut [f32]) {
    // SAFETY: the caller's promise.
    unsafe { gemm::product::<__m512, 4, 4>(p, output) }
}
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn convolve(taps: &[f32], signal: &[f32], output: &mut [f32]) {
    // SAFETY: as above.
    unsafe { fir::convolve::<__m512>(taps, signal, output) }
}
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn sigmoid(values: &mut [f32]) {
    // SAFETY: as above.
    unsafe { elementwise::sigmoid::<__m512>(values) }
}
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn tanh(values: &mut [f32]) {
    // SAFETY: as above.
    unsafe { elementwise::tanh::<__m512>(values) }
}
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn ln(values: &mut [f32]) {
    // SAFETY: as above.
    unsafe { elementwise::ln::<__m512>(values) }
}
