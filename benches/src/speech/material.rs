//! Clips and made sounds enter, calls leave, with a label for each 10 ms.

use std::error::Error;
use std::path::{Path, PathBuf};

use peakstream::SampleRate;
use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::sound;
use peakstream_server::audio_file::{self, ReadOptions};

use super::ours::{CALL_SAMPLES, FRAME};

/// Labels of 10 ms.
const NO_SPEECH: u8 = 0;
pub(crate) const SPEECH: u8 = 1;
/// Within 40 ms of where speech begins or ends: where exactly it does is anyone's guess.
const NOT_COUNTED: u8 = 2;
const COLLAR: usize = 4;
/// Pauses of at most so many frames belong to the speech: stops, and breath between words.
const PAUSE: usize = 10;
/// A frame of a clean clip holds speech if it is at most so much weaker than the clip's loudest.
const WEAKEST_DB: f64 = 35.0;
const WIDE: u32 = 16_000;
/// Clips of each source: enough for ten minutes, so many that every speaker counts.
const CLIPS_OF_SOURCE: usize = 40;

/// Which half of all speakers, of the recorded music and of the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Rules and thresholds are chosen on it.
    Choose,
    /// They are judged on it.
    Judge,
}

impl Part {
    /// Every second one, in order: speakers of a source, pieces of music.
    fn of<T>(self, all: Vec<T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(usize::from(self == Self::Choose)).step_by(2)
    }

    const fn seed(self) -> u64 {
        match self {
            Self::Choose => 20_261_121,
            Self::Judge => 20_270_322,
        }
    }
}

/// One kind of calls.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// At 8 kHz, each of [`CALL_SAMPLES`].
    pub(crate) calls: Vec<Vec<i16>>,
    /// A label for each 10 ms of all calls.
    pub(crate) truth: Vec<u8>,
}

/// Clips at 16 kHz of the part's speakers, at most so many of each source, evenly chosen.
pub(crate) fn clips(folder: &Path, part: Part) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut clips = Vec::new();
    // What a synthesiser says is no telephone speech.
    for source in entries(folder)?.iter().filter(|source| !source.ends_with("tts")) {
        let mut files = Vec::new();
        for speaker in part.of(entries(source)?) {
            collect(&speaker, &mut files)?;
        }
        let step = files.len().div_ceil(CLIPS_OF_SOURCE).max(1);
        for file in files.iter().step_by(step) {
            clips.push(read(file)?);
        }
    }
    Ok(clips)
}

/// The part's recordings in a folder, at any depth.
pub(crate) fn recordings(folder: &Path, part: Part) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    part.of(files).map(|file| read(&file)).collect()
}

fn read(file: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let recording = audio_file::read(file, &ReadOptions::default())?.at(SampleRate::Hz16000)?;
    Ok(recording.samples().iter().map(|sample| f32::from(*sample) / 32_768.0).collect())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in entries(path)? {
            collect(&entry, files)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "flac" || extension == "wav") {
        files.push(path.to_owned());
    }
    Ok(())
}

/// What a folder holds, in order.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Speech with gaps of one to three seconds: name, what it is, and the line.
const TALKS: [(&str, &str, &str); 9] = [
    ("clean", "digital silence in the gaps, µ-law", "mulaw"),
    ("noise", "telephone noise (pink, 15 dB), handset, A-law", "noise:pink:15dB+band:irs+alaw"),
    ("loud", "loud noise (pink, 5 dB), µ-law", "noise:pink:5dB+mulaw"),
    ("babble", "babble at 10 dB, µ-law", "noise:babble:10dB+mulaw"),
    ("mobile", "GSM, 5 % of packets lost in bursts", "gsm+loss:5%:bursts:60ms"),
    ("internet", "Opus at 6 kbit/s, 5 % of packets lost", "opus:6k+loss:5%+mulaw"),
    ("amr", "AMR-like at 4.75 kbit/s", "amr-like:4.75k"),
    ("gaps-music", "hold music in the gaps, µ-law", "mulaw"),
    ("gaps-tones", "tones in the gaps, µ-law", "mulaw"),
];

/// No one speaks.
const SOUNDS: [(&str, &str); 9] = [
    ("music", "hold music, made"),
    ("singing", "hold music with singing, made"),
    ("tones", "ring-back, dial, busy and key tones"),
    ("white", "white noise, -20 dB"),
    ("pink", "pink noise, -20 dB"),
    ("comfort", "comfort noise, -55 dB"),
    ("breath", "breathing into the telephone"),
    ("silence", "digital silence"),
    ("recorded", "hold music, recorded"),
];

/// What scenarios are made of.
pub(crate) struct Material {
    /// At 16 kHz.
    pub(crate) clips: Vec<Vec<f32>>,
    pub(crate) music: Vec<Vec<f32>>,
    /// Of each scenario.
    pub(crate) seconds: usize,
    pub(crate) part: Part,
}

impl Material {
    /// Names of all scenarios, in order.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        TALKS.iter().map(|talk| talk.0).chain(SOUNDS.iter().map(|sound| sound.0))
    }

    /// The scenario of that name, whole calls; none if its recordings are not there.
    pub(crate) fn scenario(&self, name: &str) -> Result<Option<Scenario>, Box<dyn Error>> {
        if let Some(&(name, what, line)) = TALKS.iter().find(|talk| talk.0 == name) {
            let (sound, truth) = talk(&self.clips, &self.sound(name));
            return self.through(name, what, line, &sound, truth).map(Some);
        }
        let &(name, what) = SOUNDS.iter().find(|sound| sound.0 == name).ok_or("no scenario has that name")?;
        let sound = self.sound(name);
        if sound.is_empty() {
            return Ok(None);
        }
        let truth = vec![NO_SPEECH; sound.len() / (2 * FRAME)];
        self.through(name, what, "mulaw", &sound, truth).map(Some)
    }

    /// What is heard where no one speaks. Every call has its own tune and its own singer.
    fn sound(&self, name: &str) -> Vec<f32> {
        let seed = self.part.seed();
        let calls = (self.seconds * 8_000).div_ceil(CALL_SAMPLES);
        let samples = 2 * calls * CALL_SAMPLES;
        let of_calls = |make: &dyn Fn(usize, u64) -> Vec<f32>| {
            (0..calls as u64).flat_map(|call| make(2 * CALL_SAMPLES, seed + 100 * call)).collect()
        };
        match name {
            "music" => of_calls(&|samples, seed| sound::music(samples, WIDE, seed)),
            "gaps-music" => of_calls(&|samples, seed| sound::music(samples, WIDE, seed + 2)),
            "singing" => of_calls(&with_singing),
            "tones" => sound::tones(samples, WIDE, seed),
            "gaps-tones" => sound::tones(samples, WIDE, seed + 2),
            "white" => sound::white(samples, seed),
            "pink" => sound::pink(samples, WIDE, seed),
            "comfort" => scaled(&sound::pink(samples, WIDE, seed + 1), 0.018),
            "breath" => sound::breath(samples, WIDE, seed),
            "recorded" => looped(&self.music, samples),
            _ => vec![0.0; samples],
        }
    }

    /// Sends it through a line, a call after the other.
    fn through(
        &self,
        name: &'static str,
        what: &'static str,
        line: &str,
        sound: &[f32],
        truth: Vec<u8>,
    ) -> Result<Scenario, Box<dyn Error>> {
        let line: Simulation = line.parse()?;
        let others: Vec<&[f32]> = self.clips.iter().map(Vec::as_slice).collect();
        let mut calls = Vec::new();
        for (n, sound) in (0..).zip(sound.chunks_exact(2 * CALL_SAMPLES)) {
            let call = line.apply(sound, &others, self.part.seed() + n)?;
            if call.rate != SampleRate::Hz8000 {
                return Err(format!("{line} leaves no telephone call").into());
            }
            calls.push(call.samples);
        }
        Ok(Scenario { name, what, calls, truth })
    }
}

/// Clip after clip with gaps between, which hold the filler.
fn talk(clips: &[Vec<f32>], filler: &[f32]) -> (Vec<f32>, Vec<u8>) {
    let samples = filler.len();
    let (mut sound, mut truth) = (filler.to_vec(), vec![NO_SPEECH; samples / (2 * FRAME)]);
    // Clips of all sources in turns: every clip once before one comes again.
    let stride = (37..).find(|stride| gcd(*stride, clips.len()) == 1).unwrap_or(1);
    let (mut at, mut turn) = (0, 0usize);
    loop {
        // Gaps of 1.0 to 2.99 s in no order, in whole frames.
        let gap = 100 + turn * 7_919 % 200;
        let clip = &clips[turn * stride % clips.len()];
        let from = at + gap * 2 * FRAME;
        let frames = clip.len().div_ceil(2 * FRAME);
        if from + frames * 2 * FRAME >= samples {
            return (sound, with_collars(truth));
        }
        sound[from..from + clip.len()].copy_from_slice(clip);
        let first = from / (2 * FRAME);
        truth[first..first + frames].copy_from_slice(&speech_of(clip, frames));
        (at, turn) = (from + frames * 2 * FRAME, turn + 1);
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Labels of a clean clip by its energy.
fn speech_of(clip: &[f32], frames: usize) -> Vec<u8> {
    let powers: Vec<f64> =
        clip.chunks(2 * FRAME).map(|frame| frame.iter().map(|s| f64::from(*s).powi(2)).sum()).collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    let least = loudest / 10f64.powf(WEAKEST_DB / 10.0);
    let mut labels: Vec<u8> = powers.iter().map(|power| u8::from(*power > least)).collect();
    labels.resize(frames, NO_SPEECH);
    let mut last = None;
    for at in 0..frames {
        if labels[at] == SPEECH {
            if let Some(last) = last.filter(|last| at - last <= PAUSE + 1) {
                labels[last..at].fill(SPEECH);
            }
            last = Some(at);
        }
    }
    labels
}

fn with_collars(mut truth: Vec<u8>) -> Vec<u8> {
    let changes: Vec<_> = (1..truth.len()).filter(|at| truth[*at] != truth[at - 1]).collect();
    for change in changes {
        let to = (change + COLLAR).min(truth.len());
        truth[change.saturating_sub(COLLAR)..to].fill(NOT_COUNTED);
    }
    truth
}

fn scaled(sound: &[f32], gain: f32) -> Vec<f32> {
    sound.iter().map(|sample| gain * sample).collect()
}

/// Half of the loudness is the voice's.
fn with_singing(samples: usize, seed: u64) -> Vec<f32> {
    let music = sound::music(samples, WIDE, seed + 3);
    music
        .iter()
        .zip(sound::singing(samples, WIDE, seed))
        .map(|(music, voice)| 0.7 * (music + voice))
        .collect()
}

/// One piece after the other, as often as is needed; nothing of nothing.
fn looped(pieces: &[Vec<f32>], samples: usize) -> Vec<f32> {
    pieces.iter().flatten().copied().cycle().take(samples).collect()
}
