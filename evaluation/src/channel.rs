//! A clip enters, the call that a server would get of it leaves.

use std::fmt;
use std::str::FromStr;

use peakstream::audio::resample::{Lower, NARROW_BLOCK, WIDE_BLOCK};
use peakstream::audio::{decode, encode};
use peakstream::{Encoding, SampleRate};

/// What a call sounds like at the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// 16-bit samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: SampleRate,
}

/// Why there is no such channel, or no call through it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// A name that no channel has.
    #[error("no channel {0:?}; there are clean, mulaw and alaw")]
    Unknown(String),
}

/// The parts a channel may be made of, and what they do.
pub const PARTS: &[(&str, &str)] =
    &[("clean", "16 kHz as recorded"), ("mulaw", "8 kHz, G.711 mu-law"), ("alaw", "8 kHz, G.711 A-law")];

/// A way from a mouth to the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Simulation {
    codec: Option<Encoding>,
}

impl FromStr for Simulation {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, ChannelError> {
        match text {
            "clean" => Ok(Self { codec: None }),
            "mulaw" => Ok(Self { codec: Some(Encoding::MuLaw) }),
            "alaw" => Ok(Self { codec: Some(Encoding::ALaw) }),
            _ => Err(ChannelError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.codec {
            None => "clean",
            Some(Encoding::ALaw) => "alaw",
            Some(_) => "mulaw",
        })
    }
}

impl Simulation {
    /// 16 kHz as recorded.
    pub const fn clean() -> Self {
        Self { codec: None }
    }

    /// Whether other people's clips are needed.
    pub const fn needs_others(&self) -> bool {
        false
    }

    /// The call of a clip (16 kHz, full scale ±1).
    ///
    /// # Errors
    /// None of these channels.
    pub fn apply(&self, clip: &[f32], _others: &[&[f32]], _seed: u64) -> Result<Call, ChannelError> {
        let Some(codec) = self.codec else {
            return Ok(Call { samples: clip.iter().map(sixteen_bits).collect(), rate: SampleRate::Hz16000 });
        };
        let mut lower = Lower::new();
        let (mut wide, mut narrow) = ([0.0; WIDE_BLOCK], [0.0; NARROW_BLOCK]);
        let mut low = Vec::with_capacity(clip.len() / 2 + NARROW_BLOCK);
        for block in clip.chunks(WIDE_BLOCK) {
            wide.fill(0.0);
            wide[..block.len()].copy_from_slice(block);
            lower.process(&wide, &mut narrow);
            low.extend(narrow.iter().map(sixteen_bits));
        }
        let (mut bytes, mut samples) = (Vec::new(), Vec::new());
        encode(&low, codec, &mut bytes);
        decode(&bytes, codec, &mut samples);
        Ok(Call { samples, rate: SampleRate::Hz8000 })
    }
}

fn sixteen_bits(sample: &f32) -> i16 {
    (sample * 32_768.0).round() as i16
}
