//! FreeSWITCH `mod_audio_stream` and `mod_audio_fork` (drachtio). Sources: the modules' own README files.
//!
//! Binary audio, L16, without any message of their own: text is whatever the dialplan sends as metadata, at any time or
//! never. The call is therefore named by the address, or by a member `call_id` of the first metadata; what the bytes are is
//! what signalling agreed.

use super::{Binary, Counting, Dialect, Opening, ignore, named};
use crate::audio_channel::media_streams::message::Start;

pub(super) static DIALECT: Dialect = Dialect {
    name: "freeswitch",
    subprotocol: Some("audio.drachtio.org"),
    open,
    read: ignore,
    binary: Binary::Audio,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: r#"{"call_id":"CALL","queue":"sales"}"#,
};

/// A message that another carrier's client sent without its `start` is no metadata, or its mistakes would not be noticed.
fn open(opening: &Opening<'_>) -> Option<Start> {
    let foreign = opening.json.is_some_and(|json| {
        !json.is_object()
            || ["event", "eventType", "command", "media"].iter().any(|name| !json[name].is_null())
    });
    let named = opening.json.and_then(named);
    let ours = opening.call_id_known || opening.subprotocol == DIALECT.subprotocol || named.is_some();
    (ours && !foreign).then(|| Start { named, ..Start::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Opening<'static> =
        Opening { text: None, json: None, subprotocol: None, call_id_known: false };

    #[test]
    fn audio_begins_the_stream_only_where_the_call_is_known() {
        assert_eq!(open(&BARE), None);
        assert!(open(&Opening { call_id_known: true, ..BARE }).is_some());
        assert!(open(&Opening { text: Some("any metadata"), call_id_known: true, ..BARE }).is_some());
        assert!(open(&Opening { subprotocol: Some("audio.drachtio.org"), ..BARE }).is_some());
    }

    #[test]
    fn what_others_send_is_no_metadata() {
        for text in [r#"{"event":"media","media":{}}"#, r#"{"media":{"payload":"//8="}}"#, "[]", "5"] {
            let json = serde_json::from_str(text).unwrap();
            let opening = Opening { text: Some(text), json: Some(&json), call_id_known: true, ..BARE };
            assert_eq!(open(&opening), None, "{text}");
        }
    }
}
