//! How the loops of products read: a pointer for several rows, and weights fetched before they are needed.

use super::PANEL;

/// Bytes of a cache line.
const LINE: usize = PANEL * size_of::<f32>();

/// Weights that are read next: a product brings them into the second-level cache, which does not hold those of a network, while it computes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead<'a>(&'a [u8]);

impl<'a> Ahead<'a> {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Self = Self(&[]);

    /// So many cache lines.
    pub(super) const fn of<T>(lines: &'a [T]) -> Self {
        // SAFETY: lines are numbers, without padding, and any number is bytes.
        Self(unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines)) })
    }

    /// These, or others if they are not known.
    pub(super) const fn or(self, others: Self) -> Self {
        if self.0.is_empty() { others } else { self }
    }

    /// What one of some tiles, each of which prefetches so many times, is to bring.
    pub(super) fn share(self, tile: usize, tiles: usize, times: usize) -> Share {
        let apart = self.0.len().div_ceil((tiles * times).max(1)).min(LINE);
        Share { next: self.0.as_ptr().wrapping_add(tile * times * apart), apart }
    }
}

/// What a tile is to bring near: every prefetch is of an address a little further, most of the same cache line as the one before.
#[derive(Clone, Copy)]
pub(super) struct Share {
    next: *const u8,
    apart: usize,
}

impl Share {
    /// What is to be prefetched next. It may lie behind the end, which a prefetch may.
    #[inline(always)]
    pub(super) fn next(&mut self) -> *const u8 {
        let next = self.next;
        self.next = next.wrapping_add(self.apart);
        next
    }
}

/// Rows of which one pointer serves the loop: instructions add it, nothing, and once or twice the step.
const TOGETHER: usize = 3;
/// Rows of the matrix that a turn of the loop takes.
pub(super) const TURN: usize = 2;

/// Where the rows of a tile are read: a pointer for every [`TOGETHER`] of them.
#[derive(Clone, Copy)]
pub(super) struct Inputs<T, const ROWS: usize> {
    pointers: [*const T; ROWS],
    step: usize,
}

impl<T, const ROWS: usize> Inputs<T, ROWS> {
    /// Rows a step apart.
    ///
    /// # Safety
    /// They lie in the slice that the first does.
    #[inline(always)]
    pub(super) unsafe fn new(first: *const T, step: usize) -> Self {
        let mut pointers = [first; ROWS];
        for row in (0..ROWS).step_by(TOGETHER) {
            // SAFETY: as this function's.
            pointers[row] = unsafe { first.add(row * step) };
        }
        Self { pointers, step }
    }

    /// What is read of a row.
    ///
    /// # Safety
    /// It lies in the row.
    #[inline(always)]
    pub(super) unsafe fn at(&self, row: usize, offset: usize) -> *const T {
        // SAFETY: as this function's.
        unsafe {
            self.pointers.get_unchecked(row / TOGETHER * TOGETHER).add(row % TOGETHER * self.step + offset)
        }
    }

    /// Goes on in every row.
    ///
    /// # Safety
    /// Rows are as long, at least.
    #[inline(always)]
    pub(super) unsafe fn advance(&mut self, by: usize) {
        for row in (0..ROWS).step_by(TOGETHER) {
            // SAFETY: as this function's.
            self.pointers[row] = opaque(unsafe { self.pointers[row].add(by) });
        }
    }
}

/// The same pointer, but the compiler does not know. It would compute the address of each row from that of the row before, with an instruction
/// that takes the place of a product.
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written")]
#[inline(always)]
fn opaque<T>(mut pointer: *const T) -> *const T {
    // SAFETY: does nothing.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    }
    pointer
}
