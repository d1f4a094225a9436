//! In: what went wrong with a session. Out: the one table that says how a client hears of it.
//!
//! | class | Socket.IO event | when |
//! |---|---|---|
//! | [`SessionError::Parameters`], [`SessionError::CallIdInUse`] | `error-parameters` | the request itself is wrong, or cannot be now |
//! | [`SessionError::NotReady`] | `error-consumer-not-ready` | the request is right, but nothing can receive its audio now |
//! | [`SessionError::Audio`] | `error-audio` | transport, format, too little speech |
//! | [`SessionError::Engine`] | `error-das-Peak` | credential, inference, the service itself; carries `exception` and `error` of the batch API |

use std::time::Duration;

use peakstream::{Gate, Shortfall};
use serde::Serialize;

/// One thing wrong with one member of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Path of the member, for example `metadata.call_id`.
    pub field: String,
    /// What is wrong, as the second half of a sentence that begins with the field.
    pub message: String,
}

impl FieldProblem {
    /// A problem of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Why a session ends without a result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// The request is wrong; every problem found, in the order of the members.
    Parameters(Vec<FieldProblem>),
    /// A live session of this tenant uses the call id.
    CallIdInUse,
    /// No consumer can be prepared for the audio protocol asked for.
    NotReady(NotReady),
    /// The audio did not come, stopped, or could not be decoded.
    Audio(AudioFault),
    /// The engine or the service failed.
    Engine(EngineFault),
}

/// Why there is no audio consumer for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotReady {
    /// As many sessions live as the configuration allows.
    TooManySessions,
    /// The server has just started.
    Loading,
    /// As many sessions of this tenant live as it may have.
    TenantSessions,
    /// The tenant asks more often, or sends more, than it may.
    TenantRate,
    /// The client, its API key or its tenant was disabled, has expired or was removed since it connected.
    KeyDisabled,
    /// The server is about to stop and takes no new sessions.
    Draining,
}

/// What was wrong with a session's audio.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AudioFault {
    /// No audio connection came within the given time.
    NeverStarted(Duration),
    /// The connection was there, but no audio came for the given time.
    Idle(Duration),
    /// This much audio was received, and still not enough speech in it.
    TooLong(Duration),
    /// The session as a whole took longer than allowed.
    SessionTooOld(Duration),
    /// The stream ended before there was enough speech.
    EndedEarly {
        /// Net speech collected, in seconds.
        collected: f64,
        /// Net speech asked for, in seconds.
        wanted: f64,
    },
    /// The carrier broke the protocol; the text says how.
    Protocol(&'static str),
    /// The carrier announced a format that cannot be decoded; the text says why.
    Format(String),
    /// The client ended the session, or is gone.
    Cancelled,
}

/// What failed inside the service. Exception names and texts are those of the batch API, which clients parse.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EngineFault {
    /// The credential was not sealed by this service for this tenant, or was altered.
    InvalidCredential,
    /// The collected speech is too short for the model.
    TooLittleSpeech {
        /// Collected speech in hundredths of a second.
        centiseconds: u32,
    },
    /// The collected speech does not pass a quality gate that refuses.
    Quality(Shortfall),
    /// The inference queue is full.
    Busy,
    /// The inference did not end in time.
    TimedOut,
    /// The server is stopping.
    ShuttingDown,
    /// The process that ran the session ended without notice; told by the next one.
    Interrupted,
    /// A defect of the service.
    Internal,
}

/// The least net speech a biometric operation needs, in seconds.
pub const MIN_SPEECH_SECONDS: f64 = 3.0;

impl SessionError {
    /// The Socket.IO event that tells of it.
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Parameters(_) | Self::CallIdInUse => "error-parameters",
            Self::NotReady(_) => "error-consumer-not-ready",
            Self::Audio(_) => "error-audio",
            Self::Engine(_) => "error-das-Peak",
        }
    }

    /// The text for people (`content`).
    pub fn content(&self) -> String {
        match self {
            Self::Parameters(problems) => {
                let all: Vec<String> =
                    problems.iter().map(|p| format!("{} {}", p.field, p.message)).collect();
                format!("Invalid parameters: {}", all.join("; "))
            }
            Self::CallIdInUse => "Invalid parameters: call_id already in use".to_owned(),
            Self::NotReady(why) => why.content().to_owned(),
            Self::Audio(fault) => fault.content(),
            Self::Engine(fault) => fault.error(),
        }
    }

    /// The name of the exception in the bodies of HTTP answers, in the manner of the batch API.
    pub const fn exception(&self) -> &'static str {
        match self {
            Self::Parameters(_) => "InvalidParametersException",
            Self::CallIdInUse => "CallIdInUseException",
            Self::NotReady(NotReady::TooManySessions | NotReady::TenantSessions) => "SessionLimitException",
            Self::NotReady(NotReady::TenantRate) => "TooManyRequestsException",
            Self::NotReady(_) => "ConsumerNotReadyException",
            Self::Audio(_) => "AudioStreamException",
            Self::Engine(fault) => fault.exception(),
        }
    }
}

impl NotReady {
    const fn content(self) -> &'static str {
        match self {
            Self::TooManySessions => {
                "Audio consumer for provided audio protocol is not ready: too many sessions are live"
            }
            Self::Loading => {
                "Audio consumer for provided audio protocol is not ready: the models are being loaded"
            }
            Self::TenantSessions => {
                "Audio consumer for provided audio protocol is not ready: this tenant's limit of live sessions is reached"
            }
            Self::TenantRate => {
                "Audio consumer for provided audio protocol is not ready: this tenant's limit of requests or bytes per second is exceeded, try again later"
            }
            Self::KeyDisabled => {
                "Audio consumer for provided audio protocol is not ready: this client's key does not work any more"
            }
            Self::Draining => {
                "Audio consumer for provided audio protocol is not ready: the server is stopping"
            }
        }
    }
}

impl AudioFault {
    fn content(&self) -> String {
        match self {
            Self::NeverStarted(limit) => format!("No audio connection within {} s", limit.as_secs_f64()),
            Self::Idle(limit) => format!("No audio received for {} s", limit.as_secs_f64()),
            Self::TooLong(limit) => {
                format!("More than {} s of audio received without enough speech", limit.as_secs_f64())
            }
            Self::SessionTooOld(limit) => format!("The session took longer than {} s", limit.as_secs_f64()),
            Self::EndedEarly { collected, wanted } => {
                format!("The audio ended early: {collected:.2} s of speech collected, {wanted:.2} s needed")
            }
            Self::Protocol(how) => format!("The audio connection broke the protocol: {how}"),
            Self::Format(why) => format!("The audio cannot be decoded: {why}"),
            Self::Cancelled => "Session cancelled".to_owned(),
        }
    }
}

impl EngineFault {
    /// The exception name of the batch API.
    pub const fn exception(self) -> &'static str {
        match self {
            Self::InvalidCredential => "InvalidCredential",
            Self::TooLittleSpeech { .. } => "VoiceDurationIsNotEnoughException",
            Self::Quality(shortfall) => match shortfall.gate {
                Gate::NetSpeech => "VoiceDurationIsNotEnoughException",
                Gate::SignalNoiseRatio => "SignalNoiseRatioException",
                Gate::CodecMismatch => "AudioInputException",
                _ => "InsufficientQuality",
            },
            Self::Busy | Self::TimedOut | Self::ShuttingDown | Self::Interrupted => "ServiceUnavailable",
            Self::Internal => "DaspeakInternalException",
        }
    }

    /// The error text of the batch API.
    pub fn error(self) -> String {
        match self {
            Self::InvalidCredential => "Decryption error".into(),
            // Clients read the two numbers from the end of this text.
            Self::TooLittleSpeech { centiseconds } => {
                format!(
                    "Voice duration is not enough {:.2}s < {MIN_SPEECH_SECONDS:.2}s",
                    f64::from(centiseconds) / 100.0
                )
            }
            Self::Quality(Shortfall { gate, value, limit, .. }) => match gate {
                Gate::NetSpeech => format!("Voice duration is not enough {value:.2}s < {limit:.2}s"),
                Gate::SignalNoiseRatio => "Noise level exceeded".into(),
                Gate::CodecMismatch => "The audio is not what was declared".into(),
                _ => "The audio quality is not good enough".into(),
            },
            Self::Busy => "Too many decisions are waiting, try again later".into(),
            Self::TimedOut => "The decision took too long".into(),
            Self::ShuttingDown => "The server is stopping".into(),
            Self::Interrupted => "The server was restarted during the session".into(),
            // The spelling is the original's.
            Self::Internal => "An internal server error occured".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_too_little_speech_ends_in_the_two_numbers_that_clients_parse() {
        let text = EngineFault::TooLittleSpeech { centiseconds: 255 }.error();
        assert_eq!(text, "Voice duration is not enough 2.55s < 3.00s");
    }

    #[test]
    fn an_early_end_names_collected_and_needed_seconds() {
        let fault = SessionError::Audio(AudioFault::EndedEarly { collected: 1.204, wanted: 5.0 });
        assert_eq!(fault.event(), "error-audio");
        assert_eq!(fault.content(), "The audio ended early: 1.20 s of speech collected, 5.00 s needed");
    }

    #[test]
    fn every_problem_is_named_in_the_content() {
        let problems = vec![
            FieldProblem::new("metadata.call_id", "is required"),
            FieldProblem::new("metadata.channels", "must be 1 or 2"),
        ];
        let content = SessionError::Parameters(problems).content();
        assert_eq!(
            content,
            "Invalid parameters: metadata.call_id is required; metadata.channels must be 1 or 2"
        );
    }
}
