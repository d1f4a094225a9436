//! Trials enter; what plots are drawn from leaves.

use serde::Serialize;

use crate::metrics::{Levels, Trial};

/// Points of a DET curve, at most about.
const DET_POINTS: usize = 150;
/// Log-likelihood ratios beyond this are counted with the last bin.
const RANGE: f64 = 10.0;
/// Bins of the distribution for one unit of log-likelihood ratio.
const PER_UNIT: f64 = 2.0;
/// Edges of the reliability plot's bins.
const RELIABILITY: [f64; 10] = [-6.0, -4.0, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 4.0, 6.0];
/// Fewer trials in a bin say nothing about it.
const FEWEST: usize = 10;

/// Plots of some trials.
#[derive(Clone, Debug, Serialize)]
pub struct Curves {
    /// Pairs of false accepts and false rejects.
    pub det: Vec<[f64; 2]>,
    /// Lower edge of each bin of log-likelihood ratio, and the shares of both kinds of trials in it.
    pub distribution: Vec<[f64; 3]>,
    /// What ratios claimed, and what was true.
    pub reliability: Vec<Bin>,
}

/// Trials of similar log-likelihood ratios.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Mean ratio.
    pub claimed: f64,
    /// Logarithm of how much more frequent such trials are among those of one speaker than among those of two.
    pub found: f64,
    /// 95 % interval of that, from the counts (half a trial added to each: Haldane 1956), speakers not considered.
    pub interval: [f64; 2],
    /// Trials of one speaker.
    pub same: usize,
    /// Trials of two speakers.
    pub other: usize,
}

impl Curves {
    /// `None` without trials of both kinds.
    pub fn of(trials: &[Trial]) -> Option<Self> {
        let levels = Levels::new(trials).ok()?;
        Some(Self {
            det: levels.det(DET_POINTS).iter().map(|d| [d.far, d.frr]).collect(),
            distribution: distribution(trials, &levels),
            reliability: reliability(trials, &levels),
        })
    }
}

fn distribution(trials: &[Trial], levels: &Levels) -> Vec<[f64; 3]> {
    let bins = (2.0 * RANGE * PER_UNIT) as usize;
    let mut counts: Vec<[f64; 3]> = (0..bins).map(|bin| [bin as f64 / PER_UNIT - RANGE, 0.0, 0.0]).collect();
    for trial in trials {
        let bin = ((trial.score + RANGE) * PER_UNIT).clamp(0.0, bins as f64 - 1.0) as usize;
        if trial.same {
            counts[bin][1] += 1.0 / levels.same();
        } else {
            counts[bin][2] += 1.0 / levels.other();
        }
    }
    counts
}

fn reliability(trials: &[Trial], levels: &Levels) -> Vec<Bin> {
    let edges = [&[f64::NEG_INFINITY][..], &RELIABILITY, &[f64::INFINITY]].concat();
    let of = |edges: &[f64]| {
        let inside: Vec<_> = trials.iter().filter(|t| (edges[0]..edges[1]).contains(&t.score)).collect();
        if inside.len() < FEWEST {
            return None;
        }
        let same = inside.iter().filter(|trial| trial.same).count();
        let other = inside.len() - same;
        let (a, b) = (same as f64 + 0.5, other as f64 + 0.5);
        let found = (a / levels.same()).ln() - (b / levels.other()).ln();
        let half = 1.959_963_985 * (1.0 / a + 1.0 / b).sqrt();
        let claimed = inside.iter().map(|trial| trial.score).sum::<f64>() / inside.len() as f64;
        Some(Bin { claimed, found, interval: [found - half, found + half], same, other })
    };
    edges.windows(2).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trials whose ratios are what they claim: the more of one speaker, by eˣ, the higher.
    fn calibrated() -> Vec<Trial> {
        let mut trials = Vec::new();
        for step in -8i32..=8 {
            let score = f64::from(step) / 2.0;
            let share = 1.0 / (1.0 + (-score).exp());
            for i in 0..400 {
                trials.push(Trial { score, same: f64::from(i) + 0.5 < 400.0 * share });
            }
        }
        trials
    }

    #[test]
    fn ratios_that_are_what_they_claim_are_found_to_be_so() {
        let curves = Curves::of(&calibrated()).expect("both kinds");
        assert!(curves.reliability.len() >= 6);
        for bin in &curves.reliability {
            assert!(bin.interval[0] <= bin.claimed && bin.claimed <= bin.interval[1], "{bin:?}");
        }
        let doubled: Vec<_> = calibrated().iter().map(|t| Trial { score: 2.0 * t.score, ..*t }).collect();
        let curves = Curves::of(&doubled).expect("both kinds");
        assert!(curves.reliability.iter().any(|bin| bin.claimed > bin.interval[1]), "overconfident");
    }

    #[test]
    fn each_kind_is_distributed_once() {
        let curves = Curves::of(&calibrated()).expect("both kinds");
        for kind in [1, 2] {
            let sum: f64 = curves.distribution.iter().map(|bin| bin[kind]).sum();
            assert!((sum - 1.0).abs() < 1e-9);
        }
    }
}
