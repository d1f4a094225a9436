//! A push of bytes of any length enters; how far the call is, and what is wrong with it, leaves.

use peakstream::{CallStream, Framing, StreamFault};

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

impl Status {
    /// Of a call that is not being pushed into.
    pub fn of(call: &CallStream) -> Self {
        let status = call.status();
        Self {
            net_speech: status.net_speech.seconds(),
            audio: status.audio_received_seconds,
            percentage: status.vad_percentage(),
            enough: status.enough,
            boundary: false,
        }
    }
}

/// What a push came to.
#[derive(Clone, Copy, Debug)]
pub struct Pushed {
    /// How far the call is now.
    pub status: Status,
    /// What is wrong, once.
    pub fault: Option<StreamFault>,
}

/// Pushes all bytes; of a format in packets, they are one.
///
/// # Realtime safety
/// As [`CallStream::push`].
pub fn push(call: &mut CallStream, bytes: &[u8]) -> Pushed {
    let (mut boundary, mut fault) = (false, None);
    let mut note = |pushed: peakstream::Pushed| {
        boundary |= pushed.status.is_some();
        fault = fault.or(pushed.fault);
    };
    match call.format().framing() {
        Framing::Packets => note(call.push_packet(bytes)),
        Framing::Bytes => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let pushed = call.push(rest);
                rest = &rest[pushed.consumed..];
                note(pushed);
            }
        }
    }
    Pushed { status: Status { boundary, ..Status::of(call) }, fault }
}
