//! In: audio files. Out: templates and judgements of their authenticity, computed in this process by the same `CallStream` that serves calls.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use peakstream::{
    Action, Analysis, AnalysisError, AnalysisSpec, AudioFormat, CallSpec, ChannelType, CompareError,
    Encoding, Engine, Gates, ModelHash, OpenError, SampleRate, Score, Shortfall, Template, Threshold, Voices,
};

use crate::audio_file::{self, ReadOptions, Recording};
use crate::cli::options::{InputOptions, ModelOptions, SpeechOptions};
use crate::cli::output::CliError;
use crate::session::error::MIN_SPEECH_SECONDS;
use crate::session::policy::{GateSetting, Policy, Wishes};
use crate::session::request::Kind;
use crate::session::score_threshold::ScoreThreshold;

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
    /// Template and judgement.
    pub analysis: Analysis,
    /// Quality gates that the speech does not pass.
    pub quality: Vec<Shortfall>,
    /// Seconds of speech used.
    pub net_speech: f64,
    /// Seconds of audio read until there was enough speech.
    pub audio: f64,
}

impl Heard {
    /// Whether a gate that refuses is not passed: then there is no decision.
    pub fn is_refused(&self) -> bool {
        self.quality.iter().any(|shortfall| shortfall.action == Action::Refuse)
    }

    /// The gates that are not passed, for people: a line each.
    pub fn quality_lines(&self) -> String {
        self.quality.iter().map(|shortfall| format!("\nquality: {shortfall}")).collect()
    }
}

/// What every command has that listens to files.
#[derive(Debug, clap::Args)]
pub struct StudioOptions {
    #[command(flatten)]
    speech: SpeechOptions,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    models: ModelOptions,
}

/// How to listen to files. The models are loaded when the first file has turned out to be audio: they take seconds, and
/// a mistyped name should not.
#[derive(Debug)]
pub struct Studio {
    models: ModelOptions,
    engine: OnceCell<Engine>,
    reading: ReadOptions,
    seconds: f64,
    gates: Vec<GateSetting>,
}

impl Studio {
    /// Checks the options.
    ///
    /// # Errors
    /// A codec that does not exist.
    pub fn new(options: &StudioOptions) -> Result<Self, CliError> {
        let StudioOptions { speech, input, models } = options;
        Ok(Self {
            models: models.clone(),
            engine: OnceCell::new(),
            reading: input.reading()?,
            seconds: speech.seconds,
            gates: speech.quality_gates.clone(),
        })
    }

    /// The engine, loaded by the first call.
    ///
    /// # Errors
    /// No models, or models that the engine refuses.
    pub fn engine(&self) -> Result<&Engine, CliError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = self.models.engine()?;
        Ok(self.engine.get_or_init(|| engine))
    }

    /// Listens to a file as to a call, until there is enough speech. `model`: the newest if not said. `kind`: what for; registrations
    /// ask more of the speech.
    ///
    /// # Errors
    /// A file that is no audio or holds too little speech, or no models.
    pub fn listen(
        &self,
        path: &Path,
        channel_type: ChannelType,
        model: Option<ModelHash>,
        kind: Kind,
    ) -> Result<Heard, CliError> {
        // Linear samples: a file's own codec has already left its traces.
        let encoding = Encoding::Linear16Le;
        let rate = match channel_type {
            ChannelType::Microphone => SampleRate::Hz16000,
            _ => SampleRate::Hz8000,
        };
        let bytes = self.record(path, rate)?.encode(encoding);
        let engine = self.engine()?;
        let spec = CallSpec { format: AudioFormat::mono(encoding, rate), channel_type, wanted: self.seconds };
        let mut call = engine.open(spec).map_err(OfflineError::from)?;
        call.push_all(&bytes);
        let audio = call.status().audio_received_seconds;
        let speech = call.finish();
        let found = speech.net_speech().seconds();
        if found < MIN_SPEECH_SECONDS {
            return Err(OfflineError::TooLittleSpeech { path: path.to_owned(), found, audio }.into());
        }
        let spec = AnalysisSpec { model: model.unwrap_or_else(|| engine.newest_model()) };
        let failed = |source| OfflineError::Analysis { path: path.to_owned(), source };
        let quality = engine.judge(&speech, &self.gates(kind));
        let analysis = engine.analyse(&speech, spec).map_err(failed)?;
        Ok(Heard { path: path.to_owned(), analysis, quality, net_speech: found, audio })
    }

    /// What speech must pass. A gate that refuses does so through [`Heard::is_refused`].
    fn gates(&self, kind: Kind) -> Gates {
        let said = Wishes { gates: self.gates.clone(), ..Wishes::default() };
        Policy::of(kind, &said, &Wishes::default()).gates
    }

    fn record(&self, path: &Path, rate: SampleRate) -> Result<Recording, CliError> {
        let recording = audio_file::read(path, &self.reading)?;
        if recording.rate() < rate.hz() {
            return Err(OfflineError::NarrowBand { path: path.to_owned(), rate: recording.rate() }.into());
        }
        Ok(recording.at(rate)?)
    }

    /// The score that a threshold stands for between voices that came through these.
    ///
    /// # Errors
    /// A name that the calibration has no threshold for, or no models.
    pub fn score(&self, said: ScoreThreshold, a: ChannelType, b: ChannelType) -> Result<Threshold, CliError> {
        if let ScoreThreshold::Score(score) = said {
            return Ok(score);
        }
        let found = said.by(self.engine()?.calibration_between(a, b), Voices::Whole);
        found.map_err(|error| CliError::Usage(format!("--score-threshold: {error}")))
    }

    /// Calibrated similarity of two voices.
    ///
    /// # Errors
    /// Templates that cannot be compared.
    pub fn compare(&self, a: &Template, b: &Template) -> Result<Score, CliError> {
        Ok(self.engine()?.compare(a, b).map_err(OfflineError::from)?)
    }
}
