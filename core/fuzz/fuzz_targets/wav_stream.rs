//! See [`peakstream_fuzz::wav_stream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::wav_stream(data));
