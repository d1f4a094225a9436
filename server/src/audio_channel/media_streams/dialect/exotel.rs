//! Exotel streams (AgentStream). Source: developer.exotel.com, "Working with the Stream and Voicebot Applet".
//!
//! Twilio's structure in snake case, about ten messages a second. Unless µ-law is announced, the audio is 16-bit linear,
//! low byte first, whatever word stands in `encoding`.

use serde_json::Value;

use super::{Binary, Counting, Dialect, Opening, chosen_track, named};
use crate::audio_channel::media_streams::envelope::{self, Number, Shape};
use crate::audio_channel::media_streams::message::{
    Message, NotAMessage, Start, filled, media_format, number, text,
};
use crate::audio_channel::wire::MediaFormat;

pub(super) static DIALECT: Dialect = Dialect {
    name: "exotel",
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
    stream: Some("stream_sid"),
    number: Number::Message("sequence_number"),
    media: Some("media"),
    timed: true,
    start,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    opening.start_with("call_sid").map(start)
}

fn read(text: &str) -> Result<Message<'_>, NotAMessage> {
    envelope::read(text, &SHAPE)
}

fn start(json: &Value) -> Start {
    let start = &json["start"];
    let custom = &start["custom_parameters"];
    Start {
        named: named(custom),
        own: filled(&start["call_sid"]),
        stream: text(&start["stream_sid"]),
        number: number(&json["sequence_number"]),
        media_format: media_format(&start["media_format"], "sample_rate").map(format),
        track: chosen_track(custom),
        answer: None,
    }
}

fn format(announced: MediaFormat) -> MediaFormat {
    match announced.codec.as_str() {
        "mulaw" | "pcmu" | "alaw" | "pcma" => announced,
        _ => MediaFormat::linear(announced.sample_rate, announced.channels),
    }
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"event":"start","sequence_number":"1","stream_sid":"b6d1f5c19d1b4f8f8c3e","start":{
    "stream_sid":"b6d1f5c19d1b4f8f8c3e","call_sid":"CALL","account_sid":"exotel1","from":"09999999999","to":"08888888888",
    "custom_parameters":{},"media_format":{"encoding":"audio/x-raw","sample_rate":"8000","bit_rate":"128kbps"}}}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn case_111_its_names_are_snake_case_and_its_audio_is_linear() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref(), start.number), ("exotel", Some("CALL"), Some(1)));
        assert_eq!(start.media_format, Some(MediaFormat::linear(8000, 1)));
        let message = read(
            r#"{"event":"media","sequence_number":3,"stream_sid":"b6d1f5c19d1b4f8f8c3e","media":{"chunk":2,"timestamp":"10","payload":"//8="}}"#,
        )
        .unwrap();
        assert_eq!((message.number, message.stream.as_deref()), (Some(3), start.stream.as_deref()));
    }

    #[test]
    fn mulaw_is_mulaw_where_it_is_announced() {
        let (_, start) = opened(
            r#"{"event":"start","start":{"call_sid":"CALL","media_format":{"encoding":"audio/x-mulaw;rate=8000","sample_rate":"8000"}}}"#,
        );
        assert_eq!(start.media_format.unwrap().codec, "mulaw");
    }
}
