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

/// One call.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) audio: Vec<u8>,
    /// Bytes up to and with the one that completes the speech asked for: the engine decides on the same bytes alike,
    /// however they are cut into packets.
    pub(crate) deciding: usize,
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

/// The recorded calls of `folder` that hold enough speech; without any, a voice made by a formula.
///
/// # Errors
/// A recording that cannot be read.
fn all(engine: &Engine, folder: &Path) -> Result<Vec<Recording>, Box<dyn Error>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.retain(|path: &PathBuf| path.extension().is_some_and(|extension| extension == "wav"));
    paths.sort();
    let mut recordings = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let audio = audio_file::read(&path, &ReadOptions::default())?.at(RATE)?.encode(ENCODING);
        recordings.extend(recording(engine, name, audio)?);
    }
    if recordings.is_empty() {
        recordings.extend(recording(engine, "a voice made by a formula".to_owned(), Audio::new().mulaw)?);
    }
    if recordings.is_empty() {
        return Err("no recording holds enough speech".into());
    }
    Ok(recordings)
}

/// `None` if there is too little speech for a decision.
fn recording(engine: &Engine, name: String, audio: Vec<u8>) -> Result<Option<Recording>, Box<dyn Error>> {
    let format = AudioFormat::mono(ENCODING, RATE);
    let mut stream =
        engine.open(CallSpec { format, channel_type: ChannelType::Telephone, wanted: WANTED })?;
    let mut at = 0;
    while at < audio.len() {
        let pushed = stream.push(&audio[at..]);
        at += pushed.consumed;
        if pushed.status.is_some_and(|status| status.enough) {
            return Ok(Some(Recording { name, audio, deciding: at }));
        }
    }
    Ok(None)
}
