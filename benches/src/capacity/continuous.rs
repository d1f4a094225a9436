//! Calls of one thread: their packets when they are due, and between them decisions, the oldest first.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use peakstream::{AnalysisSpec, CallStream, Engine, EngineOptions, SlidingAnalysis, Template};
use peakstream_server::model_dir;

use super::{Args, Carried, Exponential, Load, Pattern};
use crate::engine::open;
use crate::server::recording;

/// Between two packets of a call.
const INTERVAL: Duration = Duration::from_millis(20);
/// Samples, which are bytes, of a packet.
const PACKET: usize = 160;
/// How long someone speaks in a conversation, and is silent then, in seconds on average: ITU-T P.59 (03/93), table 1. Here both are
/// exponential.
const TALK_SPURT: f64 = 1.004;
const PAUSE: f64 = 1.587;
/// Share of the time in which the caller speaks: 0.39.
pub(super) const ACTIVITY: f64 = TALK_SPURT / (TALK_SPURT + PAUSE);
/// Seconds of a conversation; calls begin everywhere in it.
const CONVERSATION: f64 = 600.0;
/// Samples between two looks of the speech detector: four blocks of 32 ms.
const BATCH: usize = 1024;
/// G.711 µ-law of nothing.
const SILENCE: u8 = 0xff;
/// Net speech that is analysed for a decision, in seconds: what has come since the decision before.
const WINDOW: f64 = 1.0;
/// Such windows that a decision is of, the newest of the call (`docs/engine.md`).
const WINDOWS: NonZeroUsize = NonZeroUsize::new(5).unwrap();
/// Of them that there are before there is a decision: three seconds, as the server wants for one.
const LEAST_WINDOWS: usize = 3;
/// Net speech that a call collects before another takes its place, in seconds.
const WHOLE: f64 = 30.0;
/// Until the first decisions have been taken.
const SETTLE: Duration = Duration::from_secs(8);
/// How long the thread sleeps when nothing is due.
const TICK: Duration = Duration::from_micros(200);

struct Call {
    stream: CallStream,
    /// Where it is in the audio.
    at: usize,
    /// Whole seconds of net speech at its last decision.
    decided: u64,
    sliding: SlidingAnalysis,
}

/// What puts a load on the engine: live calls in.
pub(super) fn load(args: &Args) -> Result<Box<Load<'static>>, Box<dyn Error>> {
    let (models, recordings) = recording::with_models(args.models.as_deref())?;
    let options = EngineOptions { precision: args.precision, ..EngineOptions::default() };
    let engine = model_dir::load_engine_from(&models, options)?;
    // Each once, whatever place in a block it begins at.
    let mut names = BTreeSet::new();
    let once = recordings.iter().filter(|recording| names.insert(&recording.name));
    let speech: Vec<u8> = once.flat_map(|recording| recording.audio.iter().copied()).collect();
    let voice = voice_of(&engine, &speech)?;
    let audio = if args.pattern == Pattern::Conversation { conversation(&speech) } else { speech };
    Ok(Box::new(move |calls, measured| carry(&engine, &audio, &voice, calls as usize, measured)))
}

/// One side of a conversation: the speech cut into talk spurts, with pauses between them.
fn conversation(speech: &[u8]) -> Vec<u8> {
    let (mut spurts, mut pauses) = (Exponential::new(TALK_SPURT, 1), Exponential::new(PAUSE, 2));
    let samples = |duration: Duration| (duration.as_secs_f64() * f64::from(recording::RATE.hz())) as usize;
    let (mut speech, mut side) = (speech.iter().copied().cycle(), Vec::new());
    while side.len() < samples(Duration::from_secs_f64(CONVERSATION)) {
        side.extend(speech.by_ref().take(samples(spurts.next())));
        side.extend(std::iter::repeat_n(SILENCE, samples(pauses.next())));
    }
    side
}

/// Whose calls these claim to be.
fn voice_of(engine: &Engine, audio: &[u8]) -> Result<Template, Box<dyn Error>> {
    let mut stream = open(engine, 5.0)?;
    stream.push_all(audio);
    Ok(engine.analyse(&stream.finish(), AnalysisSpec { model: engine.newest_model() })?.template)
}

fn carry(
    engine: &Engine,
    audio: &[u8],
    voice: &Template,
    calls: usize,
    measured: Duration,
) -> Result<Carried, Box<dyn Error>> {
    let spec = AnalysisSpec { model: engine.newest_model() };
    let mut running = Vec::with_capacity(calls);
    for number in 0..calls {
        // Each begins elsewhere.
        let at = audio.len() / PACKET * number / calls * PACKET;
        let mut stream = open(engine, WHOLE)?;
        // Calls begin at any time: their batches must not be complete all at once.
        stream.push_all(&vec![SILENCE; BATCH * number / calls]);
        running.push(Call { stream, at, decided: 0, sliding: SlidingAnalysis::new(spec, WINDOWS) });
    }
    let (mut waiting, mut times, mut frames, mut idle) = (VecDeque::new(), Vec::new(), 0, Duration::ZERO);
    let begin = Instant::now();
    let (settled, end) = (begin + SETTLE, begin + SETTLE + measured);
    let due = |packet: usize| begin + INTERVAL.mul_f64(packet as f64 / calls as f64);
    let mut packet = 0;
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        while due(packet) <= now {
            let number = packet % calls;
            match running[number].take(engine, audio, spec)? {
                Took::Nothing => {}
                Took::Decision => waiting.push_back((number, due(packet))),
                Took::Last => {
                    // What still waits for the call before is as late as it is now.
                    let of_it = |(waits, since): &(usize, Instant)| *waits == number && *since >= settled;
                    let late = waiting.iter().filter(|waits| of_it(waits));
                    times.extend(late.map(|(_, since)| since.elapsed().as_secs_f64() * 1e3));
                    waiting.retain(|(waits, _)| *waits != number);
                }
            }
            packet += 1;
        }
        if let Some((number, since)) = waiting.pop_front() {
            let Call { stream, sliding, .. } = &mut running[number];
            let speech = stream.newest(WINDOW);
            let analysis = engine.analyse_window(&speech, sliding)?;
            let _ = black_box(engine.compare(voice, &analysis.template));
            if since >= settled && sliding.windows() >= LEAST_WINDOWS {
                times.push(since.elapsed().as_secs_f64() * 1e3);
                frames += speech.frames();
            }
        } else {
            std::thread::sleep(TICK);
            idle += if now >= settled { now.elapsed() } else { Duration::ZERO };
        }
    }
    let frames = (!times.is_empty()).then(|| frames as f64 / times.len() as f64);
    // Those that wait longer than is allowed are late already, whenever they would come.
    let late = waiting.iter().filter(|(_, since)| *since >= settled);
    times.extend(late.map(|(_, since)| since.elapsed().as_secs_f64() * 1e3));
    let busy = 1.0 - idle.as_secs_f64() / measured.as_secs_f64();
    Ok(Carried { frames, ..Carried::new(times, 0, calls as f64, Some(busy)) })
}

/// What a packet led to.
enum Took {
    Nothing,
    /// There is a decision to take.
    Decision,
    /// It was the call's last one, and another call has taken its place.
    Last,
}

impl Call {
    /// Takes its next packet.
    fn take(&mut self, engine: &Engine, audio: &[u8], spec: AnalysisSpec) -> Result<Took, Box<dyn Error>> {
        if self.at + PACKET > audio.len() {
            self.at = 0;
        }
        self.stream.push_all(&audio[self.at..self.at + PACKET]);
        self.at += PACKET;
        let status = self.stream.status();
        let seconds = status.net_speech.seconds();
        let due = seconds as u64 > self.decided;
        if due {
            self.decided = seconds as u64;
        }
        if status.enough {
            let sliding = SlidingAnalysis::new(spec, WINDOWS);
            *self = Self { stream: open(engine, WHOLE)?, at: self.at, decided: 0, sliding };
            return Ok(Took::Last);
        }
        Ok(if due { Took::Decision } else { Took::Nothing })
    }
}
