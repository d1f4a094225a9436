//! Collected speech, as Python has it, and how good it is.

use std::sync::Arc;

use numpy::{PyArray1, ToPyArray};
use peakstream::{CollectedSpeech, Figures};
use pyo3::prelude::*;

/// The speech of a call or a recording, without the pauses. Every function that takes audio takes it too, and does not listen again.
///
/// Biometric data: wiped with the last reference.
#[pyclass(module = "peakstream", frozen)]
#[derive(Clone)]
pub(crate) struct Speech {
    collected: Arc<CollectedSpeech>,
}

impl Speech {
    pub(crate) fn new(collected: CollectedSpeech) -> Self {
        Self { collected: Arc::new(collected) }
    }

    pub(crate) fn collected(&self) -> &CollectedSpeech {
        &self.collected
    }
}

#[pymethods]
impl Speech {
    /// Seconds.
    #[getter]
    fn net_speech(&self) -> f64 {
        self.collected.net_speech().seconds()
    }

    /// Hz: 8000 or 16000.
    #[getter]
    fn sample_rate(&self) -> u32 {
        self.collected.rate().hz()
    }

    /// "telephone" or "microphone".
    #[getter]
    fn channel_type(&self) -> &'static str {
        crate::engine::channel_name(self.collected.channel_type())
    }

    /// The samples: int16, of shape (samples,).
    fn samples<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i16>> {
        self.collected.samples().to_pyarray(py)
    }

    fn __repr__(&self) -> String {
        format!("Speech({:.2} s, {})", self.net_speech(), self.channel_type())
    }
}

/// A quality gate that speech does not pass.
#[pyclass(module = "peakstream", frozen, get_all)]
#[derive(Clone)]
pub(crate) struct Shortfall {
    /// Its name.
    gate: &'static str,
    /// What was measured, in the gate's unit.
    value: f32,
    /// What is needed, in the same unit.
    limit: f32,
    /// "warn" or "refuse".
    action: &'static str,
    /// All of it in words.
    text: String,
}

impl From<&peakstream::Shortfall> for Shortfall {
    fn from(shortfall: &peakstream::Shortfall) -> Self {
        Self {
            gate: shortfall.gate.name(),
            value: shortfall.value,
            limit: shortfall.limit,
            action: shortfall.action.name(),
            text: shortfall.to_string(),
        }
    }
}

#[pymethods]
impl Shortfall {
    fn __repr__(&self) -> String {
        format!("Shortfall({})", self.text)
    }
}

/// How good some speech is (docs/quality-gates.md).
#[pyclass(module = "peakstream", frozen, get_all)]
pub(crate) struct Quality {
    /// Seconds of speech.
    net_speech: f32,
    /// Decibels.
    signal_noise_ratio: f32,
    /// Share of clipped samples, 0 to 1.
    clipping: f32,
    /// Decibels of the steepest edge in the telephone band.
    band: f32,
    /// Share of music, 0 to 1.
    music: f32,
    /// Log-likelihood ratio that all of it is one person; None if there is too little to tell.
    one_voice: Option<f32>,
    /// Gates that it does not pass.
    shortfalls: Vec<Shortfall>,
}

impl Quality {
    pub(crate) fn new(figures: &Figures, shortfalls: &[peakstream::Shortfall]) -> Self {
        Self {
            net_speech: figures.net_speech,
            signal_noise_ratio: figures.signal_noise_ratio,
            clipping: figures.clipping,
            band: figures.band,
            music: figures.music,
            one_voice: figures.one_voice,
            shortfalls: shortfalls.iter().map(Shortfall::from).collect(),
        }
    }
}

#[pymethods]
impl Quality {
    fn __repr__(&self) -> String {
        let names: Vec<_> = self.shortfalls.iter().map(|shortfall| shortfall.text.as_str()).collect();
        let said = if names.is_empty() { "every gate passed".to_owned() } else { names.join("; ") };
        format!("Quality({:.2} s, {:.1} dB, {said})", self.net_speech, self.signal_noise_ratio)
    }
}
