//! In: audio files. Out: templates and authenticity, computed in this process by the same `CallStream` that serves calls.

use std::path::{Path, PathBuf};

use peakstream::{
    Analysis, AnalysisError, AnalysisSpec, AudioFormat, CallSpec, ChannelType, CompareError, Encoding,
    Engine, EngineOptions, ModelHash, OpenError, SampleRate,
};

use crate::audio_file::{self, ReadOptions};
use crate::cli::options::{InputOptions, ModelOptions, SpeechOptions};
use crate::cli::output::CliError;
use crate::model_dir;
use crate::session::error::MIN_SPEECH_SECONDS;

/// Why a readable file gives no template.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// Not enough speech in it.
    #[error("{}: {found:.2} s of speech in {audio:.2} s of audio; at least {MIN_SPEECH_SECONDS:.0} s are needed: record more", path.display())]
    TooLittleSpeech {
        /// The file.
        path: PathBuf,
        /// Seconds of speech found.
        found: f64,
        /// Seconds of audio.
        audio: f64,
    },
    /// A telephone recording is to pass for a microphone's.
    #[error("{}: recorded at {rate} Hz, too low for --channel-type microphone; use --channel-type telephone", path.display())]
    NarrowBand {
        /// The file.
        path: PathBuf,
        /// Its rate.
        rate: u32,
    },
    /// The engine does not open such a call.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The two templates have nothing to be compared by.
    #[error("the voices cannot be compared: {0}; register again with this model and channel type")]
    Compare(#[from] CompareError),
    /// The engine failed.
    #[error("{}: {source}", path.display())]
    Analysis {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: AnalysisError,
    },
}

/// What one file said.
#[derive(Debug)]
pub struct Heard {
    /// The file.
    pub path: PathBuf,
    /// Template and authenticity.
    pub analysis: Analysis,
    /// Seconds of speech used.
    pub net_speech: f64,
    /// Seconds of audio read until there was enough speech.
    pub audio: f64,
}

/// An engine, and how to listen to files.
#[derive(Debug)]
pub struct Studio {
    engine: Engine,
    reading: ReadOptions,
    seconds: f64,
}

impl Studio {
    /// Loads the models.
    ///
    /// # Errors
    /// No models, or a codec that does not exist.
    pub fn open(
        models: &ModelOptions,
        input: &InputOptions,
        speech: &SpeechOptions,
    ) -> Result<Self, CliError> {
        let reading = input.reading()?;
        let engine = model_dir::load_engine(models.models.as_deref(), EngineOptions::default())?;
        Ok(Self { engine, reading, seconds: speech.seconds })
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Listens to a file as to a call, until there is enough speech.
    ///
    /// # Errors
    /// A file that is no audio or holds too little speech.
    pub fn listen(
        &self,
        path: &Path,
        channel_type: ChannelType,
        model: ModelHash,
    ) -> Result<Heard, CliError> {
        let recording = audio_file::read(path, &self.reading)?;
        let rate = match channel_type {
            ChannelType::Microphone => SampleRate::Hz16000,
            _ => SampleRate::Hz8000,
        };
        if recording.rate() < rate.hz() {
            return Err(OfflineError::NarrowBand { path: path.to_owned(), rate: recording.rate() }.into());
        }
        let recording = recording.at(rate)?;
        // Linear samples: a file's own codec has already left its traces.
        let encoding = Encoding::Linear16Le;
        let spec = CallSpec { format: AudioFormat::mono(encoding, rate), channel_type, wanted: self.seconds };
        let mut call = self.engine.open(spec).map_err(OfflineError::from)?;
        let bytes = recording.encode(encoding);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() && !call.status().enough {
            rest = &rest[call.push(rest).consumed..];
        }
        let audio = call.status().audio_received_seconds;
        let speech = call.finish();
        let found = speech.net_speech().seconds();
        if found < MIN_SPEECH_SECONDS {
            return Err(OfflineError::TooLittleSpeech { path: path.to_owned(), found, audio }.into());
        }
        let analysis = self
            .engine
            .analyse(&speech, AnalysisSpec { model })
            .map_err(|source| OfflineError::Analysis { path: path.to_owned(), source })?;
        Ok(Heard { path: path.to_owned(), analysis, net_speech: found, audio })
    }
}
