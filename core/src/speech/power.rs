//! Samples enter, the powers of their frames of 20 ms leave, the quietest first.

use crate::SampleRate;

/// 20 ms, as codecs frame speech.
const FRAMES_PER_SECOND: u32 = 50;

/// The mean square of every whole frame, the lowest first. One step of 16 bits is the quietest that counts: digital silence has no
/// level.
pub(crate) fn ascending(samples: &[i16], rate: SampleRate) -> Vec<f64> {
    let frame = (rate.hz() / FRAMES_PER_SECOND) as usize;
    let power = |frame: &[i16]| {
        let energy: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (energy / frame.len() as f64).max(1.0)
    };
    let mut powers: Vec<f64> = samples.chunks_exact(frame).map(power).collect();
    powers.sort_by(f64::total_cmp);
    powers
}
