//! Keys and credentials, as Python has them.

use std::sync::Arc;

use numpy::{PyArray1, ToPyArray};
use peakstream::Template;
use peakstream::credential::{self as sealed, CredentialKeys};
use peakstream_bindings::DEFAULT_TENANT;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::channel_name;
use crate::raised::{raised, wrong_type, wrong_value};

/// A secret that seals credentials. Keep it: what it sealed cannot be opened without it.
///
/// id: 8 bytes, random, not secret. secret: 32 bytes.
///
/// >>> import peakstream
/// >>> key = peakstream.CredentialKey.generate()
/// >>> len(key.id), len(key.secret)
/// (8, 32)
#[pyclass(module = "peakstream", frozen)]
#[derive(Clone)]
pub(crate) struct CredentialKey {
    id: [u8; 8],
    secret: [u8; 32],
}

fn exactly<const N: usize>(what: &str, bytes: &[u8]) -> PyResult<[u8; N]> {
    bytes.try_into().map_err(|_| wrong_value(format!("{what} has {} bytes; {N} expected", bytes.len())))
}

#[pymethods]
impl CredentialKey {
    #[new]
    fn new(id: &[u8], secret: &[u8]) -> PyResult<Self> {
        Ok(Self { id: exactly("id", id)?, secret: exactly("secret", secret)? })
    }

    /// A new key of the system's random numbers.
    #[staticmethod]
    fn generate() -> PyResult<Self> {
        let (id, secret) = peakstream_bindings::fresh_key().map_err(|error| raised(&error))?;
        Ok(Self { id, secret })
    }

    /// Identity: 8 bytes.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.id)
    }

    /// Secret: 32 bytes.
    #[getter]
    fn secret<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.secret)
    }

    /// Without the secret.
    fn __repr__(&self) -> String {
        let id: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("CredentialKey({id})")
    }
}

/// The keys of an argument: one, or several of which the first seals.
fn keys(argument: &Bound<'_, PyAny>) -> PyResult<CredentialKeys> {
    let key = |key: &CredentialKey| sealed::CredentialKey::new(key.id, key.secret);
    if let Ok(one) = argument.cast::<CredentialKey>() {
        return Ok(CredentialKeys::new(key(one.get()), Vec::new()));
    }
    let wrong = || wrong_type("key", "a CredentialKey or a sequence of them", argument);
    let mut all = Vec::new();
    for one in argument.try_iter().map_err(|_| wrong())? {
        all.push(key(one?.cast::<CredentialKey>().map_err(|_| wrong())?.get()));
    }
    if all.is_empty() {
        return Err(wrong_value("key is empty: at least one is needed".to_owned()));
    }
    let first = all.remove(0);
    Ok(CredentialKeys::new(first, all))
}

/// A registered voice. Biometric data: keep its sealed text, not this.
#[pyclass(module = "peakstream", frozen)]
pub(crate) struct Credential {
    held: Arc<sealed::Credential>,
}

impl Credential {
    pub(crate) fn new(held: sealed::Credential) -> Self {
        Self { held: Arc::new(held) }
    }

    pub(crate) fn template(&self) -> &Template {
        &self.held.template
    }
}

#[pymethods]
impl Credential {
    /// The text that only these keys open again, for this tenant: base64url, 2 to 15 kB. key: one, or several of which the first seals.
    #[pyo3(signature = (key, tenant=DEFAULT_TENANT), text_signature = "($self, key, tenant='default')")]
    fn seal(&self, key: &Bound<'_, PyAny>, tenant: &str) -> PyResult<String> {
        peakstream_bindings::seal(&keys(key)?, tenant, &self.held).map_err(|error| raised(&error))
    }

    /// Opens a text; key: those that may have sealed it.
    #[staticmethod]
    #[pyo3(signature = (text, key, tenant=DEFAULT_TENANT), text_signature = "(text, key, tenant='default')")]
    fn open(text: &str, key: &Bound<'_, PyAny>, tenant: &str) -> PyResult<Self> {
        let held = peakstream_bindings::open(&keys(key)?, tenant, text).map_err(|error| raised(&error))?;
        Ok(Self::new(held))
    }

    /// Seconds since 1970-01-01 UTC.
    #[getter]
    fn created_at(&self) -> u64 {
        self.held.created_at
    }

    /// The calibration in force at registration, such as telephone-channel@1f3a90c2.
    #[getter]
    fn calibration(&self) -> &str {
        &self.held.calibration
    }

    /// The model that made it: 56 hexadecimal digits.
    #[getter]
    fn model(&self) -> String {
        self.template().model().to_string()
    }

    /// "telephone" or "microphone".
    #[getter]
    fn channel_type(&self) -> &'static str {
        channel_name(self.template().channel_type())
    }

    /// The voice: float32, of shape (192,), of length 1.
    fn embedding<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        self.template().values().to_pyarray(py)
    }

    /// Without the voice.
    fn __repr__(&self) -> String {
        format!("Credential({}, created at {})", self.held.calibration, self.held.created_at)
    }
}
