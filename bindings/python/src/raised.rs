//! What went wrong enters; the exception of `peakstream.errors` for its reason leaves.

use peakstream_bindings::Error;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error, or what went wrong while it was made.
pub(crate) fn raised(error: &Error) -> PyErr {
    Python::attach(|py| {
        let made = || -> PyResult<PyErr> {
            let classes = py.import("peakstream.errors")?.getattr("BY_REASON")?;
            let class = classes.get_item(error.reason().name())?;
            Ok(PyErr::from_value(class.call1((error.to_string(),))?))
        };
        made().unwrap_or_else(|failure| failure)
    })
}

/// A value that is of the wrong type: what was expected, and what came.
pub(crate) fn wrong_type(what: &str, expected: &str, found: &Bound<'_, PyAny>) -> PyErr {
    let name =
        found.get_type().fully_qualified_name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{what}: {expected} expected, got {name}"))
}

/// A value that cannot be used: which, and what is accepted.
pub(crate) fn wrong_value(text: String) -> PyErr {
    PyValueError::new_err(text)
}
