//! See [`peakstream_server_fuzz::media_streams`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::media_streams(data));
