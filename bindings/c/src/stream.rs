//! The bytes of a live call enter, frame by frame; how far it is, and in the end its speech, leave.

use std::ffi::c_char;
use std::sync::Arc;

use peakstream::{AudioFormat, CallSpec, CallStream, FormatFields};
use peakstream_bindings::{Error, Status};

use crate::border::{clear, needed, number, optional, pointer, slice, write};
use crate::channel::channel_type;
use crate::engine::{ENGINES, Engine};
use crate::handles::{Handles, Kind};
use crate::outcome::{Failure, Outcome, guard};
use crate::speech::{SPEECHES, Speech};

/// One live call. One thread at a time; it may be a different one each time.
#[derive(Debug)]
pub struct Stream {
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

static STREAMS: Handles<Box<CallStream>> = Handles::new(Kind { name: "stream", number: 2 });

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
/// share of a millisecond). Needs up to 128 kB of stack. A push that fails formats its words, which may allocate.
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
            unsafe { write(status, pushed.status, "status") }?;
        }
        pushed.fault.map_or(Ok(()), |fault| Err(Error::Fault(fault).into()))
    })
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
        let now = STREAMS.exclusive(number(stream), |call| Status::of(call))?;
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
