//! jambonz `listen`. Source: jambonz.org/docs/webhooks/listen.
//!
//! One text with the call's attributes, then binary audio: L16, low byte first, interleaved if the caller and the other
//! side are sent as stereo. Key presses may follow as text.

use super::{Binary, Counting, Dialect, Opening, ignore, named};
use crate::audio_channel::media_streams::message::{Start, filled, number};
use crate::audio_channel::wire::MediaFormat;

pub(super) static DIALECT: Dialect = Dialect {
    name: "jambonz",
    subprotocol: Some("audio.jambonz.org"),
    open,
    read: ignore,
    binary: Binary::Audio,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: r#"{"callSid":"CALL","direction":"inbound","from":"+15083084809","to":"+15088084809","callId":"f36e6b2a","sipStatus":200,
        "callStatus":"in-progress","accountSid":"fef61e75","applicationSid":"0e0681b0","sampleRate":16000,"mixType":"stereo","metadata":{}}"#,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    let json = opening.json?;
    let agreed = opening.subprotocol == DIALECT.subprotocol && json.is_object();
    let alike = json["event"].is_null() && json["callSid"].is_string() && !json["sampleRate"].is_null();
    if !agreed && !alike {
        return None;
    }
    let channels = if json["mixType"] == "stereo" { 2 } else { 1 };
    let rate = number(&json["sampleRate"]).and_then(|rate| u32::try_from(rate).ok());
    Some(Start {
        named: named(&json["metadata"]).or_else(|| named(json)),
        own: filled(&json["callSid"]),
        media_format: rate.map(|rate| MediaFormat::linear(rate, channels)),
        ..Start::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn case_114_its_first_message_says_rate_and_mix() {
        let (dialect, start) = opened(DIALECT.example);
        assert_eq!((dialect, start.own.as_deref()), ("jambonz", Some("CALL")));
        assert_eq!(start.media_format, Some(MediaFormat::linear(16_000, 2)));
        let (_, mono) =
            opened(r#"{"callSid":"CALL","sampleRate":8000,"mixType":"mono","metadata":{"call_id":"x"}}"#);
        assert_eq!(
            (mono.media_format, mono.named.as_deref()),
            (Some(MediaFormat::linear(8000, 1)), Some("x"))
        );
    }
}
