//! What went wrong enters; its reason leaves, under one name in every language.

use std::fmt;

use peakstream::credential::CredentialError;
use peakstream::{
    AnalysisError, CompareError, FieldError, Gate, NoThreshold, OpenError, Shortfall, StreamFault,
};
use peakstream_files::audio_file::AudioFileError;
use peakstream_files::model_dir::ModelDirError;

/// Why something was not done. The C library has a code for each, the Python package an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A value that is not in its range, or of the wrong form.
    InvalidArgument,
    /// No folder with models.
    ModelsNotFound,
    /// Models, or a calibration, that the engine refuses.
    ModelsInvalid,
    /// An audio format that is not supported.
    UnsupportedFormat,
    /// 8 kHz audio on the microphone channel.
    NarrowBand,
    /// Bytes that are not what was declared.
    CodecMismatch,
    /// Bytes that cannot be decoded.
    InvalidAudio,
    /// Not enough speech for a decision.
    TooLittleSpeech,
    /// Speech that a quality gate refuses.
    PoorQuality,
    /// A text that is no credential.
    NotACredential,
    /// A credential sealed with another key.
    UnknownKey,
    /// A credential of another tenant, or one that was changed.
    CredentialRefused,
    /// Voices that cannot be compared.
    NotComparable,
    /// A threshold that the calibration does not know.
    NoThreshold,
    /// A file that cannot be read.
    File,
    /// A defect, or a system without random numbers.
    Internal,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::InvalidArgument,
        Self::ModelsNotFound,
        Self::ModelsInvalid,
        Self::UnsupportedFormat,
        Self::NarrowBand,
        Self::CodecMismatch,
        Self::InvalidAudio,
        Self::TooLittleSpeech,
        Self::PoorQuality,
        Self::NotACredential,
        Self::UnknownKey,
        Self::CredentialRefused,
        Self::NotComparable,
        Self::NoThreshold,
        Self::File,
        Self::Internal,
    ];

    /// Its name, the same in every language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::ModelsNotFound => "models_not_found",
            Self::ModelsInvalid => "models_invalid",
            Self::UnsupportedFormat => "unsupported_format",
            Self::NarrowBand => "narrow_band",
            Self::CodecMismatch => "codec_mismatch",
            Self::InvalidAudio => "invalid_audio",
            Self::TooLittleSpeech => "too_little_speech",
            Self::PoorQuality => "poor_quality",
            Self::NotACredential => "not_a_credential",
            Self::UnknownKey => "unknown_key",
            Self::CredentialRefused => "credential_refused",
            Self::NotComparable => "not_comparable",
            Self::NoThreshold => "no_threshold",
            Self::File => "file",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong, in words; [`Error::reason`] says it in one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that cannot be used: which, what it was, and what is accepted.
    #[error("{0}")]
    Argument(String),
    /// No models.
    #[error(transparent)]
    Models(#[from] ModelDirError),
    /// Every field of a format that cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Format(Vec<FieldError>),
    /// A call that cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A call that cannot be heard.
    #[error(transparent)]
    Fault(#[from] StreamFault),
    /// A quality gate that refuses.
    #[error("{0}")]
    Quality(Shortfall),
    /// Speech that gives no template.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// A credential that does not open.
    #[error("{0}")]
    Credential(#[from] CredentialError),
    /// Voices without anything to compare them by.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A threshold that there is none of.
    #[error(transparent)]
    Threshold(#[from] NoThreshold),
    /// A recording that cannot be read.
    #[error(transparent)]
    File(#[from] AudioFileError),
    /// A defect, in words.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Which of the reasons it is.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Argument(_)
            | Self::Open(OpenError::Wanted(_))
            | Self::Models(ModelDirError::Machine(_)) => Reason::InvalidArgument,
            Self::Models(ModelDirError::NotFound { .. } | ModelDirError::NoManifest { .. }) => {
                Reason::ModelsNotFound
            }
            Self::Models(_) => Reason::ModelsInvalid,
            Self::Format(_) => Reason::UnsupportedFormat,
            Self::Open(OpenError::MicrophoneNeeds16k) | Self::Fault(StreamFault::MicrophoneNeeds16k) => {
                Reason::NarrowBand
            }
            Self::Fault(StreamFault::Mismatch(_)) => Reason::CodecMismatch,
            Self::Fault(_) => Reason::InvalidAudio,
            Self::Quality(Shortfall { gate: Gate::NetSpeech, .. })
            | Self::Analysis(AnalysisError::TooLittleSpeech(_)) => Reason::TooLittleSpeech,
            Self::Quality(Shortfall { gate: Gate::CodecMismatch, .. }) => Reason::CodecMismatch,
            Self::Quality(_) => Reason::PoorQuality,
            Self::Credential(CredentialError::Malformed) => Reason::NotACredential,
            Self::Credential(CredentialError::UnknownKey) => Reason::UnknownKey,
            Self::Credential(_) => Reason::CredentialRefused,
            Self::Compare(_) => Reason::NotComparable,
            Self::Threshold(_) => Reason::NoThreshold,
            Self::File(_) => Reason::File,
            // Errors that a later engine may add have no better name until they are given one here.
            Self::Open(_) | Self::Analysis(_) | Self::Internal(_) => Reason::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
