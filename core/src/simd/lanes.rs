//! What a loop needs of a vector of numbers.

/// Numbers that lie together in memory: those of the widest vector.
pub(crate) const PANEL: usize = 16;

/// A vector of [`Lanes::COUNT`] numbers in a register.
///
/// Every method is inlined into a function that is compiled for the instruction set; outside of one it must not be called.
///
/// # Safety
/// Of all methods: the machine has the instruction set. Pointers are valid for [`Lanes::COUNT`] numbers, at any alignment.
pub(super) trait Lanes: Copy {
    /// Numbers in a vector: divides [`PANEL`].
    const COUNT: usize;

    unsafe fn load(from: *const f32) -> Self;
    /// From half precision: normal numbers and zeros.
    unsafe fn load_half(from: *const u16) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Brings a cache line into the second-level cache, where there is an instruction for it; any address will do.
    unsafe fn prefetch(at: *const u8);
    /// Brings a cache line into the first-level cache, as above.
    unsafe fn prefetch_near(at: *const u8);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    /// self · factor + summand.
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;
    /// The nearest whole numbers.
    unsafe fn round(self) -> Self;
    /// 2^self for whole numbers from −126 to 127.
    unsafe fn exp2_whole(self) -> Self;
    /// Of positive normal numbers: mantissa in [1, 2), exponent as a number.
    unsafe fn split(self) -> (Self, Self);
    /// Turns a square around: the i-th vector is read from `from(i)`; their j-th numbers go, as one vector, to `to(j)`.
    unsafe fn transpose(from: impl Fn(usize) -> *const f32, to: impl Fn(usize) -> *mut f32);
}
