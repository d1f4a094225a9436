//! In: one text message. Out: what it says, as far as it can be understood; never a failure for a member we do not need.
//!
//! The same parser serves real Twilio, the minimal subset (only `event` and what it names) and relatives that send numbers
//! where Twilio sends strings. A general JSON tree is enough here: 50 messages a second and call, about 2 µs each. The JSON
//! parser refuses nesting deeper than 128, so depth costs nothing either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::audio_channel::wire::AudioBytes;

/// One message of a carrier.
#[derive(Debug)]
pub struct Message {
    /// What it is.
    pub body: Body,
    /// Counts all messages after `connected`; the minimal subset has none.
    pub number: Option<u64>,
    /// The stream it belongs to.
    pub stream_sid: Option<String>,
}

/// The messages that matter.
#[derive(Debug)]
pub enum Body {
    /// The stream begins.
    Start(Start),
    /// A piece of audio.
    Media(Media),
    /// The stream ends.
    Stop,
    /// `connected`, `mark`, `dtmf`, or something new: nothing to do.
    Other,
}

/// What a `start` says.
#[derive(Debug, Default)]
pub struct Start {
    /// `customParameters.call_id` if it is there (conferences), else `callSid`. `None`: missing or no string.
    pub call_id: Option<String>,
    /// Repeated in every later message; the minimal subset has none.
    pub stream_sid: Option<String>,
    /// What the bytes are; real Twilio says so, the minimal subset does not.
    pub media_format: Option<MediaFormat>,
}

/// The carrier's announcement of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFormat {
    /// The codec's name out of the media type: `mulaw` of `audio/x-mulaw`.
    pub codec: String,
    /// In hertz.
    pub sample_rate: u32,
    /// How many.
    pub channels: u16,
}

/// What a `media` says.
#[derive(Debug)]
pub struct Media {
    /// Who speaks: `inbound` is the caller. The minimal subset does not say.
    pub track: Option<String>,
    /// Milliseconds since the stream began.
    pub timestamp: Option<u64>,
    /// `None`: missing, no string, or not base64.
    pub payload: Option<AudioBytes>,
}

/// Why a text message is none of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAMessage {
    /// Not JSON, or nested too deeply.
    NotJson,
    /// JSON, but no object, or an object without an event.
    NoEvent,
}

impl Message {
    /// Reads one text message.
    ///
    /// # Errors
    /// If it is not JSON, or has no event.
    pub fn parse(text: &str) -> Result<Self, NotAMessage> {
        let json: Value = serde_json::from_str(text).map_err(|_| NotAMessage::NotJson)?;
        let event = json.get("event").and_then(Value::as_str).ok_or(NotAMessage::NoEvent)?;
        let body = match event {
            "start" => Body::Start(Start::read(&json["start"])),
            "media" => Body::Media(Media::read(&json["media"])),
            "stop" => Body::Stop,
            _ => Body::Other,
        };
        Ok(Self { body, number: number(&json["sequenceNumber"]), stream_sid: text_of(&json["streamSid"]) })
    }
}

impl Start {
    fn read(start: &Value) -> Self {
        let custom = &start["customParameters"]["call_id"];
        Self {
            call_id: text_of(custom).filter(|id| !id.is_empty()).or_else(|| text_of(&start["callSid"])),
            stream_sid: text_of(&start["streamSid"]),
            media_format: MediaFormat::read(&start["mediaFormat"]),
        }
    }
}

impl MediaFormat {
    fn read(format: &Value) -> Option<Self> {
        let encoding = text_of(&format["encoding"])?.to_ascii_lowercase();
        let name = encoding.strip_prefix("audio/").unwrap_or(&encoding);
        Some(Self {
            codec: name.strip_prefix("x-").unwrap_or(name).to_owned(),
            sample_rate: u32::try_from(number(&format["sampleRate"])?).ok()?,
            // A mono stream need not say so.
            channels: number(&format["channels"]).map_or(Some(1), |n| u16::try_from(n).ok())?,
        })
    }
}

impl Media {
    fn read(media: &Value) -> Self {
        let payload = media["payload"].as_str().and_then(|text| STANDARD.decode(text).ok());
        Self {
            track: text_of(&media["track"]),
            timestamp: number(&media["timestamp"]),
            payload: payload.map(Zeroizing::new),
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The largest whole number that every JSON implementation carries exactly (RFC 8259, section 6).
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// A number, or a string that holds one: Twilio sends `"7"`, some relatives `7`. Beyond what JSON carries exactly there is
/// none: no call counts that far.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|&number| number <= LARGEST_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Message {
        Message::parse(text).unwrap()
    }

    #[test]
    fn the_messages_of_real_twilio_are_read() {
        let Body::Start(start) = parse(
            r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1","accountSid":"AC1","callSid":"CA1",
                "tracks":["inbound"],"customParameters":{},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#,
        )
        .body
        else {
            panic!("no start")
        };
        assert_eq!((start.call_id.as_deref(), start.stream_sid.as_deref()), (Some("CA1"), Some("MZ1")));
        assert_eq!(
            start.media_format,
            Some(MediaFormat { codec: "mulaw".into(), sample_rate: 8000, channels: 1 })
        );

        let media = parse(
            r#"{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"//8="}}"#,
        );
        assert_eq!((media.number, media.stream_sid.as_deref()), (Some(2), Some("MZ1")));
        let Body::Media(media) = media.body else { panic!("no media") };
        assert_eq!((media.track.as_deref(), media.timestamp), (Some("inbound"), Some(5)));
        assert_eq!(media.payload.map(|p| p.to_vec()), Some(vec![0xff, 0xff]));
    }

    #[test]
    fn a_call_id_parameter_replaces_the_call_sid() {
        let of = |text: &str| match parse(text).body {
            Body::Start(start) => start.call_id,
            _ => None,
        };
        let with =
            r#"{"event":"start","start":{"callSid":"CA1","customParameters":{"call_id":"conference"}}}"#;
        assert_eq!(of(with).as_deref(), Some("conference"));
        assert_eq!(of(r#"{"event":"start","start":{"callSid":12345}}"#), None);
        assert_eq!(of(r#"{"event":"start"}"#), None);
    }

    #[test]
    fn numbers_may_be_json_numbers() {
        let message =
            parse(r#"{"event":"media","sequenceNumber":7,"media":{"payload":12345,"timestamp":2}}"#);
        assert_eq!(message.number, Some(7));
        let Body::Media(media) = message.body else { panic!("no media") };
        assert_eq!(media.timestamp, Some(2));
        assert!(media.payload.is_none());
    }

    #[test]
    fn a_number_that_json_cannot_carry_is_none() {
        let of = |number: &str| parse(&format!(r#"{{"event":"mark","sequenceNumber":{number}}}"#)).number;
        assert_eq!(of("9007199254740991"), Some(9_007_199_254_740_991));
        for too_large in
            ["9007199254740992", "18446744073709551615", r#""18446744073709551615""#, "1e300", "-1"]
        {
            assert_eq!(of(too_large), None, "{too_large}");
        }
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        for text in ["this is not JSON", "", "{", "\u{0}"] {
            assert_eq!(Message::parse(text).err(), Some(NotAMessage::NotJson), "{text:?}");
        }
        for text in
            ["[1,2,3]", "\"media\"", "5", "null", "{}", r#"{"event":5}"#, r#"{"media":{"payload":"//8="}}"#]
        {
            assert_eq!(Message::parse(text).err(), Some(NotAMessage::NoEvent), "{text:?}");
        }
        let bomb = format!(r#"{{"event":"media","media":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(Message::parse(&bomb).err(), Some(NotAMessage::NotJson));
    }
}
