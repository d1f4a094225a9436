//! Plivo audio streaming. Source: plivo.com/docs, "Audio Streaming Reference".
//!
//! `start` comes first; numbers are JSON numbers; `timestamp` is the clock. There is no `stop`: the connection is closed.
//! Custom headers are one string, `callid=…`, whose keys have letters and digits only and may begin with `X-PH-`.

use serde_json::Value;

use super::{Binary, Counting, Dialect, Opening};
use crate::audio_channel::media_streams::envelope::{self, Number, Shape};
use crate::audio_channel::media_streams::message::{
    Message, NotAMessage, Start, Track, filled, media_format, number, text,
};

pub(super) static DIALECT: Dialect = Dialect {
    name: "plivo",
    subprotocol: None,
    open,
    read,
    binary: Binary::Refused,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: EXAMPLE,
};

static SHAPE: Shape = Shape {
    event: "event",
    stream: Some("streamId"),
    number: Number::Message("sequenceNumber"),
    media: Some("media"),
    timed: false,
    start,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    opening.start_with("callId").map(start)
}

fn read(text: &str) -> Result<Message<'_>, NotAMessage> {
    envelope::read(text, &SHAPE)
}

fn start(json: &Value) -> Start {
    let start = &json["start"];
    let headers = json["extra_headers"].as_str().unwrap_or_default();
    Start {
        named: header(headers, "callid"),
        own: filled(&start["callId"]),
        stream: text(&start["streamId"]),
        number: number(&json["sequenceNumber"]),
        media_format: media_format(&start["mediaFormat"], "sampleRate"),
        track: header(headers, "track").as_deref().and_then(Track::chosen),
        answer: None,
    }
}

/// One of the headers in `{a: b, c: d}`, `a=b;c=d` or `a=b,c=d`: all three are in Plivo's own examples.
fn header(headers: &str, wanted: &str) -> Option<String> {
    let clean = |text: &str| text.trim_matches([' ', '"', '\'', '{', '}']).to_owned();
    headers.split([';', ',']).filter_map(|header| header.split_once(['=', ':'])).find_map(|(key, value)| {
        let key = clean(key).to_ascii_lowercase();
        let ours = key.strip_prefix("x-ph-").unwrap_or(&key) == wanted;
        Some(clean(value)).filter(|value| ours && !value.is_empty())
    })
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"event":"start","sequenceNumber":0,"start":{"callId":"CALL",
    "streamId":"20170b0f-7d1e-4f1e-8f4a-0a4f1b0a7b11","accountId":"MAXXXXXXXXXXXXXXXXXX","tracks":["inbound"],
    "mediaFormat":{"encoding":"audio/x-l16","sampleRate":16000}},"extra_headers":"userId=12345;sessionId=abc-xyz"}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::audio_channel::wire::MediaFormat;

    #[test]
    fn case_110_start_is_first_and_numbers_are_numbers() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref(), start.number), ("plivo", Some("CALL"), Some(0)));
        let expected = MediaFormat { codec: "l16".into(), layout: None, sample_rate: 16_000, channels: 1 };
        assert_eq!((start.media_format, start.named), (Some(expected), None));
        let message = read(
            r#"{"event":"media","sequenceNumber":42,"streamId":"20170b0f-7d1e-4f1e-8f4a-0a4f1b0a7b11",
                "media":{"track":"inbound","timestamp":"1705312200000","chunk":41,"payload":"//8="},"extra_headers":"{}"}"#,
        )
        .unwrap();
        assert_eq!((message.number, message.stream), (Some(42), start.stream.map(Into::into)));
    }

    #[test]
    fn a_header_is_found_in_every_spelling() {
        for headers in [
            "userId=1;callid=conference",
            "callId=conference,test2=1",
            "{X-PH-callid: conference}",
            r#"{"X-PH-callId":"conference"}"#,
        ] {
            assert_eq!(header(headers, "callid").as_deref(), Some("conference"), "{headers}");
        }
        for headers in ["", "callid", "callid=", "othercallid=x"] {
            assert_eq!(header(headers, "callid"), None, "{headers}");
        }
    }
}
