//! G.711 µ-law and A-law (ITU-T G.711, 1988): one byte enters, one 16-bit linear sample leaves, and back.
//!
//! Decoding is a table of 256 samples, built at compile time from the Recommendation's segment arithmetic; at 8,000
//! bytes a second vector code shows no gain over it (measured for the stack study; `make bench` prints the stage).

/// Offset of µ-law's logarithmic segments: 33 on the Recommendation's 14-bit scale, 132 on ours of 16 bits.
const BIAS: i32 = 132;
/// The largest magnitude that µ-law can hold on the 16-bit scale.
const MULAW_CLIP: i32 = 32_635;

/// Linear values of the 256 µ-law codewords.
pub(crate) static MULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = decode_mulaw(code as u8);
        code += 1;
    }
    table
};

/// Linear values of the 256 A-law codewords.
pub(crate) static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = decode_alaw(code as u8);
        code += 1;
    }
    table
};

const fn decode_mulaw(code: u8) -> i16 {
    // All bits are inverted on the line (G.711 table 2a, note 2).
    let bits = !code as i32;
    let segment = (bits >> 4) & 7;
    let magnitude = ((((bits & 15) << 3) + BIAS) << segment) - BIAS;
    (if bits & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

const fn decode_alaw(code: u8) -> i16 {
    // Even bits are inverted on the line (G.711 table 1a, note 2).
    let bits = (code ^ 0x55) as i32;
    let segment = (bits >> 4) & 7;
    let step = ((bits & 15) << 4) + 8;
    let magnitude = if segment == 0 { step } else { (step + 256) << (segment - 1) };
    (if bits & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// The µ-law codeword of a linear sample; louder than the law can hold is clipped.
pub(crate) fn encode_mulaw(sample: i16) -> u8 {
    let sample = i32::from(sample);
    let (sign, magnitude) = if sample < 0 { (0x80, -sample) } else { (0, sample) };
    let biased = magnitude.min(MULAW_CLIP) + BIAS;
    // `biased` lies in 132…32,767, so its highest bit is 7…14: the segment counts from there.
    let segment = 24 - biased.leading_zeros() as i32;
    let mantissa = (biased >> (segment + 3)) & 15;
    !(sign | segment << 4 | mantissa) as u8
}

/// The A-law codeword of a linear sample.
pub(crate) fn encode_alaw(sample: i16) -> u8 {
    // A-law holds 13 bits. One's complement keeps the two halves symmetric, as the Recommendation has no zero.
    let sample = i32::from(sample >> 3);
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let segment = if magnitude < 32 { 0 } else { 27 - magnitude.leading_zeros() as i32 };
    let mantissa = (magnitude >> segment.max(1)) & 15;
    ((sign | segment << 4 | mantissa) ^ 0x55) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recommendations_corner_values_decode() {
        // G.711 tables 1a and 2a, scaled from 13 and 14 bits to 16.
        assert_eq!(MULAW[0xFF], 0);
        assert_eq!(MULAW[0x7F], 0);
        assert_eq!(MULAW[0x80], 32_124);
        assert_eq!(MULAW[0x00], -32_124);
        assert_eq!(MULAW[0xFE], 8);
        assert_eq!(ALAW[0xD5], 8);
        assert_eq!(ALAW[0x55], -8);
        assert_eq!(ALAW[0xAA], 32_256);
        assert_eq!(ALAW[0x2A], -32_256);
    }

    #[test]
    fn every_codeword_survives_decoding_and_encoding() {
        for code in 0..=255u8 {
            // µ-law has two zeros; the negative one comes back as the positive.
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(encode_mulaw(MULAW[usize::from(code)]), expected, "mu-law {code:#x}");
            assert_eq!(encode_alaw(ALAW[usize::from(code)]), code, "A-law {code:#x}");
        }
    }

    #[test]
    fn every_sample_is_coded_within_half_a_step_of_its_segment() {
        for sample in i16::MIN..=i16::MAX {
            let magnitude = i32::from(sample).abs();
            let mulaw = i32::from(MULAW[usize::from(encode_mulaw(sample))]);
            let alaw = i32::from(ALAW[usize::from(encode_alaw(sample))]);
            // A step is 1/16 of a segment, and a segment is at most as long as its lower end (plus the bias).
            let tolerance = (magnitude + BIAS) / 32 + 4;
            if magnitude <= MULAW_CLIP {
                assert!((mulaw - i32::from(sample)).abs() <= tolerance, "mu-law {sample}: {mulaw}");
            }
            if magnitude < 32_512 {
                assert!((alaw - i32::from(sample)).abs() <= tolerance + 4, "A-law {sample}: {alaw}");
            }
        }
    }
}
