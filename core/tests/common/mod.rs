//! What the integration tests share: the installed models and audio by formula.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::path::Path;
use std::sync::OnceLock;

use peakstream::audio::encode;
use peakstream::{
    AudioFormat, CallSpec, CallStream, ChannelType, Encoding, Engine, EngineOptions, SampleRate, Status,
};

/// The folder that `make models` fills.
pub fn models() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/installed")
}

/// The engine with the installed models, loaded once for each test binary.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        Engine::load(&|name| std::fs::read(models().join(name)), EngineOptions::default()).unwrap_or_else(
            |error| panic!("{error}\n(these tests need the installed models: run `make models`)"),
        )
    })
}

/// A voice-like signal that the detector takes for speech: a vowel at `pitch` Hz that swells, with pauses.
pub fn voice(seconds: f64, pitch: f64, rate: SampleRate) -> Vec<i16> {
    let formants = [(300.0, 80.0, 1.0), (2_300.0, 200.0, 0.4), (3_000.0, 200.0, 0.3)];
    let hz = f64::from(rate.hz());
    let weights: Vec<f64> = (1..26)
        .map(|k| {
            let at = f64::from(k) * pitch;
            formants.iter().map(|(f, b, g): &(f64, f64, f64)| g / (1.0 + ((at - f) / b).powi(2))).sum()
        })
        .collect();
    let tau = std::f64::consts::TAU;
    (0..(seconds * hz) as usize)
        .map(|i| {
            let t = i as f64 / hz;
            let swell = 0.5 + 0.5 * (tau * 4.0 * t).sin();
            let talking = t % 2.0 < 1.5;
            let tone: f64 =
                (1..).zip(&weights).map(|(k, w)| w * (tau * f64::from(k) * pitch * t).sin()).sum();
            (32_767.0 * 0.2 * if talking { swell * tone } else { 0.0 }) as i16
        })
        .collect()
}

/// Every combination of encoding, rate and number of channels that a call can have.
pub fn formats() -> Vec<AudioFormat> {
    let encodings = [Encoding::MuLaw, Encoding::ALaw, Encoding::Linear16Le, Encoding::Linear16Be];
    let rates = [SampleRate::Hz8000, SampleRate::Hz16000];
    let mut formats = Vec::new();
    for encoding in encodings {
        for rate in rates {
            formats.push(AudioFormat::mono(encoding, rate));
            formats.extend((0..2).filter_map(|caller| AudioFormat::stereo(encoding, rate, caller)));
        }
    }
    formats
}

/// Mono samples as a carrier would send them; the other channel of stereo is silent.
pub fn bytes(samples: &[i16], format: &AudioFormat) -> Vec<u8> {
    let channels = format.bytes_per_frame() / format.encoding().bytes();
    let interleaved: Vec<i16> = match (channels, *format) {
        (1, _) => samples.to_vec(),
        (_, f) if Some(f) == AudioFormat::stereo(f.encoding(), f.rate(), 0) => {
            samples.iter().flat_map(|&s| [s, 0]).collect()
        }
        _ => samples.iter().flat_map(|&s| [0, s]).collect(),
    };
    let mut bytes = Vec::new();
    encode(&interleaved, format.encoding(), &mut bytes);
    bytes
}

/// Opens a telephone call.
pub fn open(format: AudioFormat, wanted: f64) -> CallStream {
    engine()
        .open(CallSpec { format, channel_type: ChannelType::Telephone, wanted })
        .expect("a telephone call of a supported format")
}

/// Pushes everything and returns the statuses.
pub fn push_all(stream: &mut CallStream, mut bytes: &[u8]) -> Vec<Status> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let pushed = stream.push(bytes);
        bytes = &bytes[pushed.consumed..];
        statuses.extend(pushed.status);
    }
    statuses
}
