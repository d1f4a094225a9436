//! Runs over made-up voices, which depend on the recording and on how long it is heard.

use super::*;
use crate::calibrate::{Speaker, all_trials};
use crate::channel::Simulation;
use crate::metrics::SplitMix;
use peakstream::Centre;

const MODEL: ModelHash = ModelHash::from_bytes([3; 28]);

struct MadeUp;

impl Ear for MadeUp {
    fn hear(&self, names: &[&str], hearing: &Hearing, _: &[&str]) -> Result<Voice, ListenError> {
        let seconds = hearing.seconds.unwrap_or(8.0);
        let seed =
            names.concat().bytes().fold(seconds.to_bits(), |n, byte| n.wrapping_mul(31) ^ u64::from(byte));
        let mut random = SplitMix::new(seed);
        let values = std::array::from_fn(|_| 0.5 + random.below(1 << 20) as f32 / (1 << 20) as f32);
        let evidence = Evidence { net_speech: seconds as f32, snr: 40.0 };
        Ok(Voice { template: Template::new(MODEL, hearing.channel_type, values), evidence })
    }

    fn model(&self) -> ModelHash {
        MODEL
    }
}

fn hearing(seconds: Option<f64>) -> Hearing {
    Hearing { channel: Simulation::clean(), channel_type: ChannelType::Telephone, seconds }
}

fn people(source: &str, count: usize) -> Vec<Speaker> {
    let names = |s| (0..2).map(|r| format!("{source}{s}/{r}.wav")).collect();
    (0..count).map(|s| Speaker { source: source.to_owned(), recordings: names(s) }).collect()
}

fn scores(list: &TrialList, conditions: &[Condition], jobs: usize) -> Vec<Vec<Outcome>> {
    let speakers = Speakers::of(list);
    let run = Run { list, speakers: &speakers, conditions, enrollment: Enrollment::OneCall, jobs };
    run.outcomes(&MadeUp, &|_, _| {}).expect("made-up voices")
}

#[test]
fn the_centre_of_a_trial_is_of_every_other_voice_of_its_source_once_whatever_was_heard_of_it() {
    let list = all_trials(&[people("a", 30), people("b", 40)].concat());
    let condition = |test| Condition { enroll: hearing(None), test: hearing(test) };
    let found = scores(&list, &[condition(None), condition(Some(3.0))], 2);
    let heard = |recording: u32, seconds| {
        let name = list.recordings[recording as usize].as_str();
        MadeUp.hear(&[name], &hearing(seconds), &[]).expect("a voice").template.expect("a direction")
    };
    // Not of its two speakers, and of no other source.
    let trial = list.trials.iter().position(|trial| !trial.same).expect("strangers");
    let (one, other) = (list.trials[trial].enroll, list.trials[trial].test);
    let mut centre = Centre::new(MODEL, ChannelType::Telephone);
    for recording in (0..60).filter(|recording| ![one / 2, other / 2].contains(&(recording / 2))) {
        for seconds in [None, Some(3.0)] {
            // The last recording of a source is no trial's test, so it was not heard for 3 s.
            if seconds.is_none() || recording < 59 {
                centre.learn(&heard(recording, seconds)).expect("same network");
            }
        }
    }
    let centred = |voice: Template| centre.taken_from(&voice).expect("a direction");
    let expected = centred(heard(one, None)).cosine(&centred(heard(other, Some(3.0))));
    let Outcome::Scored(score) = found[1][trial] else { panic!("enough speech") };
    let centred = score.centred.expect("enough other voices");
    assert!((centred - expected).abs() < 1e-6, "{centred} {expected}");
    assert!(score.cosine > 0.8);
    assert_eq!(
        scores(&list, &[condition(None), condition(Some(3.0))], 1),
        found,
        "whatever the number of threads"
    );
}

#[test]
fn a_source_with_few_voices_is_compared_without_a_centre() {
    let list = all_trials(&[people("few", 20), people("many", 40)].concat());
    let outcomes = scores(&list, &[Condition { enroll: hearing(None), test: hearing(None) }], 2);
    for (trial, outcome) in list.trials.iter().zip(&outcomes[0]) {
        let Outcome::Scored(score) = outcome else { panic!("enough speech") };
        let source = &list.groups[trial.group as usize].source;
        assert_eq!(score.centred.is_some(), source == "many", "{source}");
    }
}
