//! Our GSM full rate codec beside an independent one, the system's libgsm (Debian package `libgsm1`): every byte the encoder
//! makes, every sample the decoder makes.
//!
//! Without libgsm there is nothing to compare with: the test says so and passes, unless `PEAKSTREAM_NEEDS_LIBGSM` is set. The
//! golden vectors of `gsm_reproduces_its_golden_vectors` hold everywhere.
#![allow(unsafe_code, reason = "a C library is called")]

use std::ffi::{c_int, c_void};

use libloading::Library;
use peakstream_evaluation::channel::gsm::{Decoder, Encoder, FRAME_BYTES, FRAME_SAMPLES, Frame};

type Create = unsafe extern "C" fn() -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type Encode = unsafe extern "C" fn(*mut c_void, *mut i16, *mut u8);
type Decode = unsafe extern "C" fn(*mut c_void, *mut u8, *mut i16) -> c_int;

fn libgsm() -> Option<Library> {
    // SAFETY: loading libgsm runs no code of its own.
    let found = unsafe { Library::new("libgsm.so.1") };
    if let Err(error) = &found {
        let needed = std::env::var_os("PEAKSTREAM_NEEDS_LIBGSM").is_some();
        assert!(!needed, "the system's libgsm is needed and absent (apt-get install libgsm1): {error}");
        println!("NOT COMPARED: the system's libgsm is absent (apt-get install libgsm1): {error}");
    }
    found.ok()
}

fn theirs(library: &Library, frames: &[[i16; FRAME_SAMPLES]]) -> Vec<[u8; FRAME_BYTES]> {
    // SAFETY: names and types are those of gsm.h, buffers have the lengths it says.
    unsafe {
        let create = library.get::<Create>(b"gsm_create").expect("libgsm");
        let destroy = library.get::<Destroy>(b"gsm_destroy").expect("libgsm");
        let encode = library.get::<Encode>(b"gsm_encode").expect("libgsm");
        let state = create();
        let coded = frames
            .iter()
            .map(|frame| {
                let (mut samples, mut bytes) = (*frame, [0; FRAME_BYTES]);
                encode(state, samples.as_mut_ptr(), bytes.as_mut_ptr());
                bytes
            })
            .collect();
        destroy(state);
        coded
    }
}

fn their_sound(library: &Library, coded: &[[u8; FRAME_BYTES]]) -> Vec<[i16; FRAME_SAMPLES]> {
    // SAFETY: as above.
    unsafe {
        let create = library.get::<Create>(b"gsm_create").expect("libgsm");
        let destroy = library.get::<Destroy>(b"gsm_destroy").expect("libgsm");
        let decode = library.get::<Decode>(b"gsm_decode").expect("libgsm");
        let state = create();
        let samples = coded
            .iter()
            .map(|frame| {
                let (mut bytes, mut samples) = (*frame, [0; FRAME_SAMPLES]);
                assert_eq!(decode(state, bytes.as_mut_ptr(), samples.as_mut_ptr()), 0);
                samples
            })
            .collect();
        destroy(state);
        samples
    }
}

/// A generator of Numerical Recipes; what it makes is the same everywhere.
struct Generator(u32);

impl Generator {
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 as i32 >> 16
    }
}

/// 30 s of whole-number sound that reaches every branch: silence, full-scale noise, faint noise, pulse trains through a
/// resonance at many pitches and levels, square waves at full scale.
fn frames() -> Vec<[i16; FRAME_SAMPLES]> {
    let mut generator = Generator(1);
    let (mut a, mut b) = (0i64, 0i64);
    (0..1_500)
        .map(|frame| {
            let level = 1 << (frame / 7 % 15);
            let period = 20 + frame * 7 % 160;
            std::array::from_fn(|n| {
                let (at, noise) = ((frame * FRAME_SAMPLES + n) as i64, i64::from(generator.next()));
                let sample = match frame / 60 % 5 {
                    0 => noise * level / 32_768,
                    1 => {
                        let pulse = if at % period as i64 == 0 { 8 * level } else { noise * level / 400_000 };
                        let out = pulse + (a * 58_000 - b * 31_000) / 32_768;
                        (b, a) = (a, out);
                        out
                    }
                    2 if at / 37 % 2 == 0 => 32_767,
                    2 => -32_768,
                    3 => 0,
                    _ => noise,
                };
                sample.clamp(-32_768, 32_767) as i16
            })
        })
        .collect()
}

#[test]
fn every_byte_and_every_sample_is_that_of_libgsm() {
    let Some(library) = libgsm() else { return };
    let frames = frames();
    let expected = theirs(&library, &frames);
    let mut encoder = Encoder::default();
    for (n, (frame, expected)) in frames.iter().zip(&expected).enumerate() {
        assert_eq!(encoder.encode(frame).to_bytes(), *expected, "frame {n}");
    }
    let mut decoder = Decoder::default();
    for (n, (bytes, expected)) in expected.iter().zip(their_sound(&library, &expected)).enumerate() {
        let frame = Frame::from_bytes(bytes).expect("a frame");
        assert_eq!(decoder.decode(&frame), expected, "frame {n}");
    }
}

#[test]
fn frames_of_random_bits_are_decoded_as_libgsm_decodes_them() {
    let Some(library) = libgsm() else { return };
    let mut generator = Generator(2);
    let coded: Vec<[u8; FRAME_BYTES]> = (0..2_000)
        .map(|_| {
            let mut bytes: [u8; FRAME_BYTES] = std::array::from_fn(|_| generator.next() as u8);
            bytes[0] = 0xD0 | bytes[0] & 0x0F;
            bytes
        })
        .collect();
    let mut decoder = Decoder::default();
    for (n, (bytes, expected)) in coded.iter().zip(their_sound(&library, &coded)).enumerate() {
        assert_eq!(decoder.decode(&Frame::from_bytes(bytes).expect("a frame")), expected, "frame {n}");
    }
}

/// FNV-1a over everything: a golden vector of 1,500 frames in one number.
fn fingerprint(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Made with libgsm 1.0.22 by the test above; here so that a machine without it notices a change.
#[test]
fn gsm_reproduces_its_golden_vectors() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let coded: Vec<_> = frames().iter().map(|frame| encoder.encode(frame)).collect();
    let heard: Vec<_> = coded.iter().flat_map(|frame| decoder.decode(frame)).collect();
    let coded = fingerprint(coded.iter().flat_map(Frame::to_bytes));
    let heard = fingerprint(heard.iter().flat_map(|sample| sample.to_le_bytes()));
    assert_eq!((coded, heard), (13_446_201_820_158_047_816, 8_230_536_783_232_629_393));
}
