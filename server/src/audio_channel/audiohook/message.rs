//! In: one text message of an AudioHook client. Out: what it says, or which rule of the protocol it breaks.
//!
//! | rule | what is accepted |
//! |---|---|
//! | envelope | `version` is the string `"2"`; `id`, `type`, `seq`, `serverseq`, `position` and an object of `parameters` |
//! | whole numbers | JSON numbers without a fraction, up to 2⁵³ − 1 |
//! | times | `^PT(?:\d*\.)?\d+S$`, taken to the microsecond |
//! | UUIDs | 8-4-4-4-12 hexadecimal digits in either case; the version is not looked at |
//! | members that are not named here | ignored, everywhere |
//! | types that are not named here, `dtmf`, `playback_started`, `playback_completed` | [`Body::Other`] |

use serde_json::{Map, Value};

use crate::ids::CallId;

/// The largest whole number that every JSON implementation carries exactly (RFC 8259, section 6).
const LARGEST_NUMBER: u64 = (1 << 53) - 1;
/// A hundred million seconds: three years of stream.
const MOST_SECOND_DIGITS: usize = 9;
/// Sessions that `continuedSessions` may name; a call is handed over a few times at most.
const MAX_CONTINUED: usize = 32;

/// A point in a stream, or a length of it, in microseconds. A sample of 8 kHz has 125.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamTime(u64);

/// Samples of a second of every AudioHook stream.
const RATE: u64 = 8000;
const MICROSECONDS: u64 = 1_000_000;

impl StreamTime {
    /// After so many samples.
    pub const fn of_samples(samples: u64) -> Self {
        Self(samples.saturating_mul(MICROSECONDS / RATE))
    }

    /// How many samples that is; a part of one does not count.
    pub const fn samples(self) -> u64 {
        self.0 / (MICROSECONDS / RATE)
    }

    /// That much later.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// As the protocol writes it. Exact: a microsecond has six digits.
    pub fn text(self) -> String {
        format!("PT{}.{:06}S", self.0 / MICROSECONDS, self.0 % MICROSECONDS)
    }

    fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("PT")?.strip_suffix('S')?;
        let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || whole.len() > MOST_SECOND_DIGITS || (whole.is_empty() && fraction.is_none()) {
            return None;
        }
        let seconds: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let micros = match fraction {
            None => 0,
            Some(fraction) if fraction.is_empty() || !digits(fraction) => return None,
            Some(fraction) => {
                let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
                six.parse().ok()?
            }
        };
        Some(Self(seconds * MICROSECONDS + micros))
    }
}

/// Which rule a message breaks. The text may be sent back: it has nothing of the message in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub &'static str);

/// A message that keeps the rules of the envelope.
#[derive(Debug)]
pub struct Message {
    /// The client's own counter.
    pub seq: u64,
    /// The highest of our messages it has seen.
    pub serverseq: u64,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Debug)]
pub enum Body {
    /// The session begins.
    Open(Box<Open>),
    /// To be answered at once.
    Ping,
    /// The session ends.
    Close(CloseReason),
    /// Audio stops.
    Paused,
    /// Audio goes on; the second is missing from the first on.
    Resumed(StreamTime, StreamTime),
    /// The second is missing from the first on.
    Discarded(StreamTime, StreamTime),
    /// Another language.
    Update,
    /// The client objects to something.
    Error {
        /// Like an HTTP status.
        code: u64,
        /// How long to wait, for 429.
        retry_after: Option<StreamTime>,
    },
    /// Nothing that matters here.
    Other,
}

/// Why a client ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The call, or the part of it that is followed, is over.
    End,
    /// The client met an error.
    Error,
    /// The answer to our `disconnect`.
    Disconnect,
    /// Another connection goes on with it.
    Reconnect,
}

/// What an `open` says.
#[derive(Debug)]
pub struct Open {
    /// Whose it is.
    pub organization: String,
    /// Which call.
    pub conversation: String,
    /// What joins it with its session: the conversation, or what an Architect flow passed on (`inputVariables.call_id`).
    pub call_id: CallId,
    /// The client takes `outputVariables`: it has sent `inputVariables`.
    pub takes_outputs: bool,
    /// The offers, in the client's order.
    pub media: Vec<Value>,
    /// Earlier sessions of the same call that this one continues.
    pub continued: Vec<String>,
    /// Where in the stream this connection begins.
    pub position: StreamTime,
}

impl Open {
    /// Whether it is the probe of an administrator who activates the integration, and no call.
    pub fn is_probe(&self) -> bool {
        self.conversation.bytes().all(|byte| matches!(byte, b'0' | b'-'))
    }
}

impl Message {
    /// Reads a message of the session `id`.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn parse(text: &str, id: &str) -> Result<Self, Broken> {
        let json: Value = serde_json::from_str(text).map_err(|_| Broken("a message that is not JSON"))?;
        let Value::Object(envelope) = json else { return Err(Broken("a message that is no object")) };
        if envelope.get("version").and_then(Value::as_str) != Some("2") {
            return Err(Broken("a message whose version is not \"2\""));
        }
        if !text_of(&envelope, "id").is_some_and(|theirs| theirs.eq_ignore_ascii_case(id)) {
            return Err(Broken("a message of another session"));
        }
        let seq = number_of(&envelope, "seq").ok_or(Broken("a message without a seq"))?;
        let serverseq = number_of(&envelope, "serverseq").ok_or(Broken("a message without a serverseq"))?;
        let position = time_of(&envelope, "position").ok_or(Broken("a message without a position"))?;
        let kind = text_of(&envelope, "type").ok_or(Broken("a message without a type"))?.to_owned();
        let Some(Value::Object(parameters)) = envelope.get("parameters") else {
            return Err(Broken("a message without parameters"));
        };
        Ok(Self { seq, serverseq, body: Body::read(&kind, parameters, position)? })
    }

    /// Type and `seq` of a message after which nothing else matters: the rules may be broken already.
    pub fn glance(text: &str) -> Option<(String, Option<u64>)> {
        let Ok(Value::Object(envelope)) = serde_json::from_str::<Value>(text) else { return None };
        Some((text_of(&envelope, "type")?.to_owned(), number_of(&envelope, "seq")))
    }
}

impl Body {
    fn read(kind: &str, parameters: &Map<String, Value>, position: StreamTime) -> Result<Self, Broken> {
        let lost = |what| {
            let (start, length) = (time_of(parameters, "start"), time_of(parameters, "discarded"));
            start.zip(length).ok_or(Broken(what))
        };
        Ok(match kind {
            "open" => Self::Open(Box::new(Open::read(parameters, position)?)),
            "ping" => Self::Ping,
            "close" => Self::Close(match text_of(parameters, "reason") {
                Some("end") => CloseReason::End,
                Some("error") => CloseReason::Error,
                Some("disconnect") => CloseReason::Disconnect,
                Some("reconnect") => CloseReason::Reconnect,
                _ => return Err(Broken("close without a known reason")),
            }),
            "paused" => Self::Paused,
            "resumed" => {
                let (start, length) = lost("resumed without start and discarded")?;
                Self::Resumed(start, length)
            }
            "discarded" => {
                let (start, length) = lost("discarded without start and discarded")?;
                Self::Discarded(start, length)
            }
            "update" if text_of(parameters, "language").is_some_and(is_language) => Self::Update,
            "update" => return Err(Broken("update without a language")),
            "error" => Self::Error {
                code: number_of(parameters, "code").unwrap_or_default(),
                retry_after: time_of(parameters, "retryAfter"),
            },
            _ => Self::Other,
        })
    }
}

impl Open {
    fn read(parameters: &Map<String, Value>, position: StreamTime) -> Result<Self, Broken> {
        let uuid = |name, what| {
            text_of(parameters, name).filter(|text| is_uuid(text)).map(str::to_owned).ok_or(Broken(what))
        };
        let organization = uuid("organizationId", "open without an organizationId")?;
        let conversation = uuid("conversationId", "open without a conversationId")?;
        let participant = parameters.get("participant").and_then(Value::as_object);
        let is_whole = |participant: &Map<String, Value>| {
            text_of(participant, "id").is_some_and(is_uuid)
                && ["ani", "aniName", "dnis"].into_iter().all(|name| text_of(participant, name).is_some())
        };
        if !participant.is_some_and(is_whole) {
            return Err(Broken("open without a whole participant"));
        }
        let Some(Value::Array(media)) = parameters.get("media") else {
            return Err(Broken("open without a list of media"));
        };
        if let Some(language) = parameters.get("language")
            && !language.as_str().is_some_and(is_language)
        {
            return Err(Broken("open with a language that is none"));
        }
        let inputs = match parameters.get("inputVariables") {
            None => None,
            Some(Value::Object(inputs)) => Some(inputs),
            Some(_) => return Err(Broken("open with inputVariables that are no object")),
        };
        let call_id = inputs.and_then(|inputs| text_of(inputs, "call_id")).filter(|id| !id.is_empty());
        let call_id = CallId::new(call_id.unwrap_or(&conversation))
            .ok_or(Broken("open with an inputVariables.call_id that is too long"))?;
        let continued = parameters.get("continuedSessions").and_then(Value::as_array);
        let earlier = continued.into_iter().flatten().take(MAX_CONTINUED);
        let id = |session: &Value| session["id"].as_str().filter(|id| is_uuid(id)).map(str::to_owned);
        Ok(Self {
            organization,
            conversation,
            call_id,
            takes_outputs: inputs.is_some(),
            media: media.clone(),
            continued: earlier.filter_map(id).collect(),
            position,
        })
    }
}

/// 8-4-4-4-12 hexadecimal digits.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `^[a-z]{2,3}-[A-Za-z]{2,3}$`
fn is_language(text: &str) -> bool {
    text.split_once('-').is_some_and(|(language, region)| {
        (2..=3).contains(&language.len())
            && (2..=3).contains(&region.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase())
            && region.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

fn text_of<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn number_of(object: &Map<String, Value>, name: &str) -> Option<u64> {
    object.get(name)?.as_u64().filter(|&number| number <= LARGEST_NUMBER)
}

fn time_of(object: &Map<String, Value>, name: &str) -> Option<StreamTime> {
    StreamTime::parse(text_of(object, name)?)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
