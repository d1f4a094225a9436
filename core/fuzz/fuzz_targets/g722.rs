//! See [`peakstream_fuzz::g722`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::g722(data));
