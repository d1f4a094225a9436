//! What a call has collected: samples for who wants them, a handle for who decides.

use std::sync::Arc;

use peakstream::CollectedSpeech;

use crate::border::{copy_out, number, write};
use crate::handles::{Handles, Kind};
use crate::outcome::{Outcome, guard};

/// The speech that a call has collected. Shared by all threads, never changes. Biometric data: wiped when freed.
#[derive(Debug)]
pub struct Speech {
    _private: [u8; 0],
}

pub(crate) static SPEECHES: Handles<Arc<CollectedSpeech>> = Handles::new(Kind { name: "speech", number: 3 });

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
