//! Is it a live human voice? Log spectra of the telephone band enter, evidence leaves.
//!
//! Our own countermeasure (`models/authenticity/CARD.md` says what it catches and what it does not). It judges windows
//! of 3 s; the windows' logits are averaged and turned into a log-likelihood ratio by a logistic calibration fitted on
//! corpora and synthesisers the network was not trained on. What follows from it is not decided here: [`Judgement`].

use serde::Deserialize;

use super::golden::{self, Golden};
use super::plan::{Graph, InferenceError, Plan};
use super::windows::{less_column_means, window, window_starts};
use super::{LoadError, ModelInfo, Source};
use crate::audio::resample::NARROW_BLOCK;
use crate::speech::spectrum::{BINS, Spectrum, SpectrumTables};
use crate::{Judgement, Llr, Unjudged};

/// Name of the file with the calibration, beside the network.
const SETTINGS: &str = "authenticity.json";
/// Fewer rows (1 s) are not judged.
const LEAST_ROWS: usize = 100;

#[derive(Debug, Deserialize)]
struct Settings {
    window_frames: usize,
    /// Values are raised to the window's mean less this much, in units of natural-log power: digital silence must not
    /// tell synthesis from speech.
    floor_below_mean: f32,
    scale: f64,
    offset: f64,
}

/// The network and its calibration.
#[derive(Debug)]
pub(crate) struct AuthenticityModel {
    pub(crate) info: ModelInfo,
    plan: Plan,
    settings: Settings,
}

#[derive(Debug, Deserialize)]
struct Expected {
    features_first_row: Vec<f32>,
    features_last_row: Vec<f32>,
    logit: f32,
    tolerance: Tolerance,
}

#[derive(Debug, Deserialize)]
struct Tolerance {
    features: f64,
    logit: f64,
}

impl AuthenticityModel {
    /// Loads the network and proves it, front end included.
    pub(crate) fn load(
        source: &Source<'_>,
        info: ModelInfo,
        tables: &std::sync::Arc<SpectrumTables>,
    ) -> Result<Self, LoadError> {
        let onnx = source.bytes(&info.file)?;
        info.check_identity(&onnx)?;
        let settings: Settings = source.json(SETTINGS)?;
        let plan = Graph::parse(&onnx)
            .and_then(|graph| graph.plan(settings.window_frames, BINS))
            .map_err(|error| LoadError::invalid(&info.file, error))?;
        let model = Self { info, plan, settings };
        model.prove(Golden::read(source, &model.info.golden)?, tables)?;
        Ok(model)
    }

    fn prove(
        &self,
        golden: Golden<Expected>,
        tables: &std::sync::Arc<SpectrumTables>,
    ) -> Result<(), LoadError> {
        let name = &self.info.name;
        for case in &golden.cases {
            let Expected { features_first_row, features_last_row, logit, tolerance } = &case.expected;
            let rows = spectra_of(&golden.signal(case), tables);
            let first = rows.get(..BINS).unwrap_or_default();
            let last = rows.len().checked_sub(BINS).map_or(&[][..], |at| &rows[at..]);
            golden::compare(
                name,
                &case.name,
                "first features",
                first,
                features_first_row,
                tolerance.features,
            )?;
            golden::compare(name, &case.name, "last features", last, features_last_row, tolerance.features)?;
            let found = self.logit(&rows).map_err(|error| LoadError::invalid(&self.info.file, error))?;
            golden::compare(name, &case.name, "logits", &[found as f32], &[*logit], tolerance.logit)?;
        }
        Ok(())
    }

    /// Evidence that a voice is genuine. Speech that is shorter than a window is repeated; under 1 s it is not judged. Whether it is fit
    /// to be judged otherwise, the caller has asked: [`crate::JudgementLimits`].
    pub(crate) fn judge(&self, rows: &[f32]) -> Result<Judgement, InferenceError> {
        if rows.len() / BINS < LEAST_ROWS {
            return Ok(Judgement::None(Unjudged::NetSpeech));
        }
        let llr = self.settings.scale * self.logit(rows)? + self.settings.offset;
        if llr.is_finite() { Ok(Judgement::Evidence(Llr(llr))) } else { Err(InferenceError::not_finite(llr)) }
    }

    /// Mean logit of the windows that cover the speech.
    fn logit(&self, rows: &[f32]) -> Result<f64, InferenceError> {
        let length = self.plan.rows();
        let count = rows.len() / BINS;
        let windows = count.div_ceil(length).max(1);
        let mut sum = 0.0;
        for start in window_starts(count, length, windows) {
            let mut window = window(rows, BINS, start, length);
            let mean = window.iter().map(|&value| f64::from(value)).sum::<f64>() / window.len() as f64;
            let floor = mean as f32 - self.settings.floor_below_mean;
            window.iter_mut().for_each(|value| *value = value.max(floor));
            sum += f64::from(self.plan.run(&less_column_means::<BINS>(&window))?[0]);
        }
        Ok(sum / windows as f64)
    }
}

fn spectra_of(signal: &[f32], tables: &std::sync::Arc<SpectrumTables>) -> Vec<f32> {
    let mut spectrum = Spectrum::new(std::sync::Arc::clone(tables));
    let mut rows = Vec::new();
    for block in signal.chunks(NARROW_BLOCK) {
        rows.extend_from_slice(spectrum.push(block).as_flattened());
    }
    rows
}
