//! See [`peakstream_fuzz::audio_format`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::audio_format(data));
