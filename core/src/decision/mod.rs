//! Decisions: two templates enter, a calibrated score leaves.
//!
//! A cosine means something else in every channel. The calibration of a channel type is a logistic regression fitted
//! on development trials (`models/calibration/`): cosine → log-likelihood ratio of same against different speakers.
//! The score is that ratio on the 0…1 scale, so 0.5 is the equal-cost point whatever the channel.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::model::{LoadError, Source};
use crate::{ChannelType, Llr, ModelHash, Score, Template};

/// Why two templates cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Embeddings of different networks lie in different spaces.
    #[error("the templates are of different models ({0} and {1})")]
    ModelMismatch(ModelHash, ModelHash),
    /// One was made in another band than the other.
    #[error("the templates are of different channel types ({0} and {1})")]
    ChannelMismatch(ChannelType, ChannelType),
}

/// From a cosine to a log-likelihood ratio, for one channel type.
#[derive(Clone, Debug)]
pub struct Calibration {
    scale: f64,
    offset: f64,
    identity: String,
}

#[derive(Debug, Deserialize)]
struct File {
    name: String,
    scale: f64,
    offset: f64,
}

impl Calibration {
    pub(crate) fn load(source: &Source<'_>, channel_type: ChannelType) -> Result<Self, LoadError> {
        let file = format!("calibration/{channel_type}.json");
        let bytes = source.bytes(&file)?;
        let File { name, scale, offset } =
            serde_json::from_slice(&bytes).map_err(|error| LoadError::invalid(&file, error))?;
        if name != channel_type.name() {
            return Err(LoadError::invalid(&file, format!("it is the calibration {name:?}")));
        }
        if !(scale.is_finite() && scale > 0.0 && offset.is_finite()) {
            return Err(LoadError::invalid(&file, "a higher cosine must give a higher score"));
        }
        let digest = Sha256::digest(&bytes);
        let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { scale, offset, identity: format!("{name}@{hex}") })
    }

    /// Name and the first 8 hex digits of the file's SHA-256, such as `telephone-channel@1f3a90c2`.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The log-likelihood ratio that two voices are one, given their cosine.
    pub fn llr(&self, cosine: f64) -> Llr {
        Llr(self.scale * cosine + self.offset)
    }

    /// Compares two templates of one model and channel type.
    pub(crate) fn score(&self, a: &Template, b: &Template) -> Result<Score, CompareError> {
        if a.model() != b.model() {
            return Err(CompareError::ModelMismatch(a.model(), b.model()));
        }
        if a.channel_type() != b.channel_type() {
            return Err(CompareError::ChannelMismatch(a.channel_type(), b.channel_type()));
        }
        Ok(Score::from_log_odds(self.llr(a.cosine(b)).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration() -> Calibration {
        Calibration { scale: 20.0, offset: -11.0, identity: String::new() }
    }

    fn template(model: u8, channel_type: ChannelType, first: f32) -> Template {
        let mut values = [0.0; 192];
        values[0] = first;
        values[1] = 1.0 - first;
        Template::new(ModelHash::from_bytes([model; 28]), channel_type, values).expect("a direction")
    }

    #[test]
    fn the_equal_cost_point_is_one_half() {
        assert_eq!(calibration().llr(0.55).0.round(), 0.0);
        assert!((Score::from_log_odds(0.0).value() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn templates_of_other_models_or_channels_are_not_compared() {
        let a = template(1, ChannelType::Telephone, 1.0);
        let other_model = template(2, ChannelType::Telephone, 1.0);
        let other_channel = template(1, ChannelType::Microphone, 1.0);
        assert!(matches!(calibration().score(&a, &other_model), Err(CompareError::ModelMismatch(..))));
        assert!(matches!(calibration().score(&a, &other_channel), Err(CompareError::ChannelMismatch(..))));
        assert!(calibration().score(&a, &a).expect("same kind").value() > 0.99);
    }
}
