//! What came of a call enters: an error, a defect. A result leaves, and its words stay for the thread ([`crate::text`]).

use std::ffi::c_char;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use peakstream_bindings::{Error, Reason};

use crate::handles::HandleError;
use crate::text;
use crate::version::ABI_VERSION;

/// What came of a call. Everything but PEAKSTREAM_RESULT_OK leaves its words in peakstream_error_text.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok = 0,
    /// A null pointer, a text that is not UTF-8, or a value outside its range.
    InvalidArgument = 1,
    /// No folder with models.
    ModelsNotFound = 2,
    /// Models that are damaged or do not reproduce their golden vectors on this machine.
    ModelsInvalid = 3,
    /// An audio format that is not supported.
    UnsupportedFormat = 4,
    /// 8 kHz audio for the microphone channel.
    NarrowBand = 5,
    /// Bytes that are not what was declared.
    CodecMismatch = 6,
    /// Bytes that cannot be decoded.
    InvalidAudio = 7,
    /// Not enough speech for a decision: less than three seconds.
    TooLittleSpeech = 8,
    /// Speech that a quality gate refuses.
    PoorQuality = 9,
    /// A text that is no credential.
    NotACredential = 10,
    /// A credential sealed with another key.
    UnknownKey = 11,
    /// A credential of another tenant, or one that was changed.
    CredentialRefused = 12,
    /// Voices that cannot be compared: of different models, or a full band with nothing of a telephone's.
    NotComparable = 13,
    /// A threshold that the calibration does not know.
    NoThreshold = 14,
    /// A file that cannot be read.
    File = 15,
    /// A handle that was freed, or never was one, or that a defect made unusable.
    InvalidHandle = 16,
    /// Another thread is using this handle.
    Busy = 17,
    /// The program was compiled for another version of the interface.
    AbiMismatch = 18,
    /// A buffer that is too small; how much is needed has been written.
    BufferTooSmall = 19,
    /// A defect of the library, or a system without random numbers.
    Internal = 20,
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Engine(#[from] Error),
    #[error(transparent)]
    Handle(#[from] HandleError),
    #[error("{0} is NULL")]
    Null(&'static str),
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    #[error(
        "the program was compiled for version {0} of the interface, and the library has version {ABI_VERSION}"
    )]
    Abi(u32),
    #[error("{0} bytes are needed")]
    BufferTooSmall(usize),
}

impl Failure {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::Engine(error) => of_reason(error.reason()),
            Self::Handle(HandleError::Dead(_) | HandleError::Broken(_)) => Outcome::InvalidHandle,
            Self::Handle(HandleError::Busy(_)) => Outcome::Busy,
            Self::Handle(HandleError::Full(_)) => Outcome::Internal,
            Self::Null(_) | Self::NotUtf8(_) => Outcome::InvalidArgument,
            Self::Abi(_) => Outcome::AbiMismatch,
            Self::BufferTooSmall(_) => Outcome::BufferTooSmall,
        }
    }
}

const fn of_reason(reason: Reason) -> Outcome {
    match reason {
        Reason::InvalidArgument => Outcome::InvalidArgument,
        Reason::ModelsNotFound => Outcome::ModelsNotFound,
        Reason::ModelsInvalid => Outcome::ModelsInvalid,
        Reason::UnsupportedFormat => Outcome::UnsupportedFormat,
        Reason::NarrowBand => Outcome::NarrowBand,
        Reason::CodecMismatch => Outcome::CodecMismatch,
        Reason::InvalidAudio => Outcome::InvalidAudio,
        Reason::TooLittleSpeech => Outcome::TooLittleSpeech,
        Reason::PoorQuality => Outcome::PoorQuality,
        Reason::NotACredential => Outcome::NotACredential,
        Reason::UnknownKey => Outcome::UnknownKey,
        Reason::CredentialRefused => Outcome::CredentialRefused,
        Reason::NotComparable => Outcome::NotComparable,
        Reason::NoThreshold => Outcome::NoThreshold,
        Reason::File => Outcome::File,
        Reason::Internal => Outcome::Internal,
    }
}

/// Does the work of a call; what goes wrong, defects included, becomes a result and its words.
pub(crate) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Outcome {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Outcome::Ok,
        Ok(Err(failure)) => {
            text::keep(&failure);
            failure.outcome()
        }
        Err(_) => {
            text::keep(&"a defect of the library: please report it with what standard error says");
            Outcome::Internal
        }
    }
}

pub(crate) fn argument(name: &str, found: &dyn fmt::Display, accepted: &str) -> Failure {
    Error::Argument(format!("{name} is {found}; use {accepted}")).into()
}

/// The words for the last call of this thread that failed, in UTF-8; empty if none has. Valid until the next failure of this thread.
/// Never holds audio, a voice, a key or a credential.
///
/// Any thread: each has its own words.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_error_text() -> *const c_char {
    text::last()
}

/// The name of a result, such as "too_little_speech"; "unknown" for a number that is none. The same names in every language.
///
/// Any thread, at any time. Real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_result_name(result: i32) -> *const c_char {
    let name = match result {
        0 => c"ok",
        1 => c"invalid_argument",
        2 => c"models_not_found",
        3 => c"models_invalid",
        4 => c"unsupported_format",
        5 => c"narrow_band",
        6 => c"codec_mismatch",
        7 => c"invalid_audio",
        8 => c"too_little_speech",
        9 => c"poor_quality",
        10 => c"not_a_credential",
        11 => c"unknown_key",
        12 => c"credential_refused",
        13 => c"not_comparable",
        14 => c"no_threshold",
        15 => c"file",
        16 => c"invalid_handle",
        17 => c"busy",
        18 => c"abi_mismatch",
        19 => c"buffer_too_small",
        20 => c"internal",
        _ => c"unknown",
    };
    name.as_ptr()
}
