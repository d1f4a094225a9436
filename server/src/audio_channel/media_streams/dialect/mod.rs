//! How each carrier speaks: one file a carrier, one line here.
//!
//! In: the message that begins a connection's stream. Out: the dialect it is in, and what it says.
//!
//! | dialect | begins with | audio | call id |
//! |---|---|---|---|
//! | `jambonz` | subprotocol `audio.jambonz.org`, or text with `callSid` and `sampleRate` | binary, L16 | `callSid` |
//! | `sinch` | text `{"command":"connect",…}`, which is answered | binary, L16 | `callId` |
//! | `vonage` | text `{"event":"websocket:connected",…}` | binary, L16 | header `call_id` |
//! | `asterisk` | text `MEDIA_START …` or `{"event":"MEDIA_START",…}` | binary, any codec | `channel_id` |
//! | `bandwidth` | text `{"eventType":"start",…}` | base64, µ-law | `metadata.callId` |
//! | `telnyx` | `start.call_control_id` | base64, any codec | the same |
//! | `plivo` | `start.callId` | base64, L16 or µ-law | the same |
//! | `exotel` | `start.call_sid` | base64, L16 or µ-law | the same |
//! | `signalwire` | `start.callSid`, an account that is a UUID | base64, any codec | the same |
//! | `subset` | `start.callSid`, no `streamSid` | base64, as signalling agreed | the same |
//! | `twilio` | every other `start` | base64, µ-law | `start.callSid` |
//! | `freeswitch` | text or audio at an address that names the call, text with `call_id` | binary, as signalling agreed | the address |
//!
//! In all of them a custom parameter or header `call_id` replaces the carrier's own id, and so does an address that names
//! the call. The first line that recognises a message has it.

use serde_json::Value;

use crate::audio_channel::media_streams::message::{Message, NotAMessage, Start, Track, filled};

mod asterisk;
mod bandwidth;
mod exotel;
mod freeswitch;
mod jambonz;
mod plivo;
mod signalwire;
mod sinch;
mod subset;
mod telnyx;
mod twilio;
mod vonage;

/// How one carrier speaks.
#[derive(Debug)]
pub struct Dialect {
    /// For logs and documentation.
    pub name: &'static str,
    /// The WebSocket subprotocol that it asks for.
    pub subprotocol: Option<&'static str>,
    /// What a message says that begins a stream; `None`: it is not this dialect's beginning.
    pub open: fn(&Opening<'_>) -> Option<Start>,
    /// What every later text message says.
    pub read: fn(&str) -> Result<Message<'_>, NotAMessage>,
    /// What a binary message is.
    pub binary: Binary,
    /// What the numbers of its messages count.
    pub counting: Counting,
    /// Whether the carrier signs the request of its connection.
    pub signs: bool,
    /// A message that begins a stream of the call `CALL`, for the tests of what all dialects have in common.
    #[cfg(test)]
    pub example: &'static str,
}

/// What a binary message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Audio.
    Audio,
    /// Nothing that this dialect has.
    Refused,
}

/// What the numbers of messages count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// All messages of the stream, from its start on.
    Messages,
    /// The audio of each track for itself.
    Track,
}

/// What may begin a stream.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The text message; `None`: a binary one.
    pub text: Option<&'a str>,
    /// The same as JSON, if it is.
    pub json: Option<&'a Value>,
    /// The subprotocol of the connection.
    pub subprotocol: Option<&'static str>,
    /// Whether the address names the call.
    pub call_id_known: bool,
}

impl<'a> Opening<'a> {
    /// The `start` object of a message whose event is `start`.
    fn start(&self) -> Option<&'a Value> {
        let json = self.json?;
        (json["event"] == "start").then(|| &json["start"])
    }

    /// The whole message, if its `start` object has this member as text: how relatives of Twilio's are told apart.
    fn start_with(&self, member: &str) -> Option<&'a Value> {
        self.start()?[member].is_string().then_some(self.json).flatten()
    }
}

static TABLE: [&Dialect; 12] = [
    &jambonz::DIALECT,
    &sinch::DIALECT,
    &vonage::DIALECT,
    &asterisk::DIALECT,
    &bandwidth::DIALECT,
    &telnyx::DIALECT,
    &plivo::DIALECT,
    &exotel::DIALECT,
    &signalwire::DIALECT,
    &subset::DIALECT,
    &twilio::DIALECT,
    &freeswitch::DIALECT,
];

/// The dialect that begins so, and what the beginning says.
pub fn recognise(opening: &Opening<'_>) -> Option<(&'static Dialect, Start)> {
    TABLE.iter().find_map(|dialect| (dialect.open)(opening).map(|start| (*dialect, start)))
}

/// How a connection is read that has not begun in any dialect: as Twilio's.
pub fn fallback() -> &'static Dialect {
    &twilio::DIALECT
}

/// Whether a call id has the form of one of a carrier that signs its requests.
pub fn is_of_one_that_signs(call_id: &str) -> bool {
    twilio::is_call_sid(call_id)
}

/// The subprotocols that carriers ask for.
pub fn subprotocols() -> impl Iterator<Item = &'static str> + Clone {
    TABLE.iter().filter_map(|dialect| dialect.subprotocol)
}

/// Each dialect with a message that begins a stream of the call `CALL`.
#[cfg(test)]
pub(in crate::audio_channel) fn examples() -> [(&'static str, &'static str); TABLE.len()] {
    TABLE.map(|dialect| (dialect.name, dialect.example))
}

/// The custom parameter that names the call.
const CALL_ID: &str = "call_id";
/// The custom parameter that chooses whose voice is listened to.
const TRACK: &str = "track";

/// `call_id` among a carrier's custom parameters.
fn named(parameters: &Value) -> Option<String> {
    filled(&parameters[CALL_ID])
}

/// `track` among a carrier's custom parameters.
fn chosen_track(parameters: &Value) -> Option<Track> {
    parameters[TRACK].as_str().and_then(Track::chosen)
}

/// A text message that only controls: nothing in it matters once the stream has begun.
fn ignore(_text: &str) -> Result<Message<'_>, NotAMessage> {
    Ok(Message::other())
}

#[cfg(test)]
mod tests;
