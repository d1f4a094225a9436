//! Vonage Voice API WebSockets. Source: developer.vonage.com/en/voice/voice-api/concepts/websockets.
//!
//! One text that says the format and repeats the custom headers, then binary audio: L16, low byte first. The call's id is
//! not in it, unless the customer puts a header `call_id` into the NCCO.

use super::{Binary, CALL_ID, Counting, Dialect, Opening, TRACK, ignore};
use crate::audio_channel::media_streams::message::{Start, Track, filled, parameter};
use crate::audio_channel::wire::MediaFormat;

pub(super) static DIALECT: Dialect = Dialect {
    name: "vonage",
    subprotocol: None,
    open,
    read: ignore,
    binary: Binary::Audio,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: r#"{"event":"websocket:connected","content-type":"audio/l16;rate=16000","call_id":"CALL","app":"audiosocket"}"#,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    let json = opening.json.filter(|json| json["event"] == "websocket:connected")?;
    let rate = json["content-type"].as_str().and_then(|media_type| parameter(media_type, "rate"));
    Some(Start {
        named: filled(&json[CALL_ID]),
        media_format: rate.map(|rate| MediaFormat::linear(rate, 1)),
        track: json[TRACK].as_str().and_then(Track::chosen),
        ..Start::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn case_112_its_first_message_says_rate_and_headers() {
        let (dialect, start) = opened(DIALECT.example);
        assert_eq!((dialect, start.named.as_deref()), ("vonage", Some("CALL")));
        assert_eq!(start.media_format, Some(MediaFormat::linear(16_000, 1)));
    }
}
