//! Four numbers at once, with fused multiplication. Needs NEON, which every aarch64 machine with floating point has.

use std::arch::aarch64::*;
use std::arch::aarch64::{vreinterpretq_f32_f64 as numbers, vreinterpretq_f64_f32 as halves};
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
impl Lanes for float32x4_t {
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: see above.
        unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { vst1q_f32(to, self) }
    }
    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}
    #[inline(always)]
    unsafe fn prefetch_near(_at: *const u8) {}
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { vaddq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { vsubq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { vmulq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { vdivq_f32(self, other) }
    }
    // Of a number and what is none, the number, as at the other levels; `vmaxq` would hand on what is none.
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { vmaxnmq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { vminnmq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see above.
        unsafe { vfmaq_f32(summand, self, factor) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: see above.
        unsafe { vrndnq_f32(self) }
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        // SAFETY: see above.
        unsafe {
            let exponent = vaddq_s32(vcvtq_s32_f32(self), vdupq_n_s32(BIAS));
            vreinterpretq_f32_s32(vshlq_n_s32::<{ MANTISSA_BITS as i32 }>(exponent))
        }
    }
    #[inline(always)]
    unsafe fn split(self) -> (Self, Self) {
        // SAFETY: see above.
        unsafe {
            let bits = vreinterpretq_s32_f32(self);
            let exponent = vsubq_s32(vshrq_n_s32::<{ MANTISSA_BITS as i32 }>(bits), vdupq_n_s32(BIAS));
            let mantissa = vorrq_s32(vandq_s32(bits, vdupq_n_s32(0x007f_ffff)), vdupq_n_s32(0x3f80_0000));
            (vreinterpretq_f32_s32(mantissa), vcvtq_f32_s32(exponent))
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: impl Fn(usize) -> *const f32, to: impl Fn(usize) -> *mut f32) {
        // SAFETY: see above.
        unsafe {
            let [a, b] = [Self::load(from(0)), Self::load(from(1))];
            let [c, d] = [Self::load(from(2)), Self::load(from(3))];
            // Squares of two; then their halves change places.
            let (ab, cd) = (halves(vtrn1q_f32(a, b)), halves(vtrn1q_f32(c, d)));
            let (ab_odd, cd_odd) = (halves(vtrn2q_f32(a, b)), halves(vtrn2q_f32(c, d)));
            numbers(vzip1q_f64(ab, cd)).store(to(0));
            numbers(vzip1q_f64(ab_odd, cd_odd)).store(to(1));
            numbers(vzip2q_f64(ab, cd)).store(to(2));
            numbers(vzip2q_f64(ab_odd, cd_odd)).store(to(3));
        }
    }
}

// 24 sums, four weights and what they are multiplied with stay in 32 registers: 2.4 products for each number that is loaded.
table!(Level::Neon, float32x4_t, 4, [6, 4], [6, 4], "neon");
