//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use std::path::{Path, PathBuf};

use peakstream_fuzz::replay::replay;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

#[test]
fn what_happens_to_audiohook_connections() {
    replay(&corpus("audiohook"), peakstream_server_fuzz::audiohook);
}

#[test]
fn signatures_of_audiohook_requests() {
    replay(&corpus("audiohook_signature"), peakstream_server_fuzz::audiohook_signature);
}

#[test]
fn bodies_of_initialize() {
    replay(&corpus("initialize"), peakstream_server_fuzz::initialize);
}

#[test]
fn settings_of_quality_gates() {
    replay(&corpus("gate_setting"), peakstream_server_fuzz::gate_setting);
}

#[test]
fn bytes_of_asterisk() {
    replay(&corpus("audiosocket"), peakstream_server_fuzz::audiosocket);
}

#[test]
fn messages_of_carriers() {
    replay(&corpus("media_streams"), peakstream_server_fuzz::media_streams);
}

#[test]
fn packets_of_a_socketio_server() {
    replay(&corpus("socketio_packets"), peakstream_server_fuzz::socketio_packets);
}

#[test]
fn packets_of_socketio_clients() {
    replay(&corpus("client_packets"), peakstream_server_fuzz::client_packets);
}
