//! Arrays, files and bytes enter; one channel of 16-bit samples at a known rate leaves.

use std::path::PathBuf;

use numpy::{
    PyArray1, PyArrayDescr, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn,
    PyUntypedArray, PyUntypedArrayMethods, ToPyArray,
};
use peakstream::{AudioFormat, Codec, Encoding, FormatFields, SampleRate};
use peakstream_bindings::Error;
use peakstream_bindings::audio_file::{self, RATES, ReadOptions};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use crate::raised::{raised, wrong_type, wrong_value};

/// More channels than recordings have: such an array is one of (channels, samples).
const MOST_CHANNELS: usize = 8;

/// One channel of audio.
pub(crate) struct Sound {
    pub(crate) samples: Vec<i16>,
    pub(crate) rate: u32,
}

impl Sound {
    /// The audio that an argument means: an array with its rate, or a file.
    pub(crate) fn of(audio: &Bound<'_, PyAny>, sample_rate: Option<u32>, channel: u16) -> PyResult<Self> {
        if let Ok(path) = audio.extract::<PathBuf>() {
            if sample_rate.is_some() {
                return Err(wrong_value(format!(
                    "sample_rate: {} says it itself; leave it out",
                    path.display()
                )));
            }
            let py = audio.py();
            return py.detach(|| Self::read(&path, channel)).map_err(|error| raised(&error));
        }
        let rate =
            sample_rate.ok_or_else(|| wrong_value("sample_rate is needed with an array".to_owned()))?;
        check_rate("sample_rate", rate)?;
        Ok(Self { samples: samples(audio, channel)?, rate })
    }

    pub(crate) fn read(path: &std::path::Path, channel: u16) -> Result<Self, Error> {
        let recording = audio_file::read(path, &ReadOptions { raw: None, channel })?;
        let rate = recording.rate();
        Ok(Self { samples: recording.samples().to_vec(), rate })
    }

    /// The same audio at another rate.
    pub(crate) fn at(self, rate: SampleRate) -> Result<Vec<i16>, Error> {
        self.at_hz(rate.hz())
    }

    fn at_hz(self, rate: u32) -> Result<Vec<i16>, Error> {
        if self.rate == rate {
            return Ok(self.samples);
        }
        audio_file::resample(&self.samples, self.rate, rate)
            .ok_or_else(|| Error::Argument(format!("{} Hz cannot be converted to {rate} Hz", self.rate)))
    }
}

fn check_rate(name: &str, rate: u32) -> PyResult<()> {
    if RATES.contains(&rate) {
        return Ok(());
    }
    let (least, most) = (RATES.start(), RATES.end());
    Err(wrong_value(format!("{name} is {rate}; use {least} to {most} Hz")))
}

/// One channel of an array of samples.
pub(crate) fn samples(audio: &Bound<'_, PyAny>, channel: u16) -> PyResult<Vec<i16>> {
    if let Ok(array) = audio.extract::<PyReadonlyArrayDyn<'_, i16>>() {
        return one_channel(&array, channel, Some);
    }
    if let Ok(array) = audio.extract::<PyReadonlyArrayDyn<'_, f32>>() {
        return one_channel(&array, channel, |sample| linear(sample.into()));
    }
    if let Ok(array) = audio.extract::<PyReadonlyArrayDyn<'_, f64>>() {
        return one_channel(&array, channel, linear);
    }
    let accepted = "a numpy array of float32 or float64 (full scale -1 to 1) or int16";
    match audio.getattr("dtype") {
        Ok(dtype) => Err(pyo3::exceptions::PyTypeError::new_err(format!(
            "audio: {accepted} expected, got one of {dtype}"
        ))),
        Err(_) => Err(wrong_type("audio", &format!("{accepted}, or the path of a recording,"), audio)),
    }
}

/// Full scale is 1; louder is clipped, as in any 16-bit recording.
fn linear(sample: f64) -> Option<i16> {
    sample.is_finite().then(|| (sample * 32_768.0).round() as i16)
}

fn one_channel<T: numpy::Element + Copy>(
    array: &PyReadonlyArrayDyn<'_, T>,
    channel: u16,
    convert: impl Fn(T) -> Option<i16>,
) -> PyResult<Vec<i16>> {
    let shape = array.shape().to_vec();
    let (frames, channels) = match *shape.as_slice() {
        [frames] => (frames, 1),
        [frames, channels] if channels <= MOST_CHANNELS => (frames, channels),
        [_, channels] => {
            return Err(wrong_value(format!(
                "audio has shape {shape:?}: (samples, channels) expected, and {channels} channels are too many; transpose it"
            )));
        }
        _ => {
            return Err(wrong_value(format!(
                "audio has shape {shape:?}: (samples,) or (samples, channels) expected"
            )));
        }
    };
    let wanted = match usize::from(channel).checked_sub(1) {
        Some(index) if index < channels => index,
        _ => {
            return Err(wrong_value(format!(
                "channel is {channel}, and the audio has {channels}, counted from 1"
            )));
        }
    };
    if frames == 0 {
        return Err(wrong_value("audio is empty".to_owned()));
    }
    let view = array.as_array();
    let mut found = Vec::with_capacity(frames);
    for (at, &sample) in view.iter().skip(wanted).step_by(channels).enumerate() {
        let sample = convert(sample);
        found.push(sample.ok_or_else(|| wrong_value(format!("audio is not finite at sample {at}")))?);
    }
    Ok(found)
}

/// Which encoding a codec's name means.
fn encoding(codec: &str, sample_format: &str) -> PyResult<Encoding> {
    let fields = FormatFields {
        audio_format: "raw",
        audio_codec: codec,
        sample_format,
        sample_rate: 8_000,
        channels: 1,
        channel: 1,
    };
    match AudioFormat::parse(&fields).map_err(|errors| raised(&Error::Format(errors)))?.codec() {
        Codec::Samples(encoding) => Ok(encoding),
        _ => Err(wrong_value(format!(
            "codec {codec:?} is not written sample by sample; use \"mulaw\", \"alaw\" or \"pcm\""
        ))),
    }
}

/// Writes samples as a carrier would send them.
///
/// samples: int16 or float (full scale -1 to 1), of shape (samples,). codec: "mulaw", "alaw" or "pcm" (sample_format "s16le", "s16be" or
/// "f32le").
///
/// >>> import numpy, peakstream
/// >>> peakstream.encode(numpy.array([0, 1000, -1000], numpy.int16), "mulaw").hex()
/// 'ffce4e'
#[pyfunction]
#[pyo3(signature = (samples, codec, sample_format=""))]
pub(crate) fn encode<'py>(
    samples: &Bound<'py, PyAny>,
    codec: &str,
    sample_format: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut bytes = Vec::new();
    peakstream::audio::encode(&self::samples(samples, 1)?, encoding(codec, sample_format)?, &mut bytes);
    Ok(PyBytes::new(samples.py(), &bytes))
}

/// Reads samples as a carrier sends them: int16, of shape (samples,). The names are those of encode.
///
/// >>> import peakstream
/// >>> peakstream.decode(bytes([0xFF, 0x00, 0x80]), "mulaw").tolist()
/// [0, -32124, 32124]
#[pyfunction]
#[pyo3(signature = (data, codec, sample_format=""))]
pub(crate) fn decode<'py>(
    py: Python<'py>,
    data: &[u8],
    codec: &str,
    sample_format: &str,
) -> PyResult<Bound<'py, PyArray1<i16>>> {
    let mut samples = Vec::new();
    peakstream::audio::decode(data, encoding(codec, sample_format)?, &mut samples);
    Ok(samples.to_pyarray(py))
}

/// One channel, counted from 1, of a recording (WAV, FLAC, MP3, Ogg Opus): samples (int16, of shape (samples,)) and their rate in Hz.
#[pyfunction]
#[pyo3(signature = (path, *, channel=1))]
pub(crate) fn load_audio(
    py: Python<'_>,
    path: PathBuf,
    channel: u16,
) -> PyResult<(Bound<'_, PyArray1<i16>>, u32)> {
    let sound = py.detach(|| Sound::read(&path, channel)).map_err(|error| raised(&error))?;
    Ok((sound.samples.to_pyarray(py), sound.rate))
}

/// The same audio at another rate, not delayed: int16, of shape (samples,).
///
/// samples: int16 or float (full scale -1 to 1), of shape (samples,) or (samples, channels). sample_rate: theirs, wanted: that of the result,
/// both in Hz, 4,000 to 384,000. channel: which of several is taken, counted from 1.
///
/// >>> import numpy, peakstream
/// >>> len(peakstream.resample(numpy.zeros(441, numpy.int16), 44100, 16000))
/// 160
#[pyfunction]
#[pyo3(signature = (samples, sample_rate, wanted, *, channel=1))]
pub(crate) fn resample<'py>(
    samples: &Bound<'py, PyAny>,
    sample_rate: u32,
    wanted: u32,
    channel: u16,
) -> PyResult<Bound<'py, PyArray1<i16>>> {
    let py = samples.py();
    check_rate("wanted", wanted)?;
    check_rate("sample_rate", sample_rate)?;
    let sound = Sound { samples: self::samples(samples, channel)?, rate: sample_rate };
    let converted = py.detach(|| sound.at_hz(wanted)).map_err(|error| raised(&error))?;
    Ok(converted.to_pyarray(py))
}

/// The bytes of an argument: bytes and long arrays as they lie in memory; of another buffer, a short array, or one that is not contiguous, a
/// copy. An array has to pass `fits` first.
pub(crate) fn with_bytes<R>(
    data: &Bound<'_, PyAny>,
    fits: impl FnOnce(&Bound<'_, PyArrayDescr>) -> PyResult<()>,
    work: impl FnOnce(&[u8]) -> R,
) -> PyResult<R> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(work(bytes.as_bytes()));
    }
    if let Ok(array) = data.cast::<PyUntypedArray>() {
        let dtype = array.dtype();
        fits(&dtype)?;
        return with_bytes_of_array(array, &dtype, work);
    }
    let view = PyMemoryView::from(data).ok();
    // A scalar of numpy is a buffer too, without dimensions.
    let view = view.filter(|view| view.getattr("ndim").is_ok_and(|ndim| ndim.is_truthy().unwrap_or(false)));
    let view = view.ok_or_else(|| wrong_type("data", "bytes, or an array,", data))?;
    Ok(work(view.call_method0("tobytes")?.cast::<PyBytes>()?.as_bytes()))
}

fn with_bytes_of_array<R>(
    array: &Bound<'_, PyUntypedArray>,
    dtype: &Bound<'_, PyArrayDescr>,
    work: impl FnOnce(&[u8]) -> R,
) -> PyResult<R> {
    let layout = (dtype.kind(), dtype.itemsize());
    if array.is_c_contiguous() {
        if layout == (b'u', 1)
            && let Ok(bytes) = array.cast::<PyArrayDyn<u8>>()
        {
            return lying(bytes, work);
        }
        if layout == (b'i', 2)
            && let Ok(samples) = array.cast::<PyArrayDyn<i16>>()
        {
            return lying(samples, work);
        }
        if layout == (b'f', 4)
            && let Ok(samples) = array.cast::<PyArrayDyn<f32>>()
        {
            return lying(samples, work);
        }
    }
    // The other byte order, or strides.
    Ok(work(array.call_method0("tobytes")?.cast::<PyBytes>()?.as_bytes()))
}

/// From so many bytes on, borrowing an array from numpy costs less than copying it.
const LONG: usize = 4_096;

/// A contiguous array as it lies in memory.
fn lying<T: numpy::Element + bytemuck::NoUninit, R>(
    array: &Bound<'_, PyArrayDyn<T>>,
    work: impl FnOnce(&[u8]) -> R,
) -> PyResult<R> {
    if array.len() * size_of::<T>() < LONG {
        return Ok(work(bytemuck::cast_slice(&array.to_vec()?)));
    }
    let array = array.try_readonly()?;
    Ok(work(bytemuck::cast_slice(array.as_slice()?)))
}
