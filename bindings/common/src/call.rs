//! A push of bytes of any length enters; how far the call is, and what is wrong with it, leaves.

use peakstream::{CallStream, Framing, Pushed, Status, StreamFault};

/// What a push came to.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// How far the call is now.
    pub status: Status,
    /// Whether a status boundary lay in the bytes.
    pub boundary: bool,
    /// What is wrong, once.
    pub fault: Option<StreamFault>,
}

/// Pushes all bytes; of a format in packets, they are one.
///
/// # Realtime safety
/// As [`CallStream::push`].
pub fn push(call: &mut CallStream, bytes: &[u8]) -> Progress {
    let (mut boundary, mut broken) = (false, None);
    let mut note = |Pushed { status, fault, .. }: Pushed| {
        boundary |= status.is_some();
        broken = broken.or(fault);
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
    Progress { status: call.status(), boundary, fault: broken }
}
