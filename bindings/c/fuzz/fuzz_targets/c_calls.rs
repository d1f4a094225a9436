//! See [`peakstream_c_fuzz::c_calls`].
#![no_main]

// Loading the models takes longer than an input may.
libfuzzer_sys::fuzz_target!(init: { peakstream_c_fuzz::load(); }, |data: &[u8]| peakstream_c_fuzz::c_calls(data));
