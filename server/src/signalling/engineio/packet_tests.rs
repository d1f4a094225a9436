use super::*;
use proptest::prelude::*;

#[test]
fn every_type_of_packet_is_read() {
    let cases = [
        ("0{}", Packet::Open("{}")),
        ("1", Packet::Close),
        ("2", Packet::Ping),
        ("2probe", Packet::PingProbe),
        ("3", Packet::Pong),
        ("4hello €", Packet::Message("hello €")),
        ("4", Packet::Message("")),
        ("5", Packet::Upgrade),
        ("6", Packet::Noop),
    ];
    for (text, packet) in cases {
        assert_eq!(Packet::decode(text), Ok(packet), "{text}");
    }
}

#[test]
fn what_begins_with_no_known_digit_is_malformed() {
    for text in ["", "7", "abc", " 4", "é4", "\u{662}", "b"] {
        assert_eq!(Packet::decode(text), Err(Malformed), "{text}");
    }
}

#[test]
fn the_payload_of_the_protocols_own_example_is_read() {
    let pieces: Vec<_> = payload("4hello\x1e2\x1e4world\x1ebAQID").collect();
    let expected = [
        Ok(Piece::Packet(Packet::Message("hello"))),
        Ok(Piece::Packet(Packet::Ping)),
        Ok(Piece::Packet(Packet::Message("world"))),
        Ok(Piece::Binary(Bytes::from_static(&[1, 2, 3]))),
    ];
    assert_eq!(pieces, expected);
}

#[test]
fn pieces_before_a_malformed_one_are_good() {
    for text in ["4a\x1e", "4a\x1eb***", "4a\x1e9", "4a\x1ebAQI"] {
        let pieces: Vec<_> = payload(text).collect();
        assert_eq!(pieces, [Ok(Piece::Packet(Packet::Message("a"))), Err(Malformed)], "{text:?}");
    }
}

#[test]
fn a_payload_takes_the_first_frame_whatever_its_length_and_others_up_to_the_limit() {
    let mut payload = Payload::new(8);
    let long = Frame::Text("4".repeat(20));
    assert!(payload.has_room(&long));
    payload.push(&long);
    assert!(!payload.has_room(&Frame::fixed(Frame::PING)));

    let mut payload = Payload::new(8);
    payload.push(&Frame::message("a"));
    // 2 + 1 + "bAQID"
    let binary = Frame::Binary(Bytes::from_static(&[1, 2, 3]));
    assert!(payload.has_room(&binary));
    assert!(!payload.has_room(&Frame::Binary(Bytes::from_static(&[1, 2, 3, 4]))));
    payload.push(&binary);
    assert!(!payload.has_room(&Frame::fixed(Frame::PING)));
    assert_eq!(payload.finish().as_deref(), Some("4a\x1ebAQID"));
    assert_eq!(Payload::new(8).finish(), None);
}

/// A frame that a server may send.
fn frames() -> impl Strategy<Value = Frame> {
    prop_oneof![
        "[^\x1e]{0,40}".prop_map(|text| Frame::message(&text)),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|data| Frame::Binary(data.into())),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(frames in prop::collection::vec(frames(), 1..8)) {
        let mut written = Payload::new(usize::MAX);
        for frame in &frames {
            let before = written.text.len();
            written.push(frame);
            let separator = usize::from(before > 0);
            prop_assert_eq!(written.text.len(), before + separator + frame.payload_len());
        }
        let text = written.finish().expect("there are frames");
        let read: Vec<_> = payload(&text).collect();
        let expected: Vec<_> = frames
            .iter()
            .map(|frame| Ok(match frame {
                Frame::Text(text) => Piece::Packet(Packet::Message(&text[1..])),
                Frame::Binary(data) => Piece::Binary(data.clone()),
            }))
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "[0-9b\x1ea-f=é]{0,60}") {
        for piece in payload(&text) {
            let _ = piece;
        }
        let _ = Packet::decode(&text);
    }
}
