//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use peakstream_fuzz::replay::replay;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn wav_files() {
    replay(HERE, "wav", peakstream_fuzz::wav);
}

#[test]
fn credentials() {
    replay(HERE, "credential", peakstream_fuzz::credential);
}

#[test]
fn wav_streams() {
    replay(HERE, "wav_stream", peakstream_fuzz::wav_stream);
}

#[test]
fn ogg_streams() {
    replay(HERE, "ogg_opus", peakstream_fuzz::ogg_opus);
}

#[test]
fn opus_packets() {
    replay(HERE, "opus_packets", peakstream_fuzz::opus_packets);
}

#[test]
fn g722() {
    replay(HERE, "g722", peakstream_fuzz::g722);
}

#[test]
fn audio_formats() {
    replay(HERE, "audio_format", peakstream_fuzz::audio_format);
}

#[test]
fn streams_of_a_wrong_name() {
    replay(HERE, "mismatch", peakstream_fuzz::mismatch);
}

#[test]
fn centres() {
    replay(HERE, "centre", peakstream_fuzz::centre);
}

#[test]
fn fingerprints() {
    replay(HERE, "fingerprint", peakstream_fuzz::fingerprint);
}
