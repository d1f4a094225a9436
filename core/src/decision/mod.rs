//! Decisions: two templates enter, a calibrated score leaves.
//!
//! A cosine means something else in every channel. The calibration of a channel type is a logistic regression fitted
//! on trials (`peakstream calibrate`): cosine → log-likelihood ratio of same against different speakers.
//! The score is that ratio on the 0…1 scale, so 0.5 is the equal-cost point whatever the channel.
//!
//! A cosine also means less where there was little speech or much noise. With u for the duration and v for the quality of
//! both sides ([`Evidence`]), the ratio is
//!
//! ```text
//! llr = (scale + u·duration.scale + v·quality.scale) · cosine + offset + u·duration.offset + v·quality.offset
//! ```
//!
//! and a calibration is refused unless more cosine is more ratio for all of them.
//!
//! Where a [`Centre`] is known, what all callers' voices have in common is taken from both sides before their cosine, which then
//! means something else: a calibration holds a second set of numbers for that, if it was fitted to it.
//!
//! With each set of numbers come the scores that one impostor in 100, in 1,000 and so on reaches ([`OperatingPoint`]).
//!
//! Whether a voice is genuine is another question: [`Judgement`].

mod centre;
mod evidence;
mod judgement;
mod operating_point;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{LoadError, Source};
use crate::{ChannelType, Llr, ModelHash, Score, Template, Threshold};

pub use centre::Centre;
pub use evidence::{Conditions, Evidence};
pub use judgement::{Judgement, JudgementLimits, Unjudged};
pub use operating_point::{NoThreshold, OperatingPoint, ParsePointError, Voices};

/// Why two templates cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Embeddings of different networks lie in different spaces.
    #[error("the templates are of different models ({0} and {1})")]
    ModelMismatch(ModelHash, ModelHash),
    /// One was made in another band than the other.
    #[error("the templates are of different channel types ({0} and {1})")]
    ChannelMismatch(ChannelType, ChannelType),
    /// Nothing is left of a voice without the centre.
    #[error("a voice is no different from the centre")]
    NoDirection,
    /// The calibration was not fitted to centred voices.
    #[error("the calibration {0} has no numbers for centred voices")]
    NotCalibrated(ChannelType),
}

/// How a covariate moves the slope and the offset of a calibration; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Shift {
    /// Added to the slope, for each unit of the covariate.
    pub scale: f64,
    /// Added to the offset, for each unit of the covariate.
    pub offset: f64,
}

/// The numbers of a calibration; see [`crate::decision`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Parameters {
    /// Log-likelihood ratio for each unit of cosine.
    pub scale: f64,
    /// Log-likelihood ratio at a cosine of 0.
    pub offset: f64,
    /// For each unit of [`Conditions::duration`].
    #[serde(default)]
    pub duration: Shift,
    /// For each unit of [`Conditions::quality`].
    #[serde(default)]
    pub quality: Shift,
}

impl Parameters {
    /// The log-likelihood ratio that two voices are one.
    pub fn llr(&self, cosine: f64, conditions: Conditions) -> Llr {
        let (u, v) = (conditions.duration(), conditions.quality());
        let offset = self.offset + u * self.duration.offset + v * self.quality.offset;
        Llr(self.slope(u, v) * cosine + offset)
    }

    fn slope(&self, duration: f64, quality: f64) -> f64 {
        self.scale + duration * self.duration.scale + quality * self.quality.scale
    }

    /// Whether all numbers are finite, and a higher cosine gives a higher ratio under all conditions.
    pub fn is_rising(&self) -> bool {
        // The slope is linear in both, so its least value is at a corner.
        let [durations, qualities] = Conditions::RANGES;
        let rises = durations.iter().all(|u| qualities.iter().all(|v| self.slope(*u, *v) > 0.0));
        let all = [self.scale, self.offset, self.duration.scale, self.duration.offset, self.quality.scale];
        rises && all.iter().chain([&self.quality.offset]).all(|number| number.is_finite())
    }
}

/// Channel type and the first 8 hex digits of the SHA-256 of some bytes.
fn identity(channel_type: ChannelType, bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{channel_type}@{hex}")
}

/// From a cosine to a log-likelihood ratio, for one channel type.
#[derive(Clone, Debug)]
pub struct Calibration {
    whole: Numbers,
    centred: Option<Numbers>,
    channel_type: ChannelType,
    identity: String,
}

#[derive(Debug, Deserialize)]
struct File {
    name: String,
    #[serde(flatten)]
    whole: Numbers,
    centred: Option<Numbers>,
}

/// What was fitted to one kind of [`Voices`], and measured with it.
#[derive(Clone, Debug, Deserialize)]
struct Numbers {
    #[serde(flatten)]
    parameters: Parameters,
    #[serde(default)]
    operating_points: Vec<operating_point::Measured>,
}

impl Calibration {
    /// The calibration that lies beside the models; `read` as in [`crate::Engine::load`].
    ///
    /// # Errors
    /// See [`Calibration::read`].
    pub fn installed(
        read: &dyn Fn(&str) -> std::io::Result<Vec<u8>>,
        channel_type: ChannelType,
    ) -> Result<Self, LoadError> {
        Self::load(&Source { read }, channel_type)
    }

    pub(crate) fn load(source: &Source<'_>, channel_type: ChannelType) -> Result<Self, LoadError> {
        let file = format!("calibration/{channel_type}.json");
        let calibration = Self::read(&file, &source.bytes(&file)?)?;
        if calibration.channel_type != channel_type {
            return Err(LoadError::invalid(
                &file,
                format!("it is the calibration {:?}", calibration.identity),
            ));
        }
        Ok(calibration)
    }

    /// Reads a calibration file, as `peakstream calibrate` writes it; `file` is its name for messages.
    ///
    /// # Errors
    /// [`LoadError::Invalid`]: no such file, or one whose scores would not rise with the cosine.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let File { name, whole, centred } =
            serde_json::from_slice(bytes).map_err(|error| LoadError::invalid(file, error))?;
        let channel_type = name.parse().map_err(|error| LoadError::invalid(file, error))?;
        if !std::iter::once(&whole).chain(&centred).all(|numbers| numbers.parameters.is_rising()) {
            return Err(LoadError::invalid(file, "a higher cosine must give a higher score"));
        }
        Ok(Self { whole, centred, channel_type, identity: identity(channel_type, bytes) })
    }

    /// Its numbers.
    pub const fn parameters(&self) -> &Parameters {
        &self.whole.parameters
    }

    /// Its numbers for centred voices, if it was fitted to them.
    pub fn centred(&self) -> Option<&Parameters> {
        self.centred.as_ref().map(|numbers| &numbers.parameters)
    }

    /// The score that so many impostors reach, measured on speakers that the calibration was not fitted to.
    ///
    /// # Errors
    /// A point that its file does not name, or for which there were too few trials; centred voices that it was not fitted to.
    pub fn threshold(&self, point: OperatingPoint, voices: Voices) -> Result<Threshold, NoThreshold> {
        let numbers = match voices {
            Voices::Whole => Some(&self.whole),
            Voices::Centred => self.centred.as_ref(),
        };
        let measured = numbers.map_or(&[][..], |numbers| &numbers.operating_points);
        operating_point::threshold(measured, point, &self.identity, voices)
    }

    /// What it is for.
    pub const fn channel_type(&self) -> ChannelType {
        self.channel_type
    }

    /// Name and the first 8 hex digits of the file's SHA-256, such as `telephone-channel@1f3a90c2`.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The log-likelihood ratio that two voices are one.
    pub fn llr(&self, cosine: f64, conditions: Conditions) -> Llr {
        self.whole.parameters.llr(cosine, conditions)
    }

    /// Compares two templates of one model and channel type, without what `centre` says that all voices have in common.
    pub(crate) fn centred_score(
        &self,
        a: &Template,
        b: &Template,
        centre: &Centre,
    ) -> Result<Score, CompareError> {
        let parameters = self.centred().ok_or(CompareError::NotCalibrated(self.channel_type))?;
        Ok(compare(&centre.taken_from(a)?, &centre.taken_from(b)?, parameters))
    }

    /// Compares two templates of one model and channel type.
    pub(crate) fn score(&self, a: &Template, b: &Template) -> Result<Score, CompareError> {
        same_kind((a.model(), a.channel_type()), (b.model(), b.channel_type()))?;
        Ok(compare(a, b, self.parameters()))
    }
}

/// Whether directions of these networks and channel types lie in one space.
fn same_kind(a: (ModelHash, ChannelType), b: (ModelHash, ChannelType)) -> Result<(), CompareError> {
    if a.0 != b.0 {
        return Err(CompareError::ModelMismatch(a.0, b.0));
    }
    if a.1 != b.1 {
        return Err(CompareError::ChannelMismatch(a.1, b.1));
    }
    Ok(())
}

/// The score of two voices that lie in one space.
fn compare(a: &Template, b: &Template, parameters: &Parameters) -> Score {
    let conditions = Conditions::of(a.evidence(), b.evidence());
    Score::from_log_odds(parameters.llr(a.cosine(b), conditions).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration() -> Calibration {
        let text = br#"{"name": "telephone-channel", "scale": 20.0, "offset": -11.0, "duration": {"scale": -2.0, "offset": 1.0}}"#;
        Calibration::read("test", text).expect("a calibration")
    }

    fn template(model: u8, channel_type: ChannelType, first: f32) -> Template {
        let mut values = [0.0; 192];
        values[0] = first;
        values[1] = 1.0 - first;
        Template::new(ModelHash::from_bytes([model; 28]), channel_type, values).expect("a direction")
    }

    #[test]
    fn the_equal_cost_point_is_one_half() {
        assert!((Score::from_log_odds(0.0).value() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn short_speech_moves_slope_and_offset() {
        let evidence = |seconds| Evidence { net_speech: seconds, snr: 40.0 };
        // u = 1/2 + 1/2 and 1/20 + 1/20.
        let short = Conditions::of(Some(evidence(2.0)), Some(evidence(2.0)));
        let long = Conditions::of(Some(evidence(20.0)), Some(evidence(60.0)));
        assert!((calibration().llr(0.5, short).0 - (18.0 * 0.5 - 10.0)).abs() < 1e-9);
        assert!((calibration().llr(0.5, long).0 - (19.8 * 0.5 - 10.9)).abs() < 1e-9);
    }

    #[test]
    fn a_calibration_whose_score_could_fall_with_the_cosine_is_refused() {
        let refused =
            |text: &str| Calibration::read("test", text.as_bytes()).expect_err("refused").to_string();
        for numbers in [
            r#""scale": 0.0, "offset": 1.0"#,
            r#""scale": 3.0, "offset": 1.0, "duration": {"scale": -2.0, "offset": 0.0}"#,
            r#""scale": 3.0, "offset": 1.0, "quality": {"scale": -1.5, "offset": 0.0}"#,
            r#""scale": 3.0, "offset": 1.0, "centred": {"scale": -3.0, "offset": 1.0}"#,
        ] {
            let error = refused(&format!(r#"{{"name": "telephone-channel", {numbers}}}"#));
            assert!(error.contains("higher cosine"), "{numbers}: {error}");
        }
        assert!(refused(r#"{"name": "radio", "scale": 1, "offset": 0}"#).contains("radio"));
        assert!(refused("{}").contains("name"));
    }

    #[test]
    fn centred_voices_are_scored_by_numbers_of_their_own_or_not_at_all() {
        let text = br#"{"name": "telephone-channel", "scale": 20.0, "offset": -11.0, "centred": {"scale": 10.0, "offset": -2.0}}"#;
        let fitted = Calibration::read("test", text).expect("a calibration");
        let (one, other) =
            (template(1, ChannelType::Telephone, 0.75), template(1, ChannelType::Telephone, 0.25));
        let mut centre = Centre::new(one.model(), one.channel_type());
        centre.learn(&template(1, ChannelType::Telephone, 0.5)).expect("same kind");
        // The centre lies between the two: without it they point to opposite sides.
        let score = fitted.centred_score(&one, &other, &centre).expect("a score");
        let (a, b) = (centre.taken_from(&one).expect("a"), centre.taken_from(&other).expect("b"));
        assert!((score.value() - Score::from_log_odds(10.0 * a.cosine(&b) - 2.0).value()).abs() < 1e-9);
        assert!(score.value() < fitted.score(&one, &other).expect("a score").value());
        let refused = calibration().centred_score(&one, &other, &centre);
        assert!(matches!(refused, Err(CompareError::NotCalibrated(ChannelType::Telephone))));
    }

    #[test]
    fn a_threshold_is_asked_for_by_name_and_told_what_there_is() {
        let text = br#"{"name": "telephone-channel", "scale": 20.0, "offset": -11.0,
            "operating_points": [{"name": "far=1%", "score": 0.9}, {"name": "far=0.1%", "score": null, "has": 3}],
            "centred": {"scale": 10.0, "offset": -2.0, "operating_points": [{"name": "far=1%", "score": 0.7}]}}"#;
        let (fitted, point) = (Calibration::read("test", text).expect("a calibration"), |text: &str| {
            text.parse().expect("a name")
        });
        let score = |voices| fitted.threshold(point("far=1%"), voices).map(Threshold::value);
        assert_eq!([score(Voices::Whole), score(Voices::Centred)], [Ok(0.9), Ok(0.7)]);
        let refused = |text, voices| fitted.threshold(point(text), voices).expect_err("none").to_string();
        let too_few = refused("far=0.1%", Voices::Whole);
        assert!(
            too_few.contains("trials did not suffice") && too_few.ends_with("there are far=1% (0.900)"),
            "{too_few}"
        );
        let unknown = refused("far=0.2%", Voices::Centred);
        assert!(
            !unknown.contains("trials") && unknown.contains("centred") && unknown.ends_with("far=1% (0.700)"),
            "{unknown}"
        );
        let none = calibration().threshold(point("far=1%"), Voices::Centred).expect_err("none").to_string();
        assert!(none.contains("telephone-channel@") && none.ends_with("it has none"), "{none}");
        for wrong in [r#"{"name": "frr=1%", "score": 0.5}"#, r#"{"name": "far=1%", "score": 1.5}"#] {
            let text = format!(
                r#"{{"name": "telephone-channel", "scale": 1, "offset": 0, "operating_points": [{wrong}]}}"#
            );
            assert!(Calibration::read("test", text.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_shipped_calibrations_have_thresholds_for_one_and_ten_impostors_in_a_thousand() {
        for file in ["telephone-channel", "microphone-channel"] {
            let path = format!("{}/../models/calibration/{file}.json", env!("CARGO_MANIFEST_DIR"));
            let shipped =
                Calibration::read(file, &std::fs::read(&path).expect(&path)).expect("a calibration");
            for voices in [Voices::Whole, Voices::Centred] {
                let score = |name: &str| {
                    shipped.threshold(name.parse().expect("a name"), voices).expect("a threshold")
                };
                assert!(score("far=0.1%") > score("far=1%"), "{file}, {voices:?}");
            }
        }
    }

    #[test]
    fn templates_of_other_models_or_channels_are_not_compared() {
        let a = template(1, ChannelType::Telephone, 1.0);
        let other_model = template(2, ChannelType::Telephone, 1.0);
        let other_channel = template(1, ChannelType::Microphone, 1.0);
        assert!(matches!(calibration().score(&a, &other_model), Err(CompareError::ModelMismatch(..))));
        assert!(matches!(calibration().score(&a, &other_channel), Err(CompareError::ChannelMismatch(..))));
        assert!(calibration().score(&a, &a).expect("same kind").value() > 0.99);
    }
}
