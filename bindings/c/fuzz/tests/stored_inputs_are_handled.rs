//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use peakstream_fuzz::replay::replay;

#[test]
fn calls_in_any_order() {
    replay(env!("CARGO_MANIFEST_DIR"), "c_calls", peakstream_c_fuzz::c_calls);
}
