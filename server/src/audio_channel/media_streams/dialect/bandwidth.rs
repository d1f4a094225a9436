//! Bandwidth `<StartStream>`. Source: dev.bandwidth.com/docs/voice/bxml/startStream; names of members from public adapters.
//!
//! `eventType` instead of `event`, the payload beside it, µ-law at 8 kHz always. Whether numbers are sent, and what they
//! count, is not documented: where they are, each track is taken to count for itself.

use serde_json::Value;

use super::{Binary, Counting, Dialect, Opening, chosen_track, named};
use crate::audio_channel::media_streams::envelope::{self, Number, Shape};
use crate::audio_channel::media_streams::message::{Message, NotAMessage, Start, filled};
use crate::audio_channel::wire::MediaFormat;

pub(super) static DIALECT: Dialect = Dialect {
    name: "bandwidth",
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
    event: "eventType",
    stream: None,
    number: Number::Message("sequenceNumber"),
    media: None,
    timed: false,
    start,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    let json = opening.json.filter(|json| json["eventType"] == "start")?;
    Some(start(json))
}

fn read(text: &str) -> Result<Message<'_>, NotAMessage> {
    envelope::read(text, &SHAPE)
}

fn start(json: &Value) -> Start {
    let metadata = &json["metadata"];
    // Both places are in public adapters.
    let custom = [&json["streamParams"], &metadata["streamParams"]];
    Start {
        named: custom.into_iter().find_map(named),
        own: filled(&metadata["callId"]),
        media_format: Some(MediaFormat {
            codec: "pcmu".into(),
            layout: None,
            sample_rate: 8000,
            channels: 1,
        }),
        track: custom.into_iter().find_map(chosen_track),
        ..Start::default()
    }
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"eventType":"start","metadata":{"accountId":"5555555","callId":"CALL",
    "streamId":"s-6f1c0b6e","streamName":"voice","tracks":[{"name":"inbound","mediaFormat":{"encoding":"PCMU","sampleRate":8000}}]},
    "streamParams":{"foo":"bar"}}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::audio_channel::media_streams::message::{Body, Track};

    #[test]
    fn its_payload_stands_beside_its_event() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref()), ("bandwidth", Some("CALL")));
        let message =
            read(r#"{"eventType":"media","track":"outbound","payload":"//8=","metadata":{}}"#).unwrap();
        let Body::Media(media) = message.body else { panic!("no media") };
        assert_eq!(media.track, Some(Track::Outbound));
        assert_eq!(media.payload.map(|bytes| bytes.to_vec()), Some(vec![0xff, 0xff]));
        assert_eq!(read(r#"{"eventType":"stop","metadata":{}}"#).unwrap().body, Body::Stop);
    }
}
