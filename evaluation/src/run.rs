//! A trial list and conditions enter; every voice is heard once, and every trial's scores leave.
//!
//! Deterministic: what leaves depends on the recordings, the list, the conditions, the engine and the processor's level of
//! instructions, not on the number of threads, their order, or what a cache held before.

use std::collections::HashMap;

use peakstream::decision::Conditions;
use peakstream::{ChannelType, Evidence, ModelHash, Template};

use crate::embedding::{Hearing, ListenError, Listener, Voice};
use crate::parallel;
use crate::trials::{Speakers, TrialList};

/// Other people in babble: enough that nobody is understood.
const BABBLE: usize = 6;

/// How several recordings of an enrolment become one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Enrollment {
    /// Heard as one call, one after the other: what registering is.
    OneCall,
    /// Heard one by one, their templates averaged: what papers do.
    Mean,
}

/// What both sides of every trial go through.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The registration.
    pub enroll: Hearing,
    /// The verification.
    pub test: Hearing,
}

/// One trial's outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Both voices were heard.
    Scored(Score),
    /// The enrolment or the test held less speech than the condition asks for, or none.
    TooLittleSpeech,
}

/// What two voices have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// −1…1.
    pub cosine: f64,
    /// How much speech the two were made of, and how clean it was.
    pub conditions: Conditions,
}

/// Whoever hears recordings: a [`Listener`], or a test.
pub trait Ear: Sync {
    /// The voice in some recordings, heard as one call. `others`: other people, for babble.
    ///
    /// # Errors
    /// See [`ListenError`].
    fn hear(&self, names: &[&str], hearing: &Hearing, others: &[&str]) -> Result<Voice, ListenError>;

    /// The network that makes the templates.
    fn model(&self) -> ModelHash;
}

impl Ear for Listener<'_> {
    fn hear(&self, names: &[&str], hearing: &Hearing, others: &[&str]) -> Result<Voice, ListenError> {
        Listener::hear(self, names, hearing, others)
    }

    fn model(&self) -> ModelHash {
        self.engine().newest_model()
    }
}

/// What is to be heard, once each.
struct Tasks<'a> {
    tasks: Vec<(&'a [u32], &'a Hearing)>,
    numbers: HashMap<(&'a [u32], usize), usize>,
    hearings: Vec<&'a Hearing>,
}

impl<'a> Tasks<'a> {
    fn add(&mut self, side: &'a [u32], hearing: &'a Hearing) {
        let number = self.hearing(hearing);
        let next = self.tasks.len();
        self.numbers.entry((side, number)).or_insert_with(|| {
            self.tasks.push((side, hearing));
            next
        });
    }

    fn hearing(&mut self, hearing: &'a Hearing) -> usize {
        self.hearings.iter().position(|known| *known == hearing).unwrap_or_else(|| {
            self.hearings.push(hearing);
            self.hearings.len() - 1
        })
    }
}

/// An evaluation that can be run.
#[derive(Debug)]
pub struct Run<'a> {
    /// The questions.
    pub list: &'a TrialList,
    /// Who speaks: nobody's own voice becomes the babble behind it.
    pub speakers: &'a Speakers,
    /// What both sides go through, one table row each.
    pub conditions: &'a [Condition],
    /// How enrolments are made.
    pub enrollment: Enrollment,
    /// Threads, at least 1.
    pub jobs: usize,
}

impl Run<'_> {
    /// Hears everything and compares. `progress` is told how many voices have been heard, of how many. The outcomes are in the
    /// order of conditions and of the list's trials.
    ///
    /// # Errors
    /// The first recording that gives no voice for another reason than too little speech.
    pub fn outcomes(
        &self,
        ear: &dyn Ear,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<Vec<Outcome>>, ListenError> {
        let mut tasks = Tasks { tasks: Vec::new(), numbers: HashMap::new(), hearings: Vec::new() };
        for condition in self.conditions {
            for trial in &self.list.trials {
                for part in self.parts(trial.enroll) {
                    tasks.add(part, &condition.enroll);
                }
                tasks.add(&self.list.sides[trial.test as usize], &condition.test);
            }
        }
        let voices = self.hear(ear, &tasks, progress)?;
        let model = ear.model();
        Ok(self.conditions.iter().map(|condition| self.compare(condition, &tasks, &voices, model)).collect())
    }

    /// The pieces in which an enrolment is heard.
    fn parts(&self, side: u32) -> impl Iterator<Item = &[u32]> {
        let side = &self.list.sides[side as usize];
        let size = match self.enrollment {
            Enrollment::OneCall => side.len(),
            Enrollment::Mean => 1,
        };
        side.chunks(size)
    }

    fn hear(
        &self,
        ear: &dyn Ear,
        tasks: &Tasks<'_>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<Voice>, ListenError> {
        let hear = |number: usize| {
            let (side, hearing) = &tasks.tasks[number];
            let names: Vec<&str> = side.iter().map(|&r| self.name(r)).collect();
            ear.hear(&names, hearing, &self.others(side, hearing))
        };
        parallel::in_order(self.jobs, tasks.tasks.len(), hear, progress)
    }

    fn name(&self, recording: u32) -> &str {
        &self.list.recordings[recording as usize]
    }

    /// Recordings of other people, by what the list holds next: the same in every run.
    fn others(&self, side: &[u32], hearing: &Hearing) -> Vec<&str> {
        if !hearing.channel.needs_others() {
            return Vec::new();
        }
        let own = self.speakers.of_recording[side[0] as usize];
        let count = self.list.recordings.len() as u32;
        let speaker = |number: u32| self.speakers.of_recording[number as usize];
        let mut taken = vec![own];
        let mut others = Vec::new();
        for number in (0..count).map(|i| (side[0] + i) % count) {
            if others.len() < BABBLE && !taken.contains(&speaker(number)) {
                taken.push(speaker(number));
                others.push(self.name(number));
            }
        }
        others
    }

    fn compare(
        &self,
        condition: &Condition,
        tasks: &Tasks<'_>,
        voices: &[Voice],
        model: ModelHash,
    ) -> Vec<Outcome> {
        let number = |hearing: &Hearing| tasks.hearings.iter().position(|known| **known == *hearing);
        let (Some(enroll), Some(test)) = (number(&condition.enroll), number(&condition.test)) else {
            return Vec::new();
        };
        let voice = |side, hearing| &voices[tasks.numbers[&(side, hearing)]];
        let enrolled: HashMap<u32, Option<Voice>> = {
            let mut sides: Vec<u32> = self.list.trials.iter().map(|trial| trial.enroll).collect();
            sides.sort_unstable();
            sides.dedup();
            let of = |side| {
                let parts: Vec<_> = self.parts(side).map(|part| voice(part, enroll)).collect();
                mean(&parts, model, condition.enroll.channel_type)
            };
            sides.into_iter().map(|side| (side, of(side))).collect()
        };
        let long_enough = |voice: &Voice, hearing: &Hearing| {
            hearing.seconds.is_none_or(|wanted| f64::from(voice.evidence.net_speech) >= wanted)
        };
        let outcome = |trial: &crate::trials::ListedTrial| {
            let enrolled = enrolled[&trial.enroll].as_ref()?;
            let tested = voice(self.list.sides[trial.test as usize].as_slice(), test);
            let enough = long_enough(enrolled, &condition.enroll) && long_enough(tested, &condition.test);
            let (a, b) = (enrolled.template.as_ref()?, tested.template.as_ref()?);
            enough.then(|| {
                let conditions = Conditions::of(Some(enrolled.evidence), Some(tested.evidence));
                Score { cosine: a.cosine(b), conditions }
            })
        };
        let or_too_little = |score| Option::map_or(score, Outcome::TooLittleSpeech, Outcome::Scored);
        self.list.trials.iter().map(|trial| or_too_little(outcome(trial))).collect()
    }
}

/// One voice of several: the direction of the sum of their directions, the sum of their speech, and the noise of the worst.
fn mean(voices: &[&Voice], model: ModelHash, channel_type: ChannelType) -> Option<Voice> {
    if let [one] = voices {
        return Some((*one).clone());
    }
    let mut sum = [0.0f32; peakstream::model::speaker::DIMENSIONS];
    for template in voices.iter().filter_map(|voice| voice.template.as_ref()) {
        sum.iter_mut().zip(template.values()).for_each(|(sum, value)| *sum += value);
    }
    let template = Template::new(model, channel_type, sum);
    let evidence = Evidence {
        net_speech: voices.iter().map(|voice| voice.evidence.net_speech).sum(),
        snr: voices.iter().map(|voice| voice.evidence.snr).fold(f32::INFINITY, f32::min),
    };
    Some(Voice { template, evidence })
}
