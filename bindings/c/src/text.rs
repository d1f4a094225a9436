//! What went wrong enters; its words stay, for the thread that met it, until the next thing goes wrong there.

use std::cell::RefCell;
use std::ffi::c_char;
use std::fmt::{self, Write as _};

/// Bytes of the longest text, with its final zero.
const CAPACITY: usize = 1_024;

thread_local! {
    static LAST: RefCell<Text> = const { RefCell::new(Text { bytes: [0; CAPACITY], length: 0 }) };
}

// The bytes are first, so that a pointer to it is one to them.
#[repr(C)]
struct Text {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl fmt::Write for Text {
    /// What is too long ends between two characters.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = CAPACITY - 1 - self.length;
        let taken = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        self.bytes[self.length] = 0;
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Keeps the words for this thread, without a zero among them.
pub(crate) fn keep(words: &dyn fmt::Display) {
    LAST.with_borrow_mut(|last| {
        last.length = 0;
        last.bytes[0] = 0;
        // A text that is cut off is a text.
        let _ = write!(last, "{words}");
        let length = last.length;
        last.bytes[..length].iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    });
}

/// The words, ended by a zero; they change with the next [`keep`] of this thread.
pub(crate) fn last() -> *const c_char {
    LAST.with(|last| last.as_ptr().cast_const().cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn kept(words: &str) -> String {
        keep(&words);
        // SAFETY: `last` is ended by a zero, and this thread keeps nothing before the copy is made.
        unsafe { CStr::from_ptr(last()) }.to_str().expect("UTF-8").to_owned()
    }

    #[test]
    fn words_are_kept_for_the_thread_and_cut_between_characters() {
        assert_eq!(kept("too late"), "too late");
        assert_eq!(kept("a\0b"), "a b");
        let long = kept(&"é".repeat(CAPACITY));
        assert_eq!(long.len(), CAPACITY - 2, "whole characters of two bytes");
        std::thread::spawn(|| assert_eq!(kept("mine"), "mine")).join().expect("no panic");
        keep(&"");
        assert_eq!(kept(""), "");
    }
}
