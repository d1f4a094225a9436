//! In: a threshold of scores as people write it, `0.9` or `far=0.1%`. Out: the score that it stands for by a calibration.

use std::fmt;
use std::str::FromStr;

use peakstream::{Calibration, NoThreshold, OperatingPoint, Threshold, Voices};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A score, or the name of an operating point: then a new calibration moves the threshold with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreThreshold {
    /// The score itself.
    Score(Threshold),
    /// The score that so many impostors reach.
    At(OperatingPoint),
}

impl ScoreThreshold {
    /// The score that it stands for.
    ///
    /// # Errors
    /// A name for which the calibration has no threshold.
    pub fn by(self, calibration: &Calibration, voices: Voices) -> Result<Threshold, NoThreshold> {
        match self {
            Self::Score(score) => Ok(score),
            Self::At(point) => calibration.threshold(point, voices),
        }
    }

    /// Whether it lies above another one whatever the calibration; `false` where only the calibration can say.
    pub fn is_surely_above(self, other: Self) -> bool {
        match (self, other) {
            (Self::Score(one), Self::Score(other)) => one > other,
            // The fewer impostors reach it, the higher it is.
            (Self::At(one), Self::At(other)) => one < other,
            _ => false,
        }
    }
}

/// A text that is no [`ScoreThreshold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 1, or the name of an operating point, such as far=0.1%")]
pub struct ParseThresholdError;

impl FromStr for ScoreThreshold {
    type Err = ParseThresholdError;

    fn from_str(text: &str) -> Result<Self, ParseThresholdError> {
        let score = text.parse().ok().and_then(Threshold::new).map(Self::Score);
        score.or_else(|| text.parse().ok().map(Self::At)).ok_or(ParseThresholdError)
    }
}

impl fmt::Display for ScoreThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score(score) => score.value().fmt(f),
            Self::At(point) => point.fmt(f),
        }
    }
}

impl Serialize for ScoreThreshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Score(score) => serializer.serialize_f64(score.value()),
            Self::At(point) => serializer.collect_str(point),
        }
    }
}

impl<'de> Deserialize<'de> for ScoreThreshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        let read = match Written::deserialize(deserializer)? {
            Written::Number(score) => Threshold::new(score).map(Self::Score),
            Written::Text(text) => text.parse().ok().map(Self::At),
        };
        read.ok_or(ParseThresholdError).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> ScoreThreshold {
        text.parse().expect(text)
    }

    #[test]
    fn a_score_is_written_as_a_number_and_a_point_by_its_name() {
        for (text, json) in [("0.9", "0.9"), ("1", "1.0"), ("far=0.1%", r#""far=0.1%""#)] {
            let said = of(text);
            assert_eq!(
                (said.to_string().as_str(), serde_json::to_string(&said).unwrap().as_str()),
                (text, json)
            );
            assert_eq!(serde_json::from_str::<ScoreThreshold>(json).unwrap(), said);
        }
        for wrong in ["1.1", "-0.1", "NaN", "", "far", "0,9"] {
            assert_eq!(wrong.parse::<ScoreThreshold>(), Err(ParseThresholdError), "{wrong}");
        }
        for wrong in ["1.5", r#""0.5""#, "null"] {
            assert!(serde_json::from_str::<ScoreThreshold>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fewer_impostors_reach_a_higher_threshold() {
        assert!(of("far=0.1%").is_surely_above(of("far=1%")) && of("0.9").is_surely_above(of("0.2")));
        assert!(!of("far=1%").is_surely_above(of("far=1%")) && !of("far=0.01%").is_surely_above(of("0.2")));
    }
}
