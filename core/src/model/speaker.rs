//! Speaker embedding by CAM++ (arXiv 2303.00332): rows of log-mel features enter, a voice [`Template`] leaves.
//!
//! Speech runs through the network once, all rows together. Cutting it into several windows and averaging cost a third more errors
//! on short speech (`docs/front-end.md`); only speech longer than eleven seconds is treated so, which bounds the memory of a run.

use zeroize::{Zeroize, ZeroizeOnDrop};

use serde::Deserialize;

use super::campplus::{CamPlus, Heard, Workspace};
use super::golden::{self, Golden};
use super::windows::{column_means, window_starts, windows_needed};
use super::workspaces::Workspaces;
use super::{LoadError, ModelInfo, NO_PAUSE, Pause, Precision, Source};
use crate::audio::resample::WIDE_BLOCK;
use crate::decision::Evidence;
use crate::speech::fbank::{BINS, Fbank, FbankTables};
use crate::{ChannelType, ModelHash};

pub use super::campplus::DIMENSIONS;

/// Rows of 10 ms of a window: ten seconds. Speech that is longer by more than a tenth is covered by several windows.
const WINDOW: usize = 998;
/// How far rounding to bytes may turn an embedding, as a cosine distance.
const INT8_DISTANCE: f64 = 0.01;
/// Fewer rows (0.3 s) say nothing about a voice.
const LEAST_ROWS: usize = 30;

/// What a voice is compared by: a direction in the network's space. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Template {
    #[zeroize(skip)]
    model: ModelHash,
    #[zeroize(skip)]
    channel_type: ChannelType,
    values: [f32; DIMENSIONS],
    /// The same voice limited to the telephone band.
    by_telephone: Option<[f32; DIMENSIONS]>,
    #[zeroize(skip)]
    evidence: Option<Evidence>,
}

impl std::fmt::Debug for Template {
    /// Without the biometric data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template")
            .field("model", &self.model)
            .field("channel_type", &self.channel_type)
            .finish_non_exhaustive()
    }
}

impl Template {
    /// The direction of these values; `None` if they have none (all zero, or not finite).
    pub fn new(model: ModelHash, channel_type: ChannelType, mut values: [f32; DIMENSIONS]) -> Option<Self> {
        let norm = dot(&values, &values).sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            return None;
        }
        values.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
        Some(Self { model, channel_type, values, by_telephone: None, evidence: None })
    }

    /// The mean direction of a voice in several pieces of one call, all of one model and channel type; it was made of all of them. `None` for
    /// no pieces, or if they cancel each other.
    pub(crate) fn mean<'a>(pieces: impl Iterator<Item = &'a Self> + Clone) -> Option<Self> {
        let mut others = pieces.clone();
        let first = others.next()?;
        if others.next().is_none() {
            return Some(first.clone());
        }
        let count = pieces.clone().count() as f32;
        let mut sum = [0.0f64; DIMENSIONS];
        for piece in pieces.clone() {
            sum.iter_mut().zip(&piece.values).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let telephones = pieces.clone().map(Self::telephone_alone).collect::<Option<Vec<_>>>();
        let by_telephone = telephones.and_then(|pieces| Self::mean(pieces.iter()));
        let evidence =
            pieces.clone().map(|piece| piece.evidence).collect::<Option<Vec<_>>>().map(|evidence| Evidence {
                net_speech: evidence.iter().map(|of| of.net_speech).sum(),
                snr: evidence.iter().map(|of| of.snr).sum::<f32>() / count,
            });
        let mean = Self::new(first.model, first.channel_type, sum.map(|value| value as f32))?;
        Some(mean.with_telephone(by_telephone.as_ref()).with_evidence(evidence))
    }

    /// What a telephone leaves of it, as far as it is kept beside it.
    fn telephone_alone(&self) -> Option<Self> {
        let values = self.by_telephone?;
        Some(Self { channel_type: ChannelType::Telephone, values, by_telephone: None, ..self.clone() })
    }

    /// The same voice, with what a telephone leaves of it: what it is compared by with voices that came by telephone.
    #[must_use]
    pub fn with_telephone(mut self, voice: Option<&Self>) -> Self {
        self.by_telephone = voice.map(|voice| voice.values);
        self
    }

    /// The voice as it would be had it come by telephone; `None` if that is not known.
    pub fn by_telephone(&self) -> Option<Self> {
        let values = match self.channel_type {
            ChannelType::Telephone => self.values,
            ChannelType::Microphone => self.by_telephone?,
        };
        let channel_type = ChannelType::Telephone;
        Some(Self { channel_type, values, by_telephone: None, ..self.clone() })
    }

    /// The same voice, with what it was made of: a calibration may depend on it.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Option<Evidence>) -> Self {
        self.evidence = evidence;
        self
    }

    /// What it was made of, if that is known.
    pub fn evidence(&self) -> Option<Evidence> {
        self.evidence
    }

    /// The network that made it.
    pub fn model(&self) -> ModelHash {
        self.model
    }

    /// What the voice came through.
    pub fn channel_type(&self) -> ChannelType {
        self.channel_type
    }

    /// The 192 values, of length 1.
    pub fn values(&self) -> &[f32; DIMENSIONS] {
        &self.values
    }

    /// Cosine of the angle between two directions, −1…1. Not a score: see [`crate::decision`].
    pub fn cosine(&self, other: &Self) -> f64 {
        dot(&self.values, &other.values).clamp(-1.0, 1.0)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// The network.
#[derive(Debug)]
pub(crate) struct SpeakerModel {
    pub(crate) info: ModelInfo,
    network: CamPlus,
    pub(crate) precision: Precision,
    workspaces: Workspaces<Room>,
}

/// What a run needs, and what it may leave beside the embedding.
#[derive(Debug, Default)]
struct Room {
    workspace: Workspace,
    heard: Heard,
}

/// Is told what the network heard on its way, for each run: as many numbers as [`super::campplus::HEARD`].
pub(crate) type Listener<'a> = dyn FnMut(&[f32]) + 'a;

#[derive(Debug, Deserialize)]
struct Expected {
    frames: usize,
    features_first_row: Vec<f32>,
    features_last_row: Vec<f32>,
    features_mean: Vec<f32>,
    embedding: Vec<f32>,
    tolerance: Tolerance,
}

#[derive(Debug, Deserialize)]
struct Tolerance {
    features: f64,
    embedding: f64,
}

impl SpeakerModel {
    /// Loads the network and proves it, front end included.
    pub(crate) fn load(
        source: &Source<'_>,
        info: ModelInfo,
        tables: &std::sync::Arc<FbankTables>,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let bytes = precision.byte_kernels()?;
        let network = info.read(source, |onnx| CamPlus::read(onnx, bytes))?;
        let model = Self { info, network, precision, workspaces: Workspaces::default() };
        model.prove(Golden::read(source, &model.info.golden)?, tables)?;
        Ok(model)
    }

    fn prove(&self, golden: Golden<Expected>, tables: &std::sync::Arc<FbankTables>) -> Result<(), LoadError> {
        golden.prove_each(|case| {
            let expected = &case.expected;
            let rows = features_of(&golden.signal(case), tables);
            let compare = |quantity, found: &[f32], wanted: &[f32], tolerance| {
                golden::compare(&self.info.name, &case.name, quantity, found, wanted, tolerance)
            };
            let of_features = expected.tolerance.features;
            let count = rows.len() / BINS;
            let edges = (rows.get(..BINS), rows.len().checked_sub(BINS).map(|last| &rows[last..]));
            compare(
                "first features",
                edges.0.unwrap_or_default(),
                &expected.features_first_row,
                of_features,
            )?;
            compare("last features", edges.1.unwrap_or_default(), &expected.features_last_row, of_features)?;
            compare("mean features", &column_means::<BINS>(&rows), &expected.features_mean, of_features)?;
            compare("frames", &[count as f32], &[expected.frames as f32], 0.0)?;
            if count < LEAST_ROWS {
                let reason = format!("{} has {count} rows, too few for the network", case.name);
                return Err(LoadError::invalid(&self.info.golden, reason));
            }
            let found = self.embedding(&rows, None, NO_PAUSE);
            match self.precision {
                Precision::F32 => {
                    compare("embeddings", &found, &expected.embedding, expected.tolerance.embedding)?;
                }
                Precision::Int8 => {
                    let lengths = dot(&found, &found) * dot(&expected.embedding, &expected.embedding);
                    let distance = 1.0 - dot(&found, &expected.embedding) / lengths.sqrt();
                    compare("directions of embeddings", &[distance as f32], &[0.0], INT8_DISTANCE)?;
                }
            }
            Ok(())
        })
    }

    /// Gives back the memory that was computed in so far: the longest golden vector is longer than most calls.
    pub(crate) fn forget_workspaces(&self) {
        self.workspaces.forget();
    }

    /// The embedding of rows that run at once, not of length 1.
    fn embedding(
        &self,
        rows: &[f32],
        listener: Option<&mut Listener<'_>>,
        pause: Pause<'_>,
    ) -> [f32; DIMENSIONS] {
        self.workspaces.with(|Room { workspace, heard }| match listener {
            None => self.network.run(rows, workspace, None, pause),
            Some(listener) => {
                let embedding = self.network.run(rows, workspace, Some(heard), pause);
                listener(heard.values());
                embedding
            }
        })
    }

    /// The template of some speech; `None` if there is too little of it (under 0.3 s).
    pub(crate) fn template(
        &self,
        rows: &[f32],
        channel_type: ChannelType,
        pause: Pause<'_>,
    ) -> Option<Template> {
        self.heard(rows, channel_type, None, pause)
    }

    /// The same; what the network hears on its way is told.
    pub(crate) fn listen(
        &self,
        rows: &[f32],
        channel_type: ChannelType,
        listener: &mut Listener<'_>,
        pause: Pause<'_>,
    ) -> Option<Template> {
        self.heard(rows, channel_type, Some(listener), pause)
    }

    fn heard(
        &self,
        rows: &[f32],
        channel_type: ChannelType,
        mut listener: Option<&mut Listener<'_>>,
        pause: Pause<'_>,
    ) -> Option<Template> {
        let count = rows.len() / BINS;
        if count < LEAST_ROWS {
            return None;
        }
        let windows = windows_needed(count, WINDOW);
        let length = if windows == 1 { count } else { WINDOW };
        let mut direction = [0.0f64; DIMENSIONS];
        for start in window_starts(count, length, windows) {
            let window = &rows[start * BINS..(start + length) * BINS];
            let embedding = self.embedding(window, listener.as_deref_mut(), pause);
            let norm = dot(&embedding, &embedding).sqrt();
            for (sum, value) in direction.iter_mut().zip(&embedding) {
                *sum += f64::from(*value) / norm;
            }
        }
        Template::new(self.info.hash, channel_type, direction.map(|value| value as f32))
    }
}

/// Feature rows of a signal at 16 kHz.
pub(super) fn features_of(signal: &[f32], tables: &std::sync::Arc<FbankTables>) -> Vec<f32> {
    let mut fbank = Fbank::new(std::sync::Arc::clone(tables));
    let mut rows = Vec::new();
    for block in signal.chunks(WIDE_BLOCK) {
        rows.extend_from_slice(fbank.push(block).as_flattened());
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_a_direction_and_no_length() {
        let hash = ModelHash::from_bytes([0; 28]);
        let template = Template::new(hash, ChannelType::Telephone, [2.0; DIMENSIONS]).expect("a direction");
        assert!((template.cosine(&template) - 1.0).abs() < 1e-6);
        assert!(Template::new(hash, ChannelType::Telephone, [0.0; DIMENSIONS]).is_none());
        assert!(Template::new(hash, ChannelType::Telephone, [f32::NAN; DIMENSIONS]).is_none());
    }
}
