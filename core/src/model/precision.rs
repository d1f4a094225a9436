//! What the speaker network is computed in.

use std::fmt;
use std::str::FromStr;

use crate::CpuLevel;
use crate::simd::{ByteKernels, byte_kernels};

/// What the speaker network is computed in. Voices of both can be compared with each other: the network is the same, and so
/// are credentials and calibrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floating point: golden vectors reproduce to a cosine distance of 1e-4.
    #[default]
    F32,
    /// Weights and what they are multiplied with as bytes; the first convolution, the gates, the statistics and the last layer stay as
    /// they are. More than twice as fast, and embeddings move by a cosine distance of 0.002 (0.01 at most): `core/src/model/campplus/NOTES.md`.
    /// Needs AVX-512 VNNI.
    Int8,
}

impl Precision {
    /// All of them, the most exact first.
    pub const ALL: [Self; 2] = [Self::F32, Self::Int8];

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }

    /// Whether the inner loops in use have it.
    pub fn is_available(self) -> bool {
        self.byte_kernels().is_ok()
    }

    /// The loops of bytes, if it needs them.
    pub(crate) fn byte_kernels(self) -> Result<Option<&'static ByteKernels>, PrecisionError> {
        match self {
            Self::F32 => Ok(None),
            Self::Int8 => {
                byte_kernels().map(Some).ok_or_else(|| PrecisionError::Unavailable(CpuLevel::in_use()))
            }
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(name: &str) -> Result<Self, PrecisionError> {
        let precision = Self::ALL.into_iter().find(|precision| precision.name() == name);
        precision.ok_or_else(|| PrecisionError::Unknown(name.to_owned()))
    }
}

/// Why a precision cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrecisionError {
    /// No such name.
    #[error("{0:?} is no precision; use \"f32\" or \"int8\"")]
    Unknown(String),
    /// The inner loops in use have no instructions for it.
    #[error(
        "precision int8 needs the instructions AVX-512 VNNI (Intel from Cascade Lake on, AMD from Zen 4 on), and the loops in use are of level {0} without them; \
         use f32"
    )]
    Unavailable(CpuLevel),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_f32_and_they_are_named() {
        assert!(Precision::default() == Precision::F32 && Precision::F32.is_available());
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(precision));
        }
        let error = "bf16".parse::<Precision>().expect_err("no such precision").to_string();
        assert!(error.contains("bf16") && error.contains("int8"), "{error}");
    }
}
