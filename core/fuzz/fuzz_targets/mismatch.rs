//! See [`peakstream_fuzz::mismatch`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::mismatch(data));
