//! In: a session's request, its stages and its events. Out: what is kept of it, and the flat resource that REST shows.
//!
//! ```text
//! consumer_ready ─► streaming ─► processing ─► success | fail_score | fail_spoof
//!        └──────────────┴─────────────┴──────► error
//! ```
//!
//! A record follows the events of its session; it decides nothing. Members that only some events have (a score, a
//! credential, an exception) stand beside the fixed ones, as the event's payload had them, so that polling and listening
//! clients read the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::ids::{CallId, SessionId, Tenant, Timestamp};
use crate::sensitive::Sensitive;
use crate::session::event::Event;
use crate::session::journal::Told;
use crate::session::request::{Kind, Purpose, SessionRequest};

/// More events than a session can have: one for half a second of the audio it may take.
const MORE_THAN_ANY: usize = 1 << 20;

/// Where a session stands, as REST names it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its audio may come.
    ConsumerReady,
    /// Audio comes.
    Streaming,
    /// The speech is being measured.
    Processing,
    /// Approved.
    Success,
    /// The voice is not similar enough.
    FailScore,
    /// The voice does not seem genuine.
    FailSpoof,
    /// It ended without a result; `event` says which of the four errors it was.
    Error,
}

impl Status {
    /// Whether nothing follows.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::FailScore | Self::FailSpoof | Self::Error)
    }

    /// The status after a terminal event of this name.
    fn after(event: &str) -> Self {
        match event {
            "result-success" => Self::Success,
            "result-fail-score" => Self::FailScore,
            "result-fail-spoof" => Self::FailSpoof,
            _ => Self::Error,
        }
    }
}

/// What is kept of one session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SessionRecord {
    /// Its name.
    pub id: SessionId,
    tenant: String,
    /// Registration or verification.
    pub kind: Kind,
    audio_settings_id: Option<Uuid>,
    /// What joins it with its audio.
    pub call_id: CallId,
    /// When it was created.
    pub created_at: Timestamp,
    updated_at: Timestamp,
    /// When it is forgotten; `None` while it lives.
    pub expires_at: Option<Timestamp>,
    audio_total_duration: f64,
    authenticity_threshold: f64,
    /// Only a verification has one.
    score_threshold: Option<f64>,
    calibration: String,
    model_hash: String,
    /// Where it stands.
    pub status: Status,
    /// How many events it has had.
    told: usize,
    /// The payload of the last event, and what stays of earlier ones.
    members: Sensitive<Map<String, Value>>,
}

impl SessionRecord {
    /// The record of a session that begins.
    pub fn begin(id: SessionId, tenant: &Tenant, request: &SessionRequest, now: Timestamp) -> Self {
        let (kind, model) = match &request.purpose {
            Purpose::Register { model } => (Kind::Register, model),
            Purpose::Verify { model, .. } => (Kind::Verify, model),
        };
        // What a session that exists has already been told.
        let mut members = Event::consumer_ready().body().clone();
        members.insert("audio_seconds".into(), 0.0.into());
        members.insert("vad_percentage".into(), 0.into());
        Self {
            id,
            tenant: tenant.name().to_owned(),
            kind,
            audio_settings_id: request.audio_settings_id,
            call_id: request.call_id.clone(),
            created_at: now,
            updated_at: now,
            expires_at: None,
            audio_total_duration: request.wanted,
            authenticity_threshold: request.authenticity_threshold.value(),
            score_threshold: (kind == Kind::Verify).then(|| request.score_threshold.value()),
            calibration: request.channel_type.name().to_owned(),
            model_hash: model.to_string(),
            status: Status::ConsumerReady,
            told: 0,
            members: Sensitive::new(members),
        }
    }

    /// Whose it is.
    pub fn tenant(&self) -> Tenant {
        Tenant::new(&self.tenant)
    }

    /// Whether it is this tenant's, of this kind.
    pub fn belongs_to(&self, tenant: &Tenant, kind: Kind) -> bool {
        self.tenant == tenant.name() && self.kind == kind
    }

    /// Follows an event.
    pub fn follow(&mut self, event: &Event, now: Timestamp) {
        self.updated_at = now;
        self.told += 1;
        let members = self.members.expose_mut();
        members.extend(event.body().clone());
        if let Some(failure) = event.failure() {
            members.insert("exception".into(), failure.exception.into());
            members.insert("error".into(), Value::String(failure.error.clone()));
        }
        if event.is_terminal() {
            self.status = Status::after(event.name());
            self.expires_at = Some(now);
        }
    }

    /// Follows a stage that has no event of its own.
    pub fn reach(&mut self, status: Status, now: Timestamp) {
        self.updated_at = now;
        self.status = status;
    }

    /// Its process ended without notice, so nobody knows how many events it had: fewer than this, in any case.
    pub fn lose_count(&mut self) {
        self.told += MORE_THAN_ANY;
    }

    /// Number and payload of its last event.
    pub fn last_event(&self) -> (usize, Told) {
        let members = self.members.expose();
        let name = members.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
        let body = Sensitive::new(Value::Object(members.clone()).to_string());
        (self.told.saturating_sub(1), Told { name: name.into(), body, terminal: self.status.is_terminal() })
    }

    /// Keeps a session that is over for this long from now on.
    pub fn keep_for(&mut self, retention: Duration, now: Timestamp) {
        self.expires_at = Some(now.after(retention));
    }

    /// The resource, as clients read it.
    pub fn resource(&self) -> Value {
        let mut resource = self.members.expose().clone();
        // Additive members of events; here the resource has its own.
        resource.remove("session_id");
        let fixed = json!({
            "id": self.id,
            "audio_settings_id": self.audio_settings_id,
            "call_id": self.call_id,
            "created_at": self.created_at.http_date(),
            "updated_at": self.updated_at.http_date(),
            "audio_total_duration": self.audio_total_duration,
            "authenticity_threshold": self.authenticity_threshold,
            "calibration": self.calibration,
            "model_hash": self.model_hash,
            "status": self.status,
            "finished": self.status.is_terminal(),
        });
        if let Value::Object(fixed) = fixed {
            resource.extend(fixed);
        }
        if let Some(threshold) = self.score_threshold {
            resource.insert("score_threshold".into(), threshold.into());
        }
        Value::Object(resource)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::replay::Recorded;
    use crate::session::countermeasure::Response;
    use crate::session::error::{AudioFault, SessionError};
    use crate::session::event::{Finding, Measurement, Progress};
    use crate::session::policy::{Policy, Wishes};
    use crate::session::request::audio::{AudioSettings, Declared};
    use peakstream::{AttackRate, ChannelType, Judgement, Llr, ModelHash, Threshold};

    pub(crate) fn request(call_id: &str) -> SessionRequest {
        SessionRequest {
            call_id: CallId::new(call_id).unwrap(),
            audio: AudioSettings::from_declared(Declared::telephone()).unwrap(),
            audio_settings_id: None,
            wanted: 5.0,
            authenticity_threshold: Threshold::new(0.8).unwrap(),
            score_threshold: Threshold::new(0.5).unwrap(),
            channel_type: ChannelType::Telephone,
            purpose: Purpose::Register { model: ModelHash::from_bytes([7; 28]) },
            policy: Policy::of(Kind::Register, &Wishes::default(), &Wishes::default()),
        }
    }

    fn record() -> SessionRecord {
        SessionRecord::begin(SessionId::random(), &Tenant::new("a"), &request("call"), Timestamp::now())
    }

    fn progress() -> Progress {
        Progress { net_speech: 5.132, audio_seconds: 5.13, vad_percentage: 102, received: 7.0 }
    }

    #[test]
    fn the_resource_is_flat_and_complete_from_the_beginning() {
        let resource = record().resource();
        let object = resource.as_object().unwrap();
        for member in [
            "id",
            "audio_settings_id",
            "call_id",
            "created_at",
            "updated_at",
            "audio_total_duration",
            "authenticity_threshold",
            "model_hash",
            "status",
            "finished",
            "audio_seconds",
            "vad_percentage",
        ] {
            assert!(object.contains_key(member), "{member}");
        }
        assert_eq!((&resource["status"], &resource["finished"]), (&json!("consumer_ready"), &json!(false)));
        assert!(!object.contains_key("score_threshold"), "a registration has no score");
        assert!(resource["created_at"].as_str().unwrap().ends_with(" GMT"));
    }

    #[test]
    fn a_record_tells_what_its_events_told() {
        let mut record = record();
        record.follow(&Event::consumer_ready(), Timestamp::now());
        record.reach(Status::Streaming, Timestamp::now());
        record.follow(&Event::vad_status(&progress()), Timestamp::now());
        assert_eq!(record.resource()["status"], "streaming");
        assert_eq!(record.resource()["audio_seconds"], 5.13);
        let judgement = Judgement::Evidence(Llr(0.0));
        let measured = Measurement {
            judgement,
            authenticity: judgement.authenticity(AttackRate::default()),
            response: Response::default(),
            finding: Finding::Registered(Sensitive::new("sealed".into())),
            calibration: "telephone-channel@1f3a90c2".into(),
            shortfalls: Vec::new(),
            outcome: None,
            centre: None,
            voice: None,
            recorded: Recorded::default(),
            wav: None,
        };
        record.follow(&Event::success(measured, &progress()), Timestamp::now());
        let resource = record.resource();
        for (member, value) in [
            ("status", json!("success")),
            ("finished", json!(true)),
            ("event", json!("result-success")),
            ("content", json!("Registration: approved")),
            ("authenticity", json!(0.99)),
            ("authenticity_llr", json!(0.0)),
            ("voice_audio_collected", json!(5.13)),
            ("calibration_id", json!("telephone-channel@1f3a90c2")),
            ("credential", json!("sealed")),
            ("vad_percentage", json!(102)),
        ] {
            assert_eq!(resource[member], value, "{member}");
        }
        assert!(!format!("{record:?}").contains("sealed"));
    }

    #[test]
    fn an_error_says_exception_and_error_whatever_it_was() {
        let mut record = record();
        record.follow(&Event::error(&SessionError::Audio(AudioFault::Cancelled), None), Timestamp::now());
        let resource = record.resource();
        assert_eq!(resource["status"], "error");
        assert_eq!(resource["event"], "error-audio");
        assert_eq!(resource["content"], "Session cancelled");
        assert_eq!(resource["exception"], "AudioStreamException");
        assert_eq!(resource["error"], "Session cancelled");
    }

    #[test]
    fn what_was_stored_reads_back_the_same() {
        let mut before = record();
        before.follow(&Event::vad_status(&progress()), Timestamp::now());
        let after: SessionRecord = serde_json::from_slice(&serde_json::to_vec(&before).unwrap()).unwrap();
        assert_eq!(after.resource(), before.resource());
        assert!(after.belongs_to(&Tenant::new("a"), Kind::Register));
        assert!(
            !after.belongs_to(&Tenant::new("b"), Kind::Register)
                && !after.belongs_to(&Tenant::new("a"), Kind::Verify)
        );
    }
}
