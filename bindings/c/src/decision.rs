//! Speech enters; what it says of its speaker leaves: a score, an authenticity, a voice to keep.

use std::sync::Arc;

use peakstream::{AttackRate, CollectedSpeech, Gate, Gates, Judgement};
use peakstream_bindings::{Error, Heard};

use crate::border::{clear, number, pointer, write};
use crate::credential::{CREDENTIALS, Credential};
use crate::engine::{ENGINES, Engine};
use crate::outcome::{Failure, Outcome, argument, guard};
use crate::speech::{SPEECHES, Speech};

/// One reason why speech may not carry a decision, or is not judged for authenticity. docs/quality-gates.md has figures and limits.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityGate {
    /// None.
    None = 0,
    /// The bytes are not what was declared.
    CodecMismatch = 1,
    /// Too little speech.
    NetSpeech = 2,
    /// Too much noise.
    SignalNoiseRatio = 3,
    /// Peaks cut off.
    Clipping = 4,
    /// Less than the telephone band.
    BandLimitation = 5,
    /// More than one person talks.
    MultipleSpeakers = 6,
    /// Music.
    Music = 7,
}

impl From<Gate> for QualityGate {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::CodecMismatch => Self::CodecMismatch,
            Gate::NetSpeech => Self::NetSpeech,
            Gate::SignalNoiseRatio => Self::SignalNoiseRatio,
            Gate::Clipping => Self::Clipping,
            Gate::BandLimitation => Self::BandLimitation,
            Gate::MultipleSpeakers => Self::MultipleSpeakers,
            Gate::Music => Self::Music,
            // A gate that this version of the interface has no name for.
            _ => Self::None,
        }
    }
}

/// What some speech says of its speaker.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// Calibrated similarity with the credential, 0 to 1; 0.5 is the point of equal cost. Not a number where nothing was compared.
    pub score: f64,
    /// Posterior probability, 0 to 1, that the voice is live and human, at the attack rate given.
    pub authenticity: f64,
    /// Evidence for that as a natural logarithm; not a number where nothing was judged.
    pub authenticity_llr: f64,
    /// Seconds of net speech it was made of.
    pub net_speech: f64,
    /// Why the authenticity was not judged: one of peakstream_quality_gate, PEAKSTREAM_QUALITY_GATE_NONE if it was.
    pub unjudged: u32,
    /// Quality gates that the speech does not pass, the bit 1 << gate for each.
    pub warnings: u32,
}

/// Makes a credential of a voice. It is the caller's decision to refuse one whose authenticity is low.
///
/// attack_rate: the assumed share of attacks among all calls, above 0 and below 1; 0 is 0.01. decision: NULL, or room for what the speech
/// says, without a score.
///
/// Any thread. Not real-time safe: takes some hundred milliseconds of one core, for the voice is also compared with itself.
///
/// # Safety
/// decision: NULL or room for one. credential: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_register(
    engine: *const Engine,
    speech: *const Speech,
    attack_rate: f64,
    decision: *mut Decision,
    credential: *mut *mut Credential,
) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { clear(credential, "credential") }?;
        let (engine, speech) = (ENGINES.shared(number(engine))?, SPEECHES.shared(number(speech))?);
        let attacks = attacks(attack_rate)?;
        let heard = peakstream_bindings::hear(&engine, &speech, &Gates::for_registration())?;
        if !decision.is_null() {
            // SAFETY: the caller's promise, and not NULL.
            unsafe { write(decision, decided(&heard, &speech, attacks, f64::NAN), "decision") }?;
        }
        let registered = peakstream_bindings::register(&engine, heard.analysis.template);
        let handle = CREDENTIALS.insert(Arc::new(registered))?;
        // SAFETY: the caller's promise.
        unsafe { write(credential, pointer(handle), "credential") }
    })
}

/// Compares a voice with a credential, and judges whether it is live and human. It is the caller's decision from which score on to accept
/// (peakstream_engine_threshold), and below which authenticity not to.
///
/// attack_rate: as of peakstream_register.
///
/// Any thread. Not real-time safe: takes tens of milliseconds of one core.
///
/// # Safety
/// decision: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_verify(
    engine: *const Engine,
    speech: *const Speech,
    credential: *const Credential,
    attack_rate: f64,
    decision: *mut Decision,
) -> Outcome {
    guard(|| {
        let (engine, speech) = (ENGINES.shared(number(engine))?, SPEECHES.shared(number(speech))?);
        let credential = CREDENTIALS.shared(number(credential))?;
        let attacks = attacks(attack_rate)?;
        let heard = peakstream_bindings::hear(&engine, &speech, &Gates::default())?;
        let score = engine.compare(&credential.template, &heard.analysis.template).map_err(Error::from)?;
        // SAFETY: the caller's promise.
        unsafe { write(decision, decided(&heard, &speech, attacks, score.value().into()), "decision") }
    })
}

/// Judges whether a voice is live and human, and nothing else. attack_rate and cost: as of peakstream_verify.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// decision: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_authenticity(
    engine: *const Engine,
    speech: *const Speech,
    attack_rate: f64,
    decision: *mut Decision,
) -> Outcome {
    guard(|| {
        let (engine, speech) = (ENGINES.shared(number(engine))?, SPEECHES.shared(number(speech))?);
        let attacks = attacks(attack_rate)?;
        let heard = peakstream_bindings::hear(&engine, &speech, &Gates::default())?;
        // SAFETY: the caller's promise.
        unsafe { write(decision, decided(&heard, &speech, attacks, f64::NAN), "decision") }
    })
}

fn attacks(rate: f64) -> Result<AttackRate, Failure> {
    if rate == 0.0 {
        return Ok(AttackRate::default());
    }
    AttackRate::new(rate)
        .ok_or_else(|| argument("attack_rate", &rate, "a share above 0 and below 1, or 0 for 0.01"))
}

fn decided(heard: &Heard, speech: &CollectedSpeech, attacks: AttackRate, score: f64) -> Decision {
    let judgement: Judgement = heard.analysis.judgement;
    let unjudged = judgement.unjudged().map_or(QualityGate::None, |why| why.gate().into());
    let bit = |gate: Gate| 1 << QualityGate::from(gate) as u32;
    Decision {
        score,
        authenticity: judgement.authenticity(attacks).value().into(),
        authenticity_llr: judgement.llr().map_or(f64::NAN, |llr| llr.0),
        net_speech: speech.net_speech().seconds(),
        unjudged: unjudged as u32,
        warnings: heard.warnings.iter().fold(0, |bits, shortfall| bits | bit(shortfall.gate)),
    }
}

/// Calibrated similarity of two registered voices, 0 to 1.
///
/// Any thread. Not real-time safe; costs microseconds.
///
/// # Safety
/// score: room for a double.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_compare(
    engine: *const Engine,
    one: *const Credential,
    other: *const Credential,
    score: *mut f64,
) -> Outcome {
    guard(|| {
        let engine = ENGINES.shared(number(engine))?;
        let (one, other) = (CREDENTIALS.shared(number(one))?, CREDENTIALS.shared(number(other))?);
        let found = engine.compare(&one.template, &other.template).map_err(Error::from)?;
        // SAFETY: the caller's promise.
        unsafe { write(score, found.value().into(), "score") }
    })
}
