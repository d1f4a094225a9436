//! Every input a fuzzer once found worth keeping is still handled, and so are changed versions of it.

use peakstream_fuzz::replay::replay;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn what_happens_to_audiohook_connections() {
    replay(HERE, "audiohook", peakstream_server_fuzz::audiohook);
}

#[test]
fn signatures_of_audiohook_requests() {
    replay(HERE, "audiohook_signature", peakstream_server_fuzz::audiohook_signature);
}

#[test]
fn bodies_of_initialize() {
    replay(HERE, "initialize", peakstream_server_fuzz::initialize);
}

#[test]
fn settings_of_quality_gates() {
    replay(HERE, "gate_setting", peakstream_server_fuzz::gate_setting);
}

#[test]
fn settings_of_authenticity() {
    replay(HERE, "authenticity_wishes", peakstream_server_fuzz::authenticity_wishes);
}

#[test]
fn thresholds_of_scores() {
    replay(HERE, "score_threshold", peakstream_server_fuzz::score_threshold);
}

#[test]
fn bytes_of_asterisk() {
    replay(HERE, "audiosocket", peakstream_server_fuzz::audiosocket);
}

#[test]
fn messages_of_carriers() {
    replay(HERE, "media_streams", peakstream_server_fuzz::media_streams);
}

#[test]
fn packets_of_a_socketio_server() {
    replay(HERE, "socketio_packets", peakstream_server_fuzz::socketio_packets);
}

#[test]
fn packets_of_socketio_clients() {
    replay(HERE, "client_packets", peakstream_server_fuzz::client_packets);
}
