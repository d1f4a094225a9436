//! Recordings of known speakers enter, how often a call that comes again is known and a new one taken for it leaves.
//!
//! Recordings of one speaker are joined to calls ([`Calls`]). Each is heard once as an enrolment, and once through every line as
//! somebody would replay it, begun late. Every enrolment is then compared with its own replays, which are to be caught, and
//! with the replays of all other calls of the *same speaker*, which are other utterances and must not be. Two calls that are much
//! alike are looked at again by their samples: where a piece of one recording lies in both, they are counted apart.
//!
//! Two more signs of a recording are measured with it: voices that are *too similar*, and a call of which a piece *comes again*. For the
//! latter the beginning of every call is also played in a loop, through one of the lines.

pub mod markdown;
mod report;
mod waveform;

use std::convert::Infallible;

use peakstream::replay::{Agreement, Fingerprint, Similarity};
use peakstream::{ChannelType, Engine, Template};

use crate::channel::Simulation;
use crate::embedding::{Library, ListenError, collect};
use crate::gates::{Calls, GateCall};
use crate::parallel;

pub use report::{Agreeing, LineRow, Report, SignRow, SourceRow, report};

/// 16 kHz: a clip's samples a second.
const CLIP_RATE: f64 = 16_000.0;
/// A replay begins within so many steps of a row later than was asked for, so that its rows fall between those of the enrolment.
const PHASES: usize = 16;
/// Seconds of a step: 16 of them are the 10 ms from row to row.
const PHASE: f64 = 0.01 / PHASES as f64;

/// Seconds of a recording that is played in a loop: less than the speech that is asked for.
const LOOP: f64 = 2.5;
/// Seconds that it is played.
const LOOPED: f64 = 12.0;

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Study<'a> {
    /// What the enrolments came through.
    pub enrolled: &'a Simulation,
    /// What the replays come through. Not babble, which is made of other calls.
    pub lines: &'a [Simulation],
    /// Seconds of the recording that a replay leaves out at its beginning; up to 10 ms are added.
    pub offset: f64,
    /// Net speech that a call collects, in seconds.
    pub seconds: f64,
    /// Net speech under which nothing is decided, in seconds.
    pub least: f64,
    /// Threads.
    pub jobs: usize,
}

/// Pairs of calls that are more alike than this are compared by their samples too. Well under the threshold in force: what is under
/// it is no false alarm, whatever it is.
const LOOKED_AT_AGAIN: Similarity = Similarity(Similarity::SAME_RECORDING.0 / 2);

/// One fingerprint compared with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Whose; calls of two speakers are not compared.
    pub speaker: usize,
    /// Corpus, an index into [`Calls::sources`].
    pub source: usize,
    /// The line of the replay, an index into [`Study::lines`].
    pub line: usize,
    /// The call that was enrolled, and the one that was replayed, indices into [`Calls::calls`]: the same, or it is a new one.
    pub calls: [usize; 2],
    /// What was found.
    pub agreement: Agreement,
    /// Of the two voices.
    pub cosine: f64,
}

/// One call compared with itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelfTrial {
    /// The call, an index into [`Calls::calls`].
    pub call: usize,
    /// Whether its beginning was played in a loop.
    pub looped: bool,
    /// What comes again best.
    pub repetition: Agreement,
}

impl Trial {
    /// Whether the same recording was played.
    pub const fn is_replay(&self) -> bool {
        self.calls[0] == self.calls[1]
    }

    /// Its calls, whichever was enrolled.
    fn pair(&self) -> [usize; 2] {
        let [a, b] = self.calls;
        [a.min(b), a.max(b)]
    }
}

/// Everything that was heard and compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// All comparisons, but those of calls with a piece of one recording in both.
    pub trials: Vec<Trial>,
    /// Every enrolment and replay by itself, and every loop.
    pub alone: Vec<SelfTrial>,
    /// Those calls, each pair once.
    pub one_recording: Vec<[usize; 2]>,
    /// Enrolments and replays that had too little speech.
    pub too_little_speech: usize,
    /// Bytes of a kept fingerprint for each second of net speech, on average.
    pub bytes_per_second: f64,
}

struct Kept {
    fingerprint: Fingerprint,
    /// None of loops.
    template: Option<Template>,
    net_speech: f64,
}

impl Study<'_> {
    /// Hears and compares everything. `progress`: how many calls are heard, and of how many.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn hear(
        &self,
        engine: &Engine,
        library: &dyn Library,
        calls: &Calls,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Heard, ListenError> {
        let hearings = 2 + self.lines.len();
        let hear = |number: usize| {
            let (call, n) = (number / hearings, number % hearings);
            // The call's number, so that neighbouring lines do not share a phase.
            let late = self.offset + PHASE * (number % PHASES) as f64;
            let (line, played) = match n {
                0 => (self.enrolled, Played::From(0.0)),
                n if n <= self.lines.len() => (&self.lines[n - 1], Played::From(late)),
                _ => (&self.lines[call % self.lines.len()], Played::Loop(late)),
            };
            self.one(engine, library, &calls.calls[call], (line, played), number)
        };
        let all = parallel::in_order(self.jobs, hearings * calls.calls.len(), hear, progress)?;
        let seconds: f64 = all.iter().map(|one| one.net_speech).sum();
        let bytes: usize = all.iter().map(|one| one.fingerprint.to_bytes().len()).sum();
        let kept: Vec<Option<Kept>> =
            all.into_iter().map(|one| (one.net_speech >= self.least).then_some(one)).collect();
        let too_little_speech = kept.iter().filter(|one| one.is_none()).count();
        let by_call: Vec<&[Option<Kept>]> = kept.chunks_exact(hearings).collect();
        let mut trials = self.compare(calls, &by_call);
        let alone = self.alone(&by_call);
        let one_recording = self.of_one_recording(library, calls, &trials)?;
        trials.retain(|trial| !one_recording.contains(&trial.pair()));
        Ok(Heard {
            trials,
            alone,
            one_recording,
            too_little_speech,
            bytes_per_second: bytes as f64 / seconds.max(1.0),
        })
    }

    /// Every enrolment with every replay of the same speaker.
    fn compare(&self, calls: &Calls, heard: &[&[Option<Kept>]]) -> Vec<Trial> {
        let of_enrolled = |enrolled: usize| -> Result<Vec<Trial>, Infallible> {
            let mut trials = Vec::new();
            let GateCall { speaker, source, .. } = calls.calls[enrolled];
            let Some((Some(enrolment), _)) = heard[enrolled].split_first() else { return Ok(trials) };
            for (replayed, call) in calls.calls.iter().enumerate().filter(|(_, call)| call.speaker == speaker)
            {
                debug_assert_eq!(call.source, source);
                for (line, replay) in heard[replayed][1..=self.lines.len()].iter().enumerate() {
                    let Some(replay) = replay else { continue };
                    let agreement = enrolment.fingerprint.agreement(&replay.fingerprint);
                    // Speech that is enough for a fingerprint is enough for a voice.
                    let voices = enrolment.template.as_ref().zip(replay.template.as_ref());
                    let Some(cosine) = voices.map(|(one, other)| one.cosine(other)) else { continue };
                    let calls = [enrolled, replayed];
                    trials.push(Trial { speaker, source, line, calls, agreement, cosine });
                }
            }
            Ok(trials)
        };
        let Ok(trials) = parallel::in_order(self.jobs, heard.len(), of_enrolled, &|_, _| ());
        trials.into_iter().flatten().collect()
    }
}

/// What is played of a recording.
#[derive(Clone, Copy, Debug)]
enum Played {
    /// All, from so many seconds on.
    From(f64),
    /// [`LOOP`] seconds from there on, again and again.
    Loop(f64),
}

impl Played {
    fn of(self, clip: &[f32]) -> Vec<f32> {
        let samples = |seconds: f64| (seconds * CLIP_RATE) as usize;
        let (Self::From(begin) | Self::Loop(begin)) = self;
        let rest = &clip[samples(begin).min(clip.len())..];
        match self {
            Self::From(_) => rest.to_vec(),
            Self::Loop(_) => {
                let piece = &rest[..samples(LOOP).min(rest.len())];
                piece.iter().copied().cycle().take(samples(LOOPED)).collect()
            }
        }
    }
}

impl Study<'_> {
    /// Every call with itself.
    fn alone(&self, heard: &[&[Option<Kept>]]) -> Vec<SelfTrial> {
        let of_call = |call: usize| -> Result<Vec<SelfTrial>, Infallible> {
            let one = |(number, kept): (usize, &Option<Kept>)| {
                let (looped, repetition) =
                    (number > self.lines.len(), kept.as_ref()?.fingerprint.repetition());
                Some(SelfTrial { call, looped, repetition })
            };
            Ok(heard[call].iter().enumerate().filter_map(one).collect())
        };
        let Ok(alone) = parallel::in_order(self.jobs, heard.len(), of_call, &|_, _| ());
        alone.into_iter().flatten().collect()
    }

    fn one(
        &self,
        engine: &Engine,
        library: &dyn Library,
        call: &GateCall,
        (line, played): (&Simulation, Played),
        seed: usize,
    ) -> Result<Kept, ListenError> {
        let name = || call.recordings.join(", ");
        let heard = line
            .apply(&played.of(&call.clip(library)?), &[], seed as u64)
            .map_err(|source| ListenError::Channel { name: name(), source })?;
        let speech = collect(engine, &heard, ChannelType::Telephone, self.seconds)
            .map_err(|source| ListenError::Open { name: name(), source })?;
        let template = match played {
            Played::From(_) => engine.template(&speech),
            Played::Loop(_) => None,
        };
        Ok(Kept {
            fingerprint: Fingerprint::of(&speech),
            template,
            net_speech: speech.net_speech().seconds(),
        })
    }

    /// Pairs of calls that are no two utterances.
    fn of_one_recording(
        &self,
        library: &dyn Library,
        calls: &Calls,
        trials: &[Trial],
    ) -> Result<Vec<[usize; 2]>, ListenError> {
        let alike = |trial: &&Trial| !trial.is_replay() && trial.agreement.similarity() >= LOOKED_AT_AGAIN;
        let mut pairs: Vec<[usize; 2]> = trials.iter().filter(alike).map(Trial::pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let look = |number: usize| -> Result<bool, ListenError> {
            let [one, other] = pairs[number].map(|call| calls.calls[call].clip(library));
            Ok(waveform::have_a_piece_in_common(&one?, &other?))
        };
        let found = parallel::in_order(self.jobs, pairs.len(), look, &|_, _| ())?;
        Ok(pairs.into_iter().zip(found).filter_map(|(pair, found)| found.then_some(pair)).collect())
    }
}
