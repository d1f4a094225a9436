//! Sixteen numbers at once. Needs AVX-512 F, BW, DQ and VL (Skylake-SP and Zen 4 or newer).

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
impl Lanes for __m512 {
    const COUNT: usize = 16;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // `_mm512_cvtph_ps` asks for no exceptions, and an instruction that does cannot read memory.
        // SAFETY: see above.
        unsafe { _mm512_cvt_roundph_ps::<_MM_FROUND_CUR_DIRECTION>(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self) }
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
    #[inline(always)]
    unsafe fn transpose(from: impl Fn(usize) -> *const f32, to: impl Fn(usize) -> *mut f32) {
        // SAFETY: see above.
        unsafe {
            let mut rows = [_mm512_setzero_ps(); 16];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = Self::load(from(i));
            }
            // Inside each quarter of a vector: squares of four. Then the quarters change places, in two steps.
            let mut squares = rows;
            for i in (0..16).step_by(4) {
                let [a, b, c, d] = [rows[i], rows[i + 1], rows[i + 2], rows[i + 3]];
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                squares[i] = _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd);
                squares[i + 1] = _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd);
                squares[i + 2] = _mm512_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high);
                squares[i + 3] = _mm512_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high);
            }
            for i in 0..4 {
                let [a, b, c, d] = [squares[i], squares[4 + i], squares[8 + i], squares[12 + i]];
                let even = (
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b),
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(c, d),
                );
                let odd = (
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d),
                );
                _mm512_shuffle_f32x4::<0b10_00_10_00>(even.0, even.1).store(to(i));
                _mm512_shuffle_f32x4::<0b10_00_10_00>(odd.0, odd.1).store(to(4 + i));
                _mm512_shuffle_f32x4::<0b11_01_11_01>(even.0, even.1).store(to(8 + i));
                _mm512_shuffle_f32x4::<0b11_01_11_01>(odd.0, odd.1).store(to(12 + i));
            }
        }
    }
}

// 26 or 24 sums, their weights and what they are multiplied with stay in 32 registers. The 75 tiles of four frames that 3 s are in the head are
// six times 13.
table!(Level::Avx512, __m512, 4, [13, 2], [6, 4], "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma");
