//! Samples enter, the parameters of a calibration leave: a logistic regression with a prior on its parameters.
//!
//! Minimised is the cost of the log-likelihood ratios at even odds (Brümmer and du Preez 2006), with same-speaker and other
//! trials of every source weighing the same, plus the prior: normal about the parameters that were in force, with a
//! deviation of [`DEVIATIONS`], each speaker counting as one observation. It keeps few speakers, whose trials a steep
//! line may separate without an error, from a slope without end; with hundreds it says nothing.

use peakstream::decision::{Conditions, Parameters, Shift};

use crate::metrics::{Pair, softplus};

/// Numbers of a calibration: slope and offset; by duration; by quality.
const COUNT: usize = 6;
/// Deviations of the prior: slope, offset, then slope and offset for each unit of duration and of quality.
const DEVIATIONS: [f64; COUNT] = [30.0, 15.0, 15.0, 8.0, 15.0, 8.0];
/// Newton's method converges in about eight steps.
const MOST_STEPS: usize = 50;
/// A step that changes no parameter by more than this is the last.
const ENOUGH: f64 = 1e-7;

/// What a calibration learns from: a trial that was heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Of the two templates.
    pub cosine: f64,
    /// The same without the centre of the source, if it has one.
    pub centred: Option<f64>,
    /// What the templates were made of.
    pub conditions: Conditions,
    /// Whether they are of one speaker.
    pub same: bool,
    /// Who they are.
    pub pair: Pair,
    /// Corpus.
    pub source: u32,
    /// Channel and duration.
    pub condition: u32,
}

/// Which covariates a calibration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariates {
    /// The cosine alone.
    None,
    /// Duration.
    Duration,
    /// Duration and quality.
    DurationAndQuality,
}

impl Covariates {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Duration, Self::DurationAndQuality];

    const fn parameters(self) -> usize {
        match self {
            Self::None => 2,
            Self::Duration => 4,
            Self::DurationAndQuality => COUNT,
        }
    }
}

/// Weights of samples: 1 in all, each source and answer that occurs the same.
pub(super) fn weights(samples: &[&Sample]) -> Vec<f64> {
    let mut sizes = std::collections::HashMap::new();
    for sample in samples {
        *sizes.entry((sample.source, sample.same)).or_insert(0u32) += 1;
    }
    // Where a source has one kind only, the two answers must still weigh the same.
    let kinds = |same| sizes.keys().filter(|key| key.1 == same).count() as f64;
    let kinds = [kinds(false), kinds(true)];
    samples
        .iter()
        .map(|s| 0.5 / (kinds[usize::from(s.same)] * f64::from(sizes[&(s.source, s.same)])))
        .collect()
}

/// Weighted cost of the ratios, in bits: Cllr with each source weighing the same.
pub(super) fn cost(llrs: &[f64], samples: &[&Sample]) -> f64 {
    let weights = weights(samples);
    let costs = samples.iter().zip(llrs).zip(weights);
    costs.map(|((sample, llr), w)| w * softplus(if sample.same { -llr } else { *llr })).sum::<f64>()
        / std::f64::consts::LN_2
}

/// Fits parameters to samples of both kinds. `speakers`: how many there are in them; `prior`: the parameters in force.
pub(super) fn fit(
    samples: &[&Sample],
    covariates: Covariates,
    speakers: usize,
    prior: &Parameters,
) -> Parameters {
    let problem = Problem {
        rows: samples.iter().map(|sample| row(sample)).collect(),
        same: samples.iter().map(|sample| sample.same).collect(),
        weights: weights(samples),
        // The cosine's slope and offset at a typical comparison, where a part of the prior's covariates is left out.
        prior: numbers(prior),
        penalty: DEVIATIONS.map(|deviation| 1.0 / (speakers.max(1) as f64 * deviation * deviation)),
        count: covariates.parameters(),
    };
    parameters(&problem.solve())
}

fn row(sample: &Sample) -> [f64; COUNT] {
    let (c, u, v) = (sample.cosine, sample.conditions.duration(), sample.conditions.quality());
    [c, 1.0, c * u, u, c * v, v]
}

fn numbers(p: &Parameters) -> [f64; COUNT] {
    [p.scale, p.offset, p.duration.scale, p.duration.offset, p.quality.scale, p.quality.offset]
}

fn parameters(numbers: &[f64; COUNT]) -> Parameters {
    let [scale, offset, a, b, c, d] = *numbers;
    Parameters {
        scale,
        offset,
        duration: Shift { scale: a, offset: b },
        quality: Shift { scale: c, offset: d },
    }
}

struct Problem {
    rows: Vec<[f64; COUNT]>,
    same: Vec<bool>,
    weights: Vec<f64>,
    prior: [f64; COUNT],
    penalty: [f64; COUNT],
    /// How many parameters are free; the others are 0.
    count: usize,
}

impl Problem {
    /// Newton's method with halved steps where a whole one would cost more.
    fn solve(&self) -> [f64; COUNT] {
        let mut at = self.prior;
        at[self.count..].fill(0.0);
        let mut cost = self.cost(&at);
        for _ in 0..MOST_STEPS {
            let mut step = self.step(&at);
            let mut next = moved(&at, &step);
            let mut next_cost = self.cost(&next);
            // Convex and smooth: some fraction of the step costs less, until rounding hides it.
            while next_cost > cost && step.iter().any(|part| part.abs() > ENOUGH) {
                step = step.map(|part| part / 2.0);
                next = moved(&at, &step);
                next_cost = self.cost(&next);
            }
            (at, cost) = (next, next_cost);
            if step.iter().all(|part| part.abs() < ENOUGH) {
                break;
            }
        }
        at
    }

    fn cost(&self, at: &[f64; COUNT]) -> f64 {
        let mut cost = 0.0;
        for ((row, same), weight) in self.rows.iter().zip(&self.same).zip(&self.weights) {
            let llr = dot(row, at);
            cost += weight * softplus(if *same { -llr } else { llr });
        }
        let away = |i: usize| self.penalty[i] * (at[i] - self.prior[i]).powi(2) / 2.0;
        cost + (0..self.count).map(away).sum::<f64>()
    }

    /// The negative inverse Hessian times the gradient.
    fn step(&self, at: &[f64; COUNT]) -> [f64; COUNT] {
        let (mut gradient, mut hessian) = ([0.0; COUNT], [[0.0; COUNT]; COUNT]);
        for ((row, same), weight) in self.rows.iter().zip(&self.same).zip(&self.weights) {
            let p = 1.0 / (1.0 + (-dot(row, at)).exp());
            let (first, second) = (weight * (p - f64::from(u8::from(*same))), weight * p * (1.0 - p));
            for i in 0..self.count {
                gradient[i] += first * row[i];
                for j in 0..=i {
                    hessian[i][j] += second * row[i] * row[j];
                }
            }
        }
        for i in 0..self.count {
            gradient[i] += self.penalty[i] * (at[i] - self.prior[i]);
            hessian[i][i] += self.penalty[i];
        }
        solve(hessian, gradient, self.count).map(|part| -part)
    }
}

fn dot(a: &[f64; COUNT], b: &[f64; COUNT]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn moved(at: &[f64; COUNT], step: &[f64; COUNT]) -> [f64; COUNT] {
    std::array::from_fn(|i| at[i] + step[i])
}

/// Solves the first `count` equations of a positive definite matrix, of which the lower half is given, by Cholesky's method;
/// the penalty keeps it definite.
fn solve(mut m: [[f64; COUNT]; COUNT], mut b: [f64; COUNT], count: usize) -> [f64; COUNT] {
    for i in 0..count {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| m[i][k] * m[j][k]).sum();
            m[i][j] = if i == j { (m[i][i] - known).sqrt() } else { (m[i][j] - known) / m[j][j] };
        }
    }
    for i in 0..count {
        let known: f64 = (0..i).map(|k| m[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / m[i][i];
    }
    for i in (0..count).rev() {
        let known: f64 = (i + 1..count).map(|k| m[k][i] * b[k]).sum();
        b[i] = (b[i] - known) / m[i][i];
    }
    b[count..].fill(0.0);
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SplitMix;
    use peakstream::Evidence;

    const PRIOR: Parameters = Parameters {
        scale: 20.0,
        offset: -10.0,
        duration: Shift { scale: 0.0, offset: 0.0 },
        quality: Shift { scale: 0.0, offset: 0.0 },
    };

    /// Cosines whose odds are by construction those of `truth`, at 2 and at 10 seconds.
    fn samples(truth: &Parameters, count: usize) -> Vec<Sample> {
        let mut random = SplitMix::new(3);
        let mut uniform = || random.below(1 << 30) as f64 / f64::from(1 << 30);
        (0..count)
            .map(|i| {
                let side = Some(Evidence { net_speech: if i % 2 == 0 { 2.0 } else { 10.0 }, snr: 40.0 });
                let (cosine, conditions) = (uniform(), Conditions::of(side, side));
                let odds = truth.llr(cosine, conditions).0;
                let same = uniform() < 1.0 / (1.0 + (-odds).exp());
                Sample { cosine, centred: None, conditions, same, pair: Pair(0, 0), source: 0, condition: 0 }
            })
            .collect()
    }

    #[test]
    fn parameters_that_made_the_trials_are_found_again() {
        let truth =
            Parameters { scale: 16.0, offset: -8.0, duration: Shift { scale: -6.0, offset: 2.5 }, ..PRIOR };
        let samples = samples(&truth, 60_000);
        let found = fit(&samples.iter().collect::<Vec<_>>(), Covariates::Duration, 10_000, &PRIOR);
        assert!((found.scale - truth.scale).abs() < 0.6, "{found:?}");
        assert!((found.duration.scale - truth.duration.scale).abs() < 0.6, "{found:?}");
        // The answers weigh the same, so the offset is that of even odds: the ratio is 0 where both are equally dense.
        let dense = |cosine: f64| found.llr(cosine, samples[1].conditions).0;
        assert!(dense(0.2) < 0.0 && dense(0.8) > 0.0);
        assert_eq!(found.quality, Shift::default());
    }

    #[test]
    fn trials_without_an_error_give_no_slope_without_end() {
        let side = Conditions::of(None, None);
        let sample = |cosine, same| Sample {
            cosine,
            centred: None,
            conditions: side,
            same,
            pair: Pair(0, 0),
            source: 0,
            condition: 0,
        };
        let samples = [sample(0.8, true), sample(0.7, true), sample(0.2, false), sample(0.1, false)];
        let found = fit(&samples.iter().collect::<Vec<_>>(), Covariates::DurationAndQuality, 4, &PRIOR);
        assert!(found.scale > 20.0 && found.scale < 60.0 && found.is_rising(), "{found:?}");
    }

    #[test]
    fn each_source_and_answer_weighs_the_same() {
        let conditions = Conditions::of(None, None);
        let (cosine, centred) = (0.5, None);
        let sample = |source, same| Sample {
            cosine,
            centred,
            conditions,
            same,
            pair: Pair(0, 0),
            source,
            condition: 0,
        };
        let all = [
            sample(0, true),
            sample(0, false),
            sample(0, false),
            sample(1, true),
            sample(1, true),
            sample(1, false),
            sample(2, false),
        ];
        let weights = weights(&all.iter().collect::<Vec<_>>());
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let same: f64 = weights.iter().zip(&all).filter(|(_, s)| s.same).map(|(w, _)| w).sum();
        assert!((same - 0.5).abs() < 1e-12);
        assert!((weights[0] - weights[3] - weights[4]).abs() < 1e-12);
    }
}
