//! The engine as a C library: this file is the whole interface, and `peakstream.h` is made of it.
//!
//! In: pointers, lengths, handles. Out: results. No call panics across the border: a defect becomes [`Outcome::Internal`].

use std::ffi::{CStr, c_char};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use peakstream::credential as sealed;
use peakstream::{
    AttackRate, AudioFormat, CallSpec, CallStream, ChannelType, CollectedSpeech, EngineOptions, FormatFields,
    Gate, Gates, Judgement,
};
use peakstream_bindings::{Error, Heard, Reason, model_dir};
use zeroize::{Zeroize, Zeroizing};

use handles::{HandleError, Handles, Kind};

mod handles;
mod text;

/// Version of this interface. A program passes it to peakstream_engine_load, so that one that was compiled for another
/// version is told so and not answered wrongly.
pub const ABI_VERSION: u32 = 1;

/// Bytes that are always enough for the text of a credential, with its final zero.
pub const CREDENTIAL_TEXT_BYTES: usize = 16_385;

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

/// What the voice comes through: decides the front end and the calibration.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Everything is limited to the telephone band.
    Telephone = 0,
    /// The full band; needs 16 kHz or more.
    Microphone = 1,
}

/// One reason why speech may not carry a decision, or is not judged for authenticity. docs/quality-gates.md has figures and limits.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityGate {
    /// None.
    None = 0,
    /// The bytes are not what was declared.
    CodecMismatch = 1,
    /// Too little speech.
    NetSpeech = 2,
    /// Too much noise.
    SignalNoiseRatio = 3,
    /// Peaks cut off.
    Clipping = 4,
    /// Less than the telephone band.
    BandLimitation = 5,
    /// More than one person talks.
    MultipleSpeakers = 6,
    /// Music.
    Music = 7,
}

impl From<Gate> for QualityGate {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::CodecMismatch => Self::CodecMismatch,
            Gate::NetSpeech => Self::NetSpeech,
            Gate::SignalNoiseRatio => Self::SignalNoiseRatio,
            Gate::Clipping => Self::Clipping,
            Gate::BandLimitation => Self::BandLimitation,
            Gate::MultipleSpeakers => Self::MultipleSpeakers,
            Gate::Music => Self::Music,
            // A gate that this version of the interface has no name for.
            _ => Self::None,
        }
    }
}

/// Models, loaded and proved. Shared by all threads.
#[derive(Debug)]
pub struct Engine {
    _private: [u8; 0],
}

/// One live call. One thread at a time; it may be a different one each time.
#[derive(Debug)]
pub struct Stream {
    _private: [u8; 0],
}

/// The speech that a call has collected. Shared by all threads, never changes. Biometric data: wiped when freed.
#[derive(Debug)]
pub struct Speech {
    _private: [u8; 0],
}

/// A registered voice. Shared by all threads, never changes. Biometric data: wiped when freed.
#[derive(Debug)]
pub struct Credential {
    _private: [u8; 0],
}

/// What the bytes of a call are, and how much speech it is to give. Zero everything, then set what is needed.
#[repr(C)]
#[derive(Debug)]
pub struct Call {
    /// "raw", "wav" (a header in the stream) or "ogg"; NULL is "raw".
    pub container: *const c_char,
    /// "mulaw", "alaw", "pcm", "g722" or "opus".
    pub codec: *const c_char,
    /// Layout of "pcm": "s16le", "s16be" or "f32le"; NULL is "s16le". NULL for the other codecs.
    pub sample_format: *const c_char,
    /// Hertz: 8000, 12000, 16000, 24000, 32000, 44100 or 48000.
    pub sample_rate: u32,
    /// Interleaved channels, 1 or 2; 0 is 1.
    pub channels: u16,
    /// The caller's channel, counted from 1; 0 is 1.
    pub channel: u16,
    /// One of peakstream_channel.
    pub channel_type: u32,
    /// Whether the call goes on although its bytes look like something else than what was declared.
    pub tolerate_mismatch: bool,
    /// Seconds of net speech that are enough, above 0 and at most 120; 5 is a good choice. Memory: 250 kB and 155 kB a second.
    pub seconds: f64,
}

/// How far a call is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Seconds of net speech collected; never decreases.
    pub net_speech: f64,
    /// Seconds of audio received, speech or not.
    pub audio: f64,
    /// Net speech as a percentage of what was asked for, truncated, not capped.
    pub percentage: u32,
    /// Whether the speech asked for is there: finish the call. Decided at every 4,096th sample at 8 kHz, 8,192nd above.
    pub enough: bool,
    /// Whether such a boundary lay in the bytes pushed: a good moment to report.
    pub boundary: bool,
}

/// What some speech says of its speaker.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// Calibrated similarity with the credential, 0 to 1; 0.5 is the point of equal cost. Not a number where nothing was compared.
    pub score: f64,
    /// Posterior probability, 0 to 1, that the voice is live and human, at the attack rate given.
    pub authenticity: f64,
    /// Evidence for that as a natural logarithm; not a number where nothing was judged.
    pub authenticity_llr: f64,
    /// Seconds of net speech it was made of.
    pub net_speech: f64,
    /// Why the authenticity was not judged: one of peakstream_quality_gate, PEAKSTREAM_QUALITY_GATE_NONE if it was.
    pub unjudged: u32,
    /// Quality gates that the speech does not pass, the bit 1 << gate for each.
    pub warnings: u32,
}

/// A secret that seals credentials, and the identity by which they find it again. Both random; the identity is not secret.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Key {
    /// Identity.
    pub id: [u8; 8],
    /// Secret.
    pub secret: [u8; 32],
}

impl fmt::Debug for Key {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a credential says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CredentialInfo {
    /// Seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// One of peakstream_channel.
    pub channel_type: u32,
    /// The model that made it: 56 hexadecimal digits and a zero.
    pub model: [c_char; 57],
    /// The calibration in force at registration, such as "telephone-channel@1f3a90c2", and a zero.
    pub calibration: [c_char; 64],
}

static ENGINES: Handles<peakstream::Engine> = Handles::new(Kind { name: "engine", number: 1 });
static STREAMS: Handles<Box<CallStream>> = Handles::new(Kind { name: "stream", number: 2 });
static SPEECHES: Handles<Arc<CollectedSpeech>> = Handles::new(Kind { name: "speech", number: 3 });
static CREDENTIALS: Handles<Arc<sealed::Credential>> = Handles::new(Kind { name: "credential", number: 4 });

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
enum Failure {
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
fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Outcome {
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

fn argument(name: &str, found: &dyn fmt::Display, accepted: &str) -> Failure {
    Error::Argument(format!("{name} is {found}; use {accepted}")).into()
}

/// A text of the caller; `None` for NULL.
///
/// # Safety
/// `text` is NULL or ended by a zero, and stays as it is for `'a`.
unsafe fn optional<'a>(text: *const c_char, name: &'static str) -> Result<Option<&'a str>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Failure::NotUtf8(name))
}

/// A text of the caller.
///
/// # Safety
/// As of [`optional`].
unsafe fn needed<'a>(text: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise.
    unsafe { optional(text, name) }?.ok_or(Failure::Null(name))
}

/// Bytes of the caller; NULL is nothing if there are none of them.
///
/// # Safety
/// `items` points to `count` of them, or `count` is 0, and they stay as they are for `'a`.
unsafe fn slice<'a, T>(items: *const T, count: usize, name: &'static str) -> Result<&'a [T], Failure> {
    match (items.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::Null(name)),
        // A slice cannot be longer than the address space is.
        (false, _) if count > isize::MAX as usize / size_of::<T>().max(1) => {
            Err(argument(name, &count, "a length that memory can have"))
        }
        // SAFETY: the caller's promise; neither NULL nor too long.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(items, count) }),
    }
}

/// Writes through a pointer of the caller.
///
/// # Safety
/// `to` is NULL or points to room for a `T`.
unsafe fn write<T>(to: *mut T, value: T, name: &'static str) -> Result<(), Failure> {
    if to.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: the caller's promise, and not NULL. What was there is not read: it may be nothing yet.
    unsafe { to.write(value) };
    Ok(())
}

/// Where a handle is to be written, set to NULL so that a call that fails leaves nothing behind that looks like one.
///
/// # Safety
/// As of [`write`].
unsafe fn clear<T>(handle: *mut *mut T, name: &'static str) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    unsafe { write(handle, ptr::null_mut(), name) }
}

/// A handle as C sees it: a pointer that points nowhere.
const fn pointer<T>(handle: u64) -> *mut T {
    const { assert!(size_of::<usize>() == size_of::<u64>(), "handles need 64 bits") };
    ptr::without_provenance_mut(handle as usize)
}

fn number<T>(handle: *const T) -> u64 {
    handle.addr() as u64
}

fn channel_type(channel: u32) -> Result<ChannelType, Failure> {
    match channel {
        channel if channel == Channel::Telephone as u32 => Ok(ChannelType::Telephone),
        channel if channel == Channel::Microphone as u32 => Ok(ChannelType::Microphone),
        other => Err(argument("channel_type", &other, "PEAKSTREAM_CHANNEL_TELEPHONE or _MICROPHONE")),
    }
}

const fn channel(channel_type: ChannelType) -> Channel {
    match channel_type {
        ChannelType::Telephone => Channel::Telephone,
        ChannelType::Microphone => Channel::Microphone,
    }
}

/// The version of the interface that this library has.
///
/// Any thread, at any time. Real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_abi_version() -> u32 {
    ABI_VERSION
}

/// The version of the library, such as "0.1.0".
///
/// Any thread, at any time. Real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
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
    guard(|| {
        if abi_version != ABI_VERSION {
            return Err(Failure::Abi(abi_version));
        }
        // SAFETY: the caller's promises.
        let models = unsafe {
            clear(engine, "engine")?;
            optional(models, "models")?
        };
        let loaded =
            model_dir::load_engine(models.map(Path::new), EngineOptions::default()).map_err(Error::from)?;
        let handle = ENGINES.insert(loaded)?;
        // SAFETY: the caller's promise.
        unsafe { write(engine, pointer(handle), "engine") }
    })
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

/// Opens a call and reserves everything it will need.
///
/// Any thread. Not real-time safe: open a call when it is answered, not in its audio thread.
///
/// # Safety
/// call: a call whose texts are NULL or ended by a zero. stream: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_stream_open(
    engine: *const Engine,
    call: *const Call,
    stream: *mut *mut Stream,
) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promises.
        let call = unsafe {
            clear(stream, "stream")?;
            call.as_ref().ok_or(Failure::Null("call"))?
        };
        let engine = ENGINES.shared(number(engine))?;
        // SAFETY: the caller's promise.
        let spec = unsafe { spec(call) }?;
        let mut opened = Box::new(engine.open(spec).map_err(Error::from)?);
        if call.tolerate_mismatch {
            opened.tolerate_mismatch();
        }
        let handle = STREAMS.insert(opened)?;
        // SAFETY: the caller's promise.
        unsafe { write(stream, pointer(handle), "stream") }
    })
}

/// # Safety
/// The texts are NULL or ended by a zero.
unsafe fn spec(call: &Call) -> Result<CallSpec, Failure> {
    // SAFETY: the caller's promise.
    let [container, codec, sample_format] = unsafe {
        [
            optional(call.container, "container")?.unwrap_or("raw"),
            needed(call.codec, "codec")?,
            optional(call.sample_format, "sample_format")?.unwrap_or_default(),
        ]
    };
    let fields = FormatFields {
        audio_format: container,
        audio_codec: codec,
        sample_format,
        sample_rate: call.sample_rate,
        channels: call.channels.max(1),
        channel: call.channel.max(1),
    };
    let format = AudioFormat::parse(&fields).map_err(Error::Format)?;
    Ok(CallSpec { format, channel_type: channel_type(call.channel_type)?, wanted: call.seconds })
}

/// Takes the next bytes of a call, cut anywhere; all of them, always. When there is enough speech they are taken without effect. Of
/// Opus without Ogg, each call takes one packet, and one of length 0 was lost on the way and is concealed.
///
/// status: NULL, or room for how far the call is now.
///
/// Fails with PEAKSTREAM_RESULT_CODEC_MISMATCH or PEAKSTREAM_RESULT_INVALID_AUDIO once, if the call cannot be heard; what follows is
/// taken without effect.
///
/// One thread at a time; a second one is answered PEAKSTREAM_RESULT_BUSY. Real-time safe: never allocates, waits or calls the system,
/// and costs a bounded time proportional to the bytes (20 ms of G.711: some microseconds; every 128 ms of audio, the speech detector's
/// share of a millisecond). A push that fails formats its words, which may allocate.
///
/// # Safety
/// bytes: length bytes, or length is 0. status: NULL or room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_stream_push(
    stream: *mut Stream,
    bytes: *const u8,
    length: usize,
    status: *mut Status,
) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promise.
        let bytes = unsafe { slice(bytes, length, "bytes") }?;
        let pushed = STREAMS.exclusive(number(stream), |call| peakstream_bindings::push(call, bytes))?;
        if !status.is_null() {
            // SAFETY: the caller's promise, and not NULL.
            unsafe { write(status, Status::of(pushed.status, pushed.boundary), "status") }?;
        }
        pushed.fault.map_or(Ok(()), |fault| Err(Error::Fault(fault).into()))
    })
}

impl Status {
    fn of(status: peakstream::Status, boundary: bool) -> Self {
        Self {
            net_speech: status.net_speech.seconds(),
            audio: status.audio_received_seconds,
            percentage: status.vad_percentage(),
            enough: status.enough,
            boundary,
        }
    }
}

/// How far a call is.
///
/// One thread at a time, as peakstream_stream_push. Real-time safe.
///
/// # Safety
/// status: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_stream_status(stream: *const Stream, status: *mut Status) -> Outcome {
    guard(|| {
        let now = STREAMS.exclusive(number(stream), |call| Status::of(call.status(), false))?;
        // SAFETY: the caller's promise.
        unsafe { write(status, now, "status") }
    })
}

/// Ends a call and gives its speech, without copying it. The stream is freed, if this succeeds.
///
/// One thread, once: PEAKSTREAM_RESULT_BUSY while another one pushes. Not real-time safe.
///
/// # Safety
/// speech: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_stream_finish(stream: *mut Stream, speech: *mut *mut Speech) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { clear(speech, "speech") }?;
        let call = STREAMS.take(number(stream))?;
        let handle = SPEECHES.insert(Arc::new(call.finish()))?;
        // SAFETY: the caller's promise.
        unsafe { write(speech, pointer(handle), "speech") }
    })
}

/// Ends a call without using its speech, which is wiped; NULL is nothing.
///
/// One thread, once: PEAKSTREAM_RESULT_BUSY while another one pushes; free it again then. Not real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_stream_free(stream: *mut Stream) -> Outcome {
    guard(|| {
        if !stream.is_null() {
            drop(STREAMS.take(number(stream))?);
        }
        Ok(())
    })
}

/// The speech itself: 16-bit samples at the call's rate, mono, without the pauses between words.
///
/// samples: NULL, or room for *count samples. count: the room, and afterwards how many there are. sample_rate: NULL, or room for the
/// hertz. With too little room: PEAKSTREAM_RESULT_BUFFER_TOO_SMALL, and nothing in samples.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// As said of each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_speech_samples(
    speech: *const Speech,
    samples: *mut i16,
    count: *mut usize,
    sample_rate: *mut u32,
) -> Outcome {
    guard(|| {
        let speech = SPEECHES.shared(number(speech))?;
        if !sample_rate.is_null() {
            // SAFETY: the caller's promise, and not NULL.
            unsafe { write(sample_rate, speech.rate().hz(), "sample_rate") }?;
        }
        // SAFETY: the caller's promises.
        unsafe { copy_out(speech.samples(), samples, count) }
    })
}

/// Copies into a buffer of the caller; NULL asks how much room is needed.
///
/// # Safety
/// `count` is NULL or points to a number; `to` is NULL or points to room for so many.
unsafe fn copy_out<T: Copy>(from: &[T], to: *mut T, count: *mut usize) -> Result<(), Failure> {
    if count.is_null() {
        return Err(Failure::Null("count"));
    }
    // SAFETY: the caller's promise, and not NULL.
    let room = unsafe { count.replace(from.len()) };
    if to.is_null() {
        return Ok(());
    }
    if room < from.len() {
        return Err(Failure::BufferTooSmall(size_of_val(from)));
    }
    // SAFETY: the caller's promise of room; what the library holds is not in a buffer of the caller.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    Ok(())
}

/// Gives speech back, wiped; NULL is nothing.
///
/// Any thread, also while others use it: it is wiped when the last of them is done. Not real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_speech_free(speech: *mut Speech) -> Outcome {
    guard(|| {
        if !speech.is_null() {
            drop(SPEECHES.take_shared(number(speech))?);
        }
        Ok(())
    })
}

/// Makes a credential of a voice. It is the caller's decision to refuse one whose authenticity is low.
///
/// attack_rate: the assumed share of attacks among all calls, above 0 and below 1; 0 is 0.01. decision: NULL, or room for what the speech
/// says, without a score.
///
/// Any thread. Not real-time safe: takes some hundred milliseconds of one core, for the voice is also compared with itself.
///
/// # Safety
/// decision: NULL or room for one. credential: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_register(
    engine: *const Engine,
    speech: *const Speech,
    attack_rate: f64,
    decision: *mut Decision,
    credential: *mut *mut Credential,
) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { clear(credential, "credential") }?;
        let (engine, speech) = (ENGINES.shared(number(engine))?, SPEECHES.shared(number(speech))?);
        let attacks = attacks(attack_rate)?;
        let heard = peakstream_bindings::hear(&engine, &speech, &Gates::for_registration())?;
        if !decision.is_null() {
            // SAFETY: the caller's promise, and not NULL.
            unsafe { write(decision, decided(&heard, &speech, attacks, f64::NAN), "decision") }?;
        }
        let registered = peakstream_bindings::register(&engine, heard.analysis.template);
        let handle = CREDENTIALS.insert(Arc::new(registered))?;
        // SAFETY: the caller's promise.
        unsafe { write(credential, pointer(handle), "credential") }
    })
}

/// Compares a voice with a credential, and judges whether it is live and human. It is the caller's decision from which score on to accept
/// (peakstream_engine_threshold), and below which authenticity not to.
///
/// attack_rate: as of peakstream_register.
///
/// Any thread. Not real-time safe: takes tens of milliseconds of one core.
///
/// # Safety
/// decision: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_verify(
    engine: *const Engine,
    speech: *const Speech,
    credential: *const Credential,
    attack_rate: f64,
    decision: *mut Decision,
) -> Outcome {
    guard(|| {
        let (engine, speech) = (ENGINES.shared(number(engine))?, SPEECHES.shared(number(speech))?);
        let credential = CREDENTIALS.shared(number(credential))?;
        let attacks = attacks(attack_rate)?;
        let heard = peakstream_bindings::hear(&engine, &speech, &Gates::default())?;
        let score = engine.compare(&credential.template, &heard.analysis.template).map_err(Error::from)?;
        // SAFETY: the caller's promise.
        unsafe { write(decision, decided(&heard, &speech, attacks, score.value().into()), "decision") }
    })
}

/// Judges whether a voice is live and human, and nothing else. attack_rate and cost: as of peakstream_verify.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// decision: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_authenticity(
    engine: *const Engine,
    speech: *const Speech,
    attack_rate: f64,
    decision: *mut Decision,
) -> Outcome {
    guard(|| {
        let (engine, speech) = (ENGINES.shared(number(engine))?, SPEECHES.shared(number(speech))?);
        let attacks = attacks(attack_rate)?;
        let heard = peakstream_bindings::hear(&engine, &speech, &Gates::default())?;
        // SAFETY: the caller's promise.
        unsafe { write(decision, decided(&heard, &speech, attacks, f64::NAN), "decision") }
    })
}

fn attacks(rate: f64) -> Result<AttackRate, Failure> {
    if rate == 0.0 {
        return Ok(AttackRate::default());
    }
    AttackRate::new(rate)
        .ok_or_else(|| argument("attack_rate", &rate, "a share above 0 and below 1, or 0 for 0.01"))
}

fn decided(heard: &Heard, speech: &CollectedSpeech, attacks: AttackRate, score: f64) -> Decision {
    let judgement: Judgement = heard.analysis.judgement;
    let unjudged = judgement.unjudged().map_or(QualityGate::None, |why| why.gate().into());
    let bit = |gate: Gate| 1 << QualityGate::from(gate) as u32;
    Decision {
        score,
        authenticity: judgement.authenticity(attacks).value().into(),
        authenticity_llr: judgement.llr().map_or(f64::NAN, |llr| llr.0),
        net_speech: speech.net_speech().seconds(),
        unjudged: unjudged as u32,
        warnings: heard.warnings.iter().fold(0, |bits, shortfall| bits | bit(shortfall.gate)),
    }
}

/// Calibrated similarity of two registered voices, 0 to 1.
///
/// Any thread. Not real-time safe; costs microseconds.
///
/// # Safety
/// score: room for a double.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_compare(
    engine: *const Engine,
    one: *const Credential,
    other: *const Credential,
    score: *mut f64,
) -> Outcome {
    guard(|| {
        let engine = ENGINES.shared(number(engine))?;
        let (one, other) = (CREDENTIALS.shared(number(one))?, CREDENTIALS.shared(number(other))?);
        let found = engine.compare(&one.template, &other.template).map_err(Error::from)?;
        // SAFETY: the caller's promise.
        unsafe { write(score, found.value().into(), "score") }
    })
}

/// Makes a new key of the system's random numbers. Keep it: without it no credential that it seals can be opened again.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// key: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_key_generate(key: *mut Key) -> Outcome {
    guard(|| {
        let (id, mut secret) = peakstream_bindings::fresh_key()?;
        // SAFETY: the caller's promise.
        let written = unsafe { write(key, Key { id, secret }, "key") };
        secret.zeroize();
        written
    })
}

/// # Safety
/// As of [`slice`].
unsafe fn keys(keys: *const Key, count: usize) -> Result<sealed::CredentialKeys, Failure> {
    // SAFETY: the caller's promise.
    let keys = unsafe { slice(keys, count, "keys") }?;
    let Some((first, older)) = keys.split_first() else {
        return Err(argument("key_count", &0, "at least 1"));
    };
    let key = |key: &Key| sealed::CredentialKey::new(key.id, key.secret);
    Ok(sealed::CredentialKeys::new(key(first), older.iter().map(key).collect()))
}

/// Writes a credential as a text that only these keys open again, for this tenant.
///
/// keys: the first seals; at least one. tenant: the name of the tenant it belongs to; NULL is "default", the server's first. text: NULL, or
/// room for *length bytes. length: the room, and afterwards the bytes of the text with its final zero, at most
/// PEAKSTREAM_CREDENTIAL_TEXT_BYTES. Each call gives another text for the same voice.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// As said of each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_credential_seal(
    credential: *const Credential,
    keys: *const Key,
    key_count: usize,
    tenant: *const c_char,
    text: *mut c_char,
    length: *mut usize,
) -> Outcome {
    guard(|| {
        let credential = CREDENTIALS.shared(number(credential))?;
        // SAFETY: the caller's promises.
        let (keys, tenant) = unsafe { (self::keys(keys, key_count)?, optional(tenant, "tenant")?) };
        let tenant = tenant.unwrap_or(peakstream_bindings::DEFAULT_TENANT);
        let mut sealed = Zeroizing::new(peakstream_bindings::seal(&keys, tenant, &credential)?);
        sealed.push('\0');
        // SAFETY: the caller's promises; `char` has one byte.
        unsafe { copy_out(sealed.as_bytes(), text.cast(), length) }
    })
}

/// Opens the text of a credential. keys: those that may have sealed it. tenant: as of peakstream_credential_seal.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// keys: key_count of them. tenant: NULL or ended by a zero. text: ended by a zero. credential: room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_credential_open(
    keys: *const Key,
    key_count: usize,
    tenant: *const c_char,
    text: *const c_char,
    credential: *mut *mut Credential,
) -> Outcome {
    guard(|| {
        // SAFETY: the caller's promises.
        let (keys, tenant, text) = unsafe {
            clear(credential, "credential")?;
            (self::keys(keys, key_count)?, optional(tenant, "tenant")?, needed(text, "text")?)
        };
        let tenant = tenant.unwrap_or(peakstream_bindings::DEFAULT_TENANT);
        let opened = peakstream_bindings::open(&keys, tenant, text)?;
        let handle = CREDENTIALS.insert(Arc::new(opened))?;
        // SAFETY: the caller's promise.
        unsafe { write(credential, pointer(handle), "credential") }
    })
}

/// What a credential says of itself.
///
/// Any thread. Not real-time safe.
///
/// # Safety
/// info: room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peakstream_credential_inspect(
    credential: *const Credential,
    info: *mut CredentialInfo,
) -> Outcome {
    guard(|| {
        let credential = CREDENTIALS.shared(number(credential))?;
        let found = CredentialInfo {
            created_at: credential.created_at,
            channel_type: channel(credential.template.channel_type()) as u32,
            model: characters(&credential.template.model().to_string()),
            calibration: characters(&credential.calibration),
        };
        // SAFETY: the caller's promise.
        unsafe { write(info, found, "info") }
    })
}

/// A text in a field, cut if it has no room, and ended by a zero.
fn characters<const N: usize>(text: &str) -> [c_char; N] {
    let mut field = [0; N];
    for (to, from) in field[..N - 1].iter_mut().zip(text.bytes()) {
        *to = from as c_char;
    }
    field
}

/// Gives a credential back, wiped; NULL is nothing.
///
/// Any thread, also while others use it. Not real-time safe.
#[unsafe(no_mangle)]
pub extern "C" fn peakstream_credential_free(credential: *mut Credential) -> Outcome {
    guard(|| {
        if !credential.is_null() {
            drop(CREDENTIALS.take_shared(number(credential))?);
        }
        Ok(())
    })
}
