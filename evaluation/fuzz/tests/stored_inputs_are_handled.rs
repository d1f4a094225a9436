//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use std::path::Path;

use peakstream_fuzz::replay::replay;

fn corpus(target: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

#[test]
fn lists_of_trials() {
    replay(&corpus("trials"), peakstream_evaluation_fuzz::trials);
}

#[test]
fn simulated_lines() {
    replay(&corpus("channel"), peakstream_evaluation_fuzz::channel);
}
