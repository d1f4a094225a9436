//! Trials that were heard enter, a calibration leaves: parameters, thresholds for named shares of false accepts, and what both
//! are worth.
//!
//! Everything that is said about the calibration is measured on speakers it has not learnt from: speakers are dealt into
//! `FOLDS` folds, and a trial is judged by the parameters fitted without the folds of its two speakers. Which covariates
//! stay is decided the same way; of noise, where there are several sources, by leaving out one of them after the other.
//!
//! All of it twice: for cosines of voices as they are, and for those without the centre of their source, which mean something else.

mod fit;
mod folder;

use serde::Serialize;

use peakstream::Calibration;
use peakstream::decision::Parameters;

use crate::metrics::{Bootstrap, Levels, OperatingPoint, Pair, Rates, ThresholdAt, Trial};
use crate::report::{ThresholdRow, no_centre, score};

pub use fit::{Covariates, Sample};
pub use folder::{Speaker, all_trials};

/// Parts of the speakers, each left out in turn.
const FOLDS: u32 = 5;
/// Fewer speakers cannot be left out in turn.
pub const FEWEST_SPEAKERS: usize = 5;
/// With fewer, the thresholds of another day will be elsewhere.
const FEW_SPEAKERS: usize = 50;
/// Most samples that parameters are fitted to; more do not change them. Judged are all.
const MOST_FITTED: usize = 150_000;
/// Seeds the resampling of speakers.
const SEED: u64 = 1;

/// The shares of false accepts that have names.
pub const OPERATING_POINTS: [(&str, f64); 3] =
    [("far=1%", 0.01), ("far=0.1%", 0.001), ("far=0.01%", 0.000_1)];

/// Why there is no calibration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// Too few people.
    #[error(
        "{0} speakers; at least {FEWEST_SPEAKERS} are needed, and {FEW_SPEAKERS} for thresholds that can be relied upon"
    )]
    TooFewSpeakers(usize),
    /// One of the two answers never occurs.
    #[error(
        "{same} trials of one speaker and {other} of two were heard; both are needed: at least two recordings of each speaker"
    )]
    OneKind {
        /// Trials of one speaker.
        same: usize,
        /// Trials of two speakers.
        other: usize,
    },
}

/// The numbers of a calibration's two kinds of cosine.
#[derive(Clone, Debug, Serialize)]
pub struct Calibrated {
    /// For voices as they are.
    #[serde(flatten)]
    pub plain: Fitted,
    /// For voices from which the centre of their source was taken, if some source has enough of them for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centred: Option<Fitted>,
}

/// The numbers of one kind of cosine, and what they are worth.
#[derive(Clone, Debug, Serialize)]
pub struct Fitted {
    /// The numbers.
    #[serde(flatten)]
    pub parameters: Parameters,
    /// Share of genuine callers at which the ratio 0, the score 0.5, is the point of equal cost.
    pub prior: f64,
    /// Thresholds for named shares of false accepts, in the first condition.
    pub operating_points: Vec<NamedPoint>,
    /// How it was chosen.
    pub cross_validation: CrossValidation,
    /// What each condition makes of the same thresholds.
    pub conditions: Vec<ConditionErrors>,
    /// Errors at each threshold in the first condition, of speakers left out.
    pub table: Vec<ThresholdRow>,
    /// What a reader must know.
    pub warnings: Vec<String>,
}

/// A threshold with a name.
#[derive(Clone, Debug, Serialize)]
pub struct NamedPoint {
    /// Such as `far=1%`.
    pub name: &'static str,
    /// The threshold on the 0…1 score, if there are enough trials.
    pub score: Option<f64>,
    /// 95 % interval of the threshold, by resampling speakers.
    pub score_interval: Option<[f64; 2]>,
    /// 95 % interval of the false rejects at this share of false accepts, by resampling speakers.
    pub frr_interval: Option<[f64; 2]>,
    /// The threshold as a log-likelihood ratio and its errors, or how many trials are missing.
    #[serde(flatten)]
    pub at: ThresholdAt,
}

/// What was compared.
#[derive(Clone, Debug, Serialize)]
pub struct CrossValidation {
    /// Parts of the speakers.
    pub folds: u32,
    /// Cost of the log-likelihood ratios of speakers left out, in bits, sources weighing the same, for each choice.
    pub cllr: Vec<(Covariates, f64)>,
    /// The same of whole sources left out, if there are several.
    pub cllr_by_other_sources: Vec<(Covariates, f64)>,
    /// The choice.
    pub chosen: Covariates,
    /// For each source, what its trials cost by the parameters fitted without it: what speech of another kind has to expect.
    pub source_left_out: Vec<SourceLeftOut>,
    /// All these trials together, each with the ratio that the other sources gave it.
    pub sources_left_out: Option<Costs>,
}

/// What the trials of one source cost by the parameters fitted without it.
#[derive(Clone, Debug, Serialize)]
pub struct SourceLeftOut {
    /// The source.
    pub source: String,
    /// What they cost.
    #[serde(flatten)]
    pub costs: Costs,
}

/// What ratios cost, and what they would have cost after the best calibration in hindsight.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Costs {
    /// Cllr in bits.
    pub cllr: f64,
    /// In hindsight.
    pub min_cllr: f64,
    /// Normalised detection cost at the threshold for one genuine caller in a hundred, both errors costing the same.
    pub dcf: f64,
    /// In hindsight.
    pub min_dcf: f64,
}

impl Costs {
    fn of(trials: &[Trial]) -> Option<Self> {
        let (levels, rare) = (Levels::new(trials).ok()?, OperatingPoint::of_prior(0.01));
        let (dcf, min_dcf) = (levels.actual_dcf(rare), levels.min_dcf(rare));
        Some(Self { cllr: levels.cllr(), min_cllr: levels.min_cllr(), dcf, min_dcf })
    }

    /// Whether another calibration would have served these trials clearly better.
    fn are_avoidable(&self) -> bool {
        self.cllr > 1.1 * self.min_cllr.max(0.01)
    }
}

/// Errors in one condition.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionErrors {
    /// Such as `mulaw, 3 s`.
    pub condition: String,
    /// Cllr in bits, of speakers left out.
    pub cllr: f64,
    /// After the best calibration in hindsight.
    pub min_cllr: f64,
    /// Errors at the named thresholds that there are.
    pub at: Vec<(&'static str, Rates)>,
}

/// Fits and judges both kinds of cosine. `sources` and `conditions`: names for the numbers in the samples; `in_force`: what is in
/// use now, from which few speakers do not move far. Takes some seconds for a million samples.
///
/// # Errors
/// See [`CalibrateError`]. Without numbers for centred voices there is a warning, and no error.
pub fn calibrate(
    samples: &[Sample],
    sources: &[String],
    conditions: &[String],
    in_force: &Calibration,
) -> Result<Calibrated, CalibrateError> {
    let mut plain = fitted(samples, sources, conditions, in_force.parameters())?;
    let without_centre = |sample: &Sample| Some(Sample { cosine: sample.centred?, ..*sample });
    let samples_centred: Vec<Sample> = samples.iter().filter_map(without_centre).collect();
    let has = |samples: &[Sample], source: usize| samples.iter().any(|s| s.source as usize == source);
    for (number, source) in sources.iter().enumerate() {
        if has(samples, number) && !has(&samples_centred, number) {
            plain.warnings.push(no_centre(source, "the numbers for centred voices are without it"));
        }
    }
    let centred = if samples_centred.is_empty() {
        None
    } else {
        let prior = in_force.centred().unwrap_or(in_force.parameters());
        let fitted = fitted(&samples_centred, sources, conditions, prior);
        fitted
            .inspect_err(|error| plain.warnings.push(format!("No numbers for centred voices: {error}.")))
            .ok()
    };
    Ok(Calibrated { plain, centred })
}

fn fitted(
    samples: &[Sample],
    sources: &[String],
    conditions: &[String],
    in_force: &Parameters,
) -> Result<Fitted, CalibrateError> {
    let same = samples.iter().filter(|sample| sample.same).count();
    if same == 0 || same == samples.len() {
        return Err(CalibrateError::OneKind { same, other: samples.len() - same });
    }
    let speakers = speakers(samples.iter());
    if speakers < FEWEST_SPEAKERS {
        return Err(CalibrateError::TooFewSpeakers(speakers));
    }
    let fitted = thinned(samples);
    let judged = Covariates::ALL.map(|covariates| left_out(samples, &fitted, covariates, in_force));
    let all: Vec<&Sample> = samples.iter().collect();
    let costs: Vec<_> = Covariates::ALL
        .into_iter()
        .zip(&judged)
        .map(|(covariates, llrs)| (covariates, fit::cost(llrs, &all)))
        .collect();
    let by_others = Covariates::ALL.map(|covariates| LeftOut::of(&fitted, sources, covariates, in_force));
    let costs_by_others: Vec<_> = Covariates::ALL
        .into_iter()
        .zip(&by_others)
        .filter_map(|(c, left_out)| Some((c, left_out.cllr()?)))
        .collect();
    let (chosen, parameters) = first_rising(&ranked(&costs, &costs_by_others), &fitted, speakers, in_force);
    let number = Covariates::ALL.iter().position(|choice| *choice == chosen).unwrap_or(0);
    let llrs = &judged[number];
    let first = Condition::of(samples, llrs, 0);
    let LeftOut { each: source_left_out, all: sources_left_out } = by_others[number].clone();
    let operating_points = first.as_ref().map(Condition::points).unwrap_or_default();
    let of = |(number, name): (usize, &String)| {
        Some(Condition::of(samples, llrs, number as u32)?.errors(name, &operating_points))
    };
    let mut found = Fitted {
        parameters,
        prior: 0.5,
        cross_validation: CrossValidation {
            folds: FOLDS,
            cllr: costs,
            cllr_by_other_sources: costs_by_others,
            chosen,
            source_left_out,
            sources_left_out,
        },
        conditions: conditions.iter().enumerate().filter_map(of).collect(),
        table: first.map(|first| crate::report::threshold_rows(&first.levels)).unwrap_or_default(),
        operating_points,
        warnings: Vec::new(),
    };
    found.warnings = warnings(&found, speakers);
    Ok(found)
}

fn speakers<'a>(samples: impl Iterator<Item = &'a Sample>) -> usize {
    let mut there: Vec<u32> = samples.flat_map(|sample| [sample.pair.0, sample.pair.1]).collect();
    there.sort_unstable();
    there.dedup();
    there.len()
}

/// All trials of one speaker, and evenly spaced ones of two.
fn thinned(samples: &[Sample]) -> Vec<&Sample> {
    let other = samples.iter().filter(|sample| !sample.same).count();
    let step = other.div_ceil(MOST_FITTED).max(1);
    let mut number = 0;
    samples
        .iter()
        .filter(|sample| {
            number += usize::from(!sample.same);
            sample.same || number % step == 0
        })
        .collect()
}

/// Log-likelihood ratios of all samples, each by parameters that have learnt from neither of its speakers.
fn left_out(
    samples: &[Sample],
    fitted: &[&Sample],
    covariates: Covariates,
    in_force: &Parameters,
) -> Vec<f64> {
    let fold = |speaker: u32| speaker % FOLDS;
    let number = |pair: &Pair| {
        let (a, b) = (fold(pair.0), fold(pair.1));
        (a.min(b) * FOLDS + a.max(b)) as usize
    };
    let fit_without = |a: u32, b: u32| {
        let outside = |pair: &Pair| ![a, b].contains(&fold(pair.0)) && ![a, b].contains(&fold(pair.1));
        let rest: Vec<&Sample> = fitted.iter().copied().filter(|sample| outside(&sample.pair)).collect();
        let known = rest.iter().any(|s| s.same) && rest.iter().any(|s| !s.same);
        // Without trials of both kinds there is nothing to learn.
        if known { fit::fit(&rest, covariates, speakers(rest.iter().copied()), in_force) } else { *in_force }
    };
    let models = std::thread::scope(|scope| {
        let fit_without = &fit_without;
        let rows: Vec<_> = (0..FOLDS)
            .map(|a| {
                scope.spawn(move || {
                    (0..FOLDS).map(|b| (a <= b).then(|| fit_without(a, b))).collect::<Vec<_>>()
                })
            })
            .collect();
        // A thread that panicked had a defect in arithmetic; the calibration in force is no answer to that.
        rows.into_iter()
            .flat_map(|row| row.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    let llr = |sample: &Sample| {
        models[number(&sample.pair)].as_ref().unwrap_or(in_force).llr(sample.cosine, sample.conditions).0
    };
    samples.iter().map(llr).collect()
}

/// Covariates, the best first. Whether duration helps, speakers left out say: the same recordings were heard for several
/// durations. Quality differs between sources more than within them, and what it seems to explain may be something else of theirs: whether
/// it helps, sources left out say, if there are several.
fn ranked(by_speakers: &[(Covariates, f64)], by_others: &[(Covariates, f64)]) -> [Covariates; 3] {
    let cost = |costs: &[(Covariates, f64)], wanted| {
        costs.iter().find(|(covariates, _)| *covariates == wanted).map_or(f64::INFINITY, |(_, cost)| *cost)
    };
    let [none, duration] = [Covariates::None, Covariates::Duration].map(|choice| cost(by_speakers, choice));
    let (plain, other) = match duration < none {
        true => (Covariates::Duration, Covariates::None),
        false => (Covariates::None, Covariates::Duration),
    };
    let asked = if by_others.is_empty() { by_speakers } else { by_others };
    match cost(asked, Covariates::DurationAndQuality) < cost(asked, plain) {
        true => [Covariates::DurationAndQuality, plain, other],
        false => [plain, other, Covariates::DurationAndQuality],
    }
}

/// The first covariates with which a higher cosine is a higher score.
fn first_rising(
    ranked: &[Covariates],
    fitted: &[&Sample],
    speakers: usize,
    in_force: &Parameters,
) -> (Covariates, Parameters) {
    let mut fits = ranked.iter().map(|choice| (*choice, fit::fit(fitted, *choice, speakers, in_force)));
    fits.find(|(_, parameters)| parameters.is_rising()).unwrap_or((Covariates::None, *in_force))
}

/// What sources cost by the parameters fitted without them.
#[derive(Clone)]
struct LeftOut {
    each: Vec<SourceLeftOut>,
    all: Option<Costs>,
}

impl LeftOut {
    fn of(fitted: &[&Sample], sources: &[String], covariates: Covariates, in_force: &Parameters) -> Self {
        let mut all = Vec::new();
        let of = |(number, source): (usize, &String)| {
            let (own, rest): (Vec<&Sample>, Vec<&Sample>) =
                fitted.iter().partition(|s| s.source == number as u32);
            if rest.iter().all(|sample| sample.same) || !rest.iter().any(|sample| sample.same) {
                return None;
            }
            let parameters = fit::fit(&rest, covariates, speakers(rest.iter().copied()), in_force);
            let trial = |s: &&Sample| Trial { score: parameters.llr(s.cosine, s.conditions).0, same: s.same };
            let trials: Vec<_> = own.iter().map(trial).collect();
            let costs = Costs::of(&trials)?;
            all.extend(trials);
            Some(SourceLeftOut { source: source.clone(), costs })
        };
        let each = sources.iter().enumerate().filter_map(of).collect();
        Self { each, all: Costs::of(&all) }
    }

    /// Cost of the ratios in bits, sources weighing the same.
    fn cllr(&self) -> Option<f64> {
        let count = self.each.len();
        (count > 1).then(|| self.each.iter().map(|left_out| left_out.costs.cllr).sum::<f64>() / count as f64)
    }
}

/// Trials of one channel and duration, with ratios of speakers left out.
struct Condition {
    levels: Levels,
    bootstrap: Bootstrap,
}

impl Condition {
    fn of(samples: &[Sample], llrs: &[f64], number: u32) -> Option<Self> {
        let own = samples.iter().zip(llrs).filter(|(sample, _)| sample.condition == number);
        let (trials, pairs): (Vec<Trial>, Vec<Pair>) =
            own.map(|(sample, llr)| (Trial { score: *llr, same: sample.same }, sample.pair)).unzip();
        Some(Self { levels: Levels::new(&trials).ok()?, bootstrap: Bootstrap::new(&trials, &pairs, SEED) })
    }

    fn points(&self) -> Vec<NamedPoint> {
        let fars = OPERATING_POINTS.map(|(_, far)| far);
        // All intervals of the same replicates: resampling is what takes long.
        let intervals = self.bootstrap.intervals(|levels| {
            let thresholds = fars.map(|far| levels.lowest_threshold(far));
            let rejected = fars.map(|far| levels.frr_at(far));
            [thresholds[0], rejected[0], thresholds[1], rejected[1], thresholds[2], rejected[2]]
        });
        let point = |(number, (name, far)): (usize, (&'static str, f64))| {
            let at = self.levels.threshold_at(far);
            let ThresholdAt::Found { threshold, .. } = at else {
                return NamedPoint { name, score: None, score_interval: None, frr_interval: None, at };
            };
            NamedPoint {
                name,
                score: Some(score(threshold)),
                score_interval: intervals[2 * number].map(|ends| ends.map(score)),
                frr_interval: intervals[2 * number + 1],
                at,
            }
        };
        OPERATING_POINTS.into_iter().enumerate().map(point).collect()
    }

    fn errors(&self, name: &str, points: &[NamedPoint]) -> ConditionErrors {
        let at = |point: &NamedPoint| match point.at {
            ThresholdAt::Found { threshold, .. } => Some((point.name, self.levels.rates(threshold))),
            ThresholdAt::TooFewTrials { .. } => None,
        };
        ConditionErrors {
            condition: name.to_owned(),
            cllr: self.levels.cllr(),
            min_cllr: self.levels.min_cllr(),
            at: points.iter().filter_map(at).collect(),
        }
    }
}

fn warnings(fitted: &Fitted, speakers: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if speakers < FEW_SPEAKERS {
        warnings.push(format!(
            "{speakers} speakers: with fewer than {FEW_SPEAKERS}, other people's errors may be several times as frequent. Record more \
             before you rely on a threshold."
        ));
    }
    for point in &fitted.operating_points {
        if let ThresholdAt::TooFewTrials { has, needs } = point.at {
            warnings.push(format!(
                "{}: not enough trials for a threshold ({has} of two speakers, {needs} are needed: 30 errors to be expected).",
                point.name
            ));
        }
    }
    for left_out in &fitted.cross_validation.source_left_out {
        if left_out.costs.are_avoidable() {
            warnings.push(format!(
                "{}: fitted without it, scores cost {:.3} bits where {:.3} were possible: speech of another kind is not calibrated by this.",
                left_out.source, left_out.costs.cllr, left_out.costs.min_cllr
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
