//! Asterisk `chan_websocket` (20.16, 22.6, 23). Source: docs.asterisk.org/Configuration/Channel-Drivers/WebSocket.
//!
//! Subprotocol `media`. Control messages are text, plain or JSON; audio is binary in the codec of the dial string. The
//! channel's own id says little about the caller's call, so the address names the call: `v(call_id=${UNIQUEID})`.

use serde_json::Value;

use super::{Binary, CALL_ID, Counting, Dialect, Opening, ignore};
use crate::audio_channel::media_streams::message::{Start, filled};
use crate::audio_channel::wire::MediaFormat;

pub(super) static DIALECT: Dialect = Dialect {
    name: "asterisk",
    subprotocol: Some("media"),
    open,
    read: ignore,
    binary: Binary::Audio,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: EXAMPLE,
};

const MEDIA_START: &str = "MEDIA_START";

fn open(opening: &Opening<'_>) -> Option<Start> {
    match opening.json {
        Some(json) if json["event"] == MEDIA_START => Some(from_json(json)),
        Some(_) => None,
        None => from_plain(opening.text?),
    }
}

fn from_json(json: &Value) -> Start {
    Start {
        named: filled(&json["channel_variables"][CALL_ID]),
        own: filled(&json["channel_id"]),
        media_format: json["format"].as_str().map(format),
        ..Start::default()
    }
}

/// `MEDIA_START connection_id:… channel:… channel_id:… format:ulaw optimal_frame_size:160 ptime:20`
fn from_plain(text: &str) -> Option<Start> {
    let mut words = text.split_ascii_whitespace();
    if words.next() != Some(MEDIA_START) {
        return None;
    }
    let mut start = Start::default();
    for (key, value) in words.filter_map(|word| word.split_once(':')) {
        match key {
            "channel_id" => start.own = Some(value.to_owned()).filter(|id| !id.is_empty()),
            "format" => start.media_format = Some(format(value)),
            _ => {}
        }
    }
    Some(start)
}

/// Asterisk's codec names. One that is unknown here keeps its name, so that the refusal can say it.
fn format(name: &str) -> MediaFormat {
    let linear_rate = match name {
        "slin" => 8_000,
        "slin12" => 12_000,
        "slin16" => 16_000,
        "slin24" => 24_000,
        "slin32" => 32_000,
        "slin44" => 44_100,
        "slin48" => 48_000,
        "slin96" => 96_000,
        "slin192" => 192_000,
        _ => {
            let sample_rate = if name == "opus" {
                48_000
            } else if name == "g722" {
                16_000
            } else {
                8_000
            };
            return MediaFormat { codec: name.to_ascii_lowercase(), layout: None, sample_rate, channels: 1 };
        }
    };
    MediaFormat::linear(linear_rate, 1)
}

#[cfg(test)]
const EXAMPLE: &str = "MEDIA_START connection_id:peakstream channel:WebSocket/peakstream/0x5140001a0040 channel_id:CALL \
    format:ulaw optimal_frame_size:160 ptime:20";

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn both_forms_of_its_first_message_say_the_same() {
        let json = r#"{"event":"MEDIA_START","connection_id":"peakstream","channel":"WebSocket/peakstream/0x5140001a0040",
            "channel_id":"CALL","format":"ulaw","optimal_frame_size":160,"ptime":20,"channel_variables":{}}"#;
        assert_eq!(opened(EXAMPLE), opened(json));
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref()), ("asterisk", Some("CALL")));
        assert_eq!(start.media_format.unwrap().codec, "ulaw");
    }

    #[test]
    fn its_codec_names_are_known() {
        assert_eq!(format("slin"), MediaFormat::linear(8000, 1));
        assert_eq!(format("slin44"), MediaFormat::linear(44_100, 1));
        assert_eq!(format("opus").sample_rate, 48_000);
        assert_eq!(format("G729").codec, "g729");
    }
}
