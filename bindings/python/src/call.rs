//! A live call: bytes or arrays enter, statuses leave while it talks, and its speech at the end.

use std::sync::Mutex;

use numpy::{PyArrayDescr, PyArrayDescrMethods};
use peakstream::{CallStream as Stream, Codec, Encoding};
use peakstream_bindings::{Error, Status as Progress, push};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use crate::audio::with_bytes;
use crate::raised::raised;
use crate::speech::Speech;

/// From so many bytes on, other threads of Python may run meanwhile; for less, letting them costs more than the work.
const LONG: usize = 8_000;

/// How far a call is.
#[pyclass(module = "peakstream", frozen, get_all)]
#[derive(Clone, Copy)]
pub(crate) struct Status {
    /// Seconds of speech collected; never decreases.
    net_speech: f64,
    /// Seconds received, speech or not.
    audio: f64,
    /// Net speech of what was asked for, truncated, not capped.
    percentage: u32,
    /// Whether all that was asked for is there.
    enough: bool,
    /// Whether a moment at which that is decided (every 0.512 s) lay in the bytes pushed.
    boundary: bool,
}

#[pymethods]
impl Status {
    fn __repr__(&self) -> String {
        let Self { net_speech, audio, percentage, enough, .. } = self;
        let enough = if *enough { ", enough" } else { "" };
        format!("Status({net_speech:.2} s of speech in {audio:.2} s of audio, {percentage} %{enough})")
    }
}

impl From<Progress> for Status {
    fn from(Progress { net_speech, audio, percentage, enough, boundary }: Progress) -> Self {
        Self { net_speech, audio, percentage, enough, boundary }
    }
}

/// A live call: push its bytes, ask for its status, finish it. Made by Engine.open; closed by `with`, which wipes what it collected.
///
/// One thread at a time.
#[pyclass(module = "peakstream", frozen)]
pub(crate) struct CallStream {
    /// `None` once it is finished. In a box: Python aligns its objects to 16 bytes, and this begins with a cache line.
    stream: Mutex<Option<Box<Stream>>>,
}

const _: () = assert!(align_of::<CallStream>() <= 16);

impl CallStream {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream: Mutex::new(Some(Box::new(stream))) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Option<Box<Stream>>) -> PyResult<R>) -> PyResult<R> {
        // Two threads in one call would mix up its audio.
        let busy = || PyRuntimeError::new_err("another thread is using this call");
        work(&mut *self.stream.try_lock().map_err(|_| busy())?)
    }
}

fn over() -> PyErr {
    PyRuntimeError::new_err("this call is finished")
}

/// An array's samples have to be those of the codec, or bytes.
fn fits(dtype: &Bound<'_, PyArrayDescr>, codec: Codec) -> PyResult<()> {
    let is_big_endian = match dtype.byteorder() {
        b'<' => false,
        b'>' => true,
        _ => cfg!(target_endian = "big"),
    };
    let (wanted, fits) = match (dtype.kind(), dtype.itemsize()) {
        (b'u', 1) => return Ok(()),
        layout => match codec {
            Codec::Samples(Encoding::Linear16Le) => ("<i2", layout == (b'i', 2) && !is_big_endian),
            Codec::Samples(Encoding::Linear16Be) => (">i2", layout == (b'i', 2) && is_big_endian),
            Codec::Samples(Encoding::Float32Le) => ("<f4", layout == (b'f', 4) && !is_big_endian),
            _ => ("|u1", false),
        },
    };
    if fits {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "data is an array of {dtype}, and the call was opened for {codec:?}: an array of {wanted:?} or bytes expected"
    )))
}

#[pymethods]
impl CallStream {
    /// Takes the next bytes, cut anywhere: bytes, an array of the samples as the call was opened for, or another buffer. Bytes are not copied, nor
    /// is a contiguous array from 4 kB on. Of Opus without Ogg, one packet a call; an empty one was lost. When there is enough speech, they
    /// are taken without effect.
    fn push(&self, data: &Bound<'_, PyAny>) -> PyResult<Status> {
        let py = data.py();
        let pushed = self.with(|held| {
            let stream = held.as_mut().ok_or_else(over)?;
            let codec = stream.declared().codec();
            let pushed = |bytes: &[u8]| match bytes.len() < LONG {
                true => push(stream, bytes),
                false => py.detach(|| push(stream, bytes)),
            };
            with_bytes(data, |dtype| fits(dtype, codec), pushed)
        })?;
        let status = Status::from(pushed.status);
        pushed.fault.map_or(Ok(status), |fault| Err(raised(&Error::Fault(fault))))
    }

    /// How far the call is.
    #[getter]
    fn status(&self) -> PyResult<Status> {
        self.with(|held| held.as_ref().map(|stream| Progress::of(stream).into()).ok_or_else(over))
    }

    /// Ends the call and gives its speech.
    fn finish(&self) -> PyResult<Speech> {
        self.with(|held| held.take().map(|stream| Speech::new(stream.finish())).ok_or_else(over))
    }

    /// Ends the call; what it collected is wiped.
    fn close(&self) -> PyResult<()> {
        self.with(|held| {
            drop(held.take());
            Ok(())
        })
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close()
    }

    fn __repr__(&self) -> String {
        match self.status() {
            Ok(status) => format!("CallStream({})", status.__repr__()),
            Err(_) => "CallStream(finished)".to_owned(),
        }
    }
}
