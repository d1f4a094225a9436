//! The engine, as Python has it: audio enters in every form that it may have, decisions leave.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use numpy::{PyArray1, PyArray2, PyArrayMethods, ToPyArray};
use peakstream::{
    AnalysisError, AttackRate, AudioFormat, CallSpec, ChannelType, CpuLevel, EngineOptions, FormatFields,
    Gates, Judgement, SampleRate,
};
use peakstream_bindings::{Error, Heard, hear, listen, model_dir, register};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::audio::Sound;
use crate::calibration::Calibration;
use crate::call::CallStream;
use crate::credential::Credential;
use crate::raised::{raised, wrong_type, wrong_value};
use crate::speech::{Quality, Shortfall, Speech};

/// Of [`peakstream::Engine::speech_blocks`].
const BLOCK_SECONDS: f64 = 0.032;

/// The name of a channel type.
pub(crate) const fn channel_name(channel_type: ChannelType) -> &'static str {
    match channel_type {
        ChannelType::Telephone => "telephone",
        ChannelType::Microphone => "microphone",
    }
}

fn channel_type(name: &str) -> PyResult<ChannelType> {
    match name {
        "telephone" => Ok(ChannelType::Telephone),
        "microphone" => Ok(ChannelType::Microphone),
        _ => Err(wrong_value(format!("channel_type is {name:?}; use \"telephone\" or \"microphone\""))),
    }
}

fn attacks(rate: f64) -> PyResult<AttackRate> {
    AttackRate::new(rate)
        .ok_or_else(|| wrong_value(format!("attack_rate is {rate}; use a share above 0 and below 1")))
}

/// Whether a voice is live and human.
#[pyclass(module = "peakstream", frozen, get_all, subclass)]
pub(crate) struct Authenticity {
    /// Posterior probability, 0 to 1, at the assumed share of attacks.
    authenticity: f32,
    /// The evidence alone, a natural-logarithm likelihood ratio; None where nothing was judged.
    llr: Option<f64>,
    /// Why nothing was judged; None where it was.
    unjudged: Option<&'static str>,
    /// Seconds of speech.
    net_speech: f64,
}

impl Authenticity {
    fn of(judgement: Judgement, speech: &Speech, attacks: AttackRate) -> Self {
        Self {
            authenticity: judgement.authenticity(attacks).value(),
            llr: judgement.llr().map(|llr| llr.0),
            unjudged: judgement.unjudged().map(|why| why.name()),
            net_speech: speech.collected().net_speech().seconds(),
        }
    }

    fn words(&self) -> String {
        let judged = self.unjudged.map_or_else(String::new, |why| format!(" (not judged: {why})"));
        format!("authenticity {:.3}{judged}, {:.2} s of speech", self.authenticity, self.net_speech)
    }
}

#[pymethods]
impl Authenticity {
    fn __repr__(&self) -> String {
        format!("Authenticity({})", self.words())
    }
}

/// A new credential, and whether its voice is live and human.
#[pyclass(module = "peakstream", frozen, get_all, extends = Authenticity)]
pub(crate) struct Registration {
    /// The registered voice.
    credential: Py<Credential>,
    /// Quality gates that the speech does not pass.
    warnings: Vec<Shortfall>,
}

#[pymethods]
impl Registration {
    fn __repr__(slf: PyRef<'_, Self>) -> String {
        format!("Registration({})", slf.as_super().words())
    }
}

/// How alike a voice is, and whether it is live and human.
#[pyclass(module = "peakstream", frozen, get_all, extends = Authenticity)]
pub(crate) struct Verification {
    /// Calibrated similarity, 0 to 1; 0.5 is the point of equal cost (Calibration.threshold has better ones).
    score: f32,
    /// Quality gates that the speech does not pass.
    warnings: Vec<Shortfall>,
}

#[pymethods]
impl Verification {
    fn __repr__(slf: PyRef<'_, Self>) -> String {
        format!("Verification(score {:.3}, {})", slf.score, slf.as_super().words())
    }
}

/// What an argument `audio` may be beside speech that is there already.
enum Source {
    Sound(Sound),
    File(PathBuf),
}

/// How recordings are to be heard.
#[derive(Clone, Copy)]
struct Hearing {
    channel_type: ChannelType,
    seconds: f64,
    channel: u16,
}

impl Hearing {
    fn new(name: &str, seconds: f64, channel: u16) -> PyResult<Self> {
        Ok(Self { channel_type: channel_type(name)?, seconds, channel })
    }

    /// Costs a few milliseconds for each second of audio.
    fn hear(self, engine: &peakstream::Engine, source: Source) -> Result<Speech, Error> {
        let sound = match source {
            Source::Sound(sound) => sound,
            Source::File(path) => Sound::read(&path, self.channel)?,
        };
        let rate = match self.channel_type {
            ChannelType::Microphone if sound.rate < SampleRate::Hz16000.hz() => {
                return Err(peakstream::OpenError::MicrophoneNeeds16k.into());
            }
            ChannelType::Microphone => SampleRate::Hz16000,
            ChannelType::Telephone => SampleRate::Hz8000,
        };
        Ok(Speech::new(listen(engine, &sound.at(rate)?, rate, self.channel_type, self.seconds)?))
    }

    fn source(self, audio: &Bound<'_, PyAny>, sample_rate: Option<u32>) -> PyResult<Source> {
        match audio.extract::<PathBuf>() {
            Ok(path) if sample_rate.is_none() => Ok(Source::File(path)),
            _ => Ok(Source::Sound(Sound::of(audio, sample_rate, self.channel)?)),
        }
    }
}

/// The models, loaded and proved by their golden vectors. Takes about a second; share one between threads.
///
/// models: their folder; None looks at the environment's PEAKSTREAM_MODELS, models/installed below the current folder, and the user's data
/// folder (install_models). calibration: one in place of the shipped one of its channel. precision: what the speaker network is computed in,
/// "f32", or "int8", which is some three times as fast, nearly as exact, and refused by a processor without AVX-512 VNNI.
///
/// In all functions: audio is a path, an array with its sample_rate in Hz (4,000 to 384,000), or Speech. channel_type: "telephone" limits everything to the telephone
/// band, "microphone" needs 16 kHz. seconds: the most net speech that is used, up to 120; of decisions 30, as of the command line. channel: which of an array or file with several,
/// counted from 1. attack_rate: the assumed share of attacks. All may be called by many threads; none holds the interpreter's lock.
#[pyclass(module = "peakstream", frozen)]
pub(crate) struct Engine {
    held: peakstream::Engine,
}

impl Engine {
    /// The speech that an argument means: it, or what is heard in it.
    fn heard(
        &self,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<u32>,
        hearing: Hearing,
    ) -> PyResult<Speech> {
        if let Ok(speech) = audio.cast::<Speech>() {
            return Ok(speech.get().clone());
        }
        let source = hearing.source(audio, sample_rate)?;
        audio.py().detach(|| hearing.hear(&self.held, source)).map_err(|error| raised(&error))
    }

    fn judged(&self, py: Python<'_>, speech: &Speech, gates: &Gates) -> PyResult<Heard> {
        py.detach(|| hear(&self.held, speech.collected(), gates)).map_err(|error| raised(&error))
    }

    fn embedding(&self, speech: &Speech) -> Result<[f32; 192], Error> {
        let template = self.held.template(speech.collected());
        let seconds = speech.collected().net_speech().seconds();
        Ok(*template.ok_or(AnalysisError::TooLittleSpeech(seconds))?.values())
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (models=None, *, calibration=None, precision="f32"))]
    fn new(
        py: Python<'_>,
        models: Option<PathBuf>,
        calibration: Option<&Calibration>,
        precision: &str,
    ) -> PyResult<Self> {
        let precision = precision.parse().map_err(|error| wrong_value(format!("precision: {error}")))?;
        let options = EngineOptions { precision, ..EngineOptions::default() };
        let loaded = py.detach(|| model_dir::load_engine(models.as_deref(), options));
        let mut held = loaded.map_err(|error| raised(&error.into()))?;
        if let Some(calibration) = calibration {
            held = held
                .with_calibration(calibration.held().clone())
                .map_err(|_| raised(&Error::Internal("the engine is shared already".to_owned())))?;
        }
        Ok(Self { held })
    }

    /// Names and hashes of all models in use.
    #[getter]
    fn models<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let models = PyDict::new(py);
        for model in self.held.all_models() {
            models.set_item(&model.name, model.hash.to_string())?;
        }
        Ok(models)
    }

    /// Hash of the model that registers.
    #[getter]
    fn model(&self) -> String {
        self.held.newest_model().to_string()
    }

    /// What the speaker network is computed in: "f32" or "int8".
    #[getter]
    fn precision(&self) -> &'static str {
        self.held.precision().name()
    }

    /// Which instructions the inner loops use: "avx512", "avx2", "neon" or "portable". The environment's PEAKSTREAM_CPU names a lower level.
    #[getter]
    fn cpu_level(&self) -> &'static str {
        CpuLevel::in_use().name()
    }

    /// The calibration in force for a channel.
    #[pyo3(signature = (channel_type="telephone"))]
    fn calibration(&self, channel_type: &str) -> PyResult<Calibration> {
        Ok(Calibration::new(self.held.calibration(self::channel_type(channel_type)?).clone()))
    }

    /// Opens a live call.
    ///
    /// codec: "mulaw", "alaw", "pcm", "g722" or "opus". sample_rate: 8000, 12000, 16000, 24000, 32000, 44100 or 48000. seconds: net speech that is enough.
    /// container: "raw", "wav" or "ogg". sample_format: of "pcm", "s16le", "s16be" or "f32le". channels: 1 or 2, interleaved. tolerate_mismatch: the
    /// call goes on although its bytes look like something else than declared.
    #[pyo3(signature = (codec="mulaw", sample_rate=8000, *, seconds=5.0, channel_type="telephone", container="raw",
                        sample_format="", channels=1, channel=1, tolerate_mismatch=false))]
    #[expect(clippy::too_many_arguments, reason = "named in Python, with defaults")]
    fn open(
        &self,
        codec: &str,
        sample_rate: u32,
        seconds: f64,
        channel_type: &str,
        container: &str,
        sample_format: &str,
        channels: u16,
        channel: u16,
        tolerate_mismatch: bool,
    ) -> PyResult<CallStream> {
        let fields = FormatFields {
            audio_format: container,
            audio_codec: codec,
            sample_format,
            sample_rate,
            channels,
            channel,
        };
        let format = AudioFormat::parse(&fields).map_err(|errors| raised(&Error::Format(errors)))?;
        let spec = CallSpec { format, channel_type: self::channel_type(channel_type)?, wanted: seconds };
        let mut stream = self.held.open(spec).map_err(|error| raised(&error.into()))?;
        if tolerate_mismatch {
            stream.tolerate_mismatch();
        }
        Ok(CallStream::new(stream))
    }

    /// The speech in some audio.
    #[pyo3(signature = (audio, sample_rate=None, *, channel_type="telephone", seconds=30.0, channel=1))]
    fn speech(
        &self,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
    ) -> PyResult<Speech> {
        self.heard(audio, sample_rate, Hearing::new(channel_type, seconds, channel)?)
    }

    /// Makes a credential of a voice. Raises TooLittleSpeech under 3 s.
    #[pyo3(signature = (audio, sample_rate=None, *, channel_type="telephone", seconds=30.0, channel=1, attack_rate=0.01))]
    #[expect(clippy::too_many_arguments, reason = "named in Python, with defaults")]
    fn register(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
        attack_rate: f64,
    ) -> PyResult<Py<Registration>> {
        let attacks = attacks(attack_rate)?;
        let speech = self.heard(audio, sample_rate, Hearing::new(channel_type, seconds, channel)?)?;
        let heard = self.judged(py, &speech, &Gates::for_registration())?;
        let judged = Authenticity::of(heard.analysis.judgement, &speech, attacks);
        let credential = Py::new(py, Credential::new(register(&self.held, heard.analysis.template)))?;
        let warnings = heard.warnings.iter().map(Shortfall::from).collect();
        Py::new(py, (Registration { credential, warnings }, judged))
    }

    /// Compares a voice with a credential, and judges whether it is live. Raises TooLittleSpeech under 3 s.
    #[pyo3(signature = (credential, audio, sample_rate=None, *, channel_type="telephone", seconds=30.0, channel=1, attack_rate=0.01))]
    #[expect(clippy::too_many_arguments, reason = "named in Python, with defaults")]
    fn verify(
        &self,
        py: Python<'_>,
        credential: &Credential,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
        attack_rate: f64,
    ) -> PyResult<Py<Verification>> {
        let attacks = attacks(attack_rate)?;
        let speech = self.heard(audio, sample_rate, Hearing::new(channel_type, seconds, channel)?)?;
        let heard = self.judged(py, &speech, &Gates::default())?;
        let score = self.held.compare(credential.template(), &heard.analysis.template);
        let score = score.map_err(|error| raised(&error.into()))?.value();
        let judged = Authenticity::of(heard.analysis.judgement, &speech, attacks);
        let warnings = heard.warnings.iter().map(Shortfall::from).collect();
        Py::new(py, (Verification { score, warnings }, judged))
    }

    /// The names of the credentials with their scores, most alike first.
    #[pyo3(signature = (credentials, audio, sample_rate=None, *, channel_type="telephone", seconds=30.0, channel=1))]
    #[expect(clippy::too_many_arguments, reason = "named in Python, with defaults")]
    fn identify<'py>(
        &self,
        py: Python<'py>,
        credentials: &Bound<'py, PyDict>,
        audio: &Bound<'py, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, f32)>> {
        let speech = self.heard(audio, sample_rate, Hearing::new(channel_type, seconds, channel)?)?;
        let heard = self.judged(py, &speech, &Gates::default())?;
        let mut found = Vec::with_capacity(credentials.len());
        for (name, credential) in credentials {
            let credential = credential
                .cast::<Credential>()
                .map_err(|_| wrong_type("credentials", "a dict of Credentials", &credential))?;
            let score = self.held.compare(credential.get().template(), &heard.analysis.template);
            found.push((name, score.map_err(|error| raised(&error.into()))?.value()));
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(found)
    }

    /// Calibrated similarity of two registered voices, 0 to 1.
    fn compare(&self, one: &Credential, other: &Credential) -> PyResult<f32> {
        let score = self.held.compare(one.template(), other.template());
        score.map(|score| score.value()).map_err(|error| raised(&error.into()))
    }

    /// Judges whether a voice is live and human, and nothing else.
    #[pyo3(signature = (audio, sample_rate=None, *, channel_type="telephone", seconds=30.0, channel=1, attack_rate=0.01))]
    #[expect(clippy::too_many_arguments, reason = "named in Python, with defaults")]
    fn authenticity(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
        attack_rate: f64,
    ) -> PyResult<Authenticity> {
        let attacks = attacks(attack_rate)?;
        let speech = self.heard(audio, sample_rate, Hearing::new(channel_type, seconds, channel)?)?;
        let heard = self.judged(py, &speech, &Gates::off())?;
        Ok(Authenticity::of(heard.analysis.judgement, &speech, attacks))
    }

    /// How good the speech is, by the gates of registrations.
    #[pyo3(signature = (audio, sample_rate=None, *, channel_type="telephone", seconds=30.0, channel=1))]
    fn quality(
        &self,
        py: Python<'_>,
        audio: &Bound<'_, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
    ) -> PyResult<Quality> {
        let speech = self.heard(audio, sample_rate, Hearing::new(channel_type, seconds, channel)?)?;
        Ok(py.detach(|| {
            let mut figures = speech.collected().figures();
            figures.one_voice = self.held.one_voice(speech.collected());
            Quality::new(&figures, &Gates::for_registration().judge(&figures))
        }))
    }

    /// The voice in some audio, from 0.3 s of speech on: float32, of shape (192,), of length 1. Of a list or tuple of audio, shape (n, 192), by threads
    /// of its own (default: one for each core) without the interpreter's lock.
    #[pyo3(signature = (audio, sample_rate=None, *, channel_type="telephone", seconds=120.0, channel=1, threads=None))]
    #[expect(clippy::too_many_arguments, reason = "named in Python, with defaults")]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        audio: &Bound<'py, PyAny>,
        sample_rate: Option<u32>,
        channel_type: &str,
        seconds: f64,
        channel: u16,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let hearing = Hearing::new(channel_type, seconds, channel)?;
        if !(audio.is_instance_of::<PyList>() || audio.is_instance_of::<PyTuple>()) {
            let speech = self.heard(audio, sample_rate, hearing)?;
            let values = py.detach(|| self.embedding(&speech)).map_err(|error| raised(&error))?;
            return Ok(PyArray1::from_slice(py, &values).into_any());
        }
        let mut all = Vec::new();
        for one in audio.try_iter()? {
            let one = one?;
            all.push(match one.cast::<Speech>() {
                Ok(speech) => Ok(speech.get().clone()),
                Err(_) => Err(hearing.source(&one, sample_rate)?),
            });
        }
        let threads =
            threads.map_or_else(|| std::thread::available_parallelism().map_or(1, Into::into), |n| n.max(1));
        let count = all.len();
        let rows = py.detach(|| {
            in_parallel(all, threads, |one| {
                let speech = one.or_else(|source| hearing.hear(&self.held, source))?;
                self.embedding(&speech)
            })
        });
        let mut values = Vec::with_capacity(count * 192);
        for (at, row) in rows.into_iter().enumerate() {
            values.extend(row.map_err(|error| {
                let raised = raised(&error);
                let noted = raised.value(py).call_method1("add_note", (format!("of audio[{at}]"),));
                // Notes came with Python 3.11; before, the text has to do.
                drop(noted);
                raised
            })?);
        }
        let matrix: Bound<'py, PyArray2<f32>> = values.to_pyarray(py).reshape([count, 192])?;
        Ok(matrix.into_any())
    }

    /// Where there is speech: float64, of shape (n, 2), begin and end of each stretch in seconds, in steps of 0.032 s.
    #[pyo3(signature = (audio, sample_rate=None, *, channel=1))]
    fn speech_segments<'py>(
        &self,
        audio: &Bound<'py, PyAny>,
        sample_rate: Option<u32>,
        channel: u16,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let py = audio.py();
        let sound = Sound::of(audio, sample_rate, channel)?;
        let blocks = py.detach(|| Ok(self.held.speech_blocks(&sound.at(SampleRate::Hz8000)?)));
        let blocks = blocks.map_err(|error: Error| raised(&error))?;
        let mut edges = Vec::new();
        for at in 0..=blocks.len() {
            let is_speech = |at: usize| blocks.get(at).copied().unwrap_or(false);
            if is_speech(at) != at.checked_sub(1).is_some_and(is_speech) {
                edges.push(at as f64 * BLOCK_SECONDS);
            }
        }
        let count = edges.len() / 2;
        edges.to_pyarray(py).reshape([count, 2])
    }

    fn __repr__(&self) -> String {
        format!("Engine(model {})", &self.model()[..8])
    }
}

/// The results of some work on each item, in their order.
fn in_parallel<T: Send, R: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let slots: Vec<_> = items.into_iter().map(|item| Mutex::new((Some(item), None))).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(slots.len()) {
            scope.spawn(|| {
                while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Each slot is one thread's alone: nothing waits, and nothing is poisoned for another.
                    let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    slot.1 = slot.0.take().map(&work);
                }
            });
        }
    });
    slots
        .into_iter()
        .filter_map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).1)
        .collect()
}
