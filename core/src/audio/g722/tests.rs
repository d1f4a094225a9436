//! Golden vectors of PyPI `G722` 1.2.8 (Sippy's libg722, by Rec. G.722's reference of the CMU), made once:
//! `G722(16000, 64000).decode(CODE)` and `.encode(SIGNAL)` with the signals below.

use super::{Decoder, Encoder};

/// FNV-1a, 64 bits (Fowler, Noll, Vo 1991).
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state
}

/// A second of triangle waves of changing pitch and level, with noise.
fn signal() -> Vec<i16> {
    let mut state = 1;
    (0..16_000i32)
        .map(|i| {
            let noise = next(&mut state) >> 16 & 1023;
            let period = 20 + i / 400 % 90;
            let triangle = (2 * (i % period) - period).abs() * 2 - period;
            let level = i / 2_000 % 8 + 1;
            let sample =
                (triangle * level * 3_000).div_euclid(period) + ((noise as i32 - 512) * level).div_euclid(4);
            sample.clamp(-32_768, 32_767) as i16
        })
        .collect()
}

fn decoded(code: &[u8]) -> Vec<i16> {
    let mut decoder = Decoder::new();
    code.iter().flat_map(|&byte| decoder.decode(byte)).collect()
}

fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut code = Vec::new();
    Encoder::new().encode_all(samples, &mut code);
    code
}

#[test]
fn a_second_of_arbitrary_bytes_decodes_as_elsewhere() {
    let mut state = 1;
    let code: Vec<u8> = (0..8_000).map(|_| (next(&mut state) >> 24) as u8).collect();
    let samples = decoded(&code);
    let begin = [0, 0, -1, -1, 0, 0, 0, -1, -1, 0, 1, -4, 3, -5, -4, -5, -2, 11, 2, -36, -9, -8, -5, -68];
    assert_eq!(samples[..24], begin);
    assert_eq!(hash(samples.iter().flat_map(|sample| sample.to_le_bytes())), 0x819c_1213_10bd_b951);
}

#[test]
fn a_second_of_signal_is_coded_and_decoded_as_elsewhere() {
    let signal = signal();
    assert_eq!(hash(signal.iter().flat_map(|s| s.to_le_bytes())), 0x2d39_262f_9931_a886, "the same signal");
    let code = encoded(&signal);
    let begin = [
        155, 44, 134, 34, 136, 32, 160, 49, 157, 79, 137, 16, 154, 186, 177, 43, 111, 249, 221, 23, 209, 214,
        222, 58,
    ];
    assert_eq!(code[..24], begin);
    assert_eq!(hash(code.iter().copied()), 0xc28b_23fc_151e_1858);
    let samples = decoded(&code);
    assert_eq!(hash(samples.iter().flat_map(|s| s.to_le_bytes())), 0xb7f1_07f4_da70_172f);
}

#[test]
fn a_tone_survives_with_the_quality_of_the_codec() {
    let tone: Vec<i16> = (0..16_000)
        .map(|i| (8_000.0 * (std::f64::consts::TAU * 440.0 * f64::from(i) / 16_000.0).sin()) as i16)
        .collect();
    let back = decoded(&encoded(&tone));
    // Both mirror filters together delay by 22 samples.
    let (mut signal, mut noise) = (0.0, 0.0);
    for (was, is) in tone[1_000..].iter().zip(&back[1_022..]) {
        signal += f64::from(*was).powi(2);
        noise += f64::from(is - was).powi(2);
    }
    let ratio = 10.0 * (signal / noise).log10();
    assert!(ratio > 35.0, "{ratio} dB");
}
