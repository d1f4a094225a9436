//! See [`peakstream_server_fuzz::score_threshold`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::score_threshold(data));
