//! SignalWire `<Stream>`. Source: the cXML reference of developer.signalwire.com.
//!
//! Twilio's messages; accounts are UUIDs, and the codec may be wide: `L16@24000h` is announced as `audio/x-L16` at 24 kHz.

use uuid::Uuid;

use super::{Binary, Counting, Dialect, Opening, twilio};
use crate::audio_channel::media_streams::message::Start;

pub(super) static DIALECT: Dialect = Dialect {
    name: "signalwire",
    subprotocol: None,
    open,
    read: twilio::read,
    binary: Binary::Refused,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: EXAMPLE,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    let account = opening.start()?["accountSid"].as_str()?;
    Uuid::try_parse(account).ok().and(opening.json).map(twilio::start)
}

#[cfg(test)]
const EXAMPLE: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"4ee1fa4a-4a4c-4b0a-8f0c-1c7c7d4f6b11",
    "start":{"streamSid":"4ee1fa4a-4a4c-4b0a-8f0c-1c7c7d4f6b11","accountSid":"b08dacad-c6ec-4d3c-9b5e-7f5c1d8a1e10","callSid":"CALL",
    "tracks":["inbound"],"customParameters":{},"mediaFormat":{"encoding":"audio/x-L16","sampleRate":24000,"channels":1}}}"#;

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::audio_channel::wire::MediaFormat;

    #[test]
    fn a_wide_codec_is_announced_in_the_start() {
        let (dialect, start) = opened(EXAMPLE);
        assert_eq!((dialect, start.own.as_deref()), ("signalwire", Some("CALL")));
        let expected = MediaFormat { codec: "l16".into(), layout: None, sample_rate: 24_000, channels: 1 };
        assert_eq!(start.media_format, Some(expected));
    }
}
