//! In: validated requests and collected speech. Out: opened calls, checked credentials, measurements.
//!
//! The one place where the server meets the engine's models and credentials. Nothing here waits or talks to a network;
//! [`Biometrics::measure`] is heavy and runs in the inference pool only.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use peakstream::credential::{self, Credential, CredentialError};
use peakstream::replay::Fingerprint;
use peakstream::{
    Action, AnalysisSpec, AudioFormat, Calibration, CallSpec, CallStream, Centre, CollectedSpeech, Engine,
    Gate, Gates, ModelHash, OpenError, Pause, Shortfall, Template, Voices,
};

use zeroize::Zeroizing;

use crate::ids::{SessionId, Tenant, Timestamp};
use crate::replay::{Attempt, Known, Recorded, Replays, Sign};
use crate::sensitive::Sensitive;
use crate::session::countermeasure::{Consequence, Countermeasure, Response};
use crate::session::error::{EngineFault, MIN_SPEECH_SECONDS};
use crate::session::event::{Finding, Measurement};
use crate::session::policy::{Compared, Doubt, Grounds, Outcome, Policy, Wishes};
use crate::session::request::{Catalogue, CredentialFacts, CredentialRefusal, Kind, Purpose, SessionRequest};
use crate::tenant::centre::{Centres, Voice};
use crate::tenant::keyring::Keyring;
use crate::tenant::replay::TenantReplay;

/// The engine and the keys that seal what it makes.
#[derive(Debug)]
pub struct Biometrics {
    engine: Engine,
    /// Asked for the keys at each use: they may be rotated while the server runs.
    keyring: Arc<Keyring>,
    /// What the operator says of sessions; tenants may say something else.
    wishes: Wishes,
    centres: Centres,
    replays: Arc<Replays>,
}

impl Biometrics {
    /// An engine whose models are proved, and the keys of the data directory.
    pub fn new(engine: Engine, keyring: Arc<Keyring>, wishes: Wishes, replays: Arc<Replays>) -> Self {
        let centres = Centres::new(Arc::clone(&keyring));
        Self { engine, keyring, wishes, centres, replays }
    }

    /// The models and credentials as `tenant` sees them.
    pub const fn catalogue<'a>(&'a self, tenant: &'a Tenant) -> TenantCatalogue<'a> {
        TenantCatalogue { biometrics: self, tenant }
    }

    /// Opens the audio side of a session, with everything reserved that it will need.
    ///
    /// # Errors
    /// If the format and the channel type do not go together.
    pub fn open(&self, request: &SessionRequest, format: AudioFormat) -> Result<CallStream, OpenError> {
        let spec = CallSpec { format, channel_type: request.channel_type, wanted: request.wanted };
        let mut stream = self.engine.open(spec)?;
        if request.policy.gates.rule(Gate::CodecMismatch).action != Action::Refuse {
            stream.tolerate_mismatch();
        }
        Ok(stream)
    }

    /// Measures collected speech: its quality, authenticity, whether it was heard before, and a credential or a score. Takes tens of
    /// milliseconds of one core, with pauses. `began`: when the session did.
    ///
    /// # Errors
    /// What the client is told, as a das-Peak error.
    pub fn measure(
        &self,
        tenant: &Tenant,
        request: &SessionRequest,
        began: Timestamp,
        speech: &CollectedSpeech,
        pause: Pause<'_>,
    ) -> Result<Measurement, EngineFault> {
        let seconds = speech.net_speech().seconds();
        if seconds < MIN_SPEECH_SECONDS {
            return Err(EngineFault::TooLittleSpeech { centiseconds: (seconds * 100.0) as u32 });
        }
        let shortfalls = self.shortfalls(&request.policy.gates, speech, pause)?;
        let (Purpose::Register { model } | Purpose::Verify { model, .. }) = &request.purpose;
        let spec = AnalysisSpec { model: *model };
        let analysis =
            self.engine.analyse_with_pauses(speech, spec, pause).map_err(|error| internal(&error))?;
        let wanted = self.replays.wanted(tenant);
        let recording = wanted.map(|_| Fingerprint::of(speech));
        let found = match &request.purpose {
            Purpose::Register { .. } => self.register(tenant, &analysis.template, recording)?,
            Purpose::Verify { credential, .. } => {
                let heard =
                    wanted.zip(recording).map(|(wanted, recording)| Heard { wanted, recording, began });
                self.verify(tenant, request, credential.expose(), (&analysis.template, heard))?
            }
        };
        let (policy, judgement) = (&request.policy, analysis.judgement);
        let authenticity = policy.authenticity.authenticity(judgement);
        let follows = policy.authenticity.consequence(judgement, request.authenticity_threshold);
        let replayed =
            wanted.map_or(Consequence::Nothing, |wanted| wanted.policy.consequence(found.recorded.opinion()));
        let response = Response::default()
            .with(Countermeasure::Authenticity, follows)
            .with(Countermeasure::Replay, replayed);
        let (consequence, poor) = (response.consequence(), !shortfalls.is_empty());
        let grounds = Grounds { consequence, compared: found.compared, net_speech: seconds, poor };
        // A question that is to be asked is a doubt, whether the tenant wants to hear of other doubts or not.
        let doubt = policy.doubt.or((consequence == Consequence::StepUp).then(Doubt::default));
        let outcome = doubt.map(|doubt| outcome(doubt, grounds, tenant));
        // A voice that does not seem genuine, or was recorded, is nobody's, even where that is only told.
        let genuine = request.authenticity_threshold.passes_authenticity(authenticity);
        // Wiped when the last who has it drops it.
        let wav = Some(Sensitive::new(Bytes::from_owner(Zeroizing::new(speech.to_wav()))));
        Ok(Measurement {
            judgement,
            authenticity,
            response,
            finding: found.finding,
            calibration: found.calibration.identity().into(),
            shortfalls,
            outcome,
            centre: found.centre.map(|centre| centre.identity().into()),
            voice: found.voice.filter(|_| genuine && found.recorded.replay.is_none()),
            recorded: found.recorded,
            wav,
        })
    }

    fn register(
        &self,
        tenant: &Tenant,
        template: &Template,
        recording: Option<Fingerprint>,
    ) -> Result<Found<'_>, EngineFault> {
        let signs = recording.as_ref().map(|recording| Sign::of(recording, None)).unwrap_or_default();
        let recorded = Recorded { signs, ..Recorded::default() };
        let credential = self.seal(tenant, template, recording)?;
        let voice = self.centres.hears(tenant, template, credential.expose());
        let calibration = self.engine.calibration(template.channel_type());
        let finding = Finding::Registered(credential);
        Ok(Found { finding, calibration, compared: None, centre: None, voice, recorded })
    }

    fn verify(
        &self,
        tenant: &Tenant,
        request: &SessionRequest,
        credential: &str,
        (template, heard): (&Template, Option<Heard>),
    ) -> Result<Found<'_>, EngineFault> {
        let registered = self.open_credential(tenant, credential)?;
        let reference = registered.template;
        let look = |Heard { wanted, recording, began }| {
            let same = reference.channel_type() == template.channel_type();
            let cosine = same.then(|| reference.cosine(template));
            let known = Known { credential, enrolment: registered.fingerprint.as_ref(), cosine, began };
            self.replays.look(tenant, wanted, known, recording)
        };
        let recorded = heard.map(look).unwrap_or_default();
        let calibration = self.engine.calibration_between(reference.channel_type(), template.channel_type());
        let centre = self.centre(tenant, template.model(), calibration);
        let score = match &centre {
            Some(centre) => self.engine.compare_centred(&reference, template, centre),
            None => self.engine.compare(&reference, template),
        };
        let score = score.map_err(|error| internal(&error))?;
        let voices = if centre.is_some() { Voices::Centred } else { Voices::Whole };
        let compared = Some(Compared { score, threshold: request.score_threshold, calibration, voices });
        let voice = self.centres.hears(tenant, template, credential);
        let finding = Finding::Verified(score);
        Ok(Found { finding, calibration, compared, centre, voice, recorded })
    }

    /// Lets the tenant's centre learn from a caller who was accepted. May write a file.
    pub fn learn(&self, voice: &Voice) {
        self.centres.learn(voice);
    }

    /// Keeps a call that has ended, to know it again. Waits for the disk.
    pub async fn keep(&self, tenant: &Tenant, session: SessionId, attempt: &Attempt) {
        self.replays.keep(tenant, session, attempt).await;
    }

    /// What is taken from both voices before they are compared by a calibration that knows centred voices.
    fn centre(&self, tenant: &Tenant, model: ModelHash, calibration: &Calibration) -> Option<Arc<Centre>> {
        calibration.centred()?;
        self.centres.of(tenant, model, calibration.channel_type())
    }

    /// The gates that speech does not pass, if they only warn.
    fn shortfalls(
        &self,
        gates: &Gates,
        speech: &CollectedSpeech,
        pause: Pause<'_>,
    ) -> Result<Vec<Shortfall>, EngineFault> {
        let shortfalls = self.engine.judge_with_pauses(speech, gates, pause);
        match shortfalls.iter().find(|shortfall| shortfall.action == Action::Refuse) {
            Some(refused) => Err(EngineFault::Quality(*refused)),
            None => Ok(shortfalls),
        }
    }

    fn open_credential(&self, tenant: &Tenant, text: &str) -> Result<Credential, EngineFault> {
        let opened = credential::open(&self.keyring.credential_keys(), tenant.name(), text);
        opened.map_err(|_| EngineFault::InvalidCredential)
    }

    fn seal(
        &self,
        tenant: &Tenant,
        template: &Template,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Sensitive<String>, EngineFault> {
        let mut nonce = [0u8; 24];
        getrandom::fill(&mut nonce).map_err(|error| internal(&error))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| internal(&error))?;
        let calibration = self.engine.calibration(template.channel_type()).identity().to_owned();
        let keys = self.keyring.credential_keys();
        let created_at = now.as_secs();
        let credential = Credential { template: template.clone(), calibration, created_at, fingerprint };
        Ok(Sensitive::new(credential::seal(&keys, tenant.name(), &credential, nonce)))
    }
}

/// What a registration or a verification made of a voice.
struct Found<'a> {
    finding: Finding,
    /// What decides what a similarity means.
    calibration: &'a Calibration,
    compared: Option<Compared<'a>>,
    /// What was taken from both voices.
    centre: Option<Arc<Centre>>,
    /// What the tenant's centre may learn from.
    voice: Option<Box<Voice>>,
    /// What was noticed of recordings.
    recorded: Recorded,
}

/// A call that is compared with what was heard before.
struct Heard {
    wanted: TenantReplay,
    recording: Fingerprint,
    began: Timestamp,
}

/// What the result comes to. Where a bound is one that the calibration in force does not know, nobody is accepted or rejected by it.
fn outcome(doubt: Doubt, grounds: Grounds<'_>, tenant: &Tenant) -> Outcome {
    doubt.outcome(grounds).unwrap_or_else(|error| {
        tracing::warn!(tenant = tenant.name(), %error, "the result is doubtful for want of a threshold");
        Outcome::Doubtful
    })
}

/// Engine errors hold no personal data: kinds and numbers only.
fn internal(error: &dyn std::error::Error) -> EngineFault {
    tracing::error!(%error, "a decision failed");
    EngineFault::Internal
}

/// The catalogue of one tenant. See [`Biometrics::catalogue`].
#[derive(Clone, Copy, Debug)]
pub struct TenantCatalogue<'a> {
    biometrics: &'a Biometrics,
    tenant: &'a Tenant,
}

impl Catalogue for TenantCatalogue<'_> {
    fn newest_model(&self) -> ModelHash {
        self.biometrics.engine.newest_model()
    }

    fn has_model(&self, model: ModelHash) -> bool {
        self.biometrics.engine.has_model(model)
    }

    fn policy(&self, kind: Kind) -> Policy {
        Policy::of(kind, &self.biometrics.wishes, &self.biometrics.keyring.wishes(self.tenant))
    }

    fn inspect(&self, text: &str) -> Result<CredentialFacts, CredentialRefusal> {
        match credential::open(&self.biometrics.keyring.credential_keys(), self.tenant.name(), text) {
            Ok(opened) => {
                let template = &opened.template;
                Ok(CredentialFacts {
                    model: template.model(),
                    by_telephone: template.by_telephone().is_some(),
                })
            }
            Err(CredentialError::Malformed) => Err(CredentialRefusal::Malformed),
            Err(_) => Err(CredentialRefusal::Foreign),
        }
    }
}
