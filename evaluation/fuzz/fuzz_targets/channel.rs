//! See [`peakstream_evaluation_fuzz::channel`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_evaluation_fuzz::channel(data));
