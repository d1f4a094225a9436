//! See [`peakstream_fuzz::centre`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::centre(data));
