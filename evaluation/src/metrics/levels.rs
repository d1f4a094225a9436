//! Trials enter in any order; how many of each kind have each score leaves, lowest score first.
//!
//! Everything in [`crate::metrics`] is computed from these levels: trials of one score cannot be told apart by any
//! threshold, so they are one step of every curve. Counts may be weights, as resampling needs it.

/// One decided question: a score, and the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Higher for more similar voices; finite.
    pub score: f64,
    /// Whether both recordings are of one speaker.
    pub same: bool,
}

/// Trials of one score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The score.
    pub score: f64,
    /// How many trials of one speaker have it.
    pub same: f64,
    /// How many trials of two speakers have it.
    pub other: f64,
}

/// Why trials have no error rates.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoresError {
    /// A score that is no number or infinite.
    #[error("a score of {0} cannot be ranked")]
    NotFinite(f64),
    /// One of the two errors cannot be made.
    #[error("error rates need trials of both kinds; there are {same} of one speaker and {other} of two")]
    OneKind {
        /// Trials of one speaker.
        same: usize,
        /// Trials of two speakers.
        other: usize,
    },
}

/// Levels in rising order of score, with at least one trial of each kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    levels: Vec<Level>,
    same: f64,
    other: f64,
}

impl Levels {
    /// Sorts the trials. Takes n·log n.
    ///
    /// # Errors
    /// See [`ScoresError`].
    pub fn new(trials: &[Trial]) -> Result<Self, ScoresError> {
        if let Some(trial) = trials.iter().find(|trial| !trial.score.is_finite()) {
            return Err(ScoresError::NotFinite(trial.score));
        }
        let mut ranked = trials.to_vec();
        ranked.sort_by(|a, b| a.score.total_cmp(&b.score));
        let mut levels: Vec<Level> = Vec::new();
        for trial in &ranked {
            match levels.last_mut() {
                Some(level) if level.score == trial.score => level.add(trial.same, 1.0),
                _ => {
                    let mut level = Level { score: trial.score, same: 0.0, other: 0.0 };
                    level.add(trial.same, 1.0);
                    levels.push(level);
                }
            }
        }
        Self::of(levels).ok_or_else(|| {
            let same = trials.iter().filter(|trial| trial.same).count();
            ScoresError::OneKind { same, other: trials.len() - same }
        })
    }

    /// Levels that are sorted already; `None` without trials of both kinds.
    pub(super) fn of(levels: Vec<Level>) -> Option<Self> {
        let same = levels.iter().map(|level| level.same).sum();
        let other = levels.iter().map(|level| level.other).sum();
        (same > 0.0 && other > 0.0).then_some(Self { levels, same, other })
    }

    /// Lowest score first.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Trials of one speaker.
    pub const fn same(&self) -> f64 {
        self.same
    }

    /// Trials of two speakers.
    pub const fn other(&self) -> f64 {
        self.other
    }

    /// Every decision that can be made: accept from this threshold on, with the shares of false accepts and false
    /// rejects. From the lowest score (accept everything) to infinity (reject everything).
    pub fn decisions(&self) -> impl Iterator<Item = Decision> {
        let (mut rejected, mut accepted) = (0.0, self.other);
        let end = Level { score: f64::INFINITY, same: 0.0, other: 0.0 };
        self.levels.iter().copied().chain([end]).map(move |level| {
            let decision =
                Decision { threshold: level.score, far: accepted / self.other, frr: rejected / self.same };
            rejected += level.same;
            // Sums of weights may miss zero by a rounding.
            accepted = (accepted - level.other).max(0.0);
            decision
        })
    }
}

impl Level {
    pub(super) fn add(&mut self, same: bool, weight: f64) {
        if same {
            self.same += weight;
        } else {
            self.other += weight;
        }
    }
}

/// What accepting from a threshold on does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The least score that is accepted.
    pub threshold: f64,
    /// Share of false accepts among trials of two speakers.
    pub far: f64,
    /// Share of false rejects among trials of one speaker.
    pub frr: f64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::metrics) fn levels(same: &[f64], other: &[f64]) -> Levels {
        let of = |scores: &[f64], same| scores.iter().map(|&score| Trial { score, same }).collect::<Vec<_>>();
        Levels::new(&[of(same, true), of(other, false)].concat()).expect("trials of both kinds")
    }

    /// Trials of both kinds on few different scores, so that ties are common.
    pub(in crate::metrics) fn any_trials() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        let scores =
            || proptest::collection::vec((-12i32..12).prop_map(|score| f64::from(score) / 3.0), 1..25);
        (scores(), scores())
    }

    #[test]
    fn trials_of_one_score_are_one_decision() {
        let decisions: Vec<_> = levels(&[1.0, 1.0, 2.0], &[0.0, 1.0]).decisions().collect();
        let expected = [(0.0, 1.0, 0.0), (1.0, 0.5, 0.0), (2.0, 0.0, 2.0 / 3.0), (f64::INFINITY, 0.0, 1.0)];
        let found: Vec<_> = decisions.iter().map(|d| (d.threshold, d.far, d.frr)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn trials_without_both_kinds_or_with_scores_that_are_none_have_no_error_rates() {
        let trial = |score, same| Trial { score, same };
        assert_eq!(
            Levels::new(&[trial(1.0, true), trial(0.0, true)]),
            Err(ScoresError::OneKind { same: 2, other: 0 })
        );
        assert_eq!(Levels::new(&[]), Err(ScoresError::OneKind { same: 0, other: 0 }));
        let infinite = [trial(1.0, true), trial(f64::INFINITY, false)];
        assert_eq!(Levels::new(&infinite), Err(ScoresError::NotFinite(f64::INFINITY)));
    }
}
