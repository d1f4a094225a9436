//! See [`peakstream_server_fuzz::gate_setting`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::gate_setting(data));
