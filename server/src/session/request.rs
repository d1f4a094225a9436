//! In: the body of `initialize`, or of a REST request (any JSON). Out: a [`SessionRequest`] in which everything is checked,
//! or every problem found.
//!
//! This is the one validation for every signalling channel: they differ in where a member stands, not in what it may be. Numbers may be numbers or numeric strings, unknown members
//! are ignored, and a body that is a JSON *string* is parsed once more: all three are how real clients send it.

use peakstream::{CallSpec, ChannelType, ModelHash, Threshold};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ids::CallId;
use crate::sensitive::Sensitive;
use crate::session::error::{EngineFault, FieldProblem, MIN_SPEECH_SECONDS, SessionError};
use crate::session::policy::Policy;
use crate::session::request::audio::AudioSettings;
use crate::session::request::fields::{Fields, Section};

pub mod audio;
mod fields;

/// The most net speech that can be asked for, in seconds: the batch API's longest audio.
pub const MAX_SPEECH_SECONDS: f64 = 30.0;

/// Which of the two operations a session performs.
#[derive(Clone, Copy, Debug, serde::Deserialize, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Create a credential.
    Register,
    /// Compare with a credential.
    Verify,
}

impl Kind {
    /// The name in namespaces and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Verify => "verify",
        }
    }

    /// The kind with this [`Kind::name`].
    fn from_name(name: &str) -> Option<Self> {
        [Self::Register, Self::Verify].into_iter().find(|kind| kind.name() == name)
    }

    /// Reads settings that may be for one kind of session only: `verify.music` is `music` for verifications.
    ///
    /// # Errors
    /// Something else before the first dot.
    pub fn prefix_of(text: &str) -> Result<(Option<Self>, &str), UnknownKind> {
        let Some((name, rest)) = text.split_once('.') else { return Ok((None, text)) };
        let unknown = || UnknownKind(name.chars().take(64).collect());
        Self::from_name(name).map(|kind| (Some(kind), rest)).ok_or_else(unknown)
    }

    /// The member of `initialize` that describes the operation.
    const fn section(self) -> Section {
        match self {
            Self::Register => Section { name: "register_request", prefix: "register_request." },
            Self::Verify => Section { name: "verify_request", prefix: "verify_request." },
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Register => Self::Verify,
            Self::Verify => Self::Register,
        }
    }
}

/// What should be [`Kind::name`], and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither register nor verify")]
pub struct UnknownKind(pub String);

/// What the session is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Create a credential with this model.
    Register {
        /// The model asked for, or the newest.
        model: ModelHash,
    },
    /// Compare with this credential.
    Verify {
        /// The credential's text; known to open for this tenant.
        credential: Sensitive<String>,
        /// The model it was made with.
        model: ModelHash,
    },
}

impl Purpose {
    /// Which of the two operations it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Register { .. } => Kind::Register,
            Self::Verify { .. } => Kind::Verify,
        }
    }
}

/// One registration or verification, everything checked.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRequest {
    /// Joins the session with its audio.
    pub call_id: CallId,
    /// The audio that will come.
    pub audio: AudioSettings,
    /// The stored settings they were taken from, if any.
    pub audio_settings_id: Option<Uuid>,
    /// Net speech to collect, in seconds: 3 to 30.
    pub wanted: f64,
    /// The least authenticity that passes.
    pub authenticity_threshold: Threshold,
    /// The least score that passes; only a verification uses it.
    pub score_threshold: Threshold,
    /// The kind of channel the audio comes from, which decides the calibration.
    pub channel_type: ChannelType,
    /// Registration or verification.
    pub purpose: Purpose,
    /// What its tenant wants of the speech.
    pub policy: Policy,
}

/// What an opened credential tells about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialFacts {
    /// The model it was made with.
    pub model: ModelHash,
    /// Whether it can be verified by telephone: unless it was made by microphone before such credentials kept that.
    pub by_telephone: bool,
}

/// Why a credential was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialRefusal {
    /// It is not the text of a credential at all: a parameter error.
    Malformed,
    /// It is one, but not of this tenant and these keys: an engine error, as in the batch API.
    Foreign,
}

/// What a request is checked against: the models and the credentials of one tenant.
pub trait Catalogue {
    /// The model used when none is asked for.
    fn newest_model(&self) -> ModelHash;
    /// Whether a model is installed.
    fn has_model(&self, model: ModelHash) -> bool;
    /// Opens a credential and says what it is.
    fn inspect(&self, credential: &str) -> Result<CredentialFacts, CredentialRefusal>;
    /// What the tenant wants of the speech.
    fn policy(&self, kind: Kind) -> Policy;
}

/// Values for the members that a request may leave out.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// `authenticity_threshold`
    pub authenticity_threshold: Threshold,
    /// `score_threshold`
    pub score_threshold: Threshold,
}

/// Names under which clients send the score threshold; the first is ours, the others mirror sibling products.
const SCORE_THRESHOLD_NAMES: [&str; 4] =
    ["score_threshold", "similarity_threshold", "biometric_threshold", "threshold"];

impl SessionRequest {
    /// Checks the body of `initialize` on the channel of `kind`.
    ///
    /// # Errors
    /// All problems of all members at once ([`SessionError::Parameters`]); if there is none, that no consumer exists for
    /// the protocol, or that the credential is not ours.
    pub fn parse(
        kind: Kind,
        body: &Value,
        catalogue: &dyn Catalogue,
        defaults: Defaults,
    ) -> Result<Self, SessionError> {
        let mut problems = Vec::new();
        let object = match top_level(body) {
            Ok(object) => object,
            Err(problem) => return Err(SessionError::Parameters(vec![problem])),
        };
        let metadata = Fields::of(&object, METADATA, &mut problems).and_then(|mut fields| {
            let audio = AudioSettings::read(&mut fields);
            let call_id = call_id(&mut fields);
            Some(Metadata { audio: audio?, audio_settings_id: None, call_id: call_id? })
        });
        refuse_section(kind.other(), kind, &object, &mut problems);
        let operation = Fields::of(&object, kind.section(), &mut problems)
            .and_then(|mut fields| operation(kind, &mut fields, catalogue, defaults));
        assemble(metadata, operation, problems, "metadata.sample_rate", catalogue)
    }

    /// Checks the flat body of a REST request; `settings` finds stored audio settings of the same tenant.
    ///
    /// # Errors
    /// As [`SessionRequest::parse`].
    pub fn parse_flat(
        kind: Kind,
        body: &Map<String, Value>,
        settings: &dyn Fn(Uuid) -> Option<AudioSettings>,
        catalogue: &dyn Catalogue,
        defaults: Defaults,
    ) -> Result<Self, SessionError> {
        let mut problems = Vec::new();
        let mut fields = Fields::flat(body, &mut problems);
        let stored = stored_settings(&mut fields, settings);
        let call_id = call_id(&mut fields);
        let operation = operation(kind, &mut fields, catalogue, defaults);
        let metadata = stored.zip(call_id).map(|((id, audio), call_id)| Metadata {
            audio,
            audio_settings_id: Some(id),
            call_id,
        });
        assemble(metadata, operation, problems, "audio_settings_id", catalogue)
    }
}

const METADATA: Section = Section { name: "metadata", prefix: "metadata." };

struct Metadata {
    audio: AudioSettings,
    audio_settings_id: Option<Uuid>,
    call_id: CallId,
}

struct Operation {
    wanted: f64,
    authenticity_threshold: Threshold,
    score_threshold: Threshold,
    channel_type: ChannelType,
    /// `None`: the credential is well-formed but not ours.
    purpose: Option<Purpose>,
}

/// What is left to check once all members are: whether they go together. `rate` is the member that decides on the rate.
fn assemble(
    metadata: Option<Metadata>,
    operation: Option<Operation>,
    mut problems: Vec<FieldProblem>,
    rate: &'static str,
    catalogue: &dyn Catalogue,
) -> Result<SessionRequest, SessionError> {
    let (Some(metadata), Some(operation), true) = (metadata, operation, problems.is_empty()) else {
        return Err(SessionError::Parameters(problems));
    };
    let Metadata { audio, audio_settings_id, call_id } = metadata;
    let Operation { wanted, authenticity_threshold, score_threshold, channel_type, purpose } = operation;
    if let Err(error) = (CallSpec { format: audio.format, channel_type, wanted }).check() {
        problems.push(FieldProblem::new(rate, format!("cannot be used: {error}")));
        return Err(SessionError::Parameters(problems));
    }
    let purpose = purpose.ok_or(SessionError::Engine(EngineFault::InvalidCredential))?;
    Ok(SessionRequest {
        call_id,
        audio,
        audio_settings_id,
        wanted,
        authenticity_threshold,
        score_threshold,
        channel_type,
        policy: catalogue.policy(purpose.kind()),
        purpose,
    })
}

fn top_level(body: &Value) -> Result<Map<String, Value>, FieldProblem> {
    let not_an_object = || FieldProblem::new("initialize", "must be a JSON object");
    match body {
        Value::Object(object) => Ok(object.clone()),
        Value::String(text) => serde_json::from_str(text).map_err(|_| not_an_object()),
        _ => Err(not_an_object()),
    }
}

fn call_id(fields: &mut Fields<'_>) -> Option<CallId> {
    let text = fields.required_text("call_id")?;
    let id = CallId::new(&text);
    if id.is_none() {
        fields.problem("call_id", "must have 1 to 256 characters");
    }
    id
}

fn stored_settings(
    fields: &mut Fields<'_>,
    find: &dyn Fn(Uuid) -> Option<AudioSettings>,
) -> Option<(Uuid, AudioSettings)> {
    let text = fields.required_text("audio_settings_id")?;
    let found = Uuid::parse_str(&text).ok().and_then(|id| Some((id, find(id)?)));
    if found.is_none() {
        fields.problem(
            "audio_settings_id",
            "does not exist; create audio settings first, and mind their expiry",
        );
    }
    found
}

/// A message holds one of the two operations.
fn refuse_section(foreign: Kind, kind: Kind, body: &Map<String, Value>, problems: &mut Vec<FieldProblem>) {
    let name = foreign.section().name;
    if body.get(name).is_some_and(|value| !value.is_null()) {
        let message =
            format!("belongs to the {} channel, this is the {} channel", foreign.name(), kind.name());
        problems.push(FieldProblem::new(name, message));
    }
}

fn operation(
    kind: Kind,
    fields: &mut Fields<'_>,
    catalogue: &dyn Catalogue,
    defaults: Defaults,
) -> Option<Operation> {
    let wanted = wanted(fields);
    let authenticity = threshold(fields, "authenticity_threshold", defaults.authenticity_threshold);
    let score = match kind {
        Kind::Register => Some(defaults.score_threshold),
        Kind::Verify => score_threshold(fields, defaults.score_threshold),
    };
    let channel_type = channel_type(fields);
    let model = model_hash(fields, catalogue);
    let purpose = match kind {
        Kind::Register => model.map(|asked| {
            Some(Purpose::Register { model: asked.unwrap_or_else(|| catalogue.newest_model()) })
        }),
        Kind::Verify => credential(fields, catalogue, model.flatten(), channel_type),
    };
    Some(Operation {
        wanted: wanted?,
        authenticity_threshold: authenticity?,
        score_threshold: score?,
        channel_type: channel_type?,
        purpose: purpose?,
    })
}

fn wanted(fields: &mut Fields<'_>) -> Option<f64> {
    let seconds = fields.required_number("audio_total_duration")?;
    if (MIN_SPEECH_SECONDS..=MAX_SPEECH_SECONDS).contains(&seconds) {
        return Some(seconds);
    }
    fields.problem(
        "audio_total_duration",
        format!("must be {MIN_SPEECH_SECONDS} to {MAX_SPEECH_SECONDS} seconds"),
    );
    None
}

fn threshold(fields: &mut Fields<'_>, name: &'static str, default: Threshold) -> Option<Threshold> {
    let value = match fields.optional_number(name) {
        Ok(Some(value)) => value,
        Ok(None) => return Some(default),
        Err(()) => return None,
    };
    let threshold = Threshold::new(value);
    if threshold.is_none() {
        fields.problem(name, "must be 0 to 1");
    }
    threshold
}

fn score_threshold(fields: &mut Fields<'_>, default: Threshold) -> Option<Threshold> {
    let mut chosen: Option<(&'static str, f64)> = None;
    let mut sound = true;
    for name in SCORE_THRESHOLD_NAMES {
        if !fields.has(name) {
            continue;
        }
        let Some(threshold) = threshold(fields, name, default) else {
            sound = false;
            continue;
        };
        match chosen {
            Some((first, value)) if value != threshold.value() => {
                fields.problem(name, format!("contradicts {first}"));
                sound = false;
            }
            Some(_) => {}
            None => chosen = Some((name, threshold.value())),
        }
    }
    let chosen = chosen.and_then(|(_, value)| Threshold::new(value));
    sound.then(|| chosen.unwrap_or(default))
}

fn channel_type(fields: &mut Fields<'_>) -> Option<ChannelType> {
    let Some(name) = fields.optional_text("calibration").filter(|name| !name.is_empty()) else {
        return Some(ChannelType::Telephone);
    };
    let parsed = name.parse::<ChannelType>().ok();
    if parsed.is_none() {
        let known = [ChannelType::Telephone, ChannelType::Microphone].map(|c| c.name()).join("\" or \"");
        fields.problem("calibration", format!("must be \"{known}\""));
    }
    parsed
}

/// `Some(None)`: none was asked for. `None`: the one asked for is wrong.
fn model_hash(fields: &mut Fields<'_>, catalogue: &dyn Catalogue) -> Option<Option<ModelHash>> {
    let Some(text) = fields.optional_text("model_hash").filter(|text| !text.is_empty()) else {
        return Some(None);
    };
    let model = text.parse::<ModelHash>().ok().filter(|hash| catalogue.has_model(*hash));
    if model.is_none() {
        fields.problem("model_hash", "is not the hash of an installed model");
    }
    model.map(Some)
}

/// `Some(None)`: the credential is well-formed but not ours.
fn credential(
    fields: &mut Fields<'_>,
    catalogue: &dyn Catalogue,
    asked: Option<ModelHash>,
    channel_type: Option<ChannelType>,
) -> Option<Option<Purpose>> {
    let text = fields.required_text("credential")?;
    let facts = match catalogue.inspect(&text) {
        Ok(facts) => facts,
        Err(CredentialRefusal::Foreign) => return Some(None),
        Err(CredentialRefusal::Malformed) => {
            fields.problem("credential", "is not a credential of this service");
            return None;
        }
    };
    if !catalogue.has_model(facts.model) {
        fields.problem("credential", "was made with a model that is not installed");
        return None;
    }
    if asked.is_some_and(|asked| asked != facts.model) {
        fields.problem("model_hash", "is not the model of the credential");
        return None;
    }
    if channel_type == Some(ChannelType::Telephone) && !facts.by_telephone {
        fields.problem(
            "calibration",
            format!("must be \"{}\", as for the credential", ChannelType::Microphone.name()),
        );
        return None;
    }
    Some(Some(Purpose::Verify { credential: Sensitive::new(text), model: facts.model }))
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
