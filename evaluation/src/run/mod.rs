//! A trial list and conditions enter; every voice is heard once, and every trial's scores leave.
//!
//! Deterministic: what leaves depends on the recordings, the list, the conditions, the engine and the processor's level of
//! instructions, not on the number of threads, their order, or what a cache held before.

mod centres;

use std::collections::{HashMap, HashSet};

use peakstream::decision::Conditions;
use peakstream::{ChannelType, Evidence, ModelHash, Template};

use crate::embedding::{Hearing, ListenError, Listener, Voice};
use crate::parallel;
use crate::trials::{Group, ListedTrial, Speakers, TrialList};
use centres::Centres;

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
    /// The same without the [`peakstream::Centre`] of the trial's source, to which its speakers are not known; `None` where
    /// the source has too few other voices for one.
    pub centred: Option<f64>,
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
        if number == self.hearings.len() {
            self.hearings.push(hearing);
        }
        let next = self.tasks.len();
        self.numbers.entry((side, number)).or_insert_with(|| {
            self.tasks.push((side, hearing));
            next
        });
    }

    /// The number of the task that was added so.
    fn number(&self, side: &[u32], hearing: &Hearing) -> usize {
        self.numbers[&(side, self.hearing(hearing))]
    }

    fn hearing(&self, hearing: &Hearing) -> usize {
        self.hearings.iter().position(|known| *known == hearing).unwrap_or(self.hearings.len())
    }
}

/// What was heard, once each.
struct Heard<'a> {
    tasks: Tasks<'a>,
    voices: Vec<Voice>,
    centres: Centres,
    model: ModelHash,
}

impl Heard<'_> {
    fn voice(&self, side: &[u32], hearing: &Hearing) -> &Voice {
        &self.voices[self.tasks.number(side, hearing)]
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
        for (_, piece, hearing) in self.pieces() {
            tasks.add(piece, hearing);
        }
        let voices = self.hear(ear, &tasks, progress)?;
        let centres = self.centres(ear.model(), &tasks, &voices)?;
        let heard = Heard { tasks, voices, centres, model: ear.model() };
        Ok(self.conditions.iter().map(|condition| self.compare(condition, &heard)).collect())
    }

    /// Everything that is to be heard of every trial under every condition.
    fn pieces(&self) -> impl Iterator<Item = (&ListedTrial, &[u32], &Hearing)> {
        let trials =
            move |condition| self.list.trials.iter().flat_map(move |trial| self.pieces_of(condition, trial));
        self.conditions.iter().flat_map(trials)
    }

    fn pieces_of<'a>(
        &'a self,
        condition: &'a Condition,
        trial: &'a ListedTrial,
    ) -> impl Iterator<Item = (&'a ListedTrial, &'a [u32], &'a Hearing)> {
        let enrolled = self.parts(trial.enroll).map(move |part| (trial, part, &condition.enroll));
        enrolled.chain(std::iter::once((trial, self.test(trial), &condition.test)))
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

    fn test(&self, trial: &ListedTrial) -> &[u32] {
        &self.list.sides[trial.test as usize]
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

    /// What each source has learnt of its calls: every voice that was heard for it, once.
    fn centres(&self, model: ModelHash, tasks: &Tasks<'_>, voices: &[Voice]) -> Result<Centres, ListenError> {
        let sources = self.sources();
        let (mut centres, mut learnt) = (Centres::new(model), HashSet::new());
        for (trial, piece, hearing) in self.pieces() {
            let (source, number) = (sources[trial.group as usize], tasks.number(piece, hearing));
            if let Some(template) = &voices[number].template
                && learnt.insert((source, number))
            {
                centres.learn(source, self.speakers.of_recording[piece[0] as usize], template)?;
            }
        }
        Ok(centres.ready())
    }

    /// For each group of the list, the number of the first with the same source.
    fn sources(&self) -> Vec<usize> {
        let groups = &self.list.groups;
        let first = |group: &Group| groups.iter().position(|known| known.source == group.source);
        groups.iter().filter_map(first).collect()
    }

    fn compare(&self, condition: &Condition, heard: &Heard<'_>) -> Vec<Outcome> {
        let Condition { enroll, test } = condition;
        let enrolled: HashMap<u32, Option<Voice>> = {
            let mut sides: Vec<u32> = self.list.trials.iter().map(|trial| trial.enroll).collect();
            sides.sort_unstable();
            sides.dedup();
            let of = |side| {
                let parts: Vec<_> = self.parts(side).map(|part| heard.voice(part, enroll)).collect();
                mean(&parts, heard.model, enroll.channel_type)
            };
            sides.into_iter().map(|side| (side, of(side))).collect()
        };
        let long_enough = |voice: &Voice, hearing: &Hearing| {
            hearing.seconds.is_none_or(|wanted| f64::from(voice.evidence.net_speech) >= wanted)
        };
        let sources = self.sources();
        let outcome = |(number, trial): (usize, &ListedTrial)| {
            let enrolled = enrolled[&trial.enroll].as_ref()?;
            let tested = heard.voice(self.test(trial), test);
            let enough = long_enough(enrolled, enroll) && long_enough(tested, test);
            let (a, b) = (enrolled.template.as_ref()?, tested.template.as_ref()?);
            let (source, speakers) = (sources[trial.group as usize], self.speakers.pair(self.list, number));
            enough.then(|| Score {
                cosine: a.cosine(b),
                centred: heard.centres.cosine(source, speakers, a, b),
                conditions: Conditions::of(Some(enrolled.evidence), Some(tested.evidence)),
            })
        };
        let or_too_little = |score| Option::map_or(score, Outcome::TooLittleSpeech, Outcome::Scored);
        self.list.trials.iter().enumerate().map(|trial| or_too_little(outcome(trial))).collect()
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

#[cfg(test)]
mod tests;
