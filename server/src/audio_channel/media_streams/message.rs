//! What a carrier's message says, whatever its dialect; never a failure for a member that is not needed.

use std::borrow::Cow;

use serde_json::Value;

use crate::audio_channel::wire::{AudioBytes, MediaFormat};

/// One message of a carrier.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub body: Body,
    /// Its place in the stream; the minimal subset has none.
    pub number: Option<u64>,
    /// The stream it belongs to.
    pub stream: Option<Cow<'a, str>>,
}

impl Message<'_> {
    /// A message that changes nothing.
    pub const fn other() -> Self {
        Self { body: Body::Other, number: None, stream: None }
    }
}

/// The messages that matter.
#[derive(Debug, PartialEq, Eq)]
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

/// What the message says that begins a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The call id that the customer put into the message on purpose, as a custom parameter or header.
    pub named: Option<String>,
    /// The carrier's own id of the call. `None`: missing, empty or no string.
    pub own: Option<String>,
    /// Repeated in every later message; many carriers have none.
    pub stream: Option<String>,
    /// The message's place in the stream.
    pub number: Option<u64>,
    /// What the bytes are.
    pub media_format: Option<MediaFormat>,
    /// The custom parameter that chooses whose audio is listened to.
    pub track: Option<Track>,
    /// What the carrier waits for before it sends audio.
    pub answer: Option<&'static str>,
}

/// What a `media` says.
#[derive(Debug, PartialEq, Eq)]
pub struct Media {
    /// Who speaks; the minimal subset does not say.
    pub track: Option<Track>,
    /// Milliseconds since the stream began.
    pub timestamp: Option<u64>,
    /// `None`: missing, no string, or not base64.
    pub payload: Option<AudioBytes>,
}

/// Whose voice a piece of audio is, seen from the carrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Track {
    /// What the carrier receives: on an incoming call the caller.
    #[default]
    Inbound,
    /// What the carrier plays.
    Outbound,
    /// A name that no carrier's documentation has.
    Other,
}

impl Track {
    /// `inbound` or `outbound` in either case, with or without `_track`.
    pub fn named(name: &str) -> Self {
        let bare = name.strip_suffix("_track").unwrap_or(name);
        match bare {
            _ if bare.eq_ignore_ascii_case("inbound") => Self::Inbound,
            _ if bare.eq_ignore_ascii_case("outbound") => Self::Outbound,
            _ => Self::Other,
        }
    }

    /// The same, but only if it is one of the two that can be chosen.
    pub fn chosen(name: &str) -> Option<Self> {
        Some(Self::named(name)).filter(|track| *track != Self::Other)
    }
}

/// Why a text message is none of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAMessage {
    /// Not JSON, or nested too deeply.
    NotJson,
    /// JSON, but no object, or an object without an event.
    NoEvent,
}

/// A string member.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A string member with something in it.
pub(super) fn filled(value: &Value) -> Option<String> {
    text(value).filter(|text| !text.is_empty())
}

/// The largest whole number that every JSON implementation carries exactly (RFC 8259, section 6).
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// A number, or a string that holds one: Twilio sends `"7"`, some relatives `7`. Beyond what JSON carries exactly there is
/// none: no call counts that far.
pub(super) fn number(value: &Value) -> Option<u64> {
    sound(value.as_u64().or_else(|| value.as_str()?.parse().ok())?)
}

/// The number, if JSON carries it exactly.
pub(super) fn sound(number: u64) -> Option<u64> {
    Some(number).filter(|&number| number <= LARGEST_NUMBER)
}

/// The announcement of Twilio and its relatives: `encoding` is a media type, a rate and channels stand beside it under the
/// given names. `None` where it is incomplete: then signalling decides.
pub(super) fn media_format(format: &Value, rate: &str) -> Option<MediaFormat> {
    Some(MediaFormat {
        codec: codec(format["encoding"].as_str()?),
        layout: None,
        sample_rate: u32::try_from(number(&format[rate])?).ok()?,
        // A mono stream need not say so.
        channels: number(&format["channels"]).map_or(Some(1), |n| u16::try_from(n).ok())?,
    })
}

/// The codec's name in a media type: `mulaw` of `audio/x-mulaw;rate=8000`.
pub(super) fn codec(media_type: &str) -> String {
    let encoding = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let name = encoding.strip_prefix("audio/").unwrap_or(&encoding);
    name.strip_prefix("x-").unwrap_or(name).to_owned()
}

/// A parameter of a media type as a number: 16000 of `rate` in `audio/l16;rate=16000`.
pub(super) fn parameter(media_type: &str, name: &str) -> Option<u32> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn case_096_numbers_may_be_json_numbers_or_strings_that_hold_one() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!("7"), Some(7)),
            (json!(9_007_199_254_740_991u64), Some(9_007_199_254_740_991)),
            (json!(9_007_199_254_740_992u64), None),
            (json!("18446744073709551615"), None),
            (json!(1e300), None),
            (json!(-1), None),
            (json!("seven"), None),
            (json!(null), None),
        ] {
            assert_eq!(number(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_media_type_gives_its_codec_and_parameters() {
        assert_eq!(codec("audio/x-mulaw"), "mulaw");
        assert_eq!(codec("audio/x-L16;rate=24000"), "l16");
        assert_eq!(codec("PCMU"), "pcmu");
        assert_eq!(parameter("audio/l16; Rate = 16000", "rate"), Some(16_000));
        assert_eq!(parameter("audio/l16", "rate"), None);
    }

    #[test]
    fn a_track_has_the_spellings_that_carriers_use() {
        for (name, track) in [
            ("inbound", Track::Inbound),
            ("INBOUND", Track::Inbound),
            ("inbound_track", Track::Inbound),
            ("outbound_track", Track::Outbound),
            ("both", Track::Other),
        ] {
            assert_eq!(Track::named(name), track);
        }
        assert_eq!(Track::chosen("both"), None);
    }
}
