//! In: what happened in a session. Out: the event a client receives, with the exact payload of the wire.
//!
//! One function per event. Every payload carries `event` and `content`; `call_id` and `session_id` are additive members
//! that [`Event::identify`] puts on all of them.

use std::sync::Arc;

use bytes::Bytes;
use peakstream::{Authenticity, Judgement, Score, Shortfall};
use serde_json::{Map, Value, json};

use crate::ids::{CallId, SessionId};
use crate::replay::{Recorded, Sign};
use crate::sensitive::Sensitive;
use crate::session::authenticity;
use crate::session::countermeasure::{Countermeasure, Response};
use crate::session::error::{EngineFault, FieldProblem, SessionError};
use crate::session::policy::{self, Outcome};
use crate::tenant::centre::Voice;

/// How far the collection of speech has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Net speech in seconds, unrounded.
    pub net_speech: f64,
    /// Net speech in seconds, rounded to two decimals: what the wire shows.
    pub audio_seconds: f64,
    /// Truncated percentage of the speech asked for; not capped at 100.
    pub vad_percentage: u32,
    /// Audio received, speech or not, in seconds.
    pub received: f64,
}

impl From<&peakstream::Status> for Progress {
    fn from(status: &peakstream::Status) -> Self {
        Self {
            net_speech: status.net_speech.seconds(),
            audio_seconds: status.audio_seconds(),
            vad_percentage: status.vad_percentage(),
            received: status.audio_received_seconds,
        }
    }
}

/// What the inference measured on the collected speech.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What the countermeasure says of the speech.
    pub judgement: Judgement,
    /// What that means at the share of attacks that is assumed.
    pub authenticity: Authenticity,
    /// What follows from it.
    pub response: Response,
    /// What was measured besides, by the kind of session.
    pub finding: Finding,
    /// Name and hash of the calibration that decides what a similarity means: [`peakstream::Calibration::identity`].
    pub calibration: Arc<str>,
    /// Quality gates that the speech does not pass, and that only warn.
    pub shortfalls: Vec<Shortfall>,
    /// What was taken from both voices: [`peakstream::Centre::identity`], if the tenant has one in use.
    pub centre: Option<Arc<str>>,
    /// The voice, if the tenant's centre may learn from it.
    pub voice: Option<Box<Voice>>,
    /// What was noticed of recordings.
    pub recorded: Recorded,
    /// What the result comes to, where the tenant wants to hear of doubt or a countermeasure asks for one more question.
    pub outcome: Option<Outcome>,
    /// The collected speech as a WAV file, if clients are to receive it.
    pub wav: Option<Sensitive<Bytes>>,
}

/// The half of a measurement that depends on the kind of session.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Registration: the sealed credential.
    Registered(Sensitive<String>),
    /// Verification: similarity with the credential's voice.
    Verified(Score),
}

/// One event for the client.
#[derive(Clone, Debug)]
pub struct Event {
    name: &'static str,
    body: Sensitive<Map<String, Value>>,
    audio: Option<Sensitive<Bytes>>,
    failure: Option<Failure>,
}

/// What an error event says in the words of the batch API; HTTP answers show it for every error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the exception.
    pub exception: &'static str,
    /// Its text.
    pub error: String,
}

impl Event {
    fn new(name: &'static str, content: impl Into<String>, members: Value) -> Self {
        let mut body = Map::new();
        body.insert("event".into(), name.into());
        body.insert("content".into(), Value::String(content.into()));
        if let Value::Object(members) = members {
            body.extend(members);
        }
        Self { name, body: Sensitive::new(body), audio: None, failure: None }
    }

    /// `info-consumer-ready`: the client may start its audio now.
    pub fn consumer_ready() -> Self {
        Self::new("info-consumer-ready", "Audio consumer for provided audio protocol is ready", Value::Null)
    }

    /// `info-vad-status`: one per block of received audio, whether it held speech or not.
    pub fn vad_status(progress: &Progress) -> Self {
        Self::new(
            "info-vad-status",
            "Voice activity detection percentage",
            json!({"audio_seconds": progress.audio_seconds, "vad_percentage": progress.vad_percentage}),
        )
    }

    /// `result-success` of a registration, or of a verification.
    pub fn success(measured: Measurement, progress: &Progress) -> Self {
        let content = match measured.finding {
            Finding::Registered(_) => "Registration: approved",
            Finding::Verified(_) => "Verification: approved",
        };
        let mut event = Self::result("result-success", content, &measured, progress);
        if let Finding::Registered(credential) = measured.finding {
            event.insert("credential", Value::String(credential.into_inner()));
        }
        event.with_audio(measured.wav)
    }

    /// `result-fail-score`: the voice is not similar enough.
    pub fn fail_score(measured: Measurement, progress: &Progress) -> Self {
        Self::result("result-fail-score", "Verification: rejected", &measured, progress)
            .with_audio(measured.wav)
    }

    /// `result-fail-spoof`: the voice does not seem genuine. Never carries a credential.
    pub fn fail_spoof(measured: Measurement, progress: &Progress) -> Self {
        let content = match measured.finding {
            Finding::Registered(_) => "Registration: rejected",
            Finding::Verified(_) => "Verification: rejected",
        };
        Self::result("result-fail-spoof", content, &measured, progress).with_audio(measured.wav)
    }

    fn result(name: &'static str, content: &str, measured: &Measurement, progress: &Progress) -> Self {
        let mut event = Self::new(
            name,
            content,
            json!({
                "voice_audio_collected": progress.audio_seconds,
                "calibration_id": &*measured.calibration,
            }),
        );
        let authenticity = authenticity::members(measured.judgement, measured.authenticity);
        event.body.expose_mut().extend(authenticity);
        if let Finding::Verified(score) = measured.finding {
            event.insert("score", six_decimals(score.value()).into());
        }
        if let Some(centre) = &measured.centre {
            event.insert("centre_id", (**centre).into());
        }
        if !measured.shortfalls.is_empty() {
            event.insert("quality", policy::as_json(&measured.shortfalls));
        }
        let Recorded { replay, signs, .. } = &measured.recorded;
        if let Some(replay) = replay {
            event.insert("replay", replay.as_json());
        }
        if !signs.is_empty() {
            event.insert("implausible", signs.iter().map(Sign::as_json).collect());
        }
        if let Some(outcome) = measured.outcome {
            event.insert("outcome", outcome.name().into());
        }
        let asking = measured.response.step_up();
        // Who is rejected is asked nothing more.
        if !asking.is_empty() && measured.outcome != Some(Outcome::Rejected) {
            event.insert("step_up", asking.into_iter().map(Countermeasure::name).collect());
        }
        event
    }

    /// The `error-*` event of `error`. `progress` is known once audio has been received.
    pub fn error(error: &SessionError, progress: Option<&Progress>) -> Self {
        let members = match error {
            SessionError::Parameters(problems) => json!({"details": problems}),
            SessionError::CallIdInUse => {
                json!({"details": [FieldProblem::new("metadata.call_id", "is already in use")]})
            }
            SessionError::NotReady(_) => Value::Null,
            SessionError::Audio(_) => {
                let progress = progress.copied().unwrap_or_default();
                json!({"audio_seconds": progress.audio_seconds, "vad_percentage": progress.vad_percentage})
            }
            SessionError::Engine(fault) => {
                let mut members = json!({"exception": fault.exception(), "error": fault.error()});
                if let EngineFault::Quality(shortfall) = fault {
                    members["quality"] = policy::as_json(&[*shortfall]);
                }
                members
            }
        };
        let mut event = Self::new(error.event(), error.content(), members);
        event.failure = Some(Failure { exception: error.exception(), error: error.content() });
        event
    }

    /// Adds the additive members `call_id` and `session_id`.
    pub fn identify(&mut self, call: &CallId, session: SessionId) {
        self.insert("call_id", call.as_str().into());
        self.insert("session_id", session.to_string().into());
    }

    fn insert(&mut self, member: &str, value: Value) {
        self.body.expose_mut().insert(member.into(), value);
    }

    fn with_audio(mut self, wav: Option<Sensitive<Bytes>>) -> Self {
        self.audio = wav;
        self
    }

    /// The event's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the session is over with it: every `result-*` and `error-*`.
    pub fn is_terminal(&self) -> bool {
        !self.name.starts_with("info-")
    }

    /// Whether it is one of the three results.
    pub fn is_result(&self) -> bool {
        self.name.starts_with("result-")
    }

    /// Whether the caller is who the result says, beyond doubt.
    pub fn is_accepted(&self) -> bool {
        let outcome = self.body().get("outcome");
        self.name == "result-success" && outcome.is_none_or(|outcome| outcome == Outcome::Accepted.name())
    }

    /// The payload, for the wire.
    pub const fn body(&self) -> &Map<String, Value> {
        self.body.expose()
    }

    /// What went wrong, if it is an error.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The collected speech that goes with it (a WAV file), for the wire.
    pub fn audio(&self) -> Option<&Bytes> {
        self.audio.as_ref().map(Sensitive::expose)
    }
}

/// A measurement as the decimal that was meant (0.99, not 0.9900000095367432, which a 32-bit one is).
pub(crate) fn six_decimals(value: impl Into<f64>) -> f64 {
    (value.into() * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::countermeasure::Consequence;
    use crate::session::error::{AudioFault, EngineFault, NotReady};
    use peakstream::Llr;

    fn progress() -> Progress {
        Progress { net_speech: 5.1321, audio_seconds: 5.13, vad_percentage: 102, received: 7.0 }
    }

    fn measured(finding: Finding) -> Measurement {
        Measurement {
            judgement: Judgement::Evidence(Llr(0.0)),
            authenticity: Authenticity::new(0.99).unwrap(),
            response: Response::default(),
            finding,
            shortfalls: Vec::new(),
            outcome: None,
            centre: None,
            voice: None,
            recorded: Recorded::default(),
            calibration: "telephone-channel@1f3a90c2".into(),
            wav: Some(Sensitive::new(Bytes::from_static(b"RIFF"))),
        }
    }

    fn body(event: &Event) -> Value {
        Value::Object(event.body().clone())
    }

    #[test]
    fn payloads_are_those_of_the_documentation() {
        let registered = || measured(Finding::Registered(Sensitive::new("abc".into())));
        let verified = || measured(Finding::Verified(Score::new(0.97).unwrap()));
        let cases = [
            (
                Event::consumer_ready(),
                json!({"event":"info-consumer-ready","content":"Audio consumer for provided audio protocol is ready"}),
            ),
            (
                Event::vad_status(&progress()),
                json!({"event":"info-vad-status","content":"Voice activity detection percentage","audio_seconds":5.13,"vad_percentage":102}),
            ),
            (
                Event::success(registered(), &progress()),
                json!({"event":"result-success","authenticity":0.99,"voice_audio_collected":5.13,"content":"Registration: approved","credential":"abc"}),
            ),
            (
                Event::success(verified(), &progress()),
                json!({"event":"result-success","score":0.97,"authenticity":0.99,"voice_audio_collected":5.13,"content":"Verification: approved"}),
            ),
            (
                Event::fail_score(verified(), &progress()),
                json!({"event":"result-fail-score","score":0.97,"authenticity":0.99,"voice_audio_collected":5.13,"content":"Verification: rejected"}),
            ),
            (
                Event::fail_spoof(registered(), &progress()),
                json!({"event":"result-fail-spoof","authenticity":0.99,"voice_audio_collected":5.13,"content":"Registration: rejected"}),
            ),
            (
                Event::fail_spoof(verified(), &progress()),
                json!({"event":"result-fail-spoof","score":0.97,"authenticity":0.99,"voice_audio_collected":5.13,"content":"Verification: rejected"}),
            ),
        ];
        for (event, expected) in cases {
            let mut found = event.body().clone();
            let additive = ["calibration_id", "authenticity_judged", "authenticity_llr"]
                .map(|member| found.remove(member).is_some());
            assert_eq!(additive, [event.is_result(); 3]);
            assert_eq!(Value::Object(found), expected);
            assert_eq!(event.is_terminal(), !event.name().starts_with("info-"));
            assert_eq!(event.audio().is_some(), event.is_result());
        }
    }

    #[test]
    fn who_asks_one_more_question_stands_beside_every_result_but_a_rejection() {
        let told = |follows, outcome| {
            let response = Response::default().with(Countermeasure::Authenticity, follows);
            let verified = measured(Finding::Verified(Score::new(0.97).unwrap()));
            let event = Event::success(Measurement { response, outcome, ..verified }, &progress());
            (event.body().get("step_up").cloned(), event.is_accepted())
        };
        let asked = Some(json!(["authenticity"]));
        assert_eq!(told(Consequence::StepUp, Some(Outcome::Doubtful)), (asked, false));
        assert_eq!(told(Consequence::StepUp, Some(Outcome::Rejected)), (None, false));
        assert_eq!(told(Consequence::Nothing, None), (None, true));
    }

    #[test]
    fn error_payloads_are_those_of_the_documentation() {
        let cases = [
            (
                SessionError::Parameters(vec![FieldProblem::new("metadata.call_id", "is required")]),
                json!({"event":"error-parameters","content":"Invalid parameters: metadata.call_id is required","details":[{"field":"metadata.call_id","message":"is required"}]}),
            ),
            (
                SessionError::NotReady(NotReady::TooManySessions),
                json!({"event":"error-consumer-not-ready","content":"Audio consumer for provided audio protocol is not ready: too many sessions are live"}),
            ),
            (
                SessionError::Audio(AudioFault::Protocol("not JSON")),
                json!({"event":"error-audio","content":"The audio connection broke the protocol: not JSON","audio_seconds":5.13,"vad_percentage":102}),
            ),
            (
                SessionError::Engine(EngineFault::InvalidCredential),
                json!({"event":"error-das-Peak","content":"Decryption error","exception":"InvalidCredential","error":"Decryption error"}),
            ),
        ];
        for (error, expected) in cases {
            let event = Event::error(&error, Some(&progress()));
            assert_eq!(body(&event), expected);
            assert!(event.is_terminal() && event.audio().is_none());
        }
    }

    #[test]
    fn debug_of_an_event_shows_neither_credential_nor_audio() {
        let event =
            Event::success(measured(Finding::Registered(Sensitive::new("s3cret".into()))), &progress());
        let shown = format!("{event:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("RIFF") && shown.contains("result-success"),
            "{shown}"
        );
    }
}
