//! Voices of many callers enter, what they have in common leaves: the mean of their directions.
//!
//! A language, a kind of telephone, a country's lines move all voices of a tenant the same way. That part says nothing about who
//! speaks, and is taken away from both sides before they are compared (`docs/normalisation.md` has what that saves).
//! A mean of [`Centre::FEWEST`] voices that point to many sides ([`Centre::is_of_many`]) is nobody's template.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{CompareError, same_kind};
use crate::model::speaker::DIMENSIONS;
use crate::{ChannelType, ModelHash, Template};

/// The mean direction of callers' voices, of one network and channel type. Wiped when dropped: of few voices it is biometric data.
#[derive(Clone, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Centre {
    #[zeroize(skip)]
    model: ModelHash,
    #[zeroize(skip)]
    channel_type: ChannelType,
    #[zeroize(skip)]
    voices: u32,
    /// Of the directions.
    sum: [f64; DIMENSIONS],
}

impl std::fmt::Debug for Centre {
    /// Without the numbers: of few voices they are biometric data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Centre")
            .field("model", &self.model)
            .field("channel_type", &self.channel_type)
            .field("voices", &self.voices)
            .finish_non_exhaustive()
    }
}

/// Length of a mean that is of many people's voices, at most. Of fifty recordings by telephone of 5 people or more it was 0.41 to 0.67, of one
/// person 0.72 to 0.93 (146 speakers of three corpora, the shipped network).
const LONGEST: f64 = 0.7;

/// Bytes of a centre: model, channel type, voices, mean.
const BYTES: usize = 28 + 1 + 4 + 4 * DIMENSIONS;

impl Centre {
    /// Fewer voices are no centre: 20 calls do nearly as well as 200, 50 hide each of them.
    pub const FEWEST: u32 = 50;

    /// Of no voice yet.
    pub const fn new(model: ModelHash, channel_type: ChannelType) -> Self {
        Self { model, channel_type, voices: 0, sum: [0.0; DIMENSIONS] }
    }

    /// Adds a voice, of which nothing but its part in the mean is kept.
    ///
    /// # Errors
    /// A template of another network or channel type.
    pub fn learn(&mut self, template: &Template) -> Result<(), CompareError> {
        self.check(template)?;
        self.sum.iter_mut().zip(template.values()).for_each(|(sum, value)| *sum += f64::from(*value));
        self.voices = self.voices.saturating_add(1);
        Ok(())
    }

    /// The same without some of the voices that it has learnt, which another has learnt.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, value)| *sum -= value);
        self.voices = self.voices.saturating_sub(other.voices);
        self
    }

    /// How many voices it is the mean of.
    pub const fn voices(&self) -> u32 {
        self.voices
    }

    /// Whether it is of enough voices to be used.
    pub const fn is_ready(&self) -> bool {
        self.voices >= Self::FEWEST
    }

    /// Whether its voices are those of several people: the mean of one person's is nearly as long as each.
    pub fn is_of_many(&self) -> bool {
        let squares: f64 = self.mean().iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        squares.sqrt() <= LONGEST
    }

    /// The network whose voices these are.
    pub const fn model(&self) -> ModelHash {
        self.model
    }

    /// What the voices came through.
    pub const fn channel_type(&self) -> ChannelType {
        self.channel_type
    }

    fn mean(&self) -> [f32; DIMENSIONS] {
        let voices = f64::from(self.voices.max(1));
        self.sum.map(|sum| (sum / voices) as f32)
    }

    /// Channel type and the first 8 hex digits of the SHA-256 of [`Centre::to_bytes`], such as `telephone-channel@1f3a90c2`.
    pub fn identity(&self) -> String {
        super::identity(self.channel_type, &self.to_bytes())
    }

    /// For keeping. Only when it is ready, and of many: it would be biometric data, and is not read again.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(self.model.bytes());
        bytes.push(self.channel_type.to_byte());
        bytes.extend(self.voices.to_le_bytes());
        bytes.extend(self.mean().iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// Reads what [`Centre::to_bytes`] wrote of a centre that is ready and of many; `None` for anything else. The same bytes give the same
    /// identity.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (model, rest) = bytes.split_first_chunk::<28>()?;
        let (&channel_type, rest) = rest.split_first()?;
        let (voices, rest) = rest.split_first_chunk::<4>()?;
        let channel_type = ChannelType::from_byte(channel_type)?;
        let (means, []) = rest.as_chunks::<4>() else { return None };
        let mut centre = Self::new(ModelHash::from_bytes(*model), channel_type);
        centre.voices = u32::from_le_bytes(*voices);
        if means.len() != DIMENSIONS || !centre.is_ready() {
            return None;
        }
        for (sum, mean) in centre.sum.iter_mut().zip(means) {
            let mean = f64::from(f32::from_le_bytes(*mean));
            if !(-1.0..=1.0).contains(&mean) {
                return None;
            }
            *sum = mean * f64::from(centre.voices);
        }
        centre.is_of_many().then_some(centre)
    }

    /// The voice without what all have in common.
    ///
    /// # Errors
    /// A template of another network or channel type, or one that is the centre itself.
    pub fn taken_from(&self, template: &Template) -> Result<Template, CompareError> {
        self.check(template)?;
        let mut values = *template.values();
        values.iter_mut().zip(self.mean()).for_each(|(value, mean)| *value -= mean);
        Template::new(self.model, self.channel_type, values)
            .map(|centred| centred.with_evidence(template.evidence()))
            .ok_or(CompareError::NoDirection)
    }

    fn check(&self, template: &Template) -> Result<(), CompareError> {
        same_kind((template.model(), template.channel_type()), (self.model, self.channel_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(values: &[f32]) -> Template {
        let mut all = [0.0; DIMENSIONS];
        all[..values.len()].copy_from_slice(values);
        Template::new(ModelHash::from_bytes([1; 28]), ChannelType::Telephone, all).expect("a direction")
    }

    fn of(voices: &[&[f32]]) -> Centre {
        let mut centre = Centre::new(ModelHash::from_bytes([1; 28]), ChannelType::Telephone);
        voices.iter().for_each(|voice| centre.learn(&template(voice)).expect("same kind"));
        centre
    }

    #[test]
    fn what_all_voices_have_in_common_no_longer_makes_strangers_alike() {
        let (one, other) = (template(&[1.0, 0.5, 0.0]), template(&[1.0, 0.0, 0.5]));
        let centre = of(&[&[1.0, 0.5, 0.0], &[1.0, 0.0, 0.5], &[1.0, 0.0, 0.0]]);
        let centred = |voice| centre.taken_from(voice).expect("a direction");
        assert!(one.cosine(&other) > 0.7);
        assert!(centred(&one).cosine(&centred(&other)) < 0.0);
    }

    #[test]
    fn voices_of_another_network_or_channel_are_not_learnt() {
        let mut centre = Centre::new(ModelHash::from_bytes([2; 28]), ChannelType::Telephone);
        assert!(matches!(centre.learn(&template(&[1.0])), Err(CompareError::ModelMismatch(..))));
        let mut centre = Centre::new(ModelHash::from_bytes([1; 28]), ChannelType::Microphone);
        assert!(matches!(centre.learn(&template(&[1.0])), Err(CompareError::ChannelMismatch(..))));
        assert_eq!(centre.voices(), 0);
    }

    #[test]
    fn a_voice_that_is_the_centre_cannot_be_compared_by_it() {
        let centre = of(&[&[1.0]]);
        assert!(matches!(centre.taken_from(&template(&[1.0])), Err(CompareError::NoDirection)));
    }

    proptest! {
        #[test]
        fn a_kept_centre_is_the_same_when_it_is_read(voices in prop::collection::vec(prop::array::uniform4(-1f32..1.0), 50..90)) {
            let mut rows: Vec<&[f32]> = voices.iter().map(<[f32; 4]>::as_slice).collect();
            let (kept, few) = (of(&rows).to_bytes(), of(&rows[..49]).to_bytes());
            let read = Centre::from_bytes(&kept).expect("a centre");
            prop_assert_eq!(read.to_bytes(), kept);
            prop_assert!(Centre::from_bytes(&few).is_none(), "too few voices");
            rows.fill(&[0.3, 0.1]);
            prop_assert!(Centre::from_bytes(&of(&rows).to_bytes()).is_none(), "one person's voice");
        }

        #[test]
        fn any_bytes_are_a_centre_or_none(bytes in prop::collection::vec(any::<u8>(), 0..2 * BYTES)) {
            prop_assert!(Centre::from_bytes(&bytes).is_none_or(|centre| centre.is_ready() && centre.is_of_many()));
        }

        #[test]
        fn a_centre_without_some_voices_is_that_of_the_others(voices in prop::collection::vec(prop::array::uniform4(0.1f32..1.0), 2..20)) {
            let rows: Vec<&[f32]> = voices.iter().map(<[f32; 4]>::as_slice).collect();
            let rest = of(&rows).without(&of(&rows[..1]));
            let expected = of(&rows[1..]);
            prop_assert_eq!(rest.voices(), expected.voices());
            prop_assert!(rest.mean().iter().zip(expected.mean()).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}
