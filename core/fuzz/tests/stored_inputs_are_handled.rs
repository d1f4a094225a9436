//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use std::path::Path;

use peakstream_fuzz::replay::replay;

fn corpus(target: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

#[test]
fn wav_files() {
    replay(&corpus("wav"), peakstream_fuzz::wav);
}

#[test]
fn credentials() {
    replay(&corpus("credential"), peakstream_fuzz::credential);
}

#[test]
fn wav_streams() {
    replay(&corpus("wav_stream"), peakstream_fuzz::wav_stream);
}

#[test]
fn ogg_streams() {
    replay(&corpus("ogg_opus"), peakstream_fuzz::ogg_opus);
}

#[test]
fn opus_packets() {
    replay(&corpus("opus_packets"), peakstream_fuzz::opus_packets);
}

#[test]
fn g722() {
    replay(&corpus("g722"), peakstream_fuzz::g722);
}

#[test]
fn audio_formats() {
    replay(&corpus("audio_format"), peakstream_fuzz::audio_format);
}

#[test]
fn streams_of_a_wrong_name() {
    replay(&corpus("mismatch"), peakstream_fuzz::mismatch);
}

#[test]
fn centres() {
    replay(&corpus("centre"), peakstream_fuzz::centre);
}
