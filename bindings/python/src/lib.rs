//! `peakstream._engine`: arrays, bytes and paths of Python enter, scores, arrays and exceptions leave.
//!
//! What users import, with its documentation, is `python/peakstream/`. Heavy work runs without the interpreter's lock.
#![forbid(unsafe_code)]

mod audio;
mod calibration;
mod call;
mod credential;
mod engine;
mod evaluation;
mod raised;
mod speech;

// Without the interpreter's lock, where there is such an interpreter: every class is frozen and `Sync`, and the one that changes, `CallStream`,
// refuses a second thread.
#[pyo3::pymodule(gil_used = false)]
mod _engine {
    use peakstream_bindings::Reason;
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::audio::{decode, encode, load_audio, resample};
    #[pymodule_export]
    use crate::calibration::Calibration;
    #[pymodule_export]
    use crate::call::{CallStream, Status};
    #[pymodule_export]
    use crate::credential::{Credential, CredentialKey};
    #[pymodule_export]
    use crate::engine::{Authenticity, Engine, Registration, Verification};
    #[pymodule_export]
    use crate::evaluation::{Evaluation, evaluate};
    #[pymodule_export]
    use crate::speech::{Quality, Shortfall, Speech};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("REASONS", Reason::ALL.map(Reason::name))
    }
}
