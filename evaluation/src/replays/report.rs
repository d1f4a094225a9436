//! Comparisons of fingerprints enter, the shares that are caught and falsely caught leave, at the threshold in force and at one
//! that was chosen on other speakers.

use peakstream::replay::{Similarity, TOO_SIMILAR};
use serde::Serialize;

use super::{Heard, SelfTrial, Study, Trial};
use crate::gates::Calls;
use crate::metrics::Share;

/// Falsely caught calls of the speakers on whom a threshold is chosen: a tenth of what is promised, since others will differ.
const CHOSEN: f64 = 0.000_1;
/// Comparisons of two calls that are shown.
const MOST_ALIKE: usize = 10;

/// Calls that were caught.
#[derive(Clone, Debug, Serialize)]
pub struct Caught {
    /// At [`Similarity::SAME_RECORDING`].
    pub in_force: Share,
    /// At the threshold that was chosen on the other half of the speakers.
    pub cross_validated: Share,
}

/// What replays through one line are like.
#[derive(Clone, Debug, Serialize)]
pub struct LineRow {
    /// The line.
    pub line: String,
    /// Replays that were caught.
    pub caught: Caught,
    /// What 2 % and 50 % of the similarities do not exceed.
    pub similarity: [u32; 2],
    /// What 50 % and 98 % of the bit error rates do not exceed, of the stretch that agrees best.
    pub bit_error_rate: [f32; 2],
    /// Seconds of the stretch that agrees best, the median.
    pub seconds: f64,
    /// Voices that are too similar.
    pub too_similar: SignRow,
}

/// How often a sign is there, at the limit in force.
#[derive(Clone, Debug, Serialize)]
pub struct SignRow {
    /// Where the sign was looked for.
    pub calls: String,
    /// Calls that have it.
    pub shown: Share,
    /// What 2 %, 50 %, 98 % and all of the measures do not exceed.
    pub measure: [f64; 4],
}

/// What other utterances of the same speaker are like, through all lines.
#[derive(Clone, Debug, Serialize)]
pub struct SourceRow {
    /// The corpus.
    pub source: String,
    /// Pairs of an enrolled call and another one, each through all lines.
    pub pairs: usize,
    /// Calls that were falsely caught.
    pub caught: Caught,
    /// What 50 %, 99.9 % and all of the similarities do not exceed.
    pub similarity: [u32; 3],
    /// Voices that are too similar, falsely.
    pub too_similar: SignRow,
}

/// Two calls that are most alike though they are not the same.
#[derive(Clone, Debug, Serialize)]
pub struct Agreeing {
    /// Recordings of the enrolment, and of the call that was taken for it.
    pub recordings: [Vec<String>; 2],
    /// The line.
    pub line: String,
    /// How alike.
    pub similarity: u32,
    /// Of the stretch that agrees best.
    pub bit_error_rate: f32,
    /// Its length.
    pub seconds: f64,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Speakers and calls.
    pub speakers: usize,
    /// How many calls there are before they go through lines.
    pub calls: usize,
    /// What the enrolments came through.
    pub enrolled: String,
    /// Seconds that a replay leaves out at its beginning.
    pub offset: f64,
    /// Net speech that a call collects at most, and must have, in seconds.
    pub seconds: [f64; 2],
    /// Enrolments and replays that had less.
    pub too_little_speech: usize,
    /// Bytes of a kept fingerprint for each second of net speech.
    pub bytes_per_second: f64,
    /// The threshold in force.
    pub threshold: u32,
    /// Thresholds chosen on each half of the speakers, to judge the other one by.
    pub chosen: [u32; 2],
    /// Replays.
    pub lines: Vec<LineRow>,
    /// Other utterances, each corpus.
    pub sources: Vec<SourceRow>,
    /// Other utterances, all corpora.
    pub all: SourceRow,
    /// A piece comes again: genuine calls of each corpus, then loops.
    pub repetition: Vec<SignRow>,
    /// Limits of the two signs: of the cosine, of the similarity.
    pub signs: (f64, u32),
    /// The genuine calls that are most like themselves.
    pub most_repeated: Vec<(Vec<String>, u32, f64)>,
    /// The falsest of them, each pair of calls once.
    pub most_alike: Vec<Agreeing>,
    /// Recordings of calls that are left out because a piece of one recording lies in both, by their samples.
    pub one_recording: Vec<[Vec<String>; 2]>,
}

/// Judges.
pub fn report(study: &Study<'_>, calls: &Calls, heard: &Heard) -> Report {
    let (replays, others): (Vec<&Trial>, Vec<&Trial>) =
        heard.trials.iter().partition(|trial| trial.is_replay());
    let chosen = [0, 1].map(|half| chosen(others.iter().filter(|trial| half_of(trial) == half)));
    let of_line = |(number, line): (usize, &crate::channel::Simulation)| {
        let own: Vec<&Trial> = replays.iter().copied().filter(|trial| trial.line == number).collect();
        line_row(line.to_string(), &own, chosen)
    };
    let of_source = |(number, source): (usize, &String)| {
        let own: Vec<&Trial> = others.iter().copied().filter(|trial| trial.source == number).collect();
        source_row(short(source), &own, chosen)
    };
    let mut speakers: Vec<usize> = calls.calls.iter().map(|call| call.speaker).collect();
    speakers.dedup();
    Report {
        speakers: speakers.len(),
        calls: calls.calls.len(),
        enrolled: study.enrolled.to_string(),
        offset: study.offset,
        seconds: [study.seconds, study.least],
        too_little_speech: heard.too_little_speech,
        bytes_per_second: heard.bytes_per_second,
        threshold: Similarity::SAME_RECORDING.0,
        chosen,
        lines: study.lines.iter().enumerate().map(of_line).collect(),
        sources: calls.sources.iter().enumerate().map(of_source).collect(),
        all: source_row("all".to_owned(), &others, chosen),
        repetition: repetition(calls, &heard.alone),
        signs: (TOO_SIMILAR, Similarity::REPETITION.0),
        most_repeated: most_repeated(calls, &heard.alone),
        most_alike: most_alike(study, calls, &others),
        one_recording: heard.one_recording.iter().map(|pair| recordings(calls, *pair)).collect(),
    }
}

fn short(source: &str) -> String {
    source.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Speakers of every corpus are in both.
const fn half_of(trial: &Trial) -> usize {
    trial.speaker % 2
}

/// The least similarity that at most [`CHOSEN`] of them reach.
fn chosen<'a>(others: impl Iterator<Item = &'a &'a Trial>) -> u32 {
    let mut similarities: Vec<u32> = others.map(|trial| trial.agreement.similarity().0).collect();
    similarities.sort_by(|a, b| b.cmp(a));
    let allowed = (CHOSEN * similarities.len() as f64) as usize;
    similarities.get(allowed).map_or(0, |most| most + 1)
}

fn caught(trials: &[&Trial], chosen: [u32; 2]) -> Caught {
    let share = |threshold: &dyn Fn(&Trial) -> Similarity| {
        let caught = trials.iter().filter(|trial| trial.agreement.similarity() >= threshold(trial)).count();
        Share::new(caught as u64, trials.len() as u64)
    };
    Caught {
        in_force: share(&|_| Similarity::SAME_RECORDING),
        cross_validated: share(&|trial| Similarity(chosen[1 - half_of(trial)])),
    }
}

/// What `share` of them do not exceed; the least there can be of none.
fn at<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or_default()
}

fn similarities(trials: &[&Trial]) -> Vec<u32> {
    let mut all: Vec<u32> = trials.iter().map(|trial| trial.agreement.similarity().0).collect();
    all.sort_unstable();
    all
}

fn sign_row(calls: String, mut measures: Vec<f64>, limit: f64) -> SignRow {
    measures.sort_by(f64::total_cmp);
    let shown = measures.iter().filter(|measure| **measure >= limit).count();
    SignRow {
        calls,
        shown: Share::new(shown as u64, measures.len() as u64),
        measure: [0.02, 0.5, 0.98, 1.0].map(|share| at(&measures, share)),
    }
}

fn too_similar(calls: &str, trials: &[&Trial]) -> SignRow {
    sign_row(calls.to_owned(), trials.iter().map(|trial| trial.cosine).collect(), TOO_SIMILAR)
}

fn repetition(calls: &Calls, alone: &[SelfTrial]) -> Vec<SignRow> {
    let row = |name: String, wanted: &dyn Fn(&SelfTrial) -> bool| {
        let own = alone.iter().filter(|trial| wanted(trial));
        let measures = own.map(|trial| f64::from(trial.repetition.similarity().0)).collect();
        sign_row(name, measures, f64::from(Similarity::REPETITION.0))
    };
    let of_source = |(number, source): (usize, &String)| {
        row(short(source), &|trial| !trial.looped && calls.calls[trial.call].source == number)
    };
    let genuine = calls.sources.iter().enumerate().map(of_source);
    genuine.chain([row("loops".to_owned(), &|trial| trial.looped)]).collect()
}

fn most_repeated(calls: &Calls, alone: &[SelfTrial]) -> Vec<(Vec<String>, u32, f64)> {
    let mut sorted: Vec<&SelfTrial> = alone.iter().filter(|trial| !trial.looped).collect();
    sorted.sort_by_key(|trial| std::cmp::Reverse(trial.repetition.similarity()));
    let mut seen = Vec::new();
    sorted.retain(|trial| {
        let new = seen.len() < MOST_ALIKE && !seen.contains(&trial.call);
        seen.extend(new.then_some(trial.call));
        new
    });
    let row = |trial: &&SelfTrial| {
        let found = trial.repetition;
        (calls.calls[trial.call].recordings.clone(), found.similarity().0, found.seconds())
    };
    sorted.iter().map(row).collect()
}

fn line_row(line: String, replays: &[&Trial], chosen: [u32; 2]) -> LineRow {
    let too_similar = too_similar(&line, replays);
    let similarities = similarities(replays);
    let mut rates: Vec<f32> = replays.iter().filter_map(|trial| trial.agreement.bit_error_rate()).collect();
    rates.sort_by(f32::total_cmp);
    let mut seconds: Vec<f64> = replays.iter().map(|trial| trial.agreement.seconds()).collect();
    seconds.sort_by(f64::total_cmp);
    LineRow {
        line,
        caught: caught(replays, chosen),
        similarity: [0.02, 0.5].map(|share| at(&similarities, share)),
        bit_error_rate: [0.5, 0.98].map(|share| at(&rates, share)),
        seconds: at(&seconds, 0.5),
        too_similar,
    }
}

fn source_row(source: String, others: &[&Trial], chosen: [u32; 2]) -> SourceRow {
    let too_similar = too_similar(&source, others);
    let similarities = similarities(others);
    let mut pairs: Vec<[usize; 2]> = others.iter().map(|trial| trial.calls).collect();
    pairs.sort_unstable();
    pairs.dedup();
    SourceRow {
        source,
        pairs: pairs.len(),
        caught: caught(others, chosen),
        similarity: [0.5, 0.999, 1.0].map(|share| at(&similarities, share)),
        too_similar,
    }
}

fn recordings(calls: &Calls, pair: [usize; 2]) -> [Vec<String>; 2] {
    pair.map(|call| calls.calls[call].recordings.clone())
}

fn most_alike(study: &Study<'_>, calls: &Calls, others: &[&Trial]) -> Vec<Agreeing> {
    let mut sorted = others.to_vec();
    sorted.sort_by_key(|trial| std::cmp::Reverse(trial.agreement.similarity()));
    let mut seen = Vec::new();
    sorted.retain(|trial| {
        let pair = trial.pair();
        let new = seen.len() < MOST_ALIKE && !seen.contains(&pair);
        seen.extend(new.then_some(pair));
        new
    });
    let agreeing = |trial: &&Trial| Agreeing {
        recordings: recordings(calls, trial.calls),
        line: study.lines[trial.line].to_string(),
        similarity: trial.agreement.similarity().0,
        bit_error_rate: trial.agreement.bit_error_rate().unwrap_or_default(),
        seconds: trial.agreement.seconds(),
    };
    sorted.iter().map(agreeing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use peakstream::replay::Fingerprint;

    /// As many clear cells as are asked for, all alike.
    fn trial(speaker: usize, calls: [usize; 2], similarity: u32) -> Trial {
        let frames = similarity.div_ceil(24) as usize;
        let bytes: Vec<u8> = (0..frames as u32)
            .flat_map(|n| {
                let cells = (similarity - 24 * n).min(24);
                let clear = ((1u32 << cells) - 1).to_le_bytes();
                [clear[0], clear[1], clear[2], 0, 0, 0]
            })
            .collect();
        let made = Fingerprint::from_bytes(&[&[1], &bytes[..]].concat()).expect("a fingerprint");
        let agreement = made.agreement(&made);
        assert_eq!(agreement.similarity(), Similarity(similarity));
        let cosine = f64::from(similarity) / 1_000.0;
        Trial { speaker, source: 0, line: 0, calls, agreement, cosine }
    }

    fn judged(trials: Vec<Trial>) -> Report {
        let lines = ["mulaw".parse().expect("a line")];
        let study =
            Study { enrolled: &lines[0], lines: &lines, offset: 0.5, seconds: 4.0, least: 3.0, jobs: 1 };
        let call =
            |number: usize| crate::gates::GateCall { speaker: number / 2, source: 0, recordings: Vec::new() };
        let calls = Calls { sources: vec!["corpus".into()], calls: (0..4).map(call).collect() };
        report(&study, &calls, &Heard { trials, ..Heard::default() })
    }

    #[test]
    fn a_threshold_is_chosen_on_the_new_calls_of_one_half_and_judges_the_other_half() {
        let trials = vec![
            trial(0, [0, 0], 900),
            trial(0, [0, 1], 60),
            trial(1, [2, 2], 70),
            trial(1, [2, 3], 50),
            trial(1, [3, 2], 40),
        ];
        let report = judged(trials);
        assert_eq!(report.chosen, [61, 51]);
        let counts = |share: &Share| (share.count, share.of);
        let row = &report.lines[0];
        assert_eq!((counts(&row.caught.in_force), counts(&row.caught.cross_validated)), ((1, 2), (2, 2)));
        // The first half's 60 is above the other half's threshold.
        assert_eq!(counts(&report.all.caught.cross_validated), (1, 3));
        assert_eq!((report.all.pairs, report.all.similarity), (3, [50, 60, 60]));
    }

    #[test]
    fn signs_are_counted_at_their_limits_and_loops_apart_from_genuine_calls() {
        let report = judged(vec![trial(0, [0, 0], 990), trial(0, [1, 1], 900), trial(0, [0, 1], 969)]);
        let counts = |row: &SignRow| (row.shown.count, row.shown.of);
        assert_eq!(counts(&report.lines[0].too_similar), (1, 2));
        assert_eq!(counts(&report.all.too_similar), (0, 1));
        assert_eq!(report.all.too_similar.measure[3], 0.969);
        let alone = [(0, false, 249), (1, false, 250), (0, true, 700)].map(|(call, looped, similarity)| {
            SelfTrial { call, looped, repetition: trial(0, [0, 0], similarity).agreement }
        });
        let call = |_| crate::gates::GateCall { speaker: 0, source: 0, recordings: Vec::new() };
        let calls = Calls { sources: vec!["a/corpus".into()], calls: (0..2).map(call).collect() };
        let rows = repetition(&calls, &alone);
        assert_eq!((rows[0].calls.as_str(), counts(&rows[0])), ("corpus", (1, 2)));
        assert_eq!((rows[1].calls.as_str(), counts(&rows[1])), ("loops", (1, 1)));
        let most: Vec<u32> = most_repeated(&calls, &alone).iter().map(|row| row.1).collect();
        assert_eq!(most, [250, 249]);
    }

    #[test]
    fn of_two_calls_that_are_alike_both_ways_one_is_shown() {
        let report = judged(vec![trial(1, [2, 3], 50), trial(1, [3, 2], 40), trial(0, [1, 0], 30)]);
        let shown: Vec<u32> = report.most_alike.iter().map(|row| row.similarity).collect();
        assert_eq!(shown, [50, 30]);
    }
}
