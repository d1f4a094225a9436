//! How one sample is written: bytes enter and 16-bit samples leave ([`decode`]), and the other way round ([`encode`]).

use super::g711;

/// How one sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// ITU-T G.711 µ-law, one byte.
    MuLaw,
    /// ITU-T G.711 A-law, one byte.
    ALaw,
    /// 16-bit two's complement, low byte first.
    Linear16Le,
    /// 16-bit two's complement, high byte first (the order of RTP's L16, RFC 3551 §4.5.11).
    Linear16Be,
    /// 24-bit two's complement, low byte first; in WAV only. Its upper 16 bits are used.
    Linear24Le,
    /// 32-bit two's complement, low byte first; in WAV only. Its upper 16 bits are used.
    Linear32Le,
    /// IEEE 754 single precision, low byte first, full scale ±1. Louder is clipped, what is not a number is silence.
    Float32Le,
}

/// Bytes of the longest sample.
pub(crate) const LONGEST_SAMPLE: usize = 4;

impl Encoding {
    /// Bytes of one sample: 1 to 4.
    pub const fn bytes(self) -> usize {
        match self {
            Self::MuLaw | Self::ALaw => 1,
            Self::Linear16Le | Self::Linear16Be => 2,
            Self::Linear24Le => 3,
            Self::Linear32Le | Self::Float32Le => LONGEST_SAMPLE,
        }
    }

    /// The sample written in the first [`Encoding::bytes`] bytes.
    #[inline(always)]
    pub(crate) fn sample(self, bytes: &[u8]) -> i16 {
        match self {
            Self::MuLaw => g711::MULAW[usize::from(bytes[0])],
            Self::ALaw => g711::ALAW[usize::from(bytes[0])],
            Self::Linear16Le => i16::from_le_bytes([bytes[0], bytes[1]]),
            Self::Linear16Be => i16::from_be_bytes([bytes[0], bytes[1]]),
            Self::Linear24Le => i16::from_le_bytes([bytes[1], bytes[2]]),
            Self::Linear32Le => i16::from_le_bytes([bytes[2], bytes[3]]),
            // `as` saturates, and NaN becomes 0.
            Self::Float32Le => {
                (f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) * 32_768.0).round() as i16
            }
        }
    }
}

impl Encoding {
    /// The samples written in as many frames of so many bytes as there are and `to` has room for, each `at` that place of its frame.
    /// Returns how many they are.
    pub(crate) fn samples(self, frames: &[u8], frame: usize, at: usize, to: &mut [i16]) -> usize {
        // Each arm is a loop for its encoding alone.
        match self {
            Self::MuLaw => Self::MuLaw.each(frames, frame, at, to),
            Self::ALaw => Self::ALaw.each(frames, frame, at, to),
            Self::Linear16Le => Self::Linear16Le.each(frames, frame, at, to),
            Self::Linear16Be => Self::Linear16Be.each(frames, frame, at, to),
            Self::Linear24Le => Self::Linear24Le.each(frames, frame, at, to),
            Self::Linear32Le => Self::Linear32Le.each(frames, frame, at, to),
            Self::Float32Le => Self::Float32Le.each(frames, frame, at, to),
        }
    }

    #[inline(always)]
    fn each(self, frames: &[u8], frame: usize, at: usize, to: &mut [i16]) -> usize {
        if frame == self.bytes() {
            // Mono, the usual case.
            for (sample, bytes) in to.iter_mut().zip(frames.chunks_exact(self.bytes())) {
                *sample = self.sample(bytes);
            }
        } else {
            for (sample, bytes) in to.iter_mut().zip(frames.chunks_exact(frame)) {
                *sample = self.sample(&bytes[at..]);
            }
        }
        (frames.len() / frame).min(to.len())
    }
}

/// Decodes mono bytes; a last incomplete sample is left out. Allocates nothing but room in `samples`.
pub fn decode(bytes: &[u8], encoding: Encoding, samples: &mut Vec<i16>) {
    let before = samples.len();
    samples.resize(before + bytes.len() / encoding.bytes(), 0);
    encoding.samples(bytes, encoding.bytes(), 0, &mut samples[before..]);
}

/// Encodes mono samples as a carrier would send them.
pub fn encode(samples: &[i16], encoding: Encoding, bytes: &mut Vec<u8>) {
    match encoding {
        Encoding::MuLaw => bytes.extend(samples.iter().map(|&sample| g711::encode_mulaw(sample))),
        Encoding::ALaw => bytes.extend(samples.iter().map(|&sample| g711::encode_alaw(sample))),
        Encoding::Linear16Le => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        Encoding::Linear16Be => bytes.extend(samples.iter().flat_map(|sample| sample.to_be_bytes())),
        Encoding::Linear24Le => {
            bytes.extend(
                samples.iter().flat_map(|sample| [0, sample.to_le_bytes()[0], sample.to_le_bytes()[1]]),
            );
        }
        Encoding::Linear32Le => {
            bytes.extend(samples.iter().flat_map(|&sample| (i32::from(sample) << 16).to_le_bytes()));
        }
        Encoding::Float32Le => {
            bytes.extend(samples.iter().flat_map(|&sample| (f32::from(sample) / 32_768.0).to_le_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: [Encoding; 5] = [
        Encoding::Linear16Le,
        Encoding::Linear16Be,
        Encoding::Linear24Le,
        Encoding::Linear32Le,
        Encoding::Float32Le,
    ];

    #[test]
    fn every_16_bit_sample_survives_every_linear_encoding() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        for encoding in LINEAR {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            encode(&samples, encoding, &mut bytes);
            assert_eq!(bytes.len(), samples.len() * encoding.bytes());
            decode(&bytes, encoding, &mut back);
            assert_eq!(back, samples, "{encoding:?}");
        }
    }

    #[test]
    fn a_float_that_is_too_loud_is_clipped_and_one_that_is_no_number_is_silence() {
        let floats = [1.0f32, 7.0, f32::INFINITY, -1.0, -7.0, f32::NEG_INFINITY, f32::NAN, 1e-30];
        let bytes: Vec<u8> = floats.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut samples = Vec::new();
        decode(&bytes, Encoding::Float32Le, &mut samples);
        assert_eq!(samples, [32_767, 32_767, 32_767, -32_768, -32_768, -32_768, 0, 0]);
    }
}
