//! `CallStream::push` allocates nothing: every encoding, rate and channel count, chunks of 1 byte to 64 kB.

mod common;

use common::{bytes, engine, formats, open, voice};

#[test]
fn push_never_allocates() {
    engine();
    for format in formats() {
        let audio = bytes(&voice(4.0, 140.0, format.wire_rate()), &format);
        for chunk in [1, 3, 20, 160, 163, 320, 1_600, 4_096, 65_536] {
            let mut stream = open(format, 1.0);
            let counted = allocation_counter::measure(|| {
                for mut piece in audio.chunks(chunk) {
                    while !piece.is_empty() {
                        let pushed = stream.push(piece);
                        piece = &piece[pushed.consumed..];
                    }
                }
            });
            assert_eq!(counted.count_total, 0, "{format:?}, chunks of {chunk} bytes");
            assert!(stream.status().net_speech.seconds() > 0.9, "{format:?}: the test must hold speech");
        }
    }
}
