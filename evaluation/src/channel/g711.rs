//! Speech at 8 kHz enters, what a G.711 line makes of it leaves; the codec is the engine's own.

use peakstream::Encoding;
use peakstream::audio::{decode, encode};

use super::conceal;
use super::loss::Losses;
use super::sample;

/// One of the two laws; lost packets of 20 ms are concealed as [`conceal`] does.
pub(super) fn pass(law: Encoding, narrow: &[f32], losses: &mut Losses) -> Vec<f32> {
    let samples: Vec<_> = narrow.iter().copied().map(sample::to_linear16).collect();
    let (mut bytes, mut heard) = (Vec::new(), Vec::new());
    encode(&samples, law, &mut bytes);
    decode(&bytes, law, &mut heard);
    let mut heard: Vec<_> = heard.into_iter().map(sample::from_linear16).collect();
    conceal::replace_lost(&mut heard, 8_000, losses);
    heard
}
