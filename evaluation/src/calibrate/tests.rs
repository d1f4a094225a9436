//! Calibrations of made-up voices: each speaker a direction, each recording that direction, what all of its source have in common, and
//! noise, the more of it the shorter the recording.

use peakstream::{ChannelType, Evidence, ModelHash, Template};

use super::*;
use crate::channel::Simulation;
use crate::embedding::{Hearing, ListenError, Voice};
use crate::metrics::SplitMix;
use crate::run::{Condition as Heard, Ear, Enrollment, Outcome, Run};
use crate::trials::Speakers;

fn in_force() -> Calibration {
    let text = br#"{"name": "telephone-channel", "scale": 22.0, "offset": -11.0}"#;
    Calibration::read("test", text).expect("a calibration")
}

struct MadeUp;

fn normal(random: &mut SplitMix) -> f32 {
    (0..12).map(|_| random.below(1 << 20) as f32 / (1 << 20) as f32).sum::<f32>() - 6.0
}

impl Ear for MadeUp {
    fn hear(&self, names: &[&str], hearing: &Hearing, _: &[&str]) -> Result<Voice, ListenError> {
        let (speaker, recording) = names[0].split_once('/').expect("speaker/recording");
        let number =
            |text: &str| text.bytes().fold(7u64, |n, byte| n.wrapping_mul(31).wrapping_add(byte.into()));
        let seconds = hearing.seconds.unwrap_or(8.0);
        let mut voice = SplitMix::new(number(speaker));
        let mut noise =
            SplitMix::new(number(speaker) ^ number(recording).rotate_left(32) ^ seconds.to_bits());
        let loud = (1.5 + 8.0 / seconds as f32).sqrt();
        let common = if speaker.starts_with("alike") { 1.6 } else { 0.6 };
        let values = std::array::from_fn(|_| normal(&mut voice) + common + loud * normal(&mut noise));
        let evidence = Evidence { net_speech: seconds as f32, snr: 40.0 };
        let template = Template::new(self.model(), hearing.channel_type, values)
            .map(|t| t.with_evidence(Some(evidence)));
        Ok(Voice { template, evidence })
    }

    fn model(&self) -> ModelHash {
        ModelHash::from_bytes([3; 28])
    }
}

fn samples(speakers: usize, recordings: usize, seconds: &[Option<f64>]) -> Vec<Sample> {
    samples_of(&["made up"], speakers, recordings, seconds)
}

/// So many speakers of each source.
fn samples_of(sources: &[&str], speakers: usize, recordings: usize, seconds: &[Option<f64>]) -> Vec<Sample> {
    let names = |source, s| (0..recordings).map(|r| format!("{source}{s}/r{r}")).collect();
    let speakers: Vec<_> = sources
        .iter()
        .flat_map(|source| (0..speakers).map(move |s| (source, s)))
        .map(|(source, s)| Speaker { source: (*source).to_owned(), recordings: names(source, s) })
        .collect();
    let list = all_trials(&speakers);
    let speakers = Speakers::of(&list);
    let hearing =
        |seconds| Hearing { channel: Simulation::clean(), channel_type: ChannelType::Telephone, seconds };
    let conditions: Vec<_> =
        seconds.iter().map(|&s| Heard { enroll: hearing(seconds[0]), test: hearing(s) }).collect();
    let run = Run {
        list: &list,
        speakers: &speakers,
        conditions: &conditions,
        enrollment: Enrollment::OneCall,
        jobs: 2,
    };
    let outcomes = run.outcomes(&MadeUp, &|_, _| {}).expect("made-up voices");
    let mut samples = Vec::new();
    for (condition, outcomes) in outcomes.iter().enumerate() {
        for (number, outcome) in outcomes.iter().enumerate() {
            if let Outcome::Scored(heard) = outcome {
                samples.push(Sample {
                    cosine: heard.cosine,
                    centred: heard.centred,
                    conditions: heard.conditions,
                    same: list.trials[number].same,
                    pair: speakers.pair(&list, number),
                    source: list.trials[number].group,
                    condition: condition as u32,
                });
            }
        }
    }
    samples
}

fn calibrated(speakers: usize, recordings: usize, seconds: &[Option<f64>]) -> Calibrated {
    let names: Vec<_> = seconds.iter().map(|s| format!("{s:?}")).collect();
    calibrate(&samples(speakers, recordings, seconds), &["made up".into()], &names, &in_force())
        .expect("a calibration")
}

#[test]
fn twelve_speakers_get_a_calibration_and_are_told_what_it_is_not_worth() {
    let Calibrated { plain: calibrated, centred } = calibrated(12, 4, &[None]);
    assert!(calibrated.parameters.is_rising());
    let warnings = calibrated.warnings.join("\n");
    assert!(
        warnings.contains("12 speakers")
            && warnings
                .contains("far=1%: not enough trials for a threshold (1056 of two speakers, 3000 are needed"),
        "{warnings}"
    );
    assert!(calibrated.operating_points.iter().all(|point| point.score.is_none()));
    // 48 voices.
    assert!(centred.is_none() && warnings.contains("made up: too few voices for a centre"), "{warnings}");
}

#[test]
fn the_ratios_of_two_hundred_speakers_mean_what_they_say() {
    let began = std::time::Instant::now();
    let Calibrated { plain, centred } = calibrated(200, 10, &[None, Some(3.0), Some(2.0)]);
    let took = began.elapsed();
    println!(
        "200 speakers, 10 recordings each, made-up embeddings, 3 durations: {:.1} s",
        took.as_secs_f64()
    );
    for fitted in [plain, centred.expect("2,000 voices")] {
        assert_eq!(fitted.warnings, [] as [&str; 0]);
        assert!(fitted.operating_points.iter().all(|point| point.score.is_some()));
        // Duration is what the noise depends on: learnt from other speakers, it makes scores mean more.
        assert_ne!(fitted.cross_validation.chosen, Covariates::None);
        for condition in &fitted.conditions {
            assert!(condition.cllr <= 1.1 * condition.min_cllr + 0.002, "{condition:?}");
        }
        let point = &fitted.operating_points[0];
        let [low, high] = point.score_interval.expect("200 speakers");
        assert!(low <= point.score.expect("enough") && point.score.expect("enough") <= high);
    }
}

#[test]
fn tenants_whose_callers_are_alike_in_other_ways_share_a_calibration_once_that_is_taken_away() {
    let sources = ["other".to_owned(), "alike".to_owned()];
    let samples = samples_of(&["other", "alike"], 40, 4, &[None]);
    let calibrated = calibrate(&samples, &sources, &["all".into()], &in_force()).expect("a calibration");
    let by_the_other = |fitted: &Fitted| {
        fitted.cross_validation.sources_left_out.expect("two sources, each fitted without the other")
    };
    let (plain, centred) =
        (by_the_other(&calibrated.plain), by_the_other(&calibrated.centred.expect("318 voices")));
    assert!(plain.cllr > 2.0 * plain.min_cllr, "{plain:?}");
    assert!(centred.cllr < 1.1 * centred.min_cllr + 0.01, "{centred:?}");
}

#[test]
fn a_source_without_a_centre_has_no_part_in_the_numbers_for_centred_voices_and_is_named() {
    let mut samples = samples_of(&["many", "few"], 30, 3, &[None]);
    samples.iter_mut().filter(|sample| sample.source == 1).for_each(|sample| sample.centred = None);
    let sources = ["many".to_owned(), "few".to_owned()];
    let calibrated = calibrate(&samples, &sources, &["all".into()], &in_force()).expect("a calibration");
    let warnings = calibrated.plain.warnings.join("\n");
    assert!(
        warnings.contains("few: too few voices for a centre") && !warnings.contains("many: too few"),
        "{warnings}"
    );
    samples.retain(|sample| sample.source == 0);
    let alone = calibrate(&samples, &sources, &["all".into()], &in_force()).expect("a calibration");
    let cosines = |calibrated: Calibrated| calibrated.centred.expect("88 voices").cross_validation.cllr;
    assert_eq!(cosines(calibrated), cosines(alone));
}

#[test]
fn scores_of_short_speech_are_worth_less_after_calibration_than_before() {
    let samples = samples(60, 4, &[None, Some(2.0)]);
    let names = ["all".to_owned(), "2 s".to_owned()];
    let calibrated = calibrate(&samples, &["made up".into()], &names, &in_force()).expect("a calibration");
    let [none, duration] = [0, 1].map(|choice| calibrated.plain.cross_validation.cllr[choice].1);
    assert!(duration < none, "{duration} with duration, {none} without");
}

#[test]
fn speakers_judge_duration_and_other_sources_judge_quality() {
    let costs = |none, duration, quality| {
        Covariates::ALL.into_iter().zip([none, duration, quality]).collect::<Vec<_>>()
    };
    let by_speakers = costs(0.3, 0.2, 0.1);
    let first = |others: &[(Covariates, f64)]| ranked(&by_speakers, others)[0];
    assert_eq!(first(&[]), Covariates::DurationAndQuality);
    assert_eq!(first(&costs(0.1, 0.2, 0.3)), Covariates::Duration, "quality did not carry over");
    assert_eq!(first(&costs(0.1, 0.3, 0.2)), Covariates::DurationAndQuality);
    assert_eq!(ranked(&costs(0.1, 0.2, 0.3), &[])[0], Covariates::None);
}

#[test]
fn speakers_who_cannot_be_compared_are_refused() {
    let one_each = calibrate(&samples(20, 1, &[None]), &["made up".into()], &["all".into()], &in_force());
    assert_eq!(
        one_each.expect_err("no trials of one speaker"),
        CalibrateError::OneKind { same: 0, other: 190 }
    );
    let few = calibrate(&samples(4, 3, &[None]), &["made up".into()], &["all".into()], &in_force());
    assert_eq!(few.expect_err("too few"), CalibrateError::TooFewSpeakers(4));
}
