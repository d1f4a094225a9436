//! Outcomes of trials enter; the figures a person or a script reads leave.
//!
//! Serialised, a [`Report`] is the JSON of `peakstream evaluate --json`. It holds no date, duration or machine: the same
//! recordings, list and engine give the same bytes.

mod curves;
mod figures;
pub mod html;
pub mod markdown;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::embedding::Hearing;
use crate::metrics::{Bootstrap, OperatingPoint, Pair, Trial};
use crate::run::{Condition, Enrollment, Outcome, Score};
use crate::trials::{Group, Grouping, Speakers, TrialList};

pub use curves::{Bin, Curves};
pub use figures::{Figures, Part, PromisedFar, Row, ThresholdRow};
pub(crate) use figures::{score, threshold_rows};

/// Seeds the resampling of speakers.
const SEED: u64 = 1;

/// What is asked of a report.
#[derive(Clone, Debug)]
pub struct Questions {
    /// Where detection costs are computed.
    pub points: Vec<OperatingPoint>,
    /// Shares of false accepts for which a threshold is wanted.
    pub fars: Vec<f64>,
}

/// What was evaluated.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// This program's version.
    pub version: String,
    /// Hash of the speaker network.
    pub model: String,
    /// Identity of the calibration.
    pub calibration: String,
    /// Front end.
    pub channel_type: String,
    /// The list's file name.
    pub list: String,
    /// SHA-256 of the list.
    pub list_sha256: String,
    /// How enrolments are made.
    pub enrollment: Enrollment,
    /// Whether scores are of voices without the centre of their source.
    pub centred: bool,
    /// What whoever had it made wants its readers to know.
    #[serde(skip)]
    pub note: Option<String>,
}

impl Subject {
    /// The end of a title.
    fn supposing(&self) -> &'static str {
        if self.centred { " where a tenant's centre is learnt" } else { "" }
    }
}

/// An evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was evaluated.
    #[serde(flatten)]
    pub subject: Subject,
    /// What the list holds.
    pub speakers: usize,
    /// How speakers were told apart.
    pub speakers_found_by: Grouping,
    /// Recordings in the list.
    pub recordings: usize,
    /// Trials in the list.
    pub trials: usize,
    /// Where detection costs are computed.
    pub operating_points: Vec<OperatingPoint>,
    /// One for each channel and duration.
    pub conditions: Vec<ConditionReport>,
    /// What a reader must know before promising anything.
    pub cautions: Vec<String>,
}

/// Figures of one channel and duration.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionReport {
    /// Channel of the registrations.
    pub enroll_channel: String,
    /// Channel of the verifications.
    pub channel: String,
    /// Seconds of net speech asked of registrations; none takes all.
    pub enroll_seconds: Option<f64>,
    /// Seconds of net speech asked of verifications; none takes all.
    pub seconds: Option<f64>,
    /// Trials that were left out, because a side held less speech than asked for.
    pub too_little_speech: usize,
    /// All trials together, first, and then parts of them: each source, gender and condition of the list.
    pub parts: Vec<Part>,
    /// For plots, of all trials; none without trials of both kinds.
    pub curves: Option<Curves>,
}

/// What groups may have in common.
type Aspect = fn(&Group) -> &String;

/// The log-likelihood ratio of a trial that was heard, if it has one.
pub type Llr<'a> = &'a dyn Fn(&Score) -> Option<f64>;

/// Computes all figures. `llr` turns the outcome of a trial into a log-likelihood ratio; trials without one are left out.
pub fn report(
    subject: Subject,
    list: &TrialList,
    speakers: &Speakers,
    conditions: &[Condition],
    outcomes: &[Vec<Outcome>],
    questions: &Questions,
    llr: Llr<'_>,
) -> Report {
    let pairs: Vec<Pair> = (0..list.trials.len()).map(|trial| speakers.pair(list, trial)).collect();
    let of = |(condition, outcomes): (&Condition, &Vec<Outcome>)| {
        let scored = Scored { list, pairs: &pairs, outcomes, llr };
        scored.condition(condition, questions)
    };
    let mut report = Report {
        subject,
        speakers: speakers.of_recording.iter().max().map_or(0, |&last| last as usize + 1),
        speakers_found_by: speakers.grouping,
        recordings: list.recordings.len(),
        trials: list.trials.len(),
        operating_points: questions.points.clone(),
        conditions: conditions.iter().zip(outcomes).map(of).collect(),
        cautions: Vec::new(),
    };
    report.cautions = cautions(&report);
    report.cautions.extend(left_out(list, outcomes, llr));
    report
}

/// What whoever reads figures of centred voices must know of a source that has none.
pub(crate) fn no_centre(source: &str, consequence: &str) -> String {
    let source = if source.is_empty() { "the list" } else { source };
    format!(
        "{source}: too few voices for a centre ({} are needed beside those of any two speakers): {consequence}.",
        peakstream::Centre::FEWEST
    )
}

struct Scored<'a> {
    list: &'a TrialList,
    pairs: &'a [Pair],
    outcomes: &'a [Outcome],
    llr: Llr<'a>,
}

impl Scored<'_> {
    fn condition(&self, condition: &Condition, questions: &Questions) -> ConditionReport {
        let Condition { enroll, test } = condition;
        let mut parts = vec![self.part("all", "", questions, |_| true)];
        let sources = self.values(|group| &group.source);
        let aspects: [(&str, Aspect); 3] =
            [("source", |g| &g.source), ("gender", |g| &g.gender), ("condition", |g| &g.condition)];
        for (aspect, of) in aspects {
            let values = self.values(of);
            // One value is all trials again.
            for value in values.iter().filter(|_| values.len() > 1) {
                parts.push(self.part(aspect, value, questions, |group| of(group) == *value));
            }
        }
        // Where a source has several conditions: each of them.
        for source in &sources {
            let conditions: Vec<_> = self
                .values(|group| &group.condition)
                .into_iter()
                .filter(|c| self.list.groups.iter().any(|g| g.source == **source && g.condition == **c))
                .collect();
            for value in conditions.iter().filter(|_| conditions.len() > 1 && sources.len() > 1) {
                let name = format!("{source}, {value}");
                let chosen = |group: &Group| group.source == **source && group.condition == **value;
                parts.push(self.part("source and condition", &name, questions, chosen));
            }
        }
        let hearing = |hearing: &Hearing| hearing.channel.to_string();
        ConditionReport {
            enroll_channel: hearing(enroll),
            channel: hearing(test),
            enroll_seconds: enroll.seconds,
            seconds: test.seconds,
            too_little_speech: self.outcomes.iter().filter(|o| **o == Outcome::TooLittleSpeech).count(),
            curves: Curves::of(&self.chosen(|_| true).0),
            parts,
        }
    }

    /// Every value of an aspect that the list names, sorted.
    fn values(&self, of: impl Fn(&Group) -> &String) -> Vec<&String> {
        let mut values: Vec<_> = self.list.groups.iter().map(of).filter(|value| !value.is_empty()).collect();
        values.sort();
        values.dedup();
        values
    }

    fn part(
        &self,
        aspect: &'static str,
        value: &str,
        questions: &Questions,
        chosen: impl Fn(&Group) -> bool,
    ) -> Part {
        let (trials, pairs) = self.chosen(chosen);
        let bootstrap = Bootstrap::new(&trials, &pairs, SEED);
        let row = Figures::of(&trials, &bootstrap, questions).map_or_else(
            |error| Row::NoFigures(error.to_string()),
            |figures| Row::Figures(Box::new(figures)),
        );
        Part { aspect, value: value.to_owned(), row }
    }

    /// Trials that were scored, of the chosen groups.
    fn chosen(&self, chosen: impl Fn(&Group) -> bool) -> (Vec<Trial>, Vec<Pair>) {
        let all = self.list.trials.iter().zip(self.outcomes).zip(self.pairs);
        all.filter(|((trial, _), _)| chosen(&self.list.groups[trial.group as usize]))
            .filter_map(|((trial, outcome), pair)| match outcome {
                Outcome::Scored(score) => {
                    Some((Trial { score: (self.llr)(score)?, same: trial.same }, *pair))
                }
                Outcome::TooLittleSpeech => None,
            })
            .unzip()
    }
}

/// Sources of which trials were heard, but none has a ratio: those without a centre.
fn left_out(list: &TrialList, outcomes: &[Vec<Outcome>], llr: Llr<'_>) -> Vec<String> {
    let mut sources = BTreeMap::new();
    for (trial, outcome) in outcomes.iter().flat_map(|outcomes| list.trials.iter().zip(outcomes)) {
        if let Outcome::Scored(score) = outcome {
            *sources.entry(&list.groups[trial.group as usize].source).or_insert(false) |=
                llr(score).is_some();
        }
    }
    let without = sources.into_iter().filter(|(_, has_some)| !has_some);
    without.map(|(source, _)| no_centre(source, "its trials are left out")).collect()
}

const CENTRED: &str = "Scores are those of a tenant whose centre is learnt: each source of the list is a tenant, and the mean of all its \
                       voices that were heard, without those of the trial's two speakers, is taken from both sides before their cosine.";

/// What the figures cannot say by themselves.
fn cautions(report: &Report) -> Vec<String> {
    let mut cautions: Vec<_> = report.subject.note.iter().cloned().collect();
    if report.subject.centred {
        cautions.push(CENTRED.to_owned());
    }
    if report.speakers < 50 {
        cautions.push(format!(
            "{} speakers: intervals are made by resampling speakers and are too narrow with fewer than about 50.",
            report.speakers
        ));
    }
    if report.speakers_found_by == Grouping::Links {
        cautions.push(
            "Speakers were told apart by the trials alone, because no level of folders agrees with the labels; one who is never \
             a target counts as several, and intervals are too narrow."
                .to_owned(),
        );
    }
    let simulated = |c: &ConditionReport| c.channel != "clean" || c.enroll_channel != "clean";
    if report.conditions.iter().any(simulated) {
        cautions.push(
            "Simulated channels stand for real ones: no handset, echo canceller, network or room of a customer is in them.".to_owned(),
        );
    }
    cautions.push(
        "Rates hold for speech like these recordings. On other languages, emotions and lines, errors were up to three times as \
         frequent at the same threshold: measure on your own calls."
            .to_owned(),
    );
    cautions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::{Ids, parse};
    use peakstream::ChannelType;

    pub(super) fn report_of(name: &str) -> Report {
        report_where(name, false)
    }

    /// 30 speakers, two sources, one of them with trials of two speakers only; scores that depend on the numbers alone. Only the even
    /// ones have a centre.
    pub(super) fn report_where(name: &str, centred: bool) -> Report {
        let mut text = "label,enroll,test,source,gender,condition\n".to_owned();
        for a in 0..30 {
            for b in 0..30 {
                let source = if a % 2 == 0 { "even" } else { "odd" };
                let condition = if b % 3 == 0 { "x" } else { "s" };
                text += &format!("{},s{a}/1,s{b}/2,{source},f/f,{condition}\n", u8::from(a == b));
            }
        }
        text += "0,s1/1,s2/1,lonely,f/f,x\n";
        let list = parse(&text, None, &Ids::default()).expect("a list");
        let speakers = Speakers::of(&list);
        let hearing = |seconds| Hearing {
            channel: crate::channel::Simulation::clean(),
            channel_type: ChannelType::Telephone,
            seconds,
        };
        let conditions = [None, Some(3.0)].map(|s| Condition { enroll: hearing(None), test: hearing(s) });
        let outcome = |(i, trial): (usize, &crate::trials::ListedTrial)| {
            let cosine = f64::from(u8::from(trial.same)) * 0.4 + (i * 37 % 100) as f64 / 250.0;
            let conditions = peakstream::decision::Conditions::of(None, None);
            let has_centre = list.groups[trial.group as usize].source == "even";
            Outcome::Scored(Score { cosine, centred: has_centre.then_some(cosine), conditions })
        };
        let all: Vec<_> = list.trials.iter().enumerate().map(outcome).collect();
        let mut some = all.clone();
        some[..20].fill(Outcome::TooLittleSpeech);
        let subject = Subject {
            version: "0".into(),
            model: "ab".into(),
            calibration: "telephone-channel@12345678".into(),
            channel_type: "telephone-channel".into(),
            list: name.into(),
            list_sha256: "cd".into(),
            enrollment: Enrollment::OneCall,
            centred,
            note: None,
        };
        let questions = Questions { points: vec![OperatingPoint::of_prior(0.01)], fars: vec![0.04, 0.001] };
        let llr = |score: &Score| {
            let cosine = if centred { score.centred } else { Some(score.cosine) };
            cosine.map(|cosine| 20.0 * cosine - 8.0)
        };
        report(subject, &list, &speakers, &conditions, &[all, some], &questions, &llr)
    }

    #[test]
    fn every_source_gender_and_condition_has_its_row_and_what_cannot_be_said_is_said() {
        let report = report_of("list.csv");
        assert_eq!((report.speakers, report.speakers_found_by), (30, Grouping::Folders(1)));
        let [all, some] = &report.conditions[..] else { panic!("two conditions") };
        assert_eq!((all.too_little_speech, some.too_little_speech), (0, 20));
        let names: Vec<_> = all.parts.iter().map(|part| format!("{} {}", part.aspect, part.value)).collect();
        let expected = [
            "all ",
            "source even",
            "source lonely",
            "source odd",
            "condition s",
            "condition x",
            "source and condition even, s",
            "source and condition even, x",
            "source and condition odd, s",
            "source and condition odd, x",
        ];
        // One gender is all trials again, and has no row.
        assert_eq!(names, expected);
        assert!(matches!(&all.parts[2].row, Row::NoFigures(why) if why.contains("0 of one speaker")));
        let figures = all.parts[0].row.figures().expect("both kinds");
        assert_eq!((figures.same, figures.other, figures.speakers), (30, 871, 30));
        assert!(report.cautions.iter().any(|caution| caution.contains("30 speakers")));
        assert!(!report.cautions.iter().any(|caution| caution.contains("Simulated")));
    }

    #[test]
    fn a_report_of_centred_voices_says_so_and_names_the_sources_that_have_no_centre() {
        let report = report_where("list.csv", true);
        let [all, even, _, odd] = &report.conditions[0].parts[..4] else { panic!("all, and three sources") };
        assert_eq!(all.row.figures().expect("both kinds").same, 15);
        assert_eq!(even.row.figures().expect("both kinds").same, 15);
        assert!(odd.row.figures().is_none());
        let cautions = report.cautions.join("\n");
        for said in [
            "each source of the list is a tenant",
            "odd: too few voices for a centre",
            "lonely: too few voices",
        ] {
            assert!(cautions.contains(said), "{said}: {cautions}");
        }
        assert!(!cautions.contains("even: too few"));
        for page in [html::page(&report), markdown::page(&report, "")] {
            assert!(page.contains("where a tenant's centre is learnt"), "{page}");
        }
        assert!(!report_of("list.csv").cautions.join("\n").contains("centre"));
    }

    #[test]
    fn the_same_outcomes_give_the_same_bytes() {
        let json = || serde_json::to_string(&report_of("list.csv")).expect("JSON");
        assert_eq!(json(), json());
        assert_eq!(html::page(&report_of("list.csv")), html::page(&report_of("list.csv")));
    }
}
