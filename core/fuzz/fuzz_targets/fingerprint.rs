//! See [`peakstream_fuzz::fingerprint`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peakstream_fuzz::fingerprint(data));
