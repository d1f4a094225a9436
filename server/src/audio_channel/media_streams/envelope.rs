//! In: one JSON text message of a carrier that sends base64 audio. Out: what it says.
//!
//! 50 messages a second and call are `media`, so those are read in one pass that borrows from the text and builds no tree.
//! Whatever that pass does not understand (an escaped string, a number where a string belongs, another event) goes the
//! long way through a JSON tree, which is the rule; the short way only repeats it, and a property test compares the two.
//! The JSON parser refuses nesting deeper than 128, so depth costs nothing.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::audio_channel::media_streams::message::{
    Body, Media, Message, NotAMessage, Start, Track, number, sound,
};
use crate::audio_channel::wire::AudioBytes;

/// How a carrier names things.
#[derive(Debug)]
pub struct Shape {
    /// The member that says what a message is.
    pub event: &'static str,
    /// The member of every message that names its stream, if there is one.
    pub stream: Option<&'static str>,
    /// Where its place in the stream stands.
    pub number: Number,
    /// The object that audio stands in; `None`: beside `event`.
    pub media: Option<&'static str>,
    /// Whether `timestamp` is a time of the stream, so that its jumps are lost audio. Some carriers send the clock.
    pub timed: bool,
    /// Reads the message that begins a stream.
    pub start: fn(&Value) -> Start,
}

/// Where a message's place in the stream stands.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// Beside `event`: all messages are counted.
    Message(&'static str),
    /// Beside the payload: audio is counted.
    Media(&'static str),
}

/// Reads one text message.
///
/// # Errors
/// If it is not JSON, or has no event.
pub fn read<'a>(text: &'a str, shape: &'static Shape) -> Result<Message<'a>, NotAMessage> {
    match borrowed_media(text, shape) {
        Some(message) => Ok(message),
        None => tree(&serde_json::from_str(text).map_err(|_| NotAMessage::NotJson)?, shape),
    }
}

/// Reads a message that is a tree already.
///
/// # Errors
/// If it has no event.
pub fn tree(json: &Value, shape: &'static Shape) -> Result<Message<'static>, NotAMessage> {
    let event = json.get(shape.event).and_then(Value::as_str).ok_or(NotAMessage::NoEvent)?;
    let media = shape.media.map_or(json, |name| &json[name]);
    let number = match shape.number {
        Number::Message(name) => number(&json[name]),
        Number::Media(name) => number(&media[name]),
    };
    let body = match event {
        "start" => Body::Start((shape.start)(json)),
        "media" => Body::Media(Media {
            track: media["track"].as_str().map(Track::named),
            timestamp: if shape.timed { self::number(&media["timestamp"]) } else { None },
            payload: media["payload"].as_str().and_then(audio),
        }),
        "stop" => Body::Stop,
        _ => Body::Other,
    };
    let stream = shape.stream.and_then(|name| json[name].as_str()).map(|name| Cow::Owned(name.to_owned()));
    Ok(Message { body, number, stream })
}

fn audio(base64: &str) -> Option<AudioBytes> {
    STANDARD.decode(base64).ok().map(Zeroizing::new)
}

/// The short way: `None` for everything that is not a plain `media`.
fn borrowed_media<'a>(text: &'a str, shape: &'static Shape) -> Option<Message<'a>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Level { shape, in_media: false }.deserialize(&mut json).ok()?;
    json.end().ok()?;
    if read.event != Some("media") {
        return None;
    }
    let media = Media { track: read.track, timestamp: read.timestamp, payload: read.payload.and_then(audio) };
    Some(Message { body: Body::Media(media), number: read.number, stream: read.stream.map(Cow::Borrowed) })
}

/// What the short way has seen.
#[derive(Default)]
struct Seen<'a> {
    event: Option<&'a str>,
    stream: Option<&'a str>,
    number: Option<u64>,
    track: Option<Track>,
    timestamp: Option<u64>,
    payload: Option<&'a str>,
}

/// One of the two objects of a message: the message itself, and the audio in it.
#[derive(Clone, Copy)]
struct Level {
    shape: &'static Shape,
    in_media: bool,
}

impl Level {
    /// Whether the members of audio are expected here.
    const fn has_media(self) -> bool {
        self.in_media || self.shape.media.is_none()
    }

    fn is_number(self, key: &str) -> bool {
        match self.shape.number {
            Number::Message(name) => !self.in_media && key == name,
            Number::Media(name) => self.has_media() && key == name,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Seen<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = Seen::default();
        // A key with an escape cannot be borrowed: an error, and the long way.
        while let Some(key) = map.next_key::<&'de str>()? {
            if self.is_number(key) {
                seen.number = map.next_value_seed(LenientNumber)?;
            } else if !self.in_media && key == self.shape.event {
                seen.event = Some(map.next_value()?);
            } else if !self.in_media && Some(key) == self.shape.stream {
                seen.stream = Some(map.next_value()?);
            } else if !self.in_media && Some(key) == self.shape.media {
                let inner = map.next_value_seed(Self { in_media: true, ..self })?;
                if matches!(self.shape.number, Number::Media(_)) {
                    seen.number = inner.number;
                }
                (seen.track, seen.timestamp, seen.payload) = (inner.track, inner.timestamp, inner.payload);
            } else if self.has_media() && key == "track" {
                seen.track = Some(Track::named(map.next_value()?));
            } else if self.has_media() && key == "payload" {
                seen.payload = Some(map.next_value()?);
            } else if self.has_media() && self.shape.timed && key == "timestamp" {
                seen.timestamp = map.next_value_seed(LenientNumber)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(seen)
    }
}

/// A number, or a string that holds one; the counterpart of [`number`].
struct LenientNumber;

impl<'de> DeserializeSeed<'de> for LenientNumber {
    type Value = Option<u64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for LenientNumber {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(sound(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.parse().ok().and_then(sound))
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
