//! In: what an operator and a tenant have said about quality, doubt and authenticity. Out: the policy of one session.
//!
//! A setting is written `GATE=ACTION[:LIMIT]`, with `register.` or `verify.` before it if it is for one kind of session only:
//! `music=refuse`, `verify.signal_noise_ratio=warn:12`. Later settings win, the tenant's over the server's.

use std::fmt;
use std::str::FromStr;

use peakstream::quality::{Gate, Gates, ParseGateError, Setting, Shortfall};
use peakstream::{Calibration, NoThreshold, Score, Threshold, Voices};
use serde::{Deserialize, Serialize};

use crate::session::authenticity::{AuthenticityPolicy, AuthenticityWishes};
use crate::session::countermeasure::Consequence;
use crate::session::request::{Kind, UnknownKind};
use crate::session::score_threshold::ScoreThreshold;

/// One thing said about one gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSetting {
    /// For which sessions; `None`: for both kinds.
    pub kind: Option<Kind>,
    /// Which gate.
    pub gate: Gate,
    /// What it does.
    pub setting: Setting,
}

/// A text that is no [`GateSetting`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseSettingError {
    /// No equals sign.
    #[error("{0:?} is not written GATE=ACTION, as in music=refuse or verify.signal_noise_ratio=warn:12")]
    Form(String),
    /// No such kind of session.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    /// What is said about the gate.
    #[error(transparent)]
    Gate(#[from] ParseGateError),
}

impl GateSetting {
    /// Reads what stands before the equals sign: `music` or `verify.music`.
    ///
    /// # Errors
    /// See [`ParseSettingError`].
    pub fn parse_target(text: &str) -> Result<(Option<Kind>, Gate), ParseSettingError> {
        let (kind, gate) = Kind::prefix_of(text)?;
        Ok((kind, gate.parse()?))
    }
}

impl FromStr for GateSetting {
    type Err = ParseSettingError;

    fn from_str(text: &str) -> Result<Self, ParseSettingError> {
        let form = || ParseSettingError::Form(text.chars().take(64).collect());
        let (target, setting) = text.split_once('=').ok_or_else(form)?;
        let (kind, gate) = Self::parse_target(target)?;
        Ok(Self { kind, gate, setting: Setting::parse(gate, setting)? })
    }
}

impl fmt::Display for GateSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{}.", kind.name())?;
        }
        write!(f, "{}={}", self.gate, self.setting)
    }
}

impl Serialize for GateSetting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GateSetting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// When a result is neither an acceptance nor a rejection, but doubtful. What is not said makes no doubt.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    /// Verifications with a lower score are rejected; without it the session's score threshold decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_below: Option<ScoreThreshold>,
    /// Verifications with this score or more are accepted; without it the session's score threshold decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_from: Option<ScoreThreshold>,
    /// Less net speech than this, in seconds, does not suffice for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_speech: Option<f64>,
    /// Speech that does not pass a quality gate does not suffice for an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poor_quality: bool,
}

/// What a result comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The registered voice; or a voice that is registered.
    Accepted,
    /// The evidence does not suffice.
    Doubtful,
    /// Another voice, or not a genuine one.
    Rejected,
}

impl Outcome {
    /// As results say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Doubtful => "doubtful",
            Self::Rejected => "rejected",
        }
    }
}

/// What a decision rests on, for [`Doubt::outcome`].
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'a> {
    /// What follows from all countermeasures.
    pub consequence: Consequence,
    /// What a verification found; a registration compares nothing.
    pub compared: Option<Compared<'a>>,
    /// Seconds of net speech.
    pub net_speech: f64,
    /// Whether a quality gate was not passed.
    pub poor: bool,
}

/// A score, and what it is held against.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The score.
    pub score: Score,
    /// The session's own threshold.
    pub threshold: Threshold,
    /// What made the score of a cosine, and has the thresholds that go by names.
    pub calibration: &'a Calibration,
    /// What the cosine was of.
    pub voices: Voices,
}

impl Doubt {
    /// Most net speech that can be asked for.
    pub const MOST_SECONDS: f64 = 120.0;

    /// Whether nothing is ever doubtful.
    pub fn is_never(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is one that can be meant: the speech within its range, the band not upside down whatever the calibration.
    pub fn is_sound(&self) -> bool {
        let order =
            !self.reject_below.zip(self.accept_from).is_some_and(|(low, high)| low.is_surely_above(high));
        order && self.net_speech.is_none_or(|seconds| (0.0..=Self::MOST_SECONDS).contains(&seconds))
    }

    /// The two scores, where they are said: reject below, accept from.
    ///
    /// # Errors
    /// A name for which the calibration has no threshold.
    pub fn band(
        &self,
        calibration: &Calibration,
        voices: Voices,
    ) -> Result<[Option<Threshold>; 2], NoThreshold> {
        let score = |said: Option<ScoreThreshold>| said.map(|said| said.by(calibration, voices)).transpose();
        Ok([score(self.reject_below)?, score(self.accept_from)?])
    }

    /// What the result comes to. Whom a countermeasure rejects is rejected; evidence that does not suffice makes everything else
    /// doubtful, whatever the score; and who has to answer one more question is not accepted yet.
    ///
    /// # Errors
    /// A name for which the calibration has no threshold, where the score would have to answer.
    pub fn outcome(&self, grounds: Grounds<'_>) -> Result<Outcome, NoThreshold> {
        let insufficient = self.net_speech.is_some_and(|least| grounds.net_speech < least);
        let outcome = match grounds.compared {
            _ if grounds.consequence == Consequence::Reject => Outcome::Rejected,
            _ if insufficient || (self.poor_quality && grounds.poor) => Outcome::Doubtful,
            None => Outcome::Accepted,
            Some(compared) => self.by_score(compared)?,
        };
        let asks = outcome == Outcome::Accepted && grounds.consequence == Consequence::StepUp;
        Ok(if asks { Outcome::Doubtful } else { outcome })
    }

    /// By the band; a bound that is not said is the session's threshold, or the other bound if that is beyond it.
    fn by_score(&self, compared: Compared<'_>) -> Result<Outcome, NoThreshold> {
        let [low, high] =
            self.band(compared.calibration, compared.voices)?.map(|bound| bound.map(Threshold::value));
        let (score, threshold) = (f64::from(compared.score.value()), compared.threshold.value());
        let reject_below = low.unwrap_or_else(|| threshold.min(high.unwrap_or(1.0)));
        let accept_from = high.unwrap_or_else(|| threshold.max(low.unwrap_or(0.0)));
        Ok(match score {
            _ if score < reject_below => Outcome::Rejected,
            _ if score >= accept_from => Outcome::Accepted,
            _ => Outcome::Doubtful,
        })
    }
}

/// What an operator or a tenant has said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// About gates.
    pub gates: Vec<GateSetting>,
    /// About doubt, which is the tenant's alone; `None`: results have no outcome beside the documented one.
    pub doubt: Option<Doubt>,
    /// About authenticity.
    pub authenticity: AuthenticityWishes,
}

/// The policy of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// What speech must pass.
    pub gates: Gates,
    /// When a result is doubtful.
    pub doubt: Option<Doubt>,
    /// What authenticity means, and what follows from it.
    pub authenticity: AuthenticityPolicy,
}

impl Policy {
    /// What comes with the engine and is documented, as the server's settings and the tenant's change it.
    pub fn of(kind: Kind, server: &Wishes, tenant: &Wishes) -> Self {
        let mut gates = match kind {
            Kind::Register => Gates::for_registration(),
            Kind::Verify => Gates::default(),
        };
        let settings = server.gates.iter().chain(&tenant.gates);
        for said in settings.filter(|said| said.kind.is_none_or(|wanted| wanted == kind)) {
            gates.set(said.gate, said.setting);
        }
        let authenticity = AuthenticityPolicy::of(kind, &server.authenticity, &tenant.authenticity);
        Self { gates, doubt: tenant.doubt, authenticity }
    }
}

/// As results tell it: the reason, what was measured and what is needed.
pub fn as_json(shortfalls: &[Shortfall]) -> serde_json::Value {
    let one = |shortfall: &Shortfall| {
        let gate = shortfall.gate;
        let mut object = serde_json::json!({"reason": gate.name()});
        if gate.range().is_some() {
            // What cannot be written in JSON was no number.
            object["value"] = (f64::from((shortfall.value * 100.0).round()) / 100.0).into();
            object["limit"] = (f64::from((shortfall.limit * 100.0).round()) / 100.0).into();
        }
        if !gate.unit().is_empty() {
            object["unit"] = gate.unit().into();
        }
        object
    };
    shortfalls.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use peakstream::Action;

    fn setting(text: &str) -> GateSetting {
        text.parse().unwrap()
    }

    #[test]
    fn a_setting_is_for_one_kind_of_session_or_for_both_and_the_tenants_wins() {
        let gates = |texts: &[&str]| Wishes {
            gates: texts.iter().map(|text| setting(text)).collect(),
            ..Wishes::default()
        };
        let server = gates(&["music=refuse", "verify.clipping=off", "clipping=warn:2"]);
        let tenant = gates(&["register.music=off"]);
        let register = Policy::of(Kind::Register, &server, &tenant).gates;
        let verify = Policy::of(Kind::Verify, &server, &tenant).gates;
        assert_eq!(
            (register.rule(Gate::Music).action, verify.rule(Gate::Music).action),
            (Action::Off, Action::Refuse)
        );
        assert_eq!(verify.rule(Gate::Clipping).action, Action::Warn, "the later one");
        assert_eq!(verify.rule(Gate::Clipping).limit, 2.0);
    }

    #[test]
    fn a_setting_survives_its_text_and_wrong_ones_are_told() {
        for text in ["music=off", "verify.signal_noise_ratio=warn:12", "register.codec_mismatch=refuse"] {
            assert_eq!(setting(text).to_string(), text);
        }
        for (text, hint) in [
            ("music", "GATE=ACTION"),
            ("enrol.music=off", "register nor verify"),
            ("musik=off", "net_speech"),
        ] {
            let error = text.parse::<GateSetting>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    /// One impostor in a hundred reaches 0.8, one in a thousand 0.95.
    fn calibration() -> Calibration {
        let text = br#"{"name": "telephone-channel", "scale": 20, "offset": -11, "operating_points":
            [{"name": "far=1%", "score": 0.8}, {"name": "far=0.1%", "score": 0.95}, {"name": "far=0.01%", "score": null}]}"#;
        Calibration::read("test", text).unwrap()
    }

    fn doubt(reject_below: Option<&str>, accept_from: Option<&str>) -> Doubt {
        let bound = |said: Option<&str>| said.map(|said| said.parse().unwrap());
        Doubt { reject_below: bound(reject_below), accept_from: bound(accept_from), ..Doubt::default() }
    }

    /// What a verification with that score comes to, the session's threshold being a half.
    fn outcome(doubt: Doubt, score: f32) -> Result<Outcome, NoThreshold> {
        let (score, threshold) = (Score::new(score).unwrap(), Threshold::new(0.5).unwrap());
        let compared = Compared { score, threshold, calibration: &calibration(), voices: Voices::Whole };
        doubt.outcome(Grounds {
            consequence: Consequence::Nothing,
            compared: Some(compared),
            net_speech: 5.0,
            poor: true,
        })
    }

    #[test]
    fn between_the_two_scores_a_verification_is_doubtful() {
        let doubt = doubt(Some("0.2"), Some("0.9"));
        assert_eq!(
            [0.1, 0.21, 0.6, 0.91].map(|score| outcome(doubt, score).unwrap()),
            [Outcome::Rejected, Outcome::Doubtful, Outcome::Doubtful, Outcome::Accepted]
        );
    }

    #[test]
    fn half_a_band_ends_at_the_sessions_threshold() {
        let of = |doubt: Doubt, score| outcome(doubt, score).unwrap();
        let careful = doubt(None, Some("0.9"));
        assert_eq!(
            [0.4, 0.6, 0.95].map(|s| of(careful, s)),
            [Outcome::Rejected, Outcome::Doubtful, Outcome::Accepted]
        );
        let lenient = doubt(None, Some("0.3"));
        assert_eq!([0.2, 0.4].map(|s| of(lenient, s)), [Outcome::Rejected, Outcome::Accepted]);
        let strict = doubt(Some("0.7"), None);
        assert_eq!([0.6, 0.8].map(|s| of(strict, s)), [Outcome::Rejected, Outcome::Accepted]);
    }

    #[test]
    fn a_bound_by_name_is_the_score_that_the_calibration_has_for_it() {
        let named = doubt(Some("far=1%"), Some("far=0.1%"));
        assert_eq!(
            [0.79, 0.81, 0.96].map(|score| outcome(named, score).unwrap()),
            [Outcome::Rejected, Outcome::Doubtful, Outcome::Accepted]
        );
        let error = outcome(doubt(None, Some("far=0.01%")), 0.99).unwrap_err().to_string();
        assert!(error.contains("trials did not suffice"), "{error}");
    }

    #[test]
    fn evidence_that_does_not_suffice_is_doubtful_but_a_spoof_is_rejected() {
        let doubt = Doubt { net_speech: Some(4.0), poor_quality: true, ..Doubt::default() };
        let consequence = Consequence::Nothing;
        let good = Grounds { consequence, compared: None, net_speech: 5.0, poor: false };
        let of = |grounds| doubt.outcome(grounds).unwrap();
        assert_eq!(of(good), Outcome::Accepted);
        assert_eq!(of(Grounds { net_speech: 3.5, ..good }), Outcome::Doubtful);
        assert_eq!(of(Grounds { poor: true, ..good }), Outcome::Doubtful);
        assert_eq!(of(Grounds { poor: true, consequence: Consequence::Reject, ..good }), Outcome::Rejected);
    }

    #[test]
    fn a_question_that_is_to_be_asked_makes_an_acceptance_doubtful_and_nothing_else() {
        let calibration = calibration();
        let of = |score, consequence| {
            let (score, threshold) = (Score::new(score).unwrap(), Threshold::new(0.5).unwrap());
            let compared = Compared { score, threshold, calibration: &calibration, voices: Voices::Whole };
            let grounds = Grounds { consequence, compared: Some(compared), net_speech: 5.0, poor: false };
            Doubt::default().outcome(grounds).unwrap()
        };
        assert_eq!(of(0.9, Consequence::StepUp), Outcome::Doubtful);
        assert_eq!(of(0.1, Consequence::StepUp), Outcome::Rejected, "who is rejected is asked nothing");
        assert_eq!(of(0.9, Consequence::Reject), Outcome::Rejected);
        assert_eq!(of(0.9, Consequence::Nothing), Outcome::Accepted);
    }

    #[test]
    fn a_band_upside_down_is_not_sound() {
        assert!(!doubt(Some("0.9"), Some("0.2")).is_sound());
        assert!(!doubt(Some("far=0.1%"), Some("far=1%")).is_sound());
        assert!(doubt(Some("far=1%"), Some("far=0.1%")).is_sound());
        assert!(!Doubt { net_speech: Some(f64::NAN), ..Doubt::default() }.is_sound());
        assert!(Doubt::default().is_sound() && Doubt::default().is_never());
    }
}
