//! Sinch `connectStream`. Source: developers.sinch.com/docs/voice/api-reference/svaml/streams.
//!
//! One text that asks to connect, which must be answered before audio flows; then binary audio: 16-bit PCM, low byte
//! first, one channel. Call headers are a list of keys and values.

use super::{Binary, CALL_ID, Counting, Dialect, Opening, TRACK, ignore};
use crate::audio_channel::media_streams::message::{Start, Track, filled, number};
use crate::audio_channel::wire::MediaFormat;

pub(super) static DIALECT: Dialect = Dialect {
    name: "sinch",
    subprotocol: None,
    open,
    read: ignore,
    binary: Binary::Audio,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: EXAMPLE,
};

const ANSWER: &str = r#"{"command":"answer"}"#;

fn open(opening: &Opening<'_>) -> Option<Start> {
    let json = opening.json.filter(|json| json["command"] == "connect")?;
    let headers = || json["callHeaders"].as_array().into_iter().flatten();
    let header = |key: &str| headers().find(|header| header["key"] == key).map(|header| &header["value"]);
    let rate = number(&json["sampleRate"]).and_then(|rate| u32::try_from(rate).ok());
    let codec = json["codec"].as_str().unwrap_or("PCM").to_ascii_lowercase();
    Some(Start {
        named: header(CALL_ID).and_then(filled),
        own: filled(&json["callId"]),
        media_format: rate.map(|rate| MediaFormat { codec, ..MediaFormat::linear(rate, 1) }),
        track: header(TRACK).and_then(|name| Track::chosen(name.as_str()?)),
        answer: Some(ANSWER),
        ..Start::default()
    })
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"command":"connect","version":1,"callId":"CALL","codec":"PCM","sampleRate":16000,
    "callHeaders":[{"key":"foo","value":"bar"}]}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn it_is_answered_and_says_its_format() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref(), start.answer), ("sinch", Some("CALL"), Some(ANSWER)));
        assert_eq!(start.media_format, Some(MediaFormat::linear(16_000, 1)));
        let with_header = EXAMPLE.replace(r#""foo","value":"bar""#, r#""call_id","value":"x""#);
        assert_eq!(opened(&with_header).1.named.as_deref(), Some("x"));
    }
}
