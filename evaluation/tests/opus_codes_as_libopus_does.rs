//! The Opus encoder of the channel simulation beside the system's libopus (Debian package `libopus0`): at each bit rate the
//! what is heard is about as far from the original.
//!
//! Without libopus there is nothing to compare with: the test says so and passes, unless `PEAKSTREAM_NEEDS_LIBOPUS` is set.
#![allow(unsafe_code, reason = "a C library is called")]

use std::ffi::{c_int, c_void};

use libloading::Library;
use peakstream::audio::opus::Decoder;
use peakstream_evaluation::channel::Simulation;

type Create = unsafe extern "C" fn(i32, c_int, c_int, *mut c_int) -> *mut c_void;
type Control = unsafe extern "C" fn(*mut c_void, c_int, ...) -> c_int;
type Encode = unsafe extern "C" fn(*mut c_void, *const f32, c_int, *mut u8, i32) -> i32;

/// `opus_defines.h`.
const VOIP: c_int = 2048;
const SET_BITRATE: c_int = 4002;
const SET_COMPLEXITY: c_int = 4010;
const PACKET: usize = 320;

fn libopus() -> Option<Library> {
    // SAFETY: loading libopus runs no code of its own.
    let found = unsafe { Library::new("libopus.so.0") };
    if let Err(error) = &found {
        let needed = std::env::var_os("PEAKSTREAM_NEEDS_LIBOPUS").is_some();
        assert!(!needed, "the system's libopus is needed and absent (apt-get install libopus0): {error}");
        println!("NOT COMPARED: the system's libopus is absent (apt-get install libopus0): {error}");
    }
    found.ok()
}

fn theirs(library: &Library, bit_rate: i32, samples: &[f32]) -> Vec<Vec<u8>> {
    // SAFETY: names and types are those of opus.h, buffers have the lengths that are passed.
    unsafe {
        let create = library.get::<Create>(b"opus_encoder_create").expect("libopus");
        let control = library.get::<Control>(b"opus_encoder_ctl").expect("libopus");
        let encode = library.get::<Encode>(b"opus_encode_float").expect("libopus");
        let mut error = 0;
        let encoder = create(16_000, 1, VOIP, &mut error);
        assert_eq!(error, 0);
        assert_eq!(control(encoder, SET_BITRATE, bit_rate), 0);
        assert_eq!(control(encoder, SET_COMPLEXITY, 9 as c_int), 0);
        let mut packet = vec![0; 4_000];
        samples
            .chunks_exact(PACKET)
            .map(|frame| {
                let length = encode(encoder, frame.as_ptr(), PACKET as c_int, packet.as_mut_ptr(), 4_000);
                packet[..usize::try_from(length).expect("a packet")].to_vec()
            })
            .collect()
    }
}

fn decoded(packets: &[Vec<u8>]) -> Vec<f32> {
    let mut decoder = Decoder::new(1, 0);
    let (mut all, mut samples) = (Vec::new(), [0; 1_920]);
    for packet in packets {
        decoder.packet(packet).expect("a codec that works");
        let made = decoder.take(&mut samples);
        all.extend(samples[..made].iter().map(|s| f32::from(*s) / 32_768.0));
    }
    assert_eq!(decoder.counts().damaged, 0);
    all
}

/// Delay in samples, and the ratio of the sound to the error in dB over packets that hold sound, their median.
fn delay_and_segmental_ratio(original: &[f32], heard: &[f32]) -> (usize, f64) {
    // What is later than the end is not compared.
    let likeness =
        |delay: &usize| original.iter().zip(&heard[*delay..]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let delay = (0..400).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(0);
    let mut ratios: Vec<_> = original
        .chunks_exact(PACKET)
        .zip(heard[delay..].chunks_exact(PACKET))
        .map(|(a, b)| {
            let power: f64 = a.iter().map(|s| f64::from(*s).powi(2)).sum();
            let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            (power, 10.0 * (power / error.max(1e-12)).log10())
        })
        .filter(|(power, _)| *power > 0.01)
        .map(|(_, ratio)| ratio)
        .collect();
    ratios.sort_by(f64::total_cmp);
    (delay, ratios[ratios.len() / 2])
}

/// Ten seconds of a voice by formula: pulses at a moving pitch through three resonances that move, in syllables.
fn voice() -> Vec<f32> {
    let tau = std::f64::consts::TAU;
    let mut phase = 0.0;
    (0..160_000)
        .map(|n| {
            let t = f64::from(n) / 16_000.0;
            let pitch = 120.0 + 25.0 * (tau * 0.7 * t).sin();
            phase += pitch / 16_000.0;
            let formants =
                [500.0 + 200.0 * (tau * 2.3 * t).sin(), 1_500.0 + 500.0 * (tau * 1.7 * t).cos(), 2_600.0];
            let voice: f64 = (1..40)
                .map(|k| {
                    let hz = pitch * f64::from(k);
                    let gain: f64 = formants.iter().map(|f| 1.0 / (1.0 + ((hz - f) / 120.0).powi(2))).sum();
                    gain * (tau * phase * f64::from(k)).sin()
                })
                .sum();
            (0.08 * (0.5 + 0.5 * (tau * 3.0 * t).sin()) * voice) as f32
        })
        .collect()
}

#[test]
fn what_is_heard_is_as_far_from_the_original_as_with_libopus() {
    let Some(library) = libopus() else { return };
    let voice = voice();
    for bit_rate in [6_000, 12_000, 24_000] {
        let channel: Simulation = format!("opus:{}k", bit_rate / 1_000).parse().expect("a channel");
        let call = channel.apply(&voice, &[], 1).expect("a call");
        let heard: Vec<_> = call.samples.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        let (delay, ratio) = delay_and_segmental_ratio(&voice, &heard);
        let (_, their_ratio) =
            delay_and_segmental_ratio(&voice, &decoded(&theirs(&library, bit_rate, &voice)));
        println!("{bit_rate} bit/s: ours {ratio:.1} dB, libopus {their_ratio:.1} dB");
        assert!((ratio - their_ratio).abs() < 1.5, "{bit_rate}: {ratio} dB, theirs {their_ratio} dB");
        assert!(delay <= 2, "{bit_rate}: {delay} samples late");
    }
}
