//! Pointers and handles of the caller enter, what they stand for leaves; and back. The only place that reads or writes through them.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::outcome::{Failure, argument};

/// A text of the caller; `None` for NULL.
///
/// # Safety
/// `text` is NULL or ended by a zero, and stays as it is for `'a`.
pub(crate) unsafe fn optional<'a>(
    text: *const c_char,
    name: &'static str,
) -> Result<Option<&'a str>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Failure::NotUtf8(name))
}

/// A text of the caller.
///
/// # Safety
/// As of [`optional`].
pub(crate) unsafe fn needed<'a>(text: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise.
    unsafe { optional(text, name) }?.ok_or(Failure::Null(name))
}

/// Bytes of the caller; NULL is nothing if there are none of them.
///
/// # Safety
/// `items` points to `count` of them, or `count` is 0, and they stay as they are for `'a`.
pub(crate) unsafe fn slice<'a, T>(
    items: *const T,
    count: usize,
    name: &'static str,
) -> Result<&'a [T], Failure> {
    match (items.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::Null(name)),
        // A slice cannot be longer than the address space is.
        (false, _) if count > isize::MAX as usize / size_of::<T>().max(1) => {
            Err(argument(name, &count, "a length that memory can have"))
        }
        // SAFETY: the caller's promise; neither NULL nor too long.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(items, count) }),
    }
}

/// Writes through a pointer of the caller.
///
/// # Safety
/// `to` is NULL or points to room for a `T`.
pub(crate) unsafe fn write<T>(to: *mut T, value: T, name: &'static str) -> Result<(), Failure> {
    if to.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: the caller's promise, and not NULL. What was there is not read: it may be nothing yet.
    unsafe { to.write(value) };
    Ok(())
}

/// Where a handle is to be written, set to NULL so that a call that fails leaves nothing behind that looks like one.
///
/// # Safety
/// As of [`write`].
pub(crate) unsafe fn clear<T>(handle: *mut *mut T, name: &'static str) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    unsafe { write(handle, ptr::null_mut(), name) }
}

/// A handle as C sees it: a pointer that points nowhere.
pub(crate) const fn pointer<T>(handle: u64) -> *mut T {
    const { assert!(size_of::<usize>() == size_of::<u64>(), "handles need 64 bits") };
    ptr::without_provenance_mut(handle as usize)
}

pub(crate) fn number<T>(handle: *const T) -> u64 {
    handle.addr() as u64
}

/// Copies into a buffer of the caller; NULL asks how much room is needed.
///
/// # Safety
/// `count` is NULL or points to a number; `to` is NULL or points to room for so many.
pub(crate) unsafe fn copy_out<T: Copy>(from: &[T], to: *mut T, count: *mut usize) -> Result<(), Failure> {
    if count.is_null() {
        return Err(Failure::Null("count"));
    }
    // SAFETY: the caller's promise, and not NULL.
    let room = unsafe { count.replace(from.len()) };
    if to.is_null() {
        return Ok(());
    }
    if room < from.len() {
        return Err(Failure::BufferTooSmall(size_of_val(from)));
    }
    // SAFETY: the caller's promise of room; what the library holds is not in a buffer of the caller.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    Ok(())
}

/// A text in a field, cut if it has no room, and ended by a zero.
pub(crate) fn characters<const N: usize>(text: &str) -> [c_char; N] {
    let mut field = [0; N];
    for (to, from) in field[..N - 1].iter_mut().zip(text.bytes()) {
        *to = from as c_char;
    }
    field
}
