//! In: bytes as TCP delivers them. Out: frames.
//!
//! A frame is a type (one byte), the length of its payload (two bytes, high byte first) and the payload. Source:
//! docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket.

use zeroize::Zeroizing;

/// Type and length.
const HEADER_BYTES: usize = 3;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The end of the call.
    Hangup,
    /// The call's id, 16 bytes, first.
    Id,
    /// A key press.
    Dtmf,
    /// 16-bit linear samples of one channel, low byte first, at this rate in hertz.
    Audio(u32),
    /// Asterisk gives up.
    Error,
    /// Anything else.
    Unknown,
}

impl Kind {
    const fn of(code: u8) -> Self {
        match code {
            0x00 => Self::Hangup,
            0x01 => Self::Id,
            0x03 => Self::Dtmf,
            0x10 => Self::Audio(8_000),
            0x11 => Self::Audio(12_000),
            0x12 => Self::Audio(16_000),
            0x13 => Self::Audio(24_000),
            0x14 => Self::Audio(32_000),
            0x15 => Self::Audio(44_100),
            0x16 => Self::Audio(48_000),
            0x17 => Self::Audio(96_000),
            0x18 => Self::Audio(192_000),
            0xff => Self::Error,
            _ => Self::Unknown,
        }
    }
}

/// The frame that tells Asterisk that we have heard enough.
pub const HANGUP: [u8; HEADER_BYTES] = [0, 0, 0];

/// Cuts a byte stream into frames. Holds one frame at most, 64 KiB.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame whose end has not come; audio, so it is wiped.
    partial: Zeroizing<Vec<u8>>,
}

impl Decoder {
    /// Takes in bytes; `frame` is called with each frame that is complete now, and says whether to go on.
    pub fn push(&mut self, mut bytes: &[u8], mut frame: impl FnMut(Kind, &[u8]) -> bool) {
        while !bytes.is_empty() {
            if self.partial.is_empty()
                && let Some(end) = end_of_frame(bytes)
            {
                // The usual case: a whole frame in one piece.
                if !frame(Kind::of(bytes[0]), &bytes[HEADER_BYTES..end]) {
                    return;
                }
                bytes = &bytes[end..];
                continue;
            }
            let wanted = match self.partial.len() {
                held @ 0..HEADER_BYTES => HEADER_BYTES - held,
                held => frame_bytes(&self.partial) - held,
            };
            let (more, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.partial.extend_from_slice(more);
            bytes = rest;
            if end_of_frame(&self.partial) == Some(self.partial.len()) {
                let whole = std::mem::take(&mut self.partial);
                if !frame(Kind::of(whole[0]), &whole[HEADER_BYTES..]) {
                    return;
                }
            }
        }
    }
}

/// How long the frame is whose header these bytes begin with.
fn frame_bytes(bytes: &[u8]) -> usize {
    HEADER_BYTES + usize::from(u16::from_be_bytes([bytes[1], bytes[2]]))
}

/// Where the first frame ends, if all of it is there.
fn end_of_frame(bytes: &[u8]) -> Option<usize> {
    (bytes.len() >= HEADER_BYTES).then(|| frame_bytes(bytes)).filter(|&end| bytes.len() >= end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(pieces: &[&[u8]]) -> Vec<(Kind, Vec<u8>)> {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece, |kind, payload| {
                frames.push((kind, payload.to_vec()));
                true
            });
        }
        frames
    }

    #[test]
    fn a_frame_is_type_length_and_payload() {
        let bytes = [&[0x01, 0, 2, 7, 8][..], &[0x10, 0, 4, 1, 2, 3, 4], &[0xff, 0, 1, 2], &HANGUP].concat();
        let expected = [
            (Kind::Id, vec![7, 8]),
            (Kind::Audio(8000), vec![1, 2, 3, 4]),
            (Kind::Error, vec![2]),
            (Kind::Hangup, vec![]),
        ];
        assert_eq!(frames(&[&bytes]), expected);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_tcp_cuts_the_bytes(
            sent in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            cuts in prop::collection::vec(1..9usize, 0..400),
        ) {
            let mut bytes = Vec::new();
            for (code, payload) in &sent {
                bytes.extend([*code, 0, payload.len() as u8]);
                bytes.extend(payload);
            }
            let (mut pieces, mut rest) = (Vec::new(), &bytes[..]);
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            pieces.push(rest);
            let expected: Vec<_> = sent.into_iter().map(|(code, payload)| (Kind::of(code), payload)).collect();
            prop_assert_eq!(frames(&pieces), expected);
        }
    }
}
