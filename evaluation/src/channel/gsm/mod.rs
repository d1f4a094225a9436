//! Speech at 8 kHz enters, what GSM full rate (RPE-LTP, 13 kbit/s) makes of it leaves.
//!
//! An implementation of its own of 3GPP TS 46.010 (formerly GSM 06.10, ETSI EN 300 961), in the fixed-point arithmetic which
//! that specification prescribes operation by operation: clause numbers in these files are its. Encoder and decoder are
//! compared bit by bit with an independent one by `evaluation/tests/gsm_codes_as_libgsm_does.rs`.
//!
//! A lost packet is replaced as TS 46.011 recommends: the last one once more, then weaker and weaker until silence.

mod analysis;
mod arithmetic;
mod decoder;
mod encoder;
mod excitation;
mod frame;
mod long_term;
mod short_term;

use super::loss::Losses;
use super::sample;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use frame::{FRAME_BYTES, Frame, NotAFrame};

/// Samples of a frame: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
/// Samples of each of its four parts.
const PART_SAMPLES: usize = 40;
/// The longest pitch period that can be predicted from.
const LONGEST_LAG: usize = 120;

/// Codes and decodes it; a last incomplete frame is filled with silence.
pub(super) fn pass(narrow: &[f32], losses: &mut Losses) -> Vec<f32> {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let mut heard = Vec::with_capacity(narrow.len() + FRAME_SAMPLES);
    for piece in narrow.chunks(FRAME_SAMPLES) {
        let mut samples = [0; FRAME_SAMPLES];
        samples.iter_mut().zip(piece).for_each(|(to, from)| *to = sample::to_linear16(*from));
        let frame = encoder.encode(&samples);
        let decoded = if losses.next() { decoder.conceal() } else { decoder.decode(&frame) };
        heard.extend(decoded.into_iter().map(sample::from_linear16));
    }
    heard.truncate(narrow.len());
    heard
}
