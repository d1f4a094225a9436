//! See [`peakstream_server_fuzz::client_packets`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::client_packets(data));
