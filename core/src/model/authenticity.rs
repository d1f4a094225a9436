//! Is it a live human voice? What the speaker network hears on its way to the embedding enters, evidence leaves.
//!
//! Our own countermeasure (`models/authenticity/CARD.md` says what it catches and what it does not): a small network that listens to the
//! layers of the speaker network, of the telephone band, which is computed anyway. Its logit becomes a log-likelihood ratio by a
//! calibration fitted on corpora and synthesisers it was not trained on. What follows from it is not decided here: [`Judgement`].

use std::iter::Sum;
use std::sync::Arc;

use serde::Deserialize;

use super::campplus::HEARD;
use super::golden::{self, Golden};
use super::graph_file::{Weights, WeightsError};
use super::speaker::{self, SpeakerModel};
use super::workspaces::Workspaces;
use super::{LoadError, ModelInfo, NO_PAUSE, Precision, Source};
use crate::simd::{Aligned, Packed, Product, kernels};
use crate::speech::fbank::FbankTables;
use crate::{ChannelType, Judgement, Llr, Unjudged};

/// Name of the file with the calibration, beside the network.
const SETTINGS: &str = "authenticity.json";
/// Neurons: of several networks that were trained from different beginnings, side by side.
const HIDDEN: usize = 192;
/// How far rounding the speaker network to bytes may move a logit: a fifth of a unit of evidence.
const INT8_LOGIT: f64 = 0.6;
/// No number counts for more deviations than this: what was never seen must not decide alone.
const FURTHEST: f32 = 6.0;

#[derive(Debug, Deserialize)]
struct Settings {
    /// The network that is listened to: another's layers mean something else.
    speaker_model: String,
    calibration: Calibration,
}

/// What a logit comes to.
///
/// P(heard | attack) / P(heard | genuine) = traceless + (1 − traceless) e^−z, with z = scale · logit + offset.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Calibration {
    scale: f64,
    offset: f64,
    /// Share of all attacks of which nothing is heard that genuine speech has not: as far as corpora and synthesisers that were never met
    /// tell. It bounds what can be said for a voice, and nothing that can be said against it.
    traceless: f64,
}

impl Calibration {
    fn check(&self) -> Result<(), String> {
        let sound = self.scale > 0.0 && self.scale.is_finite() && self.offset.is_finite();
        if sound && self.traceless > 0.0 && self.traceless < 1.0 {
            Ok(())
        } else {
            Err(format!("no calibration: {self:?}"))
        }
    }

    fn llr(self, logit: f64) -> Llr {
        // As a sum of logarithms: e^−z may be larger than any number.
        let (least, rest) =
            (self.traceless.ln(), (-self.traceless).ln_1p() - (self.scale * logit + self.offset));
        Llr(-(least.max(rest) + (-(least - rest).abs()).exp().ln_1p()))
    }
}

/// The network and its calibration.
#[derive(Debug)]
pub(crate) struct AuthenticityModel {
    pub(crate) info: ModelInfo,
    network: Network,
    settings: Settings,
    workspaces: Workspaces<Workspace>,
}

#[derive(Debug)]
struct Network {
    means: Vec<f32>,
    /// One by the deviation of each number.
    scales: Vec<f32>,
    /// In half precision: of a layer for one vector nothing is dear but reading its weights.
    hidden: Packed,
    output: Vec<f32>,
    bias: f32,
}

/// What lies between the layers. One for each thread that computes.
#[derive(Debug, Default)]
struct Workspace {
    input: Vec<f32>,
    hidden: Aligned<f32>,
}

/// What [`AuthenticityModel::listen`] has said of the runs of one call, so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listened {
    sum: f64,
    runs: u32,
}

/// Of a signal at 16 kHz.
#[derive(Debug, Deserialize)]
struct Expected {
    logit: f32,
    llr: f32,
    tolerance: f64,
}

impl Sum for Listened {
    fn sum<I: Iterator<Item = Self>>(calls: I) -> Self {
        calls.fold(Self::default(), |all, one| Self { sum: all.sum + one.sum, runs: all.runs + one.runs })
    }
}

impl AuthenticityModel {
    /// Numbers that the network takes.
    pub(crate) const INPUTS: usize = HEARD;

    /// Loads the network and proves it, the speaker network and its front end included.
    pub(crate) fn load(
        source: &Source<'_>,
        info: ModelInfo,
        speaker: &SpeakerModel,
        fbank: &Arc<FbankTables>,
    ) -> Result<Self, LoadError> {
        let settings: Settings = source.json(SETTINGS)?;
        let installed = speaker.info.hash.to_string();
        if settings.speaker_model != installed {
            let wanted = &settings.speaker_model;
            let reason = format!("it listens to the speaker network {wanted}, installed is {installed}");
            return Err(LoadError::invalid(SETTINGS, reason));
        }
        settings.calibration.check().map_err(|reason| LoadError::invalid(SETTINGS, reason))?;
        let network = info
            .read(source, |onnx| Weights::read(onnx).and_then(|mut weights| Network::take(&mut weights)))?;
        let model = Self { info, network, settings, workspaces: Workspaces::default() };
        model.prove(&Golden::read(source, &model.info.golden)?, speaker, fbank)?;
        Ok(model)
    }

    fn prove(
        &self,
        golden: &Golden<Expected>,
        speaker: &SpeakerModel,
        fbank: &Arc<FbankTables>,
    ) -> Result<(), LoadError> {
        golden.prove_each(|case| {
            let rows = speaker::features_of(&golden.signal(case), fbank);
            let mut listened = Listened::default();
            let mut listen = |heard: &[f32]| self.listen(heard, &mut listened);
            speaker.listen(&rows, ChannelType::Telephone, &mut listen, NO_PAUSE);
            let logit = listened.logit().unwrap_or(f64::NAN);
            let Llr(llr) = self.settings.calibration.llr(logit);
            let Expected { logit: expected, llr: expected_llr, tolerance } = case.expected;
            let (found, wanted) = ([logit as f32, llr as f32], [expected, expected_llr]);
            let tolerance = match speaker.precision {
                Precision::F32 => tolerance,
                Precision::Int8 => INT8_LOGIT,
            };
            golden::compare(&self.info.name, &case.name, "logit and ratio", &found, &wanted, tolerance)
        })
    }

    /// Hears a run of the speaker network, telephone band: [`HEARD`] numbers.
    pub(crate) fn listen(&self, heard: &[f32], listened: &mut Listened) {
        let logit = self.workspaces.with(|workspace| self.network.logit(heard, workspace));
        listened.sum += f64::from(logit);
        listened.runs += 1;
    }

    /// Evidence in what was heard of one run.
    pub(crate) fn evidence(&self, heard: &[f32]) -> Llr {
        let mut listened = Listened::default();
        self.listen(heard, &mut listened);
        self.settings.calibration.llr(listened.sum)
    }

    /// Evidence that a voice is genuine, from what was heard of its runs. Whether it is fit to be judged the caller has asked:
    /// [`crate::JudgementLimits`].
    pub(crate) fn judge(&self, listened: Listened) -> Judgement {
        match listened.logit() {
            Some(logit) => Judgement::Evidence(self.settings.calibration.llr(logit)),
            None => Judgement::None(Unjudged::NetSpeech),
        }
    }
}

impl Network {
    fn take(weights: &mut Weights) -> Result<Self, WeightsError> {
        let means = weights.take("mean", &[HEARD])?;
        let scales = weights.take("scale", &[HEARD])?;
        let values = weights.take("hidden.weight", &[HIDDEN, HEARD])?;
        let bias = weights.take("hidden.bias", &[HIDDEN])?;
        let hidden = Packed::new(kernels(), HEARD, &bias, |row, column| values[column * HEARD + row]);
        let output = weights.take("output.weight", &[1, HIDDEN])?;
        let bias = weights.take("output.bias", &[1])?[0];
        Ok(Self { means, scales, hidden, output, bias })
    }

    /// Positive for genuine speech.
    fn logit(&self, heard: &[f32], workspace: &mut Workspace) -> f32 {
        let Workspace { input, hidden } = workspace;
        input.clear();
        let of = heard.iter().zip(&self.means).zip(&self.scales);
        input.extend(of.map(|((value, mean), scale)| ((value - mean) * scale).clamp(-FURTHEST, FURTHEST)));
        hidden.hold(HIDDEN);
        let product = Product {
            matrix: &self.hidden,
            depth: 0..HEARD,
            input,
            rows: &[(0, 0)],
            relu: true,
            accumulate: false,
        };
        kernels().product(&product, hidden);
        self.bias + hidden.iter().zip(&self.output).map(|(value, weight)| value * weight).sum::<f32>()
    }
}

impl Listened {
    /// Mean of the runs; `None` if there were none.
    fn logit(self) -> Option<f64> {
        (self.runs > 0).then(|| self.sum / f64::from(self.runs))
    }
}
