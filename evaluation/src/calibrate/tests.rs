//! Calibrations of made-up voices: each speaker a direction, each recording that direction and noise, the more of it the shorter
//! the recording.

use peakstream::{ChannelType, Evidence, ModelHash, Template};

use super::*;
use crate::channel::Simulation;
use crate::embedding::{Hearing, ListenError, Voice};
use crate::metrics::SplitMix;
use crate::run::{Condition as Heard, Ear, Enrollment, Outcome, Run};
use crate::trials::Speakers;

const IN_FORCE: Parameters = Parameters {
    scale: 22.0,
    offset: -11.0,
    duration: peakstream::decision::Shift { scale: 0.0, offset: 0.0 },
    quality: peakstream::decision::Shift { scale: 0.0, offset: 0.0 },
};

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
        let values = std::array::from_fn(|_| normal(&mut voice) + 0.6 + loud * normal(&mut noise));
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
    let names = |s: usize| (0..recordings).map(|r| format!("s{s}/r{r}")).collect();
    let speakers: Vec<_> =
        (0..speakers).map(|s| Speaker { source: "made up".to_owned(), recordings: names(s) }).collect();
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
    calibrate(&samples(speakers, recordings, seconds), &["made up".into()], &names, &IN_FORCE)
        .expect("a calibration")
}

#[test]
fn twelve_speakers_get_a_calibration_and_are_told_what_it_is_not_worth() {
    let calibrated = calibrated(12, 4, &[None]);
    assert!(calibrated.parameters.is_rising());
    let warnings = calibrated.warnings.join("\n");
    assert!(
        warnings.contains("12 speakers")
            && warnings
                .contains("far=1%: not enough trials for a threshold (1056 of two speakers, 3000 are needed"),
        "{warnings}"
    );
    assert!(calibrated.operating_points.iter().all(|point| point.score.is_none()));
}

#[test]
fn two_hundred_speakers_take_less_than_a_minute_and_their_ratios_mean_what_they_say() {
    let began = std::time::Instant::now();
    let calibrated = calibrated(200, 10, &[None, Some(3.0), Some(2.0)]);
    let took = began.elapsed();
    println!(
        "200 speakers, 10 recordings each, made-up embeddings, 3 durations: {:.1} s",
        took.as_secs_f64()
    );
    assert!(took.as_secs() < 60, "{took:?}");
    assert_eq!(calibrated.warnings, [] as [&str; 0]);
    assert!(calibrated.operating_points.iter().all(|point| point.score.is_some()));
    // Duration is what the noise depends on: learnt from other speakers, it makes scores mean more.
    assert_ne!(calibrated.cross_validation.chosen, Covariates::None);
    for condition in &calibrated.conditions {
        assert!(condition.cllr <= 1.1 * condition.min_cllr + 0.002, "{condition:?}");
    }
    let point = &calibrated.operating_points[0];
    let [low, high] = point.score_interval.expect("200 speakers");
    assert!(low <= point.score.expect("enough") && point.score.expect("enough") <= high);
}

#[test]
fn scores_of_short_speech_are_worth_less_after_calibration_than_before() {
    let samples = samples(60, 4, &[None, Some(2.0)]);
    let names = ["all".to_owned(), "2 s".to_owned()];
    let calibrated = calibrate(&samples, &["made up".into()], &names, &IN_FORCE).expect("a calibration");
    let [none, duration] = [0, 1].map(|choice| calibrated.cross_validation.cllr[choice].1);
    assert!(duration < none, "{duration} with duration, {none} without");
}

#[test]
fn speakers_who_cannot_be_compared_are_refused() {
    let one_each = calibrate(&samples(20, 1, &[None]), &["made up".into()], &["all".into()], &IN_FORCE);
    assert_eq!(
        one_each.expect_err("no trials of one speaker"),
        CalibrateError::OneKind { same: 0, other: 190 }
    );
    let few = calibrate(&samples(4, 3, &[None]), &["made up".into()], &["all".into()], &IN_FORCE);
    assert_eq!(few.expect_err("too few"), CalibrateError::TooFewSpeakers(4));
}
