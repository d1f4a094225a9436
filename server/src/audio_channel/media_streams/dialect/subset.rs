//! The minimal subset for everybody else: `start.callSid`, then `media.payload` (`docs/compatibility.md`).
//!
//! Twilio's words and none of its numbers. Nothing says what the bytes are: signalling does.

use super::{Binary, Counting, Dialect, Opening, twilio};
use crate::audio_channel::media_streams::message::Start;

pub(super) static DIALECT: Dialect = Dialect {
    name: "subset",
    subprotocol: None,
    open,
    read: twilio::read,
    binary: Binary::Refused,
    counting: Counting::Messages,
    signs: false,
    #[cfg(test)]
    example: r#"{"event":"start","start":{"callSid":"CALL"}}"#,
};

fn open(opening: &Opening<'_>) -> Option<Start> {
    let start = opening.start()?;
    let bare = start["callSid"].is_string() && start["streamSid"].is_null();
    bare.then_some(opening.json).flatten().map(twilio::start)
}

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn a_call_sid_is_all_it_needs() {
        let (dialect, start) = opened(DIALECT.example);
        assert_eq!((dialect, start), ("subset", Start { own: Some("CALL".into()), ..Start::default() }));
    }
}
