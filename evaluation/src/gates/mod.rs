//! Recordings of known speakers enter, how often each quality gate stops good calls and notices bad ones leaves.
//!
//! Recordings of one speaker are joined to calls that are long enough. Each call goes through good telephone lines, where whatever a
//! gate says is a false alarm, and, a part of them, through the defects that the gates are for ([`defects`]). Everything is
//! heard by a real [`peakstream::CallStream`].

mod defect;
pub mod markdown;
mod report;

use peakstream::{CallSpec, ChannelType, Engine, Figures, SampleRate};

use crate::calibrate::Speaker;
use crate::embedding::{Library, ListenError};
use crate::parallel;

pub use defect::{Defect, defects};
pub use report::{Condition, LeftOut, Report, Row, report, table};

/// Seconds of audio for each second of speech wanted: what pauses and the edges of words take.
const AUDIO_FOR_SPEECH: f64 = 1.5;
/// Other people in a babble.
const OTHERS: usize = 6;

/// One call, before it goes through a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateCall {
    /// Whose.
    pub speaker: usize,
    /// Corpus, an index into [`Calls::sources`].
    pub source: usize,
    /// The recordings that it is made of.
    pub recordings: Vec<String>,
}

impl GateCall {
    /// Its recordings, one after the other, at 16 kHz and full scale ±1.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn clip(&self, library: &dyn Library) -> Result<Vec<f32>, ListenError> {
        let mut clip = Vec::new();
        for name in &self.recordings {
            let samples = library.read(name, Some(SampleRate::Hz16000)).map_err(ListenError::Read)?.samples;
            clip.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
        }
        Ok(clip)
    }
}

/// All calls of some speakers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Corpora.
    pub sources: Vec<String>,
    /// The calls, those of a speaker one after the other.
    pub calls: Vec<GateCall>,
}

impl Calls {
    /// Joins the recordings of each speaker, in their order, to calls with audio for so many seconds of speech. What is left over
    /// makes no call.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn of(speakers: &[Speaker], library: &dyn Library, seconds: f64) -> Result<Self, ListenError> {
        let mut all = Self::default();
        for (speaker, person) in speakers.iter().enumerate() {
            let known = all.sources.iter().position(|source| *source == person.source);
            let source = known.unwrap_or_else(|| {
                all.sources.push(person.source.clone());
                all.sources.len() - 1
            });
            let (mut recordings, mut length) = (Vec::new(), 0.0);
            for name in &person.recordings {
                let samples =
                    library.read(name, Some(SampleRate::Hz16000)).map_err(ListenError::Read)?.samples;
                length += samples.len() as f64 / 16_000.0;
                recordings.push(name.clone());
                if length >= AUDIO_FOR_SPEECH * seconds {
                    all.calls.push(GateCall { speaker, source, recordings: std::mem::take(&mut recordings) });
                    length = 0.0;
                }
            }
        }
        Ok(all)
    }
}

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Study<'a> {
    /// Through these every call goes, and then a part of the calls through the defects.
    pub conditions: &'a [Defect],
    /// Calls that go through each defect: evenly taken from all.
    pub defective: usize,
    /// Net speech that a call collects, in seconds.
    pub seconds: f64,
    /// Threads.
    pub jobs: usize,
}

/// One call that was heard.
#[derive(Clone, Copy, Debug)]
pub struct HeardCall {
    /// Corpus.
    pub source: usize,
    /// What was measured.
    pub figures: Figures,
}

impl Study<'_> {
    /// Hears everything; for each condition, its calls. `progress`: how many are done, and of how many.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn hear(
        &self,
        engine: &Engine,
        library: &dyn Library,
        calls: &Calls,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<Vec<HeardCall>>, ListenError> {
        let mut jobs = Vec::new();
        for (condition, defect) in self.conditions.iter().enumerate() {
            let wanted = if defect.gate().is_none() {
                calls.calls.len()
            } else {
                self.defective.min(calls.calls.len())
            };
            jobs.extend((0..wanted).map(|n| (condition, n * calls.calls.len() / wanted)));
        }
        let hear = |number: usize| -> Result<HeardCall, ListenError> {
            let (condition, call): (usize, usize) = jobs[number];
            let figures = self.one(engine, library, calls, call, &self.conditions[condition])?;
            Ok(HeardCall { source: calls.calls[call].source, figures })
        };
        let heard = parallel::in_order(self.jobs, jobs.len(), hear, progress)?;
        let mut by_condition = vec![Vec::new(); self.conditions.len()];
        for ((condition, _), heard) in jobs.iter().zip(heard) {
            by_condition[*condition].push(heard);
        }
        Ok(by_condition)
    }

    fn one(
        &self,
        engine: &Engine,
        library: &dyn Library,
        calls: &Calls,
        call: usize,
        defect: &Defect,
    ) -> Result<Figures, ListenError> {
        let own = &calls.calls[call];
        let read = |call: &GateCall| call.clip(library);
        // Calls of other people of the same corpus, behind this one.
        let strangers = || {
            let after = calls.calls.iter().cycle().skip(call + 1).take(calls.calls.len());
            after.filter(|other| other.source == own.source && other.speaker != own.speaker)
        };
        let name = || own.recordings.join(", ");
        let needs_second = matches!(defect, Defect::SecondSpeaker(..) | Defect::Turns(_));
        let needs_others = matches!(defect, Defect::Line(_, line) if line.needs_others());
        let second = strangers().next().filter(|_| needs_second).map(read).transpose()?.unwrap_or_default();
        let others: Vec<Vec<f32>> = if needs_others {
            strangers().step_by(3).take(OTHERS).map(read).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        let others: Vec<&[f32]> = others.iter().map(Vec::as_slice).collect();
        let arriving = defect
            .arrive(&read(own)?, &second, &others, call as u64)
            .map_err(|source| ListenError::Channel { name: name(), source })?;
        let spec =
            CallSpec { format: arriving.format, channel_type: ChannelType::Telephone, wanted: self.seconds };
        let mut stream = engine.open(spec).map_err(|source| ListenError::Open { name: name(), source })?;
        stream.tolerate_mismatch();
        stream.push_all(&arriving.bytes);
        let speech = stream.finish();
        let mut figures = speech.figures();
        figures.one_voice = engine.one_voice(&speech);
        Ok(figures)
    }
}
