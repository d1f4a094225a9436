//! The name of an operating point enters, the threshold that a calibration measured for it leaves, or why there is none.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::Threshold;

/// A threshold by what it lets pass: the score that so many of a hundred impostors reach. Written `far=0.1%`. Which score that is, a
/// calibration says, measured on speakers that it was not fitted to; with another calibration it is another one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct OperatingPoint {
    /// Impostors that are accepted, in per cent: written as it was read.
    percent: f64,
}

/// Per cent of impostors that a name can say: one in a million to all. `peakstream calibrate` measures three of them.
const PERCENT: std::ops::RangeInclusive<f64> = 0.000_1..=100.0;

impl OperatingPoint {
    /// Share of impostors that reach the threshold, 0…1.
    pub const fn false_accepts(self) -> f64 {
        self.percent / 100.0
    }
}

impl fmt::Display for OperatingPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "far={}%", self.percent)
    }
}

/// A text that is no [`OperatingPoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no operating point; one is written like far=0.1%: the score that so many impostors reach"
)]
pub struct ParsePointError {
    /// What was written.
    pub found: String,
}

impl FromStr for OperatingPoint {
    type Err = ParsePointError;

    fn from_str(text: &str) -> Result<Self, ParsePointError> {
        let percent = text.strip_prefix("far=").and_then(|rest| rest.strip_suffix('%')?.parse().ok());
        let percent = percent.filter(|percent| PERCENT.contains(percent));
        let error = || ParsePointError { found: text.chars().take(64).collect() };
        Ok(Self { percent: percent.ok_or_else(error)? })
    }
}

/// Which cosines a threshold is for: a calibration has numbers for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voices {
    /// Voices as they are.
    Whole,
    /// Voices without what all of some callers have in common: see [`super::Centre`].
    Centred,
}

/// One of the points that a calibration file names.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Entry")]
pub(super) struct Measured {
    point: OperatingPoint,
    /// `None`: there were too few trials.
    threshold: Option<Threshold>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    score: Option<f64>,
}

impl TryFrom<Entry> for Measured {
    type Error = String;

    fn try_from(Entry { name, score }: Entry) -> Result<Self, String> {
        let point = name.parse().map_err(|error: ParsePointError| error.to_string())?;
        let threshold =
            score.map(|score| Threshold::new(score).ok_or(format!("{name}: {score} is no score")));
        Ok(Self { point, threshold: threshold.transpose()? })
    }
}

/// Why a calibration has no threshold of some name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct NoThreshold {
    point: OperatingPoint,
    calibration: String,
    voices: Voices,
    measured: Vec<Measured>,
}

impl fmt::Display for NoThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, calibration, voices, measured } = self;
        write!(f, "{calibration} has no threshold for {point}")?;
        if *voices == Voices::Centred {
            f.write_str(" of centred voices")?;
        }
        let (found, too_few): (Vec<&Measured>, Vec<&Measured>) =
            measured.iter().partition(|known| known.threshold.is_some());
        if too_few.iter().any(|known| known.point == *point) {
            f.write_str(": its trials did not suffice to measure one")?;
        }
        let name = |known: &&Measured| {
            known.threshold.map(|score| format!("{} ({:.3})", known.point, score.value()))
        };
        let names: Vec<_> = found.iter().filter_map(name).collect();
        if names.is_empty() {
            f.write_str("; it has none")
        } else {
            write!(f, "; there are {}", names.join(", "))
        }
    }
}

/// Looks a name up among the points of a calibration.
pub(super) fn threshold(
    measured: &[Measured],
    point: OperatingPoint,
    calibration: &str,
    voices: Voices,
) -> Result<Threshold, NoThreshold> {
    let found = measured.iter().find(|known| known.point == point).and_then(|known| known.threshold);
    found.ok_or_else(|| NoThreshold {
        point,
        calibration: calibration.to_owned(),
        voices,
        measured: measured.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_says_a_share_of_impostors_and_nothing_else_is_one() {
        let point: OperatingPoint = "far=0.1%".parse().expect("a name");
        assert!((point.false_accepts() - 0.001).abs() < 1e-12);
        assert_eq!("far=0.10%".parse(), Ok(point), "the same share");
        for text in [
            "", "0.1%", "far=0.1", "frr=1%", "far=%", "far=0%", "far=-1%", "far=101%", "far=NaN%",
            "far=inf%", "FAR=1%",
        ] {
            let error = text.parse::<OperatingPoint>().expect_err(text).to_string();
            assert!(error.contains("far=0.1%"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_name_survives_being_written(percent in 0.000_1f64..=100.0, text in ".{0,20}") {
            let point = OperatingPoint { percent };
            prop_assert_eq!(point.to_string().parse(), Ok(point));
            if let Ok(point) = format!("far={text}%").parse::<OperatingPoint>() {
                prop_assert_eq!(point.to_string().parse(), Ok(point));
            }
        }
    }
}
