//! Which interface and which library this is.

use std::ffi::c_char;

/// Version of this interface. A program passes it to peakstream_engine_load, so that one that was compiled for another
/// version is told so and not answered wrongly.
pub const ABI_VERSION: u32 = 1;

/// The version of the interface that this library has.
///
/// Any thread, at any time. Real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_abi_version() -> u32 {
    ABI_VERSION
}

/// The version of the library, such as "0.1.0".
///
/// Any thread, at any time. Real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
