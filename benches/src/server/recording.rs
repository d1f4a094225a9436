//! Recorded calls enter as the carrier's bytes, each with the one that decides.

use std::error::Error;
use std::path::{Path, PathBuf};

use peakstream::{AudioFormat, CallSpec, ChannelType, Encoding, Engine, EngineOptions, SampleRate};
use peakstream_server::audio_file::{self, ReadOptions};
use peakstream_server::model_dir::{self, Surroundings};

use super::WANTED;
use crate::audio::Audio;

/// What carriers send.
pub(crate) const ENCODING: Encoding = Encoding::MuLaw;
pub(crate) const RATE: SampleRate = SampleRate::Hz8000;
/// Samples, which are bytes, between two statuses.
pub(crate) const BLOCK: usize = 4096;
/// Samples that the engine works on at once.
const STEP: usize = 256;
/// A number of steps that meets every place in a block before one comes again.
const STRIDE: usize = 5;
/// Nothing, in the carrier's bytes.
const SILENCE: u8 = 0xff;

/// One call.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) audio: Vec<u8>,
    /// Bytes up to and with the one with which the engine says that the speech asked for is there, the last one of a block: it decides on
    /// the same bytes alike, however they are cut into packets.
    pub(crate) deciding: usize,
    /// Of them, those that the speech was complete without: the decision can be made while they come.
    pub(crate) ahead: usize,
}

impl Recording {
    /// The first blocks of the call.
    pub(crate) fn beginning(&self, blocks: usize) -> Vec<u8> {
        self.audio.iter().copied().cycle().take(blocks * BLOCK).collect()
    }
}

/// The folder of the models, and the recorded calls beside them. The engine that looked for the deciding byte is gone again.
///
/// # Errors
/// Models or recordings that cannot be read.
pub(crate) fn with_models(models: Option<&Path>) -> Result<(PathBuf, Vec<Recording>), Box<dyn Error>> {
    let models = model_dir::find(models, &Surroundings::of_process())?;
    let engine = model_dir::load_engine_from(&models, EngineOptions::default())?;
    let recordings = all(&engine, &models.join("demo"))?;
    Ok((models, recordings))
}

/// The recorded calls of `folder` that hold enough speech; without any, a voice made by a formula. Each of them begins at each place in a
/// block, behind silence, because callers do not know of blocks: how long before the end of a block its speech is complete is left to chance.
///
/// # Errors
/// A recording that cannot be read.
fn all(engine: &Engine, folder: &Path) -> Result<Vec<Recording>, Box<dyn Error>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.retain(|path: &PathBuf| path.extension().is_some_and(|extension| extension == "wav"));
    paths.sort();
    let mut calls = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        calls.push((name, audio_file::read(&path, &ReadOptions::default())?.at(RATE)?.encode(ENCODING)));
    }
    let mut recordings = at_each_place(engine, &calls)?;
    if recordings.is_empty() {
        recordings = at_each_place(engine, &[("a voice made by a formula".to_owned(), Audio::new().mulaw)])?;
    }
    if recordings.is_empty() {
        return Err("no recording holds enough speech".into());
    }
    Ok(recordings)
}

fn at_each_place(engine: &Engine, calls: &[(String, Vec<u8>)]) -> Result<Vec<Recording>, Box<dyn Error>> {
    let mut recordings = Vec::new();
    for turn in 0..BLOCK / STEP {
        let silence = [SILENCE].repeat(turn * STRIDE * STEP % BLOCK);
        for (name, audio) in calls {
            recordings.extend(recording(engine, name.clone(), [&silence, &audio[..]].concat())?);
        }
    }
    Ok(recordings)
}

/// `None` if there is too little speech for a decision.
fn recording(engine: &Engine, name: String, audio: Vec<u8>) -> Result<Option<Recording>, Box<dyn Error>> {
    let format = AudioFormat::mono(ENCODING, RATE);
    let mut stream =
        engine.open(CallSpec { format, channel_type: ChannelType::Telephone, wanted: WANTED })?;
    let mut complete = None;
    for (step, samples) in audio.chunks_exact(STEP).enumerate() {
        let at = (step + 1) * STEP;
        let status = stream.push(samples).status;
        complete = complete.or_else(|| stream.take_speech().map(|_speech| at));
        if let (Some(complete), true) = (complete, status.is_some_and(|status| status.enough)) {
            return Ok(Some(Recording { name, audio, deciding: at, ahead: at - complete }));
        }
    }
    Ok(None)
}
