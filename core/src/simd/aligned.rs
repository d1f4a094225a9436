//! Numbers that begin with a cache line.
//!
//! What the allocator gives begins 16 bytes behind a cache line as a rule. Vectors of 64 bytes would then all lie across two lines, and be
//! loaded and stored twice.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Something of a known size that begins with a cache line, wherever it lies.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct OnLine<T>(pub(crate) T);

impl<T> Deref for OnLine<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for OnLine<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Numbers of which a cache line holds a whole number.
///
/// # Safety
/// Any bits are such a number, no byte is padding, and the size divides 64.
pub(crate) unsafe trait Number: Copy {}

// SAFETY: as the trait asks.
unsafe impl Number for f32 {}
// SAFETY: as the trait asks.
unsafe impl Number for u8 {}
// SAFETY: as the trait asks.
unsafe impl Number for u16 {}

/// A slice of numbers that begins with a cache line, and grows.
#[derive(Clone, Debug)]
pub(crate) struct Aligned<T> {
    lines: Vec<Line>,
    length: usize,
    numbers: PhantomData<T>,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), length: 0, numbers: PhantomData }
    }
}

impl<T: Number> Aligned<T> {
    /// Makes it so long, if it is shorter; what it holds is of no interest.
    pub(crate) fn hold(&mut self, length: usize) {
        if self.length < length {
            self.lines.resize((length * size_of::<T>()).div_ceil(size_of::<Line>()), Line([0; 64]));
            self.length = length;
        }
    }
}

impl<T: Number> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold as many numbers, and are aligned to more than they need.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Number> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl<T: Number> FromIterator<T> for Aligned<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        let numbers = Vec::from_iter(numbers);
        let mut aligned = Self::default();
        aligned.hold(numbers.len());
        aligned.copy_from_slice(&numbers);
        aligned
    }
}
