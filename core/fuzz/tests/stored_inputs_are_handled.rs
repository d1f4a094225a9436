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
