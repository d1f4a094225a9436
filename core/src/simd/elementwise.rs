//! Functions of one number, for many at once.
//!
//! The approximations are the classical ones of the Cephes library (Moshier, 1989): e^x by reduction to ±ln 2 / 2 and a
//! polynomial of degree 5; ln x by reduction to [√½, √2) and one of degree 8.

use std::f32::consts::{LOG2_E, SQRT_2};

use super::lanes::Lanes;

/// Below this, e^x is taken as e^[`EXP_MIN`]; what 2^n can be written for.
const EXP_MIN: f32 = -87.0;
const EXP_MAX: f32 = 88.0;
/// ln 2 in two parts: the first has few digits, so that whole multiples of it are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];
const LN: [f32; 9] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_7e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333e-1,
];

/// e^x.
#[inline(always)]
unsafe fn exp_of<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's instruction set is the vectors'.
    unsafe {
        let x = x.max(V::splat(EXP_MIN)).min(V::splat(EXP_MAX));
        let n = x.mul(V::splat(LOG2_E)).round();
        let r = n.mul_add(V::splat(-LN_2_HIGH), x);
        let r = n.mul_add(V::splat(-LN_2_LOW), r);
        let polynomial = horner(r, &EXP);
        polynomial.mul(r).mul_add(r, r).add(V::splat(1.0)).mul(n.exp2_whole())
    }
}

#[inline(always)]
unsafe fn horner<V: Lanes, const N: usize>(x: V, coefficients: &[f32; N]) -> V {
    // SAFETY: the caller's instruction set is the vectors'.
    unsafe {
        let mut sum = V::splat(coefficients[0]);
        for &coefficient in &coefficients[1..] {
            sum = sum.mul_add(x, V::splat(coefficient));
        }
        sum
    }
}

#[inline(always)]
unsafe fn sigmoid_of<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's instruction set is the vectors'.
    unsafe {
        let one = V::splat(1.0);
        one.div(one.add(exp_of(V::splat(0.0).sub(x))))
    }
}

/// tanh x = 2 σ(2x) − 1.
#[inline(always)]
unsafe fn tanh_of<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's instruction set is the vectors'.
    unsafe { sigmoid_of(x.add(x)).mul_add(V::splat(2.0), V::splat(-1.0)) }
}

#[inline(always)]
unsafe fn ln_of<V: Lanes>(x: V) -> V {
    // SAFETY: the caller's instruction set is the vectors'.
    unsafe {
        let (mantissa, exponent) = x.split();
        // [1, 2) → [√½, √2): halve what is above √2 and count it to the exponent; without a comparison of vectors.
        let above =
            mantissa.sub(V::splat(SQRT_2)).mul(V::splat(f32::MAX)).max(V::splat(0.0)).min(V::splat(1.0));
        let mantissa = mantissa.sub(mantissa.mul(above).mul(V::splat(0.5)));
        let exponent = exponent.add(above);
        let r = mantissa.sub(V::splat(1.0));
        let squared = r.mul(r);
        let mut tail = horner(r, &LN).mul(r).mul(squared);
        tail = exponent.mul_add(V::splat(LN_2_LOW), tail);
        tail = squared.mul_add(V::splat(-0.5), tail);
        exponent.mul_add(V::splat(LN_2_HIGH), r.add(tail))
    }
}

/// Applies a function to every value; what is left at the end goes through a padded vector.
macro_rules! for_each {
    ($(#[$doc:meta])* $name:ident, $function:ident, $padding:expr) => {
        $(#[$doc])*
        /// # Safety
        /// The machine has the vectors' instruction set.
        #[inline(always)]
        pub(super) unsafe fn $name<V: Lanes>(values: &mut [f32]) {
            let mut whole = values.chunks_exact_mut(V::COUNT);
            // SAFETY: each pointer is to a whole vector; the caller's instruction set is the vectors'.
            unsafe {
                for chunk in &mut whole {
                    $function(V::load(chunk.as_ptr())).store(chunk.as_mut_ptr());
                }
                let rest = whole.into_remainder();
                let mut padded = [$padding; super::PANEL];
                padded[..rest.len()].copy_from_slice(rest);
                $function(V::load(padded.as_ptr())).store(padded.as_mut_ptr());
                rest.copy_from_slice(&padded[..rest.len()]);
            }
        }
    };
}

for_each! {
    /// 1 / (1 + e^−x).
    sigmoid, sigmoid_of, 0.0f32
}
for_each! {
    /// The hyperbolic tangent.
    tanh, tanh_of, 0.0f32
}
for_each! {
    /// e^x.
    exp, exp_of, 0.0f32
}
for_each! {
    /// The natural logarithm of positive normal numbers.
    ln, ln_of, 1.0f32
}
