//! The quantities everything else is written in: each type says its unit and keeps its range.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Samples per second at which a call is heard: the two rates of telephony.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleRate {
    /// Narrow band, G.711 and most carriers.
    Hz8000,
    /// Wide band.
    Hz16000,
}

impl SampleRate {
    /// The rate in hertz.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
        }
    }

    /// The rate with that many hertz, if it is one of the two.
    pub const fn from_hz(hz: u32) -> Option<Self> {
        match hz {
            8_000 => Some(Self::Hz8000),
            16_000 => Some(Self::Hz16000),
            _ => None,
        }
    }
}

/// Samples per second of a call as they arrive: what carriers and recordings have. [`SampleRate`] is what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireRate {
    /// Narrow band: G.711 and most carriers.
    Hz8000,
    /// Medium band, an Opus rate.
    Hz12000,
    /// Wide band.
    Hz16000,
    /// Super-wide band, an Opus rate; SIP platforms' "L16@24000h".
    Hz24000,
    /// G.722.1 Annex C's rate, and some conference systems'.
    Hz32000,
    /// Recordings on compact disc's rate.
    Hz44100,
    /// WebRTC and studio recordings.
    Hz48000,
}

impl WireRate {
    /// All of them, lowest first.
    pub const ALL: [Self; 7] = [
        Self::Hz8000,
        Self::Hz12000,
        Self::Hz16000,
        Self::Hz24000,
        Self::Hz32000,
        Self::Hz44100,
        Self::Hz48000,
    ];

    /// The rate in hertz.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz12000 => 12_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
            Self::Hz32000 => 32_000,
            Self::Hz44100 => 44_100,
            Self::Hz48000 => 48_000,
        }
    }

    /// The rate with that many hertz, if it is one of them.
    pub fn from_hz(hz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.hz() == hz)
    }

    /// All of them for a message: "8000, … or 48000".
    pub(crate) fn in_words() -> String {
        let [others @ .., last] = Self::ALL.map(|rate| rate.hz().to_string());
        format!("{} or {last}", others.join(", "))
    }

    /// The rate at which such a call is heard: 8 kHz stays what it is, everything above becomes 16 kHz, because 8 kHz
    /// would take away what the microphone channel is about.
    pub const fn call_rate(self) -> SampleRate {
        match self {
            Self::Hz8000 => SampleRate::Hz8000,
            _ => SampleRate::Hz16000,
        }
    }
}

impl SampleRate {
    /// The same rate on the wire, where nothing has to be converted.
    pub const fn on_the_wire(self) -> WireRate {
        match self {
            Self::Hz8000 => WireRate::Hz8000,
            Self::Hz16000 => WireRate::Hz16000,
        }
    }
}

/// Net speech: seconds of detected speech, not of audio.
///
/// Counted in samples at the call's own rate, so that the sum over pushes is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetSpeech {
    samples: u64,
    rate: SampleRate,
}

impl NetSpeech {
    /// That many samples at that rate.
    pub const fn from_samples(samples: u64, rate: SampleRate) -> Self {
        Self { samples, rate }
    }

    /// The nearest whole number of samples. Negative and non-finite seconds count as none.
    pub fn from_seconds(seconds: f64, rate: SampleRate) -> Self {
        let samples = (seconds * f64::from(rate.hz())).round();
        // `as` saturates: NaN and negative values become 0.
        Self { samples: samples as u64, rate }
    }

    /// Length in samples at the call's rate.
    pub const fn samples(self) -> u64 {
        self.samples
    }

    /// Length in seconds.
    pub fn seconds(self) -> f64 {
        self.samples as f64 / f64::from(self.rate.hz())
    }
}

macro_rules! unit_interval {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        pub struct $name(f32);

        impl $name {
            /// The value if it lies in 0…1.
            pub fn new(value: f32) -> Option<Self> {
                (0.0..=1.0).contains(&value).then_some(Self(value))
            }

            /// A number in 0…1.
            pub const fn value(self) -> f32 {
                self.0
            }

            /// The probability with these log-odds, always in 0…1; log-odds that are not a number become 0.
            pub(crate) fn from_log_odds(log_odds: f64) -> Self {
                let value = (1.0 / (1.0 + (-log_odds).exp())) as f32;
                Self(if value.is_nan() { 0.0 } else { value })
            }
        }
    };
}

unit_interval! {
    /// Calibrated similarity of two voices, 0…1; 0.5 is the equal-cost point (a log-likelihood ratio of 0).
    Score
}
unit_interval! {
    /// Posterior probability, 0…1, that the voice is live and human, at the assumed share of attacks.
    Authenticity
}

/// Assumed share of attacks among all calls, above 0 and below 1; 1 % by default.
///
/// A statement about the calls and not a property of a voice: the higher, the less evidence makes [`Authenticity`] low.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct AttackRate(f64);

impl AttackRate {
    /// The share if it lies between 0 and 1, both excluded.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// A number between 0 and 1.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// Natural-logarithm odds of a genuine call before anything is known of it.
    pub(crate) fn log_odds_of_genuine(self) -> f64 {
        ((1.0 - self.0) / self.0).ln()
    }
}

impl Default for AttackRate {
    fn default() -> Self {
        Self(0.01)
    }
}

/// A number that is no [`AttackRate`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1")]
pub struct NotAnAttackRate(f64);

impl TryFrom<f64> for AttackRate {
    type Error = NotAnAttackRate;

    fn try_from(share: f64) -> Result<Self, NotAnAttackRate> {
        Self::new(share).ok_or(NotAnAttackRate(share))
    }
}

impl From<AttackRate> for f64 {
    fn from(rate: AttackRate) -> Self {
        rate.0
    }
}

/// Natural-logarithm likelihood ratio: positive speaks for the same speaker (or a genuine voice), 0 for neither.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Llr(pub f64);

/// The least [`Score`] or [`Authenticity`] that passes, 0…1. Equality passes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Threshold(f64);

impl Threshold {
    /// The threshold if it lies in 0…1.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// A number in 0…1.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// Whether the score reaches the threshold.
    pub fn passes_score(self, score: Score) -> bool {
        f64::from(score.value()) >= self.0
    }

    /// Whether the authenticity reaches the threshold.
    pub fn passes_authenticity(self, authenticity: Authenticity) -> bool {
        f64::from(authenticity.value()) >= self.0
    }
}

/// What the voice came through. Decides the front end, is kept in the credential and has a calibration of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelType {
    /// Everything is limited to the telephone band, whatever it came from.
    Telephone,
    /// 16 kHz audio, full band.
    Microphone,
}

impl ChannelType {
    /// The calibration's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telephone => "telephone-channel",
            Self::Microphone => "microphone-channel",
        }
    }

    /// As it is kept in bytes.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Telephone => 0,
            Self::Microphone => 1,
        }
    }

    /// What [`ChannelType::to_byte`] gave; `None` for anything else.
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Telephone),
            1 => Some(Self::Microphone),
            _ => None,
        }
    }
}

impl fmt::Display for ChannelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A calibration name that no channel type has.
#[derive(Debug, thiserror::Error)]
#[error("unknown calibration {0:?}: use \"telephone-channel\" or \"microphone-channel\"")]
pub struct UnknownChannelType(String);

impl FromStr for ChannelType {
    type Err = UnknownChannelType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "telephone-channel" => Ok(Self::Telephone),
            "microphone-channel" => Ok(Self::Microphone),
            _ => Err(UnknownChannelType(name.chars().take(64).collect())),
        }
    }
}

/// Identity of a model: SHA-224 (FIPS 180-4) of the files that define it. Written as 56 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelHash([u8; 28]);

impl ModelHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 28]) -> Self {
        Self(bytes)
    }

    /// The 28 bytes.
    pub const fn bytes(&self) -> &[u8; 28] {
        &self.0
    }
}

impl fmt::Display for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelHash({self})")
    }
}

/// A text that is not 56 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a model hash is 56 hexadecimal digits (SHA-224)")]
pub struct ParseHashError;

impl FromStr for ModelHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 56 {
            return Err(ParseHashError);
        }
        let mut bytes = [0; 28];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |c: u8| char::from(c).to_digit(16).ok_or(ParseHashError);
            *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_passed_by_equality() {
        let half = Threshold::new(0.5).expect("in range");
        assert!(half.passes_score(Score::new(0.5).expect("in range")));
        assert!(!half.passes_authenticity(Authenticity::new(0.499).expect("in range")));
    }

    #[test]
    fn values_outside_0_to_1_do_not_exist() {
        assert!(Score::new(1.01).is_none());
        assert!(Score::new(f32::NAN).is_none());
        assert!(Threshold::new(-0.1).is_none());
        assert_eq!(Authenticity::from_log_odds(1e9).value(), 1.0);
        assert_eq!(Authenticity::from_log_odds(f64::NAN).value(), 0.0);
    }

    #[test]
    fn a_share_of_attacks_is_neither_none_nor_all_calls() {
        assert_eq!(AttackRate::new(0.5).map(AttackRate::value), Some(0.5));
        for share in [0.0, 1.0, -0.1, 1.1, f64::NAN] {
            assert!(AttackRate::new(share).is_none() && AttackRate::try_from(share).is_err(), "{share}");
        }
    }

    #[test]
    fn a_model_hash_survives_its_text() {
        let hash = ModelHash::from_bytes(std::array::from_fn(|i| (i * 9) as u8));
        assert_eq!(hash.to_string().parse::<ModelHash>().expect("own text"), hash);
        assert!("00".parse::<ModelHash>().is_err());
        assert!("zz".repeat(28).parse::<ModelHash>().is_err());
    }

    #[test]
    fn net_speech_is_exact_in_samples() {
        let speech = NetSpeech::from_seconds(5.0, SampleRate::Hz8000);
        assert_eq!(speech.samples(), 40_000);
        assert_eq!(NetSpeech::from_seconds(-1.0, SampleRate::Hz8000).samples(), 0);
    }
}
