//! The manifest of installed models: its text enters, identities and file names leave.

use std::{fmt, thread};

use serde::Deserialize;
use sha2::{Digest, Sha224};

use super::{LoadError, Source};
use crate::ModelHash;

const FILE: &str = "manifest.toml";

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    SpeakerEmbedding,
    SpeechDetection,
    Authenticity,
}

impl Job {
    const fn name(self) -> &'static str {
        match self {
            Self::SpeakerEmbedding => "speaker-embedding",
            Self::SpeechDetection => "speech-detection",
            Self::Authenticity => "authenticity",
        }
    }
}

/// A model that is in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelInfo {
    /// SHA-224 of the file that defines it.
    pub hash: ModelHash,
    /// Such as `campplus`.
    pub name: String,
    /// What it is for: `speaker-embedding`, `speech-detection` or `authenticity`.
    pub job: &'static str,
    /// Day of its publication, ISO 8601.
    pub date: String,
    /// SPDX expression.
    pub licence: String,
    /// Installed file.
    pub(crate) file: String,
    /// Installed golden vectors.
    pub(crate) golden: String,
}

impl ModelInfo {
    /// What is read from its file, which must be the one whose hash this is.
    pub(crate) fn read<T, E: fmt::Display>(
        &self,
        source: &Source<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, LoadError> {
        let bytes = source.bytes(&self.file)?;
        // Hashing takes about as long as reading: both at once, where there is a thread to be had.
        let (identity, content) = thread::scope(|scope| {
            let hashing = thread::Builder::new().spawn_scoped(scope, || self.check_identity(&bytes));
            let content = read(&bytes);
            let identity = match hashing {
                Ok(hashing) => hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(_) => self.check_identity(&bytes),
            };
            (identity, content)
        });
        identity?;
        content.map_err(|error| LoadError::invalid(&self.file, error))
    }

    fn check_identity(&self, bytes: &[u8]) -> Result<(), LoadError> {
        let found = ModelHash::from_bytes(Sha224::digest(bytes).into());
        if found == self.hash {
            return Ok(());
        }
        Err(LoadError::Identity {
            file: self.file.clone(),
            found: found.to_string(),
            expected: self.hash.to_string(),
        })
    }
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    job: Job,
    date: String,
    file: String,
    sha224: String,
    golden: String,
    spdx: String,
}

#[derive(Debug, Deserialize)]
struct Document {
    model: Vec<Entry>,
}

/// The models of an installation, oldest first.
#[derive(Debug)]
pub(crate) struct Manifest {
    models: Vec<(Job, ModelInfo)>,
}

impl Manifest {
    pub(crate) fn read(source: &Source<'_>) -> Result<Self, LoadError> {
        let document: Document =
            toml::from_str(&source.text(FILE)?).map_err(|error| LoadError::invalid(FILE, error))?;
        let models = document.model.into_iter().map(|entry| {
            let hash = entry.sha224.parse().map_err(|error| LoadError::invalid(FILE, error))?;
            let Entry { name, job, date, file, golden, spdx: licence, .. } = entry;
            Ok((job, ModelInfo { hash, name, job: job.name(), date, licence, file, golden }))
        });
        Ok(Self { models: models.collect::<Result<_, LoadError>>()? })
    }

    /// The one model of that job.
    pub(crate) fn the(&self, job: Job) -> Result<ModelInfo, LoadError> {
        let mut of_job = self.models.iter().filter(|(theirs, _)| *theirs == job);
        match (of_job.next(), of_job.next()) {
            (Some((_, info)), None) => Ok(info.clone()),
            (None, _) => Err(LoadError::invalid(FILE, format!("it names no model for {}", job.name()))),
            (Some(_), Some(_)) => {
                Err(LoadError::invalid(FILE, format!("it names several models for {}", job.name())))
            }
        }
    }
}
