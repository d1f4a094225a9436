//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use peakstream_fuzz::replay::replay;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn lists_of_trials() {
    replay(HERE, "trials", peakstream_evaluation_fuzz::trials);
}

#[test]
fn simulated_lines() {
    replay(HERE, "channel", peakstream_evaluation_fuzz::channel);
}
