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
    Gate, Gates, ModelHash, OpenError, Shortfall, Template, Voices,
};

use zeroize::Zeroizing;

use crate::ids::{SessionId, Tenant, Timestamp};
use crate::replay::{Attempt, Known, Replays};
use crate::sensitive::Sensitive;
use crate::session::error::{EngineFault, MIN_SPEECH_SECONDS};
use crate::session::event::{Finding, Measurement};
use crate::session::policy::{Compared, Doubt, GateSetting, Grounds, Outcome, Policy};
use crate::session::request::{Catalogue, CredentialFacts, CredentialRefusal, Kind, Purpose, SessionRequest};
use crate::tenant::centre::{Centres, Voice};
use crate::tenant::keyring::Keyring;

/// The engine and the keys that seal what it makes.
#[derive(Debug)]
pub struct Biometrics {
    engine: Engine,
    /// Asked for the keys at each use: they may be rotated while the server runs.
    keyring: Arc<Keyring>,
    /// What the operator says of quality gates; tenants may say something else.
    gates: Box<[GateSetting]>,
    centres: Centres,
    replays: Arc<Replays>,
}

impl Biometrics {
    /// An engine whose models are proved, and the keys of the data directory.
    pub fn new(engine: Engine, keyring: Arc<Keyring>, gates: &[GateSetting], replays: Arc<Replays>) -> Self {
        let centres = Centres::new(Arc::clone(&keyring));
        Self { engine, keyring, gates: gates.into(), centres, replays }
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
    /// milliseconds of one core. `began`: when the session did.
    ///
    /// # Errors
    /// What the client is told, as a das-Peak error.
    pub fn measure(
        &self,
        tenant: &Tenant,
        request: &SessionRequest,
        began: Timestamp,
        speech: &CollectedSpeech,
    ) -> Result<Measurement, EngineFault> {
        let seconds = speech.net_speech().seconds();
        if seconds < MIN_SPEECH_SECONDS {
            return Err(EngineFault::TooLittleSpeech { centiseconds: (seconds * 100.0) as u32 });
        }
        let (purpose, shortfalls) = (&request.purpose, self.shortfalls(&request.policy.gates, speech)?);
        let (Purpose::Register { model } | Purpose::Verify { model, .. }) = purpose;
        let analysis =
            self.engine.analyse(speech, AnalysisSpec { model: *model }).map_err(|error| internal(&error))?;
        let template = &analysis.template;
        let mut calibration = self.engine.calibration(template.channel_type());
        let mut centre = None;
        let mut compared = None;
        let wanted = self.replays.wanted(tenant);
        let fingerprint = wanted.map(|_| Fingerprint::of(speech));
        let (mut replay, mut attempt) = (None, None);
        let (finding, voice) = match purpose {
            Purpose::Register { .. } => {
                let credential = self.seal(tenant, template, fingerprint)?;
                let voice = self.centres.hears(tenant, template, credential.expose());
                (Finding::Registered(credential), voice)
            }
            Purpose::Verify { credential, .. } => {
                let registered = self.open_credential(tenant, credential.expose())?;
                if let (Some(wanted), Some(call)) = (wanted, fingerprint) {
                    let enrolment = registered.fingerprint.as_ref();
                    let known = Known { credential: credential.expose(), enrolment, began };
                    (replay, attempt) = self.replays.look(tenant, wanted, known, call);
                }
                let reference = registered.template;
                calibration =
                    self.engine.calibration_between(reference.channel_type(), template.channel_type());
                centre = self.centre(tenant, *model, calibration);
                let score = match &centre {
                    Some(centre) => self.engine.compare_centred(&reference, template, centre),
                    None => self.engine.compare(&reference, template),
                };
                let score = score.map_err(|error| internal(&error))?;
                let voices = if centre.is_some() { Voices::Centred } else { Voices::Whole };
                compared = Some(Compared { score, threshold: request.score_threshold, calibration, voices });
                let voice = self.centres.hears(tenant, template, credential.expose());
                (Finding::Verified(score), voice)
            }
        };
        let genuine = request.authenticity_threshold.passes_authenticity(analysis.authenticity);
        let poor = !shortfalls.is_empty();
        let grounds = Grounds { genuine, compared, net_speech: seconds, poor };
        // Wiped when the last who has it drops it.
        let wav = Some(Sensitive::new(Bytes::from_owner(Zeroizing::new(speech.to_wav()))));
        let calibration = calibration.identity().into();
        Ok(Measurement {
            authenticity: analysis.authenticity,
            finding,
            calibration,
            shortfalls,
            outcome: request.policy.doubt.map(|doubt| outcome(doubt, grounds, tenant)),
            centre: centre.map(|centre| centre.identity().into()),
            voice,
            replay,
            attempt,
            wav,
        })
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
    fn shortfalls(&self, gates: &Gates, speech: &CollectedSpeech) -> Result<Vec<Shortfall>, EngineFault> {
        let shortfalls = self.engine.judge(speech, gates);
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
        Policy::of(kind, &self.biometrics.gates, &self.biometrics.keyring.quality(self.tenant))
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
