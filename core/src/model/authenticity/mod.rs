//! Is it a live human voice? What the networks made of some speech enters, evidence leaves.
//!
//! Our own countermeasure (`models/authenticity/CARD.md` says what it catches and what it does not) has two members. One looks at log
//! spectra of the telephone band, in windows of 3 s ([`convolutions`]); one at what the speaker network hears on its way to the
//! embedding, again of the telephone band ([`branch`]). Their logits are averaged over the windows and become a log-likelihood ratio by a
//! logistic calibration fitted on corpora and synthesisers they were not trained on. What follows from it is not decided here:
//! [`Judgement`].

mod branch;
mod convolutions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use super::golden::{self, Golden};
use super::graph_file::Weights;
use super::speaker::{self, SpeakerModel};
use super::windows::window_starts;
use super::{LoadError, ModelInfo, Source};
use crate::audio::resample::NARROW_BLOCK;
use crate::speech::fbank::FbankTables;
use crate::speech::spectrum::{BINS, Spectrum, SpectrumTables};
use crate::{ChannelType, Judgement, Llr, Unjudged};
use branch::Branch;
use convolutions::{Convolutions, ROWS};

/// Name of the file with the calibration, beside the networks.
const SETTINGS: &str = "authenticity.json";
/// Name of the file with the branch's golden vectors, of signals at 16 kHz.
const BRANCH_GOLDEN: &str = "golden/authenticity-branch.json";
/// Fewer rows (1 s) are not judged.
const LEAST_ROWS: usize = 100;

#[derive(Debug, Deserialize)]
struct Settings {
    /// The network that the branch listens to: another's layers mean something else.
    speaker_model: String,
    /// Values are raised to the window's mean less this much, in units of natural-log power.
    floor_below_mean: f32,
    calibration: Calibration,
}

/// What the members' logits come to.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Calibration {
    convolutions: f64,
    branch: f64,
    offset: f64,
}

/// The networks and their calibration.
#[derive(Debug)]
pub(crate) struct AuthenticityModel {
    pub(crate) info: ModelInfo,
    convolutions: Convolutions,
    branch: Branch,
    settings: Settings,
    /// Those that no thread computes with at the moment: as many as ever computed at once.
    workspaces: Mutex<Vec<Workspace>>,
}

#[derive(Debug, Default)]
struct Workspace {
    window: Vec<f32>,
    convolutions: convolutions::Workspace,
    branch: branch::Workspace,
}

/// What [`AuthenticityModel::listen`] has said of the runs of one call, so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listened {
    sum: f64,
    runs: u32,
}

#[derive(Debug, Deserialize)]
struct Expected {
    /// Of a signal at 8 kHz.
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

/// A case for the branch: a signal at 16 kHz.
#[derive(Debug, Deserialize)]
struct ExpectedOfBranch {
    branch_logit: f32,
    tolerance: f64,
}

impl AuthenticityModel {
    /// Loads the networks and proves them, front ends and speaker network included.
    pub(crate) fn load(
        source: &Source<'_>,
        info: ModelInfo,
        tables: &Arc<SpectrumTables>,
        speaker: &SpeakerModel,
        fbank: &Arc<FbankTables>,
    ) -> Result<Self, LoadError> {
        let onnx = source.bytes(&info.file)?;
        info.check_identity(&onnx)?;
        let settings: Settings = source.json(SETTINGS)?;
        let invalid = |error| LoadError::invalid(&info.file, error);
        let mut weights = Weights::read(&onnx).map_err(invalid)?;
        let convolutions = Convolutions::take(&mut weights).map_err(invalid)?;
        let branch = Branch::take(&mut weights).map_err(invalid)?;
        let model = Self { info, convolutions, branch, settings, workspaces: Mutex::default() };
        let installed = speaker.info.hash.to_string();
        if model.settings.speaker_model != installed {
            let wanted = &model.settings.speaker_model;
            let reason = format!("it listens to the speaker network {wanted}, installed is {installed}");
            return Err(LoadError::invalid(SETTINGS, reason));
        }
        model.prove(&Golden::read(source, &model.info.golden)?, tables)?;
        model.prove_branch(&Golden::read(source, BRANCH_GOLDEN)?, speaker, fbank)?;
        Ok(model)
    }

    fn prove(&self, golden: &Golden<Expected>, tables: &Arc<SpectrumTables>) -> Result<(), LoadError> {
        let name = &self.info.name;
        for case in &golden.cases {
            let Expected { features_first_row, features_last_row, logit, tolerance } = &case.expected;
            let compare = |quantity, found: &[f32], wanted: &[f32], tolerance| {
                golden::compare(name, &case.name, quantity, found, wanted, tolerance)
            };
            let rows = spectra_of(&golden.signal(case), tables);
            let first = rows.get(..BINS).unwrap_or_default();
            let last = rows.len().checked_sub(BINS).map_or(&[][..], |at| &rows[at..]);
            compare("first features", first, features_first_row, tolerance.features)?;
            compare("last features", last, features_last_row, tolerance.features)?;
            compare("logits", &[self.logit(&rows) as f32], &[*logit], tolerance.logit)?;
        }
        Ok(())
    }

    fn prove_branch(
        &self,
        golden: &Golden<ExpectedOfBranch>,
        speaker: &SpeakerModel,
        fbank: &Arc<FbankTables>,
    ) -> Result<(), LoadError> {
        for case in &golden.cases {
            let rows = speaker::features_of(&golden.signal(case), fbank);
            let mut listened = Listened::default();
            speaker.listen(&rows, ChannelType::Telephone, &mut |heard| self.listen(heard, &mut listened));
            let found = listened.logit().map_or(f32::NAN, |logit| logit as f32);
            let ExpectedOfBranch { branch_logit, tolerance } = case.expected;
            golden::compare(
                &self.info.name,
                &case.name,
                "branch logits",
                &[found],
                &[branch_logit],
                tolerance,
            )?;
        }
        Ok(())
    }

    /// Hears a run of the speaker network, telephone band.
    pub(crate) fn listen(&self, heard: &[f32], listened: &mut Listened) {
        let logit = self.with_workspace(|workspace| self.branch.logit(heard, &mut workspace.branch));
        listened.sum += f64::from(logit);
        listened.runs += 1;
    }

    /// Evidence that a voice is genuine, of its rows of spectra and what was heard of it. Under a second is not judged. Whether it is
    /// fit to be judged otherwise, the caller has asked: [`crate::JudgementLimits`].
    pub(crate) fn judge(&self, rows: &[f32], listened: Listened) -> Judgement {
        let enough = rows.len() / BINS >= LEAST_ROWS;
        let Some(branch) = listened.logit().filter(|_| enough) else {
            return Judgement::None(Unjudged::NetSpeech);
        };
        let of = self.settings.calibration;
        Judgement::Evidence(Llr(of.convolutions * self.logit(rows) + of.branch * branch + of.offset))
    }

    /// Mean logit of the windows that cover the speech; speech that is shorter than one is repeated.
    fn logit(&self, rows: &[f32]) -> f64 {
        let count = rows.len() / BINS;
        let windows = count.div_ceil(ROWS).max(1);
        let sum = self.with_workspace(|Workspace { window, convolutions, .. }| {
            let of_window = |start: usize| {
                window.clear();
                let repeated = rows[start * BINS..].iter().chain(rows.iter().cycle());
                window.extend(repeated.take(ROWS * BINS));
                f64::from(self.convolutions.logit(window, self.settings.floor_below_mean, convolutions))
            };
            window_starts(count, ROWS, windows).map(of_window).sum::<f64>()
        });
        sum / windows as f64
    }

    fn with_workspace<T>(&self, compute: impl FnOnce(&mut Workspace) -> T) -> T {
        let mut workspace = self.workspaces().pop().unwrap_or_default();
        let result = compute(&mut workspace);
        self.workspaces().push(workspace);
        result
    }

    fn workspaces(&self) -> MutexGuard<'_, Vec<Workspace>> {
        // Nothing panics between taking a workspace and giving it back but a defect; the others are sound then.
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listened {
    /// Mean of the runs; `None` if there were none.
    fn logit(self) -> Option<f64> {
        (self.runs > 0).then(|| self.sum / f64::from(self.runs))
    }
}

fn spectra_of(signal: &[f32], tables: &Arc<SpectrumTables>) -> Vec<f32> {
    let mut spectrum = Spectrum::new(Arc::clone(tables));
    let mut rows = Vec::new();
    for block in signal.chunks(NARROW_BLOCK) {
        rows.extend_from_slice(spectrum.push(block).as_flattened());
    }
    rows
}
