//! The models: installed files enter, networks that have proved their golden vectors leave.

pub mod authenticity;
mod campplus;
pub(crate) mod golden;
mod graph_file;
mod image;
mod manifest;
mod precision;
pub mod speaker;
pub(crate) mod tensors;
mod windows;
mod workspaces;

pub use manifest::ModelInfo;
pub(crate) use manifest::{Job, Manifest};
pub use precision::{Precision, PrecisionError};
pub use speaker::Template;

/// Called now and then by a thread on its way through a long computation: between two layers of the speaker network. What it does delays the result
/// and does not change it; it may compute something else, by the same engine too.
pub type Pause<'a> = &'a dyn Fn();

/// The pause of a computation that nothing else waits for.
pub(crate) const NO_PAUSE: Pause<'static> = &|| ();

/// Why no engine can be made of the installed files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{file}: {source}; run `make models` to install it")]
    Read {
        /// Name inside the folder of models.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file} cannot be used: {reason}; run `make models` to install it again")]
    Invalid {
        /// Name inside the folder of models.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A model file is not the one the manifest describes.
    #[error(
        "{file} has SHA-224 {found}, the manifest says {expected}; run `make models` to install it again"
    )]
    Identity {
        /// Name inside the folder of models.
        file: String,
        /// Of the file.
        found: String,
        /// Of the manifest.
        expected: String,
    },
    /// A model does not compute what it should: on this machine its scores would mean nothing.
    #[error(
        "{model} does not reproduce its golden vector {case:?}: {quantity} differ by {difference:.1e}, allowed are {tolerance:.0e}"
    )]
    NotReproduced {
        /// The model's name.
        model: String,
        /// Name of the golden vector.
        case: String,
        /// What was compared.
        quantity: &'static str,
        /// Largest absolute difference.
        difference: f64,
        /// Largest difference allowed.
        tolerance: f64,
    },
    /// The environment asks for inner loops that cannot be had.
    #[error(transparent)]
    Cpu(#[from] crate::CpuLevelError),
    /// The options ask for a precision that cannot be had.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
}

impl LoadError {
    pub(crate) fn invalid(file: &str, reason: impl std::fmt::Display) -> Self {
        Self::Invalid { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// Reads installed files by name.
pub(crate) struct Source<'a> {
    pub(crate) read: &'a dyn Fn(&str) -> std::io::Result<Vec<u8>>,
}

impl Source<'_> {
    pub(crate) fn bytes(&self, file: &str) -> Result<Vec<u8>, LoadError> {
        (self.read)(file).map_err(|source| LoadError::Read { file: file.to_owned(), source })
    }

    pub(crate) fn text(&self, file: &str) -> Result<String, LoadError> {
        String::from_utf8(self.bytes(file)?).map_err(|error| LoadError::invalid(file, error))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, file: &str) -> Result<T, LoadError> {
        serde_json::from_slice(&self.bytes(file)?).map_err(|error| LoadError::invalid(file, error))
    }
}
