//! Samples of full scale ±1 become 16-bit linear ones, and back.

/// Louder than full scale is clipped, as a converter does; what is not a number is silence.
pub(super) fn to_linear16(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}

/// Exact.
pub(super) fn from_linear16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}
