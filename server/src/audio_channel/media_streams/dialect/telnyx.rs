//! Telnyx media streaming. Source: developers.telnyx.com, "Stream call media over WebSocket".
//!
//! Twilio's structure in snake case. The order of media is not guaranteed: `media.chunk` says it, for each track.

use serde_json::Value;

use super::{Binary, Counting, Dialect, Opening, chosen_track, named};
use crate::audio_channel::media_streams::envelope::{self, Number, Shape};
use crate::audio_channel::media_streams::message::{Message, NotAMessage, Start, filled, media_format, text};

pub(super) static DIALECT: Dialect = Dialect {
    name: "telnyx",
    subprotocol: None,
    open,
    read,
    binary: Binary::Refused,
    counting: Counting::Track,
    signs: false,
    #[cfg(test)]
    example: EXAMPLE,
};

static SHAPE: Shape = Shape {
    event: "event",
    stream: Some("stream_id"),
    number: Number::Media("chunk"),
    media: Some("media"),
    timed: true,
    start,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    opening.start_with("call_control_id").map(start)
}

fn read(text: &str) -> Result<Message<'_>, NotAMessage> {
    envelope::read(text, &SHAPE)
}

fn start(json: &Value) -> Start {
    let start = &json["start"];
    let custom = &start["custom_parameters"];
    Start {
        named: named(custom),
        own: filled(&start["call_control_id"]),
        stream: text(&json["stream_id"]),
        media_format: media_format(&start["media_format"], "sample_rate"),
        track: chosen_track(custom),
        ..Start::default()
    }
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"event":"start","sequence_number":"1","stream_id":"32de0dea-53cb-4b21-89a4-9e1819c043bc",
    "start":{"user_id":"3e6f995f-85f7-4705-9741-53b116d28237","call_control_id":"CALL",
    "call_session_id":"ff55a038-6f5d-11ef-9692-02420aeffb1f","from":"+13122010094","to":"+13122123456","client_state":"aGk=",
    "media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}}}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::audio_channel::media_streams::message::{Body, Track};
    use crate::audio_channel::wire::MediaFormat;

    #[test]
    fn case_109_its_names_are_snake_case_and_chunks_are_its_order() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref(), start.number), ("telnyx", Some("CALL"), None));
        let expected = MediaFormat { codec: "pcmu".into(), layout: None, sample_rate: 8000, channels: 1 };
        assert_eq!(start.media_format, Some(expected));
        let message = read(
            r#"{"event":"media","sequence_number":"4","stream_id":"32de0dea-53cb-4b21-89a4-9e1819c043bc",
                "media":{"track":"inbound","chunk":"2","timestamp":"5","payload":"//8="}}"#,
        )
        .unwrap();
        assert_eq!((message.number, message.stream.as_deref()), (Some(2), start.stream.as_deref()));
        let Body::Media(media) = message.body else { panic!("no media") };
        assert_eq!((media.track, media.timestamp), (Some(Track::Inbound), Some(5)));
    }
}
