//! See [`peakstream_server_fuzz::authenticity_wishes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::authenticity_wishes(data));
