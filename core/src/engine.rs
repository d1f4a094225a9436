//! The engine: installed models enter, calls are opened, their speech is analysed, voices are compared.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::analysis::{Heard, together};
use crate::audio::polyphase::Filters;
use crate::decision::{Calibration, Centre, CompareError};
use crate::model::authenticity::{AuthenticityModel, Listened};
use crate::model::golden::Golden;
use crate::model::speaker::SpeakerModel;
use crate::model::tensors::Tensors;
use crate::model::{Job, LoadError, Manifest, ModelInfo, NO_PAUSE, Source};
use crate::quality::{self, Piece};
use crate::speech::blocks::speech_blocks;
use crate::speech::fbank::{self, FbankTables};
use crate::speech::silero::{self, Silero, SileroWeights};
use crate::speech::spectrum::{Spectrum, SpectrumTables};
use crate::stream::SharedTables;
use crate::{
    Action, Analysis, AnalysisError, AnalysisSpec, CallSpec, CallStream, ChannelType, CollectedSpeech,
    CpuLevel, Gate, Gates, JudgementLimits, Llr, ModelHash, OpenError, Pause, Precision, Score, Shortfall,
    SlidingAnalysis, Template,
};

/// What an operator decides about the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EngineOptions {
    /// Whose authenticity is judged at all.
    pub judgement: JudgementLimits,
    /// What the speaker network is computed in.
    pub precision: Precision,
}

/// Models, tables and calibrations. Cheap to clone, shared by all threads, never changes.
///
/// About 0.2 GiB with the models of the shipped manifest; and, for each embedding that was ever under way at the same time as others, 4 MB for
/// each second of the longest speech, 40 MB at most.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl fmt::Debug for Engine {
    /// By name: the tables and networks would be millions of numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<_> = self.inner.all.iter().map(|model| (&model.name, model.hash)).collect();
        let calibrations = [&self.inner.telephone, &self.inner.microphone].map(Calibration::identity);
        f.debug_struct("Engine")
            .field("models", &models)
            .field("calibrations", &calibrations)
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

struct Inner {
    tables: SharedTables,
    speaker: SpeakerModel,
    authenticity: AuthenticityModel,
    telephone: Calibration,
    microphone: Calibration,
    /// Speaker models, oldest first.
    speakers: Vec<ModelInfo>,
    all: Vec<ModelInfo>,
    options: EngineOptions,
}

impl Engine {
    /// Loads what `read` returns for the names in `manifest.toml`, and proves every model by its golden vectors.
    /// Takes a few seconds.
    ///
    /// # Errors
    /// A file that is missing, damaged or not the one the manifest names, a model that does not reproduce, or a
    /// `PEAKSTREAM_CPU` that cannot be had.
    pub fn load(
        read: &dyn Fn(&str) -> std::io::Result<Vec<u8>>,
        options: EngineOptions,
    ) -> Result<Self, LoadError> {
        if !options.judgement.is_sound() {
            let reason = format!("{:?} lie outside their ranges", options.judgement);
            return Err(LoadError::invalid("options", reason));
        }
        CpuLevel::chosen()?;
        let source = Source { read };
        let manifest = Manifest::read(&source)?;
        let filters = Arc::new(Filters::new());
        let fbank = Arc::new(FbankTables::new());
        let spectrum = Arc::new(SpectrumTables::new());
        let speech = manifest.the(Job::SpeechDetection)?;
        let silero = load_silero(&source, &speech)?;
        let speaker =
            SpeakerModel::load(&source, manifest.the(Job::SpeakerEmbedding)?, &fbank, options.precision)?;
        let authenticity = {
            let info = manifest.the(Job::Authenticity)?;
            AuthenticityModel::load(&source, info, &speaker, &fbank)?
        };
        speaker.forget_workspaces();
        let inner = Inner {
            speakers: vec![speaker.info.clone()],
            all: vec![speaker.info.clone(), speech, authenticity.info.clone()],
            telephone: Calibration::load(&source, ChannelType::Telephone)?,
            microphone: Calibration::load(&source, ChannelType::Microphone)?,
            tables: SharedTables { filters, silero, fbank, spectrum },
            speaker,
            authenticity,
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same engine with another calibration, for the channel type that it is for. Only before the engine is shared.
    ///
    /// # Errors
    /// The engine as it was, if it has been cloned: what has begun keeps its calibration.
    pub fn with_calibration(mut self, calibration: Calibration) -> Result<Self, Self> {
        let Some(inner) = Arc::get_mut(&mut self.inner) else { return Err(self) };
        match calibration.channel_type() {
            ChannelType::Telephone => inner.telephone = calibration,
            ChannelType::Microphone => inner.microphone = calibration,
        }
        Ok(self)
    }

    /// Speaker models, oldest first: the last is the one to register with.
    pub fn models(&self) -> &[ModelInfo] {
        &self.inner.speakers
    }

    /// Every model in use: speaker embedding, speech detection, authenticity.
    pub fn all_models(&self) -> &[ModelInfo] {
        &self.inner.all
    }

    /// The model that registers when the customer names none.
    pub fn newest_model(&self) -> ModelHash {
        self.inner.speaker.info.hash
    }

    /// Whether a customer may name this model.
    pub fn has_model(&self, model: ModelHash) -> bool {
        self.inner.speakers.iter().any(|info| info.hash == model)
    }

    /// What the speaker network is computed in.
    pub fn precision(&self) -> Precision {
        self.inner.options.precision
    }

    /// The calibration in force for a channel type.
    pub fn calibration(&self, channel_type: ChannelType) -> &Calibration {
        match channel_type {
            ChannelType::Telephone => &self.inner.telephone,
            ChannelType::Microphone => &self.inner.microphone,
        }
    }

    /// Opens a call and reserves everything it will need.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, spec: CallSpec) -> Result<CallStream, OpenError> {
        CallStream::new(spec, &self.inner.tables)
    }

    /// A speech detector that has heard nothing.
    pub fn speech_detector(&self) -> Silero {
        Silero::new(Arc::clone(&self.inner.tables.silero))
    }

    /// Which blocks of 256 samples (32 ms) of a telephone recording at 8 kHz are net speech, of all that are whole: what a call of it would
    /// collect. Costs what pushing it does, and 20 bytes of memory for each sample.
    pub fn speech_blocks(&self, samples: &[i16]) -> Vec<bool> {
        let spectrum = Spectrum::new(Arc::clone(&self.inner.tables.spectrum));
        speech_blocks(samples, self.speech_detector(), spectrum)
    }

    /// Embedding and authenticity of some speech. Heavy (tens of milliseconds): never on a network thread.
    ///
    /// # Errors
    /// See [`AnalysisError`].
    pub fn analyse(&self, speech: &CollectedSpeech, spec: AnalysisSpec) -> Result<Analysis, AnalysisError> {
        self.analyse_with_pauses(speech, spec, NO_PAUSE)
    }

    /// The same, with a pause after every few milliseconds: a thread that analyses can do there what has become more urgent.
    ///
    /// # Errors
    /// See [`AnalysisError`].
    pub fn analyse_with_pauses(
        &self,
        speech: &CollectedSpeech,
        spec: AnalysisSpec,
        pause: Pause<'_>,
    ) -> Result<Analysis, AnalysisError> {
        let heard = self.hear(speech, spec, pause)?;
        let analysis = together(&[heard], &self.inner.options.judgement, &self.inner.authenticity);
        analysis.ok_or_else(|| too_little(speech))
    }

    /// Analyses one more window of a call that goes on, such as its newest second ([`CallStream::newest`]), and tells what the newest windows say
    /// together. Costs what an analysis of that window does.
    ///
    /// # Errors
    /// See [`AnalysisError`]. A window without speech changes nothing.
    pub fn analyse_window(
        &self,
        window: &CollectedSpeech,
        sliding: &mut SlidingAnalysis,
    ) -> Result<Analysis, AnalysisError> {
        let heard = self.hear(window, sliding.spec, NO_PAUSE)?;
        let analysis = sliding.add(heard, &self.inner.options.judgement, &self.inner.authenticity);
        analysis.ok_or_else(|| too_little(window))
    }

    fn hear(
        &self,
        speech: &CollectedSpeech,
        spec: AnalysisSpec,
        pause: Pause<'_>,
    ) -> Result<Heard, AnalysisError> {
        if !self.has_model(spec.model) {
            return Err(AnalysisError::UnknownModel(spec.model));
        }
        let inner = &*self.inner;
        let mut listened = Listened::default();
        let mut listen = |heard: &[f32]| inner.authenticity.listen(heard, &mut listened);
        let mut listen =
            |rows: &[f32]| inner.speaker.listen(rows, ChannelType::Telephone, &mut listen, pause);
        let (template, by_telephone) = match speech.channel_type() {
            ChannelType::Telephone => (listen(speech.features()), None),
            // What a telephone would have left of it: a second run of the network, and the one that tells synthesis.
            ChannelType::Microphone => {
                let rows = speech.features_by_telephone(&inner.tables.fbank);
                let by_telephone = listen(&rows);
                (inner.speaker.template(speech.features(), ChannelType::Microphone, pause), by_telephone)
            }
        };
        let template = template.ok_or_else(|| too_little(speech))?;
        Ok(Heard::new(template.with_telephone(by_telephone.as_ref()), listened, speech))
    }

    /// The voice alone, without authenticity and in its own band only: for comparing recordings that are too short to judge
    /// (from 0.3 s). `None` if there is less speech than that.
    pub fn template(&self, speech: &CollectedSpeech) -> Option<Template> {
        let template = self.inner.speaker.template(speech.features(), speech.channel_type(), NO_PAUSE)?;
        Some(template.with_evidence(Some(speech.evidence())))
    }

    /// The voice in log-mel features of [`crate::speech::fbank`], row by row, 80 numbers each; `None` under 30 rows.
    pub fn template_of_features(&self, rows: &[f32], channel_type: ChannelType) -> Option<Template> {
        self.inner.speaker.template(rows, channel_type, NO_PAUSE)
    }

    /// Evidence of a live human voice in what the layers of the speaker network said of a run: the numbers that the authenticity network takes
    /// (`heard` of its ONNX file), in their order. [`Engine::analyse`] comes to them by itself; this is for comparing the network alone. `None` if
    /// they are another count.
    pub fn evidence_of_layers(&self, heard: &[f32]) -> Option<Llr> {
        (heard.len() == AuthenticityModel::INPUTS).then(|| self.inner.authenticity.evidence(heard))
    }

    /// The quality gates that the speech does not pass, in the order of [`Gate::ALL`]. Whether several people talk is the last
    /// question, and is not asked of speech that is refused anyway: see [`Engine::one_voice`] for its cost.
    pub fn judge(&self, speech: &CollectedSpeech, gates: &Gates) -> Vec<Shortfall> {
        self.judge_with_pauses(speech, gates, NO_PAUSE)
    }

    /// The same, with pauses while it is found out whether several people talk.
    pub fn judge_with_pauses(
        &self,
        speech: &CollectedSpeech,
        gates: &Gates,
        pause: Pause<'_>,
    ) -> Vec<Shortfall> {
        let mut figures = speech.figures();
        let shortfalls = gates.judge(&figures);
        let refused = shortfalls.iter().any(|shortfall| shortfall.action == Action::Refuse);
        if refused || !gates.asks(Gate::MultipleSpeakers) {
            return shortfalls;
        }
        figures.one_voice = self.least_alike(speech, pause);
        gates.judge(&figures)
    }

    /// [`Figures::one_voice`](crate::Figures::one_voice) of some speech. It is cut into two to five pieces and each is embedded by itself, which costs about as
    /// much as [`Engine::analyse`].
    pub fn one_voice(&self, speech: &CollectedSpeech) -> Option<f32> {
        self.least_alike(speech, NO_PAUSE)
    }

    fn least_alike(&self, speech: &CollectedSpeech, pause: Pause<'_>) -> Option<f32> {
        let (rows, evidence) = (speech.features(), speech.evidence());
        let cuts = quality::pieces(rows, evidence.net_speech)?;
        let mut pieces = Vec::with_capacity(cuts.len() - 1);
        for cut in cuts.windows(2) {
            let own = &rows[cut[0] * fbank::BINS..cut[1] * fbank::BINS];
            if let Some(template) = self.inner.speaker.template(own, speech.channel_type(), pause) {
                let seconds = evidence.net_speech * own.len() as f32 / rows.len() as f32;
                pieces.push(Piece { template, seconds });
            }
        }
        let calibration = self.calibration(speech.channel_type());
        quality::least_alike(&pieces, evidence.snr, calibration)
    }

    /// What two voices are compared by: the calibration of the band that both have.
    pub fn calibration_between(&self, a: ChannelType, b: ChannelType) -> &Calibration {
        self.calibration(if a == b { a } else { ChannelType::Telephone })
    }

    /// Calibrated similarity of two voices. A voice that came by microphone is compared with one that came by telephone as if
    /// both had come by telephone.
    ///
    /// # Errors
    /// Templates of different models; of different channel types, if what a telephone leaves of the one by microphone is not known.
    pub fn compare(&self, a: &Template, b: &Template) -> Result<Score, CompareError> {
        let (calibration, [a, b]) = self.in_one_band(a, b)?;
        calibration.score(&a, &b)
    }

    /// The same, without what all voices of some callers have in common. The centre is of the channel type that the calibration
    /// of [`Engine::calibration_between`] is for.
    ///
    /// # Errors
    /// Also a centre of another model or channel type, and a calibration that was not fitted to centred voices.
    pub fn compare_centred(
        &self,
        a: &Template,
        b: &Template,
        centre: &Centre,
    ) -> Result<Score, CompareError> {
        let (calibration, [a, b]) = self.in_one_band(a, b)?;
        calibration.centred_score(&a, &b, centre)
    }

    /// Both voices in the band that both have, and what they are compared by.
    fn in_one_band<'a>(
        &self,
        a: &'a Template,
        b: &'a Template,
    ) -> Result<(&Calibration, [Cow<'a, Template>; 2]), CompareError> {
        let (one, other) = (a.channel_type(), b.channel_type());
        let calibration = self.calibration_between(one, other);
        if one == other {
            return Ok((calibration, [Cow::Borrowed(a), Cow::Borrowed(b)]));
        }
        let mismatch = CompareError::ChannelMismatch(one, other);
        let by_telephone = |voice: &Template| voice.by_telephone().map(Cow::Owned).ok_or(mismatch);
        Ok((calibration, [by_telephone(a)?, by_telephone(b)?]))
    }
}

fn too_little(speech: &CollectedSpeech) -> AnalysisError {
    AnalysisError::TooLittleSpeech(speech.net_speech().seconds())
}

fn load_silero(source: &Source<'_>, info: &ModelInfo) -> Result<Arc<SileroWeights>, LoadError> {
    let weights = info.read(source, |file| SileroWeights::read(&Tensors::open(file)?))?;
    silero::prove(weights, info, &Golden::read(source, &info.golden)?)
}
