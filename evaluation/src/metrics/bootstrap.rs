//! Trials and who speaks in them enter, 95 % intervals of any figure leave.
//!
//! Trials that share a speaker are not independent, so speakers are resampled, not trials: each replicate draws as many speakers
//! as there are, with replacement, and a trial counts as often as the draws of its two speakers allow (a vertex bootstrap;
//! Snijders and Borgatti 1999). The interval is the middle 95 % of the replicates. With few speakers it is too narrow,
//! and nothing that was not recorded (other languages, lines, years) is in it.

use serde::Serialize;

use super::levels::{Level, Levels, Trial};
use super::random::SplitMix;

/// Replicates. More move the ends of an interval by less than a tenth of its width.
const REPLICATES: usize = 400;

/// The speakers of a trial's two sides, numbered from 0. Of a trial of one speaker, both are the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub u32, pub u32);

/// The middle 95 % of the replicates.
pub type Interval = [f64; 2];

/// Trials of known speakers, ready to be resampled.
#[derive(Debug)]
pub struct Bootstrap {
    scores: Vec<f64>,
    /// Level, truth and speakers of each trial.
    trials: Vec<(u32, bool, Pair)>,
    speakers: usize,
    seed: u64,
}

/// A figure and the interval it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Of all trials.
    pub value: f64,
    /// 95 %, by resampling speakers; `None` if there are too few speakers to resample (under [`FEWEST_SPEAKERS`]).
    pub interval: Option<Interval>,
}

/// Below this many speakers resampling says nothing.
pub const FEWEST_SPEAKERS: usize = 5;

impl Bootstrap {
    /// Prepares trials. The same trials and seed give the same intervals on every machine.
    pub fn new(trials: &[Trial], pairs: &[Pair], seed: u64) -> Self {
        let mut scores: Vec<f64> = trials.iter().map(|trial| trial.score).collect();
        scores.sort_by(f64::total_cmp);
        scores.dedup();
        let level = |score: f64| scores.partition_point(|&other| other < score) as u32;
        let numbered: Vec<_> =
            trials.iter().zip(pairs).map(|(trial, pair)| (level(trial.score), trial.same, *pair)).collect();
        let speakers = pairs.iter().map(|pair| pair.0.max(pair.1) as usize + 1).max().unwrap_or(0);
        Self { scores, trials: numbered, speakers, seed }
    }

    /// Speakers who are in a trial.
    pub fn speakers(&self) -> usize {
        let mut there = vec![false; self.speakers];
        for (_, _, Pair(a, b)) in &self.trials {
            there[*a as usize] = true;
            there[*b as usize] = true;
        }
        there.into_iter().filter(|&there| there).count()
    }

    /// Intervals of several figures at once, each computed on the same replicates. `None` for a figure that is infinite in
    /// the replicate at an end, and for all of them with fewer than [`FEWEST_SPEAKERS`] speakers.
    pub fn intervals<const N: usize>(&self, figures: impl Fn(&Levels) -> [f64; N]) -> [Option<Interval>; N] {
        if self.speakers() < FEWEST_SPEAKERS {
            return [None; N];
        }
        let mut random = SplitMix::new(self.seed);
        let mut found: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(REPLICATES));
        for _ in 0..REPLICATES {
            if let Some(levels) = self.replicate(&mut random) {
                for (found, figure) in found.iter_mut().zip(figures(&levels)) {
                    found.push(figure);
                }
            }
        }
        found.map(middle)
    }

    /// One draw of speakers; `None` if it holds trials of one kind only.
    fn replicate(&self, random: &mut SplitMix) -> Option<Levels> {
        let mut drawn = vec![0.0f64; self.speakers];
        (0..self.speakers).for_each(|_| drawn[random.below(self.speakers)] += 1.0);
        let mut levels: Vec<_> =
            self.scores.iter().map(|&score| Level { score, same: 0.0, other: 0.0 }).collect();
        for &(level, same, Pair(a, b)) in &self.trials {
            let (a, b) = (drawn[a as usize], drawn[b as usize]);
            levels[level as usize].add(same, if same { a } else { a * b });
        }
        Levels::of(levels)
    }
}

fn middle(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get((share * values.len().saturating_sub(1) as f64).round() as usize).copied();
    let ends = [at(0.025)?, at(0.975)?];
    ends.iter().all(|end| end.is_finite()).then_some(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of so many speakers with so many recordings each; scores of one speaker lie higher by `apart`.
    fn trials(speakers: u32, recordings: u32, apart: f64) -> (Vec<Trial>, Vec<Pair>) {
        let mut random = SplitMix::new(11);
        let mut normal = || (0..12).map(|_| random.below(1_000) as f64 / 1_000.0).sum::<f64>() - 6.0;
        let clips: Vec<u32> = (0..speakers * recordings).map(|clip| clip / recordings).collect();
        let (mut trials, mut pairs) = (Vec::new(), Vec::new());
        for (i, &a) in clips.iter().enumerate() {
            for &b in &clips[..i] {
                let score = normal() + if a == b { apart } else { 0.0 };
                trials.push(Trial { score, same: a == b });
                pairs.push(Pair(a, b));
            }
        }
        (trials, pairs)
    }

    #[test]
    fn an_interval_holds_the_figure_and_narrows_with_more_speakers() {
        let width = |speakers| {
            let (trials, pairs) = trials(speakers, 4, 2.0);
            let eer = Levels::new(&trials).expect("trials").eer();
            let [interval] = Bootstrap::new(&trials, &pairs, 1).intervals(|levels| [levels.eer()]);
            let [low, high] = interval.expect("enough speakers");
            assert!(low < eer && eer < high, "{eer} in {low}…{high}");
            high - low
        };
        let (few, many) = (width(10), width(40));
        assert!(many < 0.8 * few, "{few} with 10 speakers, {many} with 40");
    }

    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        // Scores are independent normals, targets around 2: a threshold of 1 rejects Φ(−1) = 0.1587 of them.
        let mut covered = 0;
        for repeat in 0..40 {
            let (mut trials, pairs) = trials(20, 3, 2.0);
            let mut random = SplitMix::new(1_000 + repeat);
            for trial in &mut trials {
                let normal = (0..12).map(|_| random.below(1_000) as f64 / 1_000.0).sum::<f64>() - 6.0;
                trial.score = normal + if trial.same { 2.0 } else { 0.0 };
            }
            let rejected = |levels: &Levels| [levels.rates(1.0).frr.rate];
            let [interval] = Bootstrap::new(&trials, &pairs, 1).intervals(rejected);
            let [low, high] = interval.expect("enough speakers");
            covered += usize::from((low..=high).contains(&0.1587));
        }
        assert!((33..=40).contains(&covered), "{covered} of 40");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
        let (trials, pairs) = trials(12, 3, 1.0);
        let interval = |seed| Bootstrap::new(&trials, &pairs, seed).intervals(|l| [l.eer(), l.cllr()]);
        assert_eq!(interval(7), interval(7));
        assert_ne!(interval(7), interval(8));
    }

    #[test]
    fn too_few_speakers_have_no_interval() {
        let (trials, pairs) = trials(4, 3, 2.0);
        assert_eq!(Bootstrap::new(&trials, &pairs, 1).intervals(|levels| [levels.eer()]), [None]);
    }
}
