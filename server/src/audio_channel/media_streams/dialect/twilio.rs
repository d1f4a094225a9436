//! Twilio Media Streams. Source: twilio.com/docs/voice/media-streams/websocket-messages.
//!
//! Text only. `connected`, `start`, numbered `media` and `stop`, numbers as strings.

use serde_json::Value;

use super::{Binary, Counting, Dialect, Opening, chosen_track, named};
use crate::audio_channel::media_streams::envelope::{self, Number, Shape};
use crate::audio_channel::media_streams::message::{
    Message, NotAMessage, Start, filled, media_format, number, text,
};

pub(super) static DIALECT: Dialect = Dialect {
    name: "twilio",
    subprotocol: None,
    open,
    read,
    binary: Binary::Refused,
    counting: Counting::Messages,
    signs: true,
    #[cfg(test)]
    example: EXAMPLE,
};

static SHAPE: Shape = Shape {
    event: "event",
    stream: Some("streamSid"),
    number: Number::Message("sequenceNumber"),
    media: Some("media"),
    timed: true,
    start,
};

/// Every `start` that no relative recognised: this is the dialect that says what is wrong with one.
fn open(opening: &Opening<'_>) -> Option<Start> {
    opening.start().and(opening.json).map(start)
}

pub(super) fn read(text: &str) -> Result<Message<'_>, NotAMessage> {
    envelope::read(text, &SHAPE)
}

pub(super) fn start(json: &Value) -> Start {
    let start = &json["start"];
    let custom = &start["customParameters"];
    Start {
        named: named(custom),
        own: filled(&start["callSid"]),
        stream: text(&start["streamSid"]),
        number: number(&json["sequenceNumber"]),
        media_format: media_format(&start["mediaFormat"], "sampleRate"),
        track: chosen_track(custom),
        answer: None,
    }
}

/// `CA` and 32 hexadecimal digits: twilio.com/docs/glossary/what-is-a-sid.
pub(super) fn is_call_sid(text: &str) -> bool {
    let digits = text.strip_prefix("CA").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0",
    "start":{"streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0","accountSid":"AC63f2f7c1ae3f4b0dbb8a1e9d9d1c1f11","callSid":"CALL",
    "tracks":["inbound"],"customParameters":{"FirstName":"Jane"},
    "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::audio_channel::media_streams::message::Track;
    use crate::audio_channel::wire::MediaFormat;

    #[test]
    fn its_start_says_call_stream_place_and_format() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref(), start.number), ("twilio", Some("CALL"), Some(1)));
        assert_eq!(start.stream.as_deref(), Some("MZ18ad3ab5a668481ce02b83e7395059f0"));
        let expected = MediaFormat { codec: "mulaw".into(), layout: None, sample_rate: 8000, channels: 1 };
        assert_eq!((start.media_format, start.named, start.track), (Some(expected), None, None));
    }

    #[test]
    fn a_call_sid_has_its_form() {
        assert!(is_call_sid("CA63f2f7c1ae3f4b0dbb8a1e9d9d1c1f11"));
        for other in [
            "CA",
            "CA63f2f7c1ae3f4b0dbb8a1e9d9d1c1f1",
            "AC63f2f7c1ae3f4b0dbb8a1e9d9d1c1f11",
            "CA63f2f7c1ae3f4b0dbb8a1e9d9d1c1f1é",
        ] {
            assert!(!is_call_sid(other), "{other}");
        }
    }

    #[test]
    fn case_079_custom_parameters_name_the_call_and_choose_the_track() {
        let (_, start) = opened(
            r#"{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1","customParameters":{"call_id":"conference","track":"outbound"}}}"#,
        );
        assert_eq!((start.named.as_deref(), start.own.as_deref()), (Some("conference"), Some("CA1")));
        assert_eq!(start.track, Some(Track::Outbound));
    }

    #[test]
    fn case_086_a_call_sid_that_is_no_text_is_none() {
        for text in [
            r#"{"event":"start"}"#,
            r#"{"event":"start","start":[]}"#,
            r#"{"event":"start","start":{"callSid":12345}}"#,
            r#"{"event":"start","start":{"callSid":""}}"#,
        ] {
            assert_eq!(opened(text).1.own, None, "{text}");
        }
    }
}
