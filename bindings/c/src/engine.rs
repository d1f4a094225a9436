//! A folder of models enters; an engine leaves, which all threads share.

use std::ffi::c_char;
use std::path::Path;

use peakstream::{EngineOptions, Precision as EnginePrecision};
use peakstream_bindings::{Error, model_dir};

use crate::border::{clear, needed, number, optional, pointer, write};
use crate::channel::channel_type;
use crate::handles::{Handles, Kind};
use crate::outcome::{Failure, Outcome, argument, guard};
use crate::version::ABI_VERSION;

/// Models, loaded and proved. Shared by all threads.
#[derive(Debug)]
pub struct Engine {
    _private: [u8; 0],
}

/// What the speaker network is computed in. Voices of both can be compared with each other.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floating point: the most exact, on every machine.
    F32 = 0,
    /// Bytes: less than half the time, scores move a little; needs AVX-512 VNNI.
    Int8 = 1,
}

pub(crate) static ENGINES: Handles<peakstream::Engine> = Handles::new(Kind { name: "engine", number: 1 });

/// Loads the models and proves them by their golden vectors. Takes about a second; 0.2 GiB of memory, and 4 MB for each second of the
/// longest speech and each thread that decides at the same time as others. Load one, share it.
///
/// abi_version: PEAKSTREAM_ABI_VERSION, always. models: the folder of the models; NULL looks where the command line looks: the
/// environment's PEAKSTREAM_MODELS, models/installed below the current folder, the user's data folder.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// models: NULL or ended by a zero. engine: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_engine_load(
    abi_version: u32,
    models: *const c_char,
    engine: *mut *mut Engine,
) -> Outcome {
    // SAFETY: the caller's promises.
    guard(|| unsafe { load(abi_version, models, Precision::F32 as u32, engine) })
}

/// Loads as peakstream_engine_load does, with a speaker network of another precision.
///
/// precision: one of peakstream_precision. PEAKSTREAM_PRECISION_INT8 on a machine that has no AVX-512 VNNI is refused as
/// PEAKSTREAM_RESULT_INVALID_ARGUMENT, and the words say what is missing: load PEAKSTREAM_PRECISION_F32 then.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// As of peakstream_engine_load.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_engine_load_with(
    abi_version: u32,
    models: *const c_char,
    precision: u32,
    engine: *mut *mut Engine,
) -> Outcome {
    // SAFETY: the caller's promises.
    guard(|| unsafe { load(abi_version, models, precision, engine) })
}

fn engine_precision(precision: u32) -> Result<EnginePrecision, Failure> {
    match precision {
        precision if precision == Precision::F32 as u32 => Ok(EnginePrecision::F32),
        precision if precision == Precision::Int8 as u32 => Ok(EnginePrecision::Int8),
        other => Err(argument("precision", &other, "PEAKSTREAM_PRECISION_F32 or _INT8")),
    }
}

/// # Safety
/// As of [`peakstream_engine_load_with`].
unsafe fn load(
    abi_version: u32,
    models: *const c_char,
    precision: u32,
    engine: *mut *mut Engine,
) -> Result<(), Failure> {
    if abi_version != ABI_VERSION {
        return Err(Failure::Abi(abi_version));
    }
    // SAFETY: the caller's promises.
    let models = unsafe {
        clear(engine, "engine")?;
        optional(models, "models")?
    };
    let options = EngineOptions { precision: engine_precision(precision)?, ..EngineOptions::default() };
    let loaded = model_dir::load_engine(models.map(Path::new), options).map_err(Error::from)?;
    let handle = ENGINES.insert(loaded)?;
    // SAFETY: the caller's promise.
    unsafe { write(engine, pointer(handle), "engine") }
}

/// Gives an engine back. Streams, speech and credentials that came of it live on; NULL is nothing.
///
/// Any thread, also while others use it: the memory goes with the last of them. Not real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_engine_free(engine: *mut Engine) -> Outcome {
    guard(|| {
        if !engine.is_null() {
            drop(ENGINES.take_shared(number(engine))?);
        }
        Ok(())
    })
}

/// The score from which a voice is accepted, for a share of impostors that reach it: point is "far=1%", "far=0.1%" or what else the
/// calibration was measured for. registered and heard: the channel of either side, of peakstream_channel.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// point: ended by a zero. score: room for a double.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_engine_threshold(
    engine: *const Engine,
    point: *const c_char,
    registered: u32,
    heard: u32,
    score: *mut f64,
) -> Outcome {
    guard(|| {
        let engine = ENGINES.shared(number(engine))?;
        // SAFETY: the caller's promise.
        let point = unsafe { needed(point, "point") }?;
        let point = point.parse().map_err(|error| Error::Argument(format!("point: {error}")))?;
        let calibration = engine.calibration_between(channel_type(registered)?, channel_type(heard)?);
        let found = calibration.threshold(point, peakstream::Voices::Whole).map_err(Error::from)?;
        // SAFETY: the caller's promise.
        unsafe { write(score, found.value(), "score") }
    })
}
