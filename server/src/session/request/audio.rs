//! In: the members that describe a call's audio. Out: [`AudioSettings`] in which everything is checked.
//!
//! The same members stand in the `metadata` of a Socket.IO message and in a REST resource of their own.

use peakstream::{AudioFormat, FormatFields};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::session::error::{FieldProblem, SessionError};
use crate::session::request::fields::Fields;

/// Which audio consumer is asked for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioProtocol {
    /// Genesys AudioHook.
    AudioHook,
    /// Twilio Media Streams, and its minimal subset for everybody else.
    Twilio,
}

/// The members as the client sent them, numbers as numbers; what is stored and shown.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// Which audio consumer.
    pub audio_protocol: AudioProtocol,
    /// The container: `raw` is none.
    pub audio_format: String,
    /// The codec's name, one of several spellings.
    pub audio_codec: String,
    /// How a sample is laid out; empty where the codec says so.
    pub sample_format: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// The caller's channel, counted from 1. The documented service has no such member: it is shown only where it says
    /// something.
    #[serde(default = "first_channel", skip_serializing_if = "is_first_channel")]
    pub channel: u16,
}

/// Where nothing is said, and in what was stored before it could be said.
/// By reference, as serde wants it.
const fn is_first_channel(channel: &u16) -> bool {
    *channel == first_channel()
}

const fn first_channel() -> u16 {
    1
}

impl Declared {
    /// What a telephone call is where nothing else is said: µ-law, 8 kHz, one channel, over Media Streams.
    pub fn telephone() -> Self {
        Self {
            audio_protocol: AudioProtocol::Twilio,
            audio_format: "raw".into(),
            audio_codec: "mulaw".into(),
            sample_format: String::new(),
            sample_rate: 8000,
            channels: 1,
            channel: first_channel(),
        }
    }

    /// The members that say what the bytes are, for the engine to check.
    pub fn fields(&self) -> FormatFields<'_> {
        FormatFields {
            audio_format: &self.audio_format,
            audio_codec: &self.audio_codec,
            sample_format: &self.sample_format,
            sample_rate: self.sample_rate,
            channels: self.channels,
            channel: self.channel,
        }
    }
}

/// The audio of a session, as agreed in signalling.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioSettings {
    /// Which audio consumer is asked for.
    pub protocol: AudioProtocol,
    /// What the bytes of the audio channel are.
    pub format: AudioFormat,
    /// The members it was read from. A carrier's own announcement of its format does not repeat `sample_format`.
    pub declared: Declared,
}

impl AudioSettings {
    /// Checks the flat body of a REST request.
    ///
    /// # Errors
    /// All problems of all members at once.
    pub fn parse(body: &Map<String, Value>) -> Result<Self, SessionError> {
        let mut problems: Vec<FieldProblem> = Vec::new();
        let settings = Self::read(&mut Fields::flat(body, &mut problems));
        settings.filter(|_| problems.is_empty()).ok_or(SessionError::Parameters(problems))
    }

    /// The settings that were declared so before; `None` if this version does not know them any more.
    pub fn from_declared(declared: Declared) -> Option<Self> {
        let format = AudioFormat::parse(&declared.fields()).ok()?;
        Some(Self { protocol: declared.audio_protocol, format, declared })
    }

    /// Reads the members; problems are noted in `fields`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let protocol = protocol(fields);
        let audio_format = fields.required_text("audio_format");
        let audio_codec = fields.required_text("audio_codec");
        let sample_format = fields.optional_text("sample_format").unwrap_or_default();
        let sample_rate = fields.required_integer("sample_rate");
        let channels = fields.required_integer("channels").map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        let channel = match fields.optional_integer("channel") {
            Ok(channel) => {
                channel.map_or(Some(first_channel()), |n| u16::try_from(n).ok().or(Some(u16::MAX)))
            }
            Err(()) => None,
        };
        // The codec's names and what goes with what are the engine's knowledge; it is asked even if a member is missing,
        // with a value that is always right, so that one answer names everything that is wrong.
        let asked = FormatFields {
            audio_format: audio_format.as_deref().unwrap_or("raw"),
            audio_codec: audio_codec.as_deref().unwrap_or("mulaw"),
            sample_format: if audio_codec.is_some() { &sample_format } else { "" },
            sample_rate: sample_rate.unwrap_or(8000),
            channels: channels.unwrap_or(2),
            channel: channel.unwrap_or(first_channel()),
        };
        let format = match AudioFormat::parse(&asked) {
            Ok(format) => Some(format),
            Err(wrong) => {
                for problem in wrong {
                    fields.problem(problem.field, problem.message);
                }
                None
            }
        };
        let declared = Declared {
            audio_protocol: protocol?,
            audio_format: audio_format?,
            audio_codec: audio_codec?,
            sample_format,
            sample_rate: sample_rate?,
            channels: channels?,
            channel: channel?,
        };
        Some(Self { protocol: declared.audio_protocol, format: format?, declared })
    }
}

fn protocol(fields: &mut Fields<'_>) -> Option<AudioProtocol> {
    let name = fields.required_text("audio_protocol")?;
    match name.to_ascii_lowercase().as_str() {
        "twilio" => Some(AudioProtocol::Twilio),
        "audiohook" => Some(AudioProtocol::AudioHook),
        _ => {
            fields.problem("audio_protocol", "must be \"twilio\" or \"audiohook\"");
            None
        }
    }
}
