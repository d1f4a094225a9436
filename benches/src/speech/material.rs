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
const SEED: u64 = 20_261_121;
/// Clips of each source: enough for ten minutes, so many that every speaker counts.
const CLIPS_OF_SOURCE: usize = 40;

/// One kind of calls.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// At 8 kHz, each of [`CALL_SAMPLES`].
    pub(crate) calls: Vec<Vec<i16>>,
    /// A label for each 10 ms of all calls.
    pub(crate) truth: Vec<u8>,
}

/// Clips at 16 kHz, the same number of each folder below, evenly chosen.
pub(crate) fn clips(folder: &Path) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut sources: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    sources.sort_by_key(std::fs::DirEntry::path);
    let mut clips = Vec::new();
    // What a synthesiser says is no telephone speech.
    for source in sources.iter().filter(|source| source.file_name() != "tts") {
        let mut files = Vec::new();
        collect(&source.path(), &mut files)?;
        files.sort();
        let step = files.len().div_ceil(CLIPS_OF_SOURCE).max(1);
        for file in files.iter().step_by(step) {
            clips.push(read(file)?);
        }
    }
    Ok(clips)
}

/// Everything below a folder.
pub(crate) fn recordings(folder: &Path) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let recording = audio_file::read(file, &ReadOptions::default())?.at(SampleRate::Hz16000)?;
    Ok(recording.samples().iter().map(|sample| f32::from(*sample) / 32_768.0).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "flac" || extension == "wav") {
            files.push(path);
        }
    }
    Ok(())
}

/// All of them, each so many seconds long (whole calls).
pub(crate) fn scenarios(
    clips: &[Vec<f32>],
    recorded_music: Option<&[Vec<f32>]>,
    seconds: usize,
) -> Result<Vec<Scenario>, Box<dyn Error>> {
    let calls = (seconds * 8_000).div_ceil(CALL_SAMPLES);
    let samples = 2 * calls * CALL_SAMPLES;
    let mut made = talks(clips, samples)?;
    let silences: [(&str, &str, Vec<f32>); 9] = [
        ("music", "hold music, made", sound::music(samples, WIDE, SEED)),
        ("singing", "hold music with singing, made", with_singing(samples)),
        ("tones", "ring-back, dial, busy and key tones", sound::tones(samples, WIDE, SEED)),
        ("white", "white noise, -20 dB", sound::white(samples, SEED)),
        ("pink", "pink noise, -20 dB", sound::pink(samples, WIDE, SEED)),
        ("comfort", "comfort noise, -55 dB", scaled(&sound::pink(samples, WIDE, SEED + 1), 0.018)),
        ("breath", "breathing into the telephone", sound::breath(samples, WIDE, SEED)),
        ("silence", "digital silence", vec![0.0; samples]),
        (
            "recorded",
            "hold music, recorded",
            recorded_music.map(|music| looped(music, samples)).unwrap_or_default(),
        ),
    ];
    for (name, what, sound) in silences {
        if !sound.is_empty() {
            let truth = vec![NO_SPEECH; samples / (2 * FRAME)];
            made.push(scenario(name, what, "mulaw", &sound, truth, &[])?);
        }
    }
    Ok(made)
}

/// Speech with gaps of one to three seconds, on several lines.
fn talks(clips: &[Vec<f32>], samples: usize) -> Result<Vec<Scenario>, Box<dyn Error>> {
    let lines: [(&str, &str, &str); 7] = [
        ("clean", "digital silence in the gaps, µ-law", "mulaw"),
        ("noise", "telephone noise (pink, 15 dB), handset, A-law", "noise:pink:15dB+band:irs+alaw"),
        ("loud", "loud noise (pink, 5 dB), µ-law", "noise:pink:5dB+mulaw"),
        ("babble", "babble at 10 dB, µ-law", "noise:babble:10dB+mulaw"),
        ("mobile", "GSM, 5 % of packets lost in bursts", "gsm+loss:5%:bursts:60ms"),
        ("internet", "Opus at 6 kbit/s, 5 % of packets lost", "opus:6k+loss:5%+mulaw"),
        ("amr", "AMR-like at 4.75 kbit/s", "amr-like:4.75k"),
    ];
    let (speech, truth) = talk(clips, samples, &vec![0.0; samples]);
    let mut made: Vec<Scenario> = lines
        .into_iter()
        .map(|(name, what, line)| scenario(name, what, line, &speech, truth.clone(), clips))
        .collect::<Result<_, _>>()?;
    let gaps = [
        ("gaps-music", "hold music in the gaps, µ-law", sound::music(samples, WIDE, SEED + 2)),
        ("gaps-tones", "tones in the gaps, µ-law", sound::tones(samples, WIDE, SEED + 2)),
    ];
    for (name, what, filler) in gaps {
        let (speech, truth) = talk(clips, samples, &filler);
        made.push(scenario(name, what, "mulaw", &speech, truth, &[])?);
    }
    Ok(made)
}

/// Clip after clip with gaps between, which hold the filler.
fn talk(clips: &[Vec<f32>], samples: usize, filler: &[f32]) -> (Vec<f32>, Vec<u8>) {
    let (mut sound, mut truth) = (filler.to_vec(), vec![NO_SPEECH; samples / (2 * FRAME)]);
    let (mut at, mut turn) = (0, 0usize);
    loop {
        // Gaps of 1.0 to 2.99 s in no order, in whole frames.
        let gap = 100 + turn * 7_919 % 200;
        // Clips of all sources in turns.
        let clip = &clips[turn * 37 % clips.len()];
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

/// Sends it through a line, a call after the other.
fn scenario(
    name: &'static str,
    what: &'static str,
    line: &str,
    sound: &[f32],
    truth: Vec<u8>,
    others: &[Vec<f32>],
) -> Result<Scenario, Box<dyn Error>> {
    let line: Simulation = line.parse()?;
    let others: Vec<&[f32]> = others.iter().map(Vec::as_slice).collect();
    let mut calls = Vec::new();
    for (n, sound) in sound.chunks_exact(2 * CALL_SAMPLES).enumerate() {
        let call = line.apply(sound, &others, SEED + n as u64)?;
        if call.rate != SampleRate::Hz8000 {
            return Err(format!("{line} leaves no telephone call").into());
        }
        calls.push(call.samples);
    }
    Ok(Scenario { name, what, calls, truth })
}

fn scaled(sound: &[f32], gain: f32) -> Vec<f32> {
    sound.iter().map(|sample| gain * sample).collect()
}

/// Half of the loudness is the voice's.
fn with_singing(samples: usize) -> Vec<f32> {
    let music = sound::music(samples, WIDE, SEED + 3);
    music
        .iter()
        .zip(sound::singing(samples, WIDE, SEED))
        .map(|(music, voice)| 0.7 * (music + voice))
        .collect()
}

/// One piece after the other, as often as is needed.
fn looped(pieces: &[Vec<f32>], samples: usize) -> Vec<f32> {
    pieces.iter().flatten().copied().cycle().take(samples).collect()
}
