//! Four numbers at once, without naming an instruction: compiled for what every machine of the architecture has.

use std::mem::MaybeUninit;

use super::lanes::Lanes;
use super::winograd::{self, Gather};
use super::{
    Abreast, Affine, Bank, Begins, Fourier, Kernels, Layer, Level, Product, Rows, abreast, dense,
    elementwise, fir, fourier, gemm,
};

#[derive(Clone, Copy)]
struct Four([f32; 4]);

impl Four {
    // Written out: functions that take arrays apart (`from_fn`, `map`) are sometimes called for each number instead.
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let ([a, b, c, d], [e, g, h, i]) = (self.0, other.0);
        Self([f(a, e), f(b, g), f(c, h), f(d, i)])
    }

    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        let [a, b, c, d] = self.0;
        Self([f(a), f(b), f(c), f(d)])
    }
}

/// Adding and taking away 1.5 · 2²³ rounds a number below 2²² to a whole one, to nearest even.
const ROUNDER: f32 = 12_582_912.0;
const MANTISSA_BITS: u32 = 23;
const BIAS: i32 = 127;
/// From the exponents of half precision to those of single: 2¹¹².
const HALF_REBIAS: f32 = f32::from_bits((127 + 127 - 15) << MANTISSA_BITS);

// SAFETY of the pointers is the caller's; the rest is safe code.
impl Lanes for Four {
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        let halves = unsafe { from.cast::<[u16; 4]>().read_unaligned() };
        let widen = |half: u16| {
            let (sign, magnitude) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff) << 13);
            f32::from_bits(sign | magnitude) * HALF_REBIAS
        };
        let [a, b, c, d] = halves;
        Self([widen(a), widen(b), widen(c), widen(d)])
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}
    #[inline(always)]
    unsafe fn prefetch_near(_at: *const u8) {}
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        self.zip(factor, |a, b| a * b).zip(summand, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        self.each(|x| (x + ROUNDER) - ROUNDER)
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        self.each(|x| f32::from_bits(((x as i32 + BIAS) << MANTISSA_BITS) as u32))
    }
    #[inline(always)]
    unsafe fn split(self) -> (Self, Self) {
        let exponent = self.each(|x| ((x.to_bits() >> MANTISSA_BITS) as i32 - BIAS) as f32);
        let mantissa = self.each(|x| f32::from_bits(x.to_bits() & 0x007f_ffff | 0x3f80_0000));
        (mantissa, exponent)
    }
    #[inline(always)]
    unsafe fn transpose(from: impl Fn(usize) -> *const f32, to: impl Fn(usize) -> *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (Self::load(from(0)).0, Self::load(from(1)).0);
            let (c, d) = (Self::load(from(2)).0, Self::load(from(3)).0);
            for j in 0..4 {
                Self([a[j], b[j], c[j], d[j]]).store(to(j));
            }
        }
    }
}

table!(Level::Portable, Four, 4, [3, 4], [3, 4]);
