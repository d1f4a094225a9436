//! See [`peakstream_server_fuzz::audiohook_signature`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::audiohook_signature(data));
