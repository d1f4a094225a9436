//! See [`peakstream_server_fuzz::socketio_packets`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_server_fuzz::socketio_packets(data));
