//! Trials with log-likelihood ratios enter; one row of a table leaves.

use serde::Serialize;

use super::Questions;
use crate::metrics::{Bootstrap, ENOUGH_ERRORS, Estimate, Levels, Rates, ScoresError, ThresholdAt, Trial};

/// Thresholds on the 0…1 score that every report lists.
const SCORES: [f64; 13] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];

/// Figures of some trials.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// What the trials have in common: `all`, `source`, `gender`, `condition`, `source and condition`.
    pub aspect: &'static str,
    /// Its value.
    pub value: String,
    /// The figures, or why there are none.
    #[serde(flatten)]
    pub row: Row,
}

/// Figures, or why there are none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// The figures.
    Figures(Box<Figures>),
    /// Why there are none, in words.
    NoFigures(String),
}

impl Row {
    /// The figures, if there are any.
    pub fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Figures(figures) => Some(figures),
            Self::NoFigures(_) => None,
        }
    }
}

/// A row.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Trials of one speaker.
    pub same: u64,
    /// Trials of two speakers.
    pub other: u64,
    /// Speakers in them.
    pub speakers: usize,
    /// Equal error rate, of the convex hull.
    pub eer: Estimate,
    /// Whether the equal error rate rests on 30 errors of each kind at least; if not, read its interval only.
    pub eer_has_enough_errors: bool,
    /// Lowest detection cost, for each operating point.
    pub min_dcf: Vec<Estimate>,
    /// Detection cost at the threshold that follows from the operating point.
    pub actual_dcf: Vec<Estimate>,
    /// Cost of the log-likelihood ratios, in bits.
    pub cllr: Estimate,
    /// The same, after the best calibration in hindsight.
    pub min_cllr: Estimate,
    /// False rejects at chosen shares of false accepts.
    pub promised: Vec<PromisedFar>,
    /// What thresholds on the 0…1 score do.
    pub thresholds: Vec<ThresholdRow>,
}

/// What false rejects a share of false accepts costs.
#[derive(Clone, Debug, Serialize)]
pub struct PromisedFar {
    /// The share.
    pub far: f64,
    /// The threshold on the 0…1 score, if there are enough trials.
    pub score: Option<f64>,
    /// The threshold as a log-likelihood ratio, and what it does.
    #[serde(flatten)]
    pub at: ThresholdAt,
    /// 95 % interval of the false rejects by resampling speakers, the threshold chosen anew each time.
    pub frr_interval: Option<[f64; 2]>,
}

/// What a threshold does.
#[derive(Clone, Debug, Serialize)]
pub struct ThresholdRow {
    /// The least score that is accepted, 0…1.
    pub score: f64,
    /// Its errors.
    #[serde(flatten)]
    pub rates: Rates,
}

impl Figures {
    /// Computes a row.
    ///
    /// # Errors
    /// Trials of one kind only.
    pub fn of(trials: &[Trial], bootstrap: &Bootstrap, questions: &Questions) -> Result<Self, ScoresError> {
        let levels = Levels::new(trials)?;
        let estimates = |figure: &dyn Fn(&Levels) -> f64| {
            let [interval] = bootstrap.intervals(|levels| [figure(levels)]);
            Estimate { value: figure(&levels), interval }
        };
        let [eer, cllr, min_cllr] = bootstrap.intervals(|l| [l.eer(), l.cllr(), l.min_cllr()]);
        let eer = Estimate { value: levels.eer(), interval: eer };
        let promised = |&far: &f64| {
            let at = levels.threshold_at(far);
            let enough = matches!(at, ThresholdAt::Found { .. });
            PromisedFar {
                far,
                score: match at {
                    ThresholdAt::Found { threshold, .. } => Some(score(threshold)),
                    ThresholdAt::TooFewTrials { .. } => None,
                },
                at,
                frr_interval: if enough { estimates(&|levels| levels.frr_at(far)).interval } else { None },
            }
        };
        Ok(Self {
            same: levels.same() as u64,
            other: levels.other() as u64,
            speakers: bootstrap.speakers(),
            eer,
            eer_has_enough_errors: eer.value * levels.same().min(levels.other()) >= ENOUGH_ERRORS,
            min_dcf: questions.points.iter().map(|point| estimates(&|l| l.min_dcf(*point))).collect(),
            actual_dcf: questions.points.iter().map(|point| estimates(&|l| l.actual_dcf(*point))).collect(),
            cllr: Estimate { value: levels.cllr(), interval: cllr },
            min_cllr: Estimate { value: levels.min_cllr(), interval: min_cllr },
            promised: questions.fars.iter().map(promised).collect(),
            thresholds: threshold_rows(&levels),
        })
    }
}

/// What thresholds on the score do, if scores are of log-likelihood ratios.
pub(crate) fn threshold_rows(levels: &Levels) -> Vec<ThresholdRow> {
    SCORES.iter().map(|&score| ThresholdRow { score, rates: levels.rates(llr(score)) }).collect()
}

/// The 0…1 score of a log-likelihood ratio.
pub(crate) fn score(llr: f64) -> f64 {
    1.0 / (1.0 + (-llr).exp())
}

fn llr(score: f64) -> f64 {
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{OperatingPoint, Pair};

    #[test]
    fn a_row_says_what_there_are_too_few_trials_for() {
        let trials: Vec<_> = (0..4_000)
            .map(|i| Trial {
                score: f64::from(i % 97) / 10.0 - if i % 4 == 0 { 0.0 } else { 6.0 },
                same: i % 4 == 0,
            })
            .collect();
        let pairs: Vec<_> = (0..4_000)
            .map(|i| if i % 4 == 0 { Pair(i % 40, i % 40) } else { Pair(i % 40, (i + 1) % 40) })
            .collect();
        let questions = Questions { points: vec![OperatingPoint::of_prior(0.01)], fars: vec![0.01, 0.001] };
        let figures =
            Figures::of(&trials, &Bootstrap::new(&trials, &pairs, 1), &questions).expect("both kinds");
        assert_eq!((figures.same, figures.other, figures.speakers), (1_000, 3_000, 40));
        assert!(figures.eer_has_enough_errors);
        assert!(figures.promised[0].frr_interval.is_some() && figures.promised[0].score.is_some());
        assert_eq!(figures.promised[1].at, ThresholdAt::TooFewTrials { has: 3_000, needs: 30_000 });
        let [low, high] = figures.eer.interval.expect("40 speakers");
        assert!(low <= figures.eer.value && figures.eer.value <= high);
        // A score of 0.5 is a ratio of 0.
        let half = figures.thresholds.iter().find(|row| row.score == 0.5).expect("listed");
        let rejected = trials.iter().filter(|trial| trial.same && trial.score < 0.0).count();
        assert_eq!(half.rates.frr.count, rejected as u64);
    }
}
