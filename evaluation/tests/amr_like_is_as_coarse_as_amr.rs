//! The CELP codec of the channel simulation beside AMR itself (Debian package `libopencore-amrnb0`): how far speech is from
//! the original after each, as segmental signal-to-noise ratio and as log-spectral distance.
//!
//! Without that library there is nothing to compare with: the test says so and passes, unless `PEAKSTREAM_NEEDS_AMR` is set.
#![allow(unsafe_code, reason = "a C library is called")]

use std::ffi::{c_int, c_void};

use libloading::Library;
use peakstream_evaluation::channel::Simulation;

type CreateEncoder = unsafe extern "C" fn(c_int) -> *mut c_void;
type CreateDecoder = unsafe extern "C" fn() -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type Encode = unsafe extern "C" fn(*mut c_void, c_int, *const i16, *mut u8, c_int) -> c_int;
type Decode = unsafe extern "C" fn(*mut c_void, *const u8, *mut i16, c_int);

const FRAME: usize = 160;

fn amr() -> Option<Library> {
    // SAFETY: loading the library runs no code of its own.
    let found = unsafe { Library::new("libopencore-amrnb.so.0") };
    if let Err(error) = &found {
        let needed = std::env::var_os("PEAKSTREAM_NEEDS_AMR").is_some();
        assert!(
            !needed,
            "the system's AMR codec is needed and absent (apt-get install libopencore-amrnb0): {error}"
        );
        println!(
            "NOT COMPARED: the system's AMR codec is absent (apt-get install libopencore-amrnb0): {error}"
        );
    }
    found.ok()
}

/// What the real codec makes of it; `mode` is AMR's number of the rate.
fn theirs(library: &Library, mode: c_int, samples: &[i16]) -> Vec<i16> {
    // SAFETY: names and types are those of interf_enc.h and interf_dec.h, buffers are as long as they ask.
    unsafe {
        let create_encoder = library.get::<CreateEncoder>(b"Encoder_Interface_init").expect("AMR");
        let destroy_encoder = library.get::<Destroy>(b"Encoder_Interface_exit").expect("AMR");
        let create_decoder = library.get::<CreateDecoder>(b"Decoder_Interface_init").expect("AMR");
        let destroy_decoder = library.get::<Destroy>(b"Decoder_Interface_exit").expect("AMR");
        let encode = library.get::<Encode>(b"Encoder_Interface_Encode").expect("AMR");
        let decode = library.get::<Decode>(b"Decoder_Interface_Decode").expect("AMR");
        let (encoder, decoder) = (create_encoder(0), create_decoder());
        let heard = samples
            .chunks_exact(FRAME)
            .flat_map(|frame| {
                let (mut packet, mut out) = ([0u8; 64], [0i16; FRAME]);
                assert!(encode(encoder, mode, frame.as_ptr(), packet.as_mut_ptr(), 0) > 0);
                decode(decoder, packet.as_ptr(), out.as_mut_ptr(), 0);
                out
            })
            .collect();
        destroy_encoder(encoder);
        destroy_decoder(decoder);
        heard
    }
}

/// A voice by formula at 16 kHz: pulses at a moving pitch and breath through three resonances that move, in syllables.
fn voice() -> Vec<f32> {
    let tau = std::f64::consts::TAU;
    let (mut phase, mut state) = (0.0, 1u32);
    (0..160_000)
        .map(|n| {
            let t = f64::from(n) / 16_000.0;
            let pitch = 120.0 + 25.0 * (tau * 0.7 * t).sin();
            phase += pitch / 16_000.0;
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let breath = f64::from(state >> 16) / 32_768.0 - 1.0;
            let formants =
                [500.0 + 200.0 * (tau * 2.3 * t).sin(), 1_500.0 + 500.0 * (tau * 1.7 * t).cos(), 2_600.0];
            let voice: f64 = (1..40)
                .map(|k| {
                    let hz = pitch * f64::from(k);
                    let gain: f64 = formants.iter().map(|f| 1.0 / (1.0 + ((hz - f) / 120.0).powi(2))).sum();
                    gain * (tau * phase * f64::from(k)).sin()
                })
                .sum();
            ((0.5 + 0.5 * (tau * 3.0 * t).sin()) * (0.08 * voice + 0.004 * breath)) as f32
        })
        .collect()
}

/// Median over frames with sound of the ratio of signal to error in dB, and mean distance of the logarithmic spectra in dB.
fn distances(original: &[i16], heard: &[i16]) -> (f64, f64) {
    let likeness = |delay: &usize| {
        original.iter().zip(&heard[*delay..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let delay = (0..200).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(0);
    // The library's decoder plays twice as loud as what entered: loudness is not what is compared.
    let power: f64 = heard.iter().map(|s| f64::from(*s).powi(2)).sum();
    let gain = likeness(&delay) / power.max(1.0);
    let heard: Vec<_> = heard[delay..].iter().map(|s| gain * f64::from(*s)).collect();
    let original: Vec<_> = original.iter().copied().map(f64::from).collect();
    let (mut ratios, mut spectral) = (Vec::new(), Vec::new());
    for (a, b) in original.chunks_exact(FRAME).zip(heard.chunks_exact(FRAME)) {
        let power: f64 = a.iter().map(|s| s * s).sum();
        if power < 160.0 * 300f64.powi(2) {
            continue;
        }
        let error: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        ratios.push(10.0 * (power / error.max(1.0)).log10());
        let (a, b) = (spectrum(a), spectrum(b));
        spectral.push((a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64).sqrt());
    }
    ratios.sort_by(f64::total_cmp);
    (ratios[ratios.len() / 2], spectral.iter().sum::<f64>() / spectral.len() as f64)
}

/// dB in sixteen equal bands from 200 to 3,400 Hz.
fn spectrum(frame: &[f64]) -> Vec<f64> {
    let power = |hz: f64| {
        let step = std::f64::consts::TAU * hz / 8_000.0;
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in frame.iter().enumerate() {
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / FRAME as f64).cos();
            re += window * sample * (step * n as f64).cos();
            im += window * sample * (step * n as f64).sin();
        }
        re * re + im * im
    };
    (0..16)
        .map(|band| {
            let sum: f64 = (0..4).map(|k| power(200.0 + 200.0 * f64::from(band) + 50.0 * f64::from(k))).sum();
            10.0 * (sum + 1e3).log10()
        })
        .collect()
}

#[test]
fn speech_is_about_as_far_from_the_original_as_after_amr() {
    let Some(library) = amr() else { return };
    let voice = voice();
    // G.711 at its finest is far better than either codec: the comparison is with what telephones hear.
    let narrow: Simulation = "alaw".parse().expect("a channel");
    let narrow = narrow.apply(&voice, &[], 1).expect("a call").samples;
    for (name, mode) in [("12.2k", 7), ("7.4k", 4), ("4.75k", 0)] {
        let channel: Simulation = format!("amr-like:{name}").parse().expect("a channel");
        let ours = channel.apply(&voice, &[], 1).expect("a call").samples;
        let (ratio, distance) = distances(&narrow, &ours);
        let (their_ratio, their_distance) = distances(&narrow, &theirs(&library, mode, &narrow));
        println!(
            "{name}: ours {ratio:.1} dB, spectral {distance:.1} dB; AMR {their_ratio:.1} dB, spectral {their_distance:.1} dB"
        );
        assert!((ratio - their_ratio).abs() < 4.0, "{name}: {ratio} dB, theirs {their_ratio} dB");
        assert!((distance - their_distance).abs() < 1.5, "{name}: {distance} dB, theirs {their_distance} dB");
    }
}
