//! The short way says what the long way says.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn no_start(_: &Value) -> Start {
    Start::default()
}

static TWILIO: Shape = Shape {
    event: "event",
    stream: Some("streamSid"),
    number: Number::Message("sequenceNumber"),
    media: Some("media"),
    timed: true,
    start: no_start,
};
static TELNYX: Shape = Shape { stream: Some("stream_id"), number: Number::Media("chunk"), ..TWILIO };
static FLAT: Shape = Shape { event: "eventType", stream: None, media: None, timed: false, ..TWILIO };

#[test]
fn a_media_message_is_read_without_a_tree() {
    let text = r#"{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"//8="}}"#;
    let message = borrowed_media(text, &TWILIO).unwrap();
    assert!(matches!(message.stream, Some(Cow::Borrowed("MZ1"))));
    assert_eq!(message.number, Some(2));
    let Body::Media(media) = message.body else { panic!("no media") };
    assert_eq!((media.track, media.timestamp), (Some(Track::Inbound), Some(5)));
    assert_eq!(media.payload.map(|bytes| bytes.to_vec()), Some(vec![0xff, 0xff]));
}

#[test]
fn what_the_short_way_does_not_understand_is_read_the_long_way() {
    for text in [
        r#"{"event":"media","media":{"payload":"\/\/8="}}"#,
        r#"{"\u0065vent":"media","media":{"payload":"//8="}}"#,
        r#"{"event":"media","media":{"payload":"//8=","track":5}}"#,
    ] {
        assert!(borrowed_media(text, &TWILIO).is_none(), "{text}");
        let Body::Media(media) = read(text, &TWILIO).unwrap().body else { panic!("no media: {text}") };
        assert_eq!(media.payload.map(|bytes| bytes.to_vec()), Some(vec![0xff, 0xff]), "{text}");
    }
}

#[test]
fn case_090_what_is_no_message_is_told_apart() {
    for text in ["this is not JSON", "", "{", "\u{0}"] {
        assert_eq!(read(text, &TWILIO).err(), Some(NotAMessage::NotJson), "{text:?}");
    }
    for text in
        ["[1,2,3]", "\"media\"", "5", "null", "{}", r#"{"event":5}"#, r#"{"media":{"payload":"//8="}}"#]
    {
        assert_eq!(read(text, &TWILIO).err(), Some(NotAMessage::NoEvent), "{text:?}");
    }
    let bomb = format!(r#"{{"event":"media","media":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(read(&bomb, &TWILIO).err(), Some(NotAMessage::NotJson));
}

/// A value that a member may have, right or wrong.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("media")),
        Just(json!("MZ1")),
        Just(json!("inbound")),
        Just(json!("//79/A==")),
        Just(json!("not base64")),
        Just(json!("with \"escapes\"")),
        Just(json!("7")),
        Just(json!(7)),
        Just(json!(-7)),
        Just(json!(1.5)),
        Just(json!(u64::MAX)),
        Just(json!(null)),
        Just(json!(true)),
        Just(json!([1, "x"])),
        Just(json!({"payload": "//8="})),
    ]
}

fn members(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let member = (prop::sample::select(names), value());
    proptest::collection::vec(member, 0..7).prop_map(|members| {
        let written: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        written.join(",")
    })
}

proptest! {
    /// Members in any order, repeated, missing, of any type.
    #[test]
    fn both_ways_say_the_same(
        outer in members(&["event", "streamSid", "stream_id", "sequenceNumber", "payload", "track", "media", "x"]),
        inner in members(&["track", "timestamp", "payload", "chunk", "media", "event", "x"]),
        tail in members(&["event", "eventType", "streamSid", "sequenceNumber", "timestamp"]),
    ) {
        let join = |parts: [&str; 4]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(",");
        let media = format!("\"media\":{{{inner}}}");
        let text = format!("{{{}}}", join([&outer, "\"event\":\"media\",\"eventType\":\"media\"", &media, &tail]));
        let json: Value = serde_json::from_str(&text).unwrap();
        for shape in [&TWILIO, &TELNYX, &FLAT] {
            prop_assert_eq!(read(&text, shape), tree(&json, shape), "{}", text);
        }
    }
}
