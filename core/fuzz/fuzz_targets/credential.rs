//! See [`peakstream_fuzz::credential`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::credential(data));
