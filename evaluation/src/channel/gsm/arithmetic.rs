//! The operations of clause 5.1: 16 bits with saturation, and products of two fractions of 15 bits.

/// A sum that stops at the ends of 16 bits.
pub(super) const fn add(a: i16, b: i16) -> i16 {
    a.saturating_add(b)
}

/// A difference that stops at the ends of 16 bits.
pub(super) const fn sub(a: i16, b: i16) -> i16 {
    a.saturating_sub(b)
}

/// The magnitude; that of −32,768 is 32,767.
pub(super) const fn abs(a: i16) -> i16 {
    a.saturating_abs()
}

/// Product of two fractions, cut off.
pub(super) const fn mult(a: i16, b: i16) -> i16 {
    clamp16((a as i32 * b as i32) >> 15)
}

/// Product of two fractions, rounded.
pub(super) const fn mult_r(a: i16, b: i16) -> i16 {
    clamp16((a as i32 * b as i32 + 16_384) >> 15)
}

/// The 16 bits nearest to it.
pub(super) const fn clamp16(a: i32) -> i16 {
    if a > i16::MAX as i32 {
        i16::MAX
    } else if a < i16::MIN as i32 {
        i16::MIN
    } else {
        a as i16
    }
}

/// How often it can be doubled before it leaves 32 bits; `a` is positive.
pub(super) const fn norm(a: i32) -> i32 {
    a.leading_zeros() as i32 - 1
}

/// The fraction a/b of 0 ≤ a ≤ b.
pub(super) fn div(a: i16, b: i16) -> i16 {
    if a == b { i16::MAX } else { ((i32::from(a) << 15) / i32::from(b)) as i16 }
}

/// Shift to the left, or to the right for a negative number of places.
pub(super) const fn shift(a: i16, places: i32) -> i16 {
    if places >= 0 { ((a as i32) << places) as i16 } else { (a as i32 >> -places) as i16 }
}
