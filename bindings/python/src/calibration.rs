//! What a similarity means, as Python has it.

use std::path::PathBuf;

use peakstream::decision::Conditions;
use peakstream::{Evidence, LoadError, Voices};
use peakstream_bindings::Error;
use peakstream_bindings::model_dir::ModelDirError;
use pyo3::prelude::*;

use crate::engine::channel_name;
use crate::raised::{raised, wrong_value};

/// What a similarity means in one channel: from a cosine to a log-likelihood ratio, and to thresholds.
#[pyclass(module = "peakstream", frozen)]
#[derive(Clone)]
pub(crate) struct Calibration {
    held: peakstream::Calibration,
}

impl Calibration {
    pub(crate) const fn new(held: peakstream::Calibration) -> Self {
        Self { held }
    }

    pub(crate) const fn held(&self) -> &peakstream::Calibration {
        &self.held
    }
}

#[pymethods]
impl Calibration {
    /// Reads a file that `peakstream calibrate` wrote.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        let bytes = std::fs::read(&path)?;
        let read = peakstream::Calibration::read(&path.display().to_string(), &bytes);
        let refused = |source: LoadError| raised(&Error::Models(ModelDirError::Calibration { source }));
        read.map(Self::new).map_err(refused)
    }

    /// Its name and version, such as telephone-channel@1f3a90c2.
    #[getter]
    fn identity(&self) -> &str {
        self.held.identity()
    }

    /// "telephone" or "microphone".
    #[getter]
    const fn channel_type(&self) -> &'static str {
        channel_name(self.held.channel_type())
    }

    /// Natural-logarithm likelihood ratio that two voices are one.
    ///
    /// cosine: of their embeddings. net_speech: seconds of either side. snr: decibels of either side.
    #[pyo3(signature = (cosine, *, net_speech=(5.0, 5.0), snr=(30.0, 30.0)),
           text_signature = "($self, cosine, *, net_speech=(5.0, 5.0), snr=(30.0, 30.0))")]
    fn llr(&self, cosine: f64, net_speech: (f32, f32), snr: (f32, f32)) -> f64 {
        let side = |net_speech, snr| Some(Evidence { net_speech, snr });
        let conditions = Conditions::of(side(net_speech.0, snr.0), side(net_speech.1, snr.1));
        self.held.llr(cosine, conditions).0
    }

    /// The score, 0 to 1, that so many impostors reach: "far=1%", "far=0.1%" or what else it was measured for.
    fn threshold(&self, point: &str) -> PyResult<f64> {
        let point = point.parse().map_err(|error| wrong_value(format!("point: {error}")))?;
        let found = self.held.threshold(point, Voices::Whole);
        found.map(|threshold| threshold.value()).map_err(|error| raised(&error.into()))
    }

    fn __repr__(&self) -> String {
        format!("Calibration({})", self.identity())
    }
}
