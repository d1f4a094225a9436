//! Eight numbers at once. Needs AVX2, FMA and F16C (Haswell and Zen or newer).

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::lanes::Lanes;
use super::winograd::{self, Gather};
use super::{
    Abreast, Affine, Bank, Begins, Fourier, Kernels, Layer, Level, Product, Rows, abreast, dense,
    elementwise, fir, fourier, gemm,
};

const MANTISSA_BITS: u32 = 23;
const BIAS: i32 = 127;

// SAFETY of all methods: they are inlined into the functions of the table below, which are compiled for these instructions and only
// reached through a table that is handed out on machines that have them; pointers are the caller's.
impl Lanes for __m256 {
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        // SAFETY: see above.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn prefetch_near(at: *const u8) {
        // SAFETY: see above.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_div_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_min_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(self, factor, summand) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self) }
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        // SAFETY: see above.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(self), _mm256_set1_epi32(BIAS));
            _mm256_castsi256_ps(_mm256_slli_epi32::<{ MANTISSA_BITS as i32 }>(exponent))
        }
    }
    #[inline(always)]
    unsafe fn split(self) -> (Self, Self) {
        // SAFETY: see above.
        unsafe {
            let bits = _mm256_castps_si256(self);
            let exponent = _mm256_sub_epi32(
                _mm256_srli_epi32::<{ MANTISSA_BITS as i32 }>(bits),
                _mm256_set1_epi32(BIAS),
            );
            let mantissa = _mm256_or_si256(
                _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff)),
                _mm256_set1_epi32(0x3f80_0000),
            );
            (_mm256_castsi256_ps(mantissa), _mm256_cvtepi32_ps(exponent))
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: impl Fn(usize) -> *const f32, to: impl Fn(usize) -> *mut f32) {
        // SAFETY: see above.
        unsafe {
            // Inside each half of a vector: squares of four. Then the halves change places.
            let mut squares = [_mm256_setzero_ps(); 8];
            for i in (0..8).step_by(4) {
                let [a, b] = [Self::load(from(i)), Self::load(from(i + 1))];
                let [c, d] = [Self::load(from(i + 2)), Self::load(from(i + 3))];
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                squares[i] = _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd);
                squares[i + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd);
                squares[i + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high);
                squares[i + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high);
            }
            for i in 0..4 {
                _mm256_permute2f128_ps::<0x20>(squares[i], squares[4 + i]).store(to(i));
                _mm256_permute2f128_ps::<0x31>(squares[i], squares[4 + i]).store(to(4 + i));
            }
        }
    }
}

table!(Level::Avx2, __m256, 2, [6, 2], [6, 2], "avx2,fma,f16c");
