//! What the integration tests share: the installed models and audio by formula.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::path::Path;
use std::sync::OnceLock;

use peakstream::audio::encode;
use peakstream::{
    AudioFormat, CallSpec, CallStream, ChannelType, Codec, Encoding, Engine, EngineOptions, LoadError,
    Precision, SampleRate, Status, WireRate,
};

/// The folder that `make models` fills.
pub fn models() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/installed")
}

/// The engine with the installed models, loaded once for each test binary.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        engine_in(Precision::F32).unwrap_or_else(|error| {
            panic!("{error}\n(these tests need the installed models: run `make models`)")
        })
    })
}

/// The same, in another precision.
pub fn engine_in(precision: Precision) -> Result<Engine, LoadError> {
    let options = EngineOptions { precision, ..EngineOptions::default() };
    Engine::load(&|name| std::fs::read(models().join(name)), options)
}

/// A voice-like signal that the detector takes for speech: around `pitch` Hz, up and down twice a second, between two vowels
/// and swelling four times a second, with pauses.
pub fn voice(seconds: f64, pitch: f64, rate: WireRate) -> Vec<i16> {
    let vowels = [
        weights(pitch, [(300.0, 80.0, 1.0), (2_300.0, 200.0, 0.4), (3_000.0, 200.0, 0.3)]),
        weights(pitch, [(730.0, 80.0, 1.0), (1_090.0, 110.0, 0.5), (2_440.0, 160.0, 0.3)]),
    ];
    let hz = f64::from(rate.hz());
    let tau = std::f64::consts::TAU;
    (0..(seconds * hz) as usize)
        .map(|i| {
            let t = i as f64 / hz;
            // Its pitch is the derivative: within a tenth of what is asked for.
            let phase = pitch * (t - 0.1 * (tau * 2.0 * t).cos() / (tau * 2.0));
            let share = 0.5 + 0.5 * (tau * 4.0 * t + 1.0).sin();
            let swell = 0.5 + 0.5 * (tau * 4.0 * t).sin();
            let talking = t % 2.0 < 1.5;
            let tone: f64 = (1..)
                .zip(vowels[0].iter().zip(&vowels[1]))
                .map(|(k, (a, b))| ((1.0 - share) * a + share * b) * (tau * f64::from(k) * phase).sin())
                .sum();
            (32_767.0 * 0.2 * if talking { swell * tone } else { 0.0 }) as i16
        })
        .collect()
}

/// How strong the first 25 harmonics are behind resonances of these frequencies, widths and gains.
fn weights(pitch: f64, formants: [(f64, f64, f64); 3]) -> Vec<f64> {
    let strength = |hz: f64| formants.iter().map(|(f, b, g)| g / (1.0 + ((hz - f) / b).powi(2))).sum();
    (1..26).map(|k| strength(f64::from(k) * pitch)).collect()
}

/// Every combination of encoding and number of channels at the rates that need no conversion, and one encoding, mono and
/// stereo, at those that do.
pub fn formats() -> Vec<AudioFormat> {
    let encodings = [
        Encoding::MuLaw,
        Encoding::ALaw,
        Encoding::Linear16Le,
        Encoding::Linear16Be,
        Encoding::Linear24Le,
        Encoding::Linear32Le,
        Encoding::Float32Le,
    ];
    let rates = [SampleRate::Hz8000, SampleRate::Hz16000];
    let mut formats = Vec::new();
    for encoding in encodings {
        for rate in rates {
            formats.push(AudioFormat::mono(encoding, rate));
            formats.extend((0..2).filter_map(|caller| AudioFormat::stereo(encoding, rate, caller)));
        }
    }
    for rate in WireRate::ALL.into_iter().filter(|rate| rate.call_rate().on_the_wire() != *rate) {
        let encoding = Encoding::Linear16Le;
        formats.push(AudioFormat::mono(encoding, SampleRate::Hz16000).at(rate));
        formats.extend(AudioFormat::stereo(encoding, SampleRate::Hz16000, 1).map(|format| format.at(rate)));
    }
    formats
}

/// How the samples of such a format are written.
pub fn encoding(format: &AudioFormat) -> Encoding {
    match format.codec() {
        Codec::Samples(encoding) => encoding,
        other => panic!("{other:?} is not written sample by sample"),
    }
}

/// Mono samples as a carrier would send them; the other channel of stereo is silent.
pub fn bytes(samples: &[i16], format: &AudioFormat) -> Vec<u8> {
    let interleaved: Vec<i16> = match (format.channels(), format.caller()) {
        (1, _) => samples.to_vec(),
        (_, 0) => samples.iter().flat_map(|&s| [s, 0]).collect(),
        _ => samples.iter().flat_map(|&s| [0, s]).collect(),
    };
    let mut bytes = Vec::new();
    encode(&interleaved, encoding(format), &mut bytes);
    bytes
}

/// A WAV header of 44 bytes that says these things.
pub fn wav_header(encoding: Encoding, hz: u32, channels: u16, data_bytes: u32) -> Vec<u8> {
    let tag: u16 = match encoding {
        Encoding::MuLaw => 7,
        Encoding::ALaw => 6,
        Encoding::Float32Le => 3,
        _ => 1,
    };
    let frame = channels * encoding.bytes() as u16;
    let mut header = b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0".to_vec();
    header.extend(tag.to_le_bytes());
    header.extend(channels.to_le_bytes());
    header.extend(hz.to_le_bytes());
    header.extend((hz * u32::from(frame)).to_le_bytes());
    header.extend(frame.to_le_bytes());
    header.extend((8 * encoding.bytes() as u16).to_le_bytes());
    header.extend(b"data");
    header.extend(data_bytes.to_le_bytes());
    header
}

/// Opens a telephone call.
pub fn open(format: AudioFormat, wanted: f64) -> CallStream {
    engine()
        .open(CallSpec { format, channel_type: ChannelType::Telephone, wanted })
        .expect("a telephone call of a supported format")
}

/// A recording at 16 kHz as Opus packets of 20 ms at 24 kbit/s.
#[cfg(feature = "opus")]
pub fn opus_packets(samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder =
        opus_rs::OpusEncoder::new(16_000, 1, opus_rs::Application::Voip).expect("a mono encoder");
    encoder.bitrate_bps = 24_000;
    let mut packet = vec![0; 1_500];
    samples
        .chunks_exact(320)
        .map(|frame| {
            let length = encoder.encode_i16(frame, 320, &mut packet).expect("a frame of 20 ms");
            packet[..length].to_vec()
        })
        .collect()
}

/// Packets in Ogg pages of up to `packets_of_page` packets, with the two headers before them (RFC 7845).
#[cfg(feature = "opus")]
pub fn ogg(packets: &[Vec<u8>], pre_skip: u16, packets_of_page: usize) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(pre_skip.to_le_bytes());
    head.extend(16_000u32.to_le_bytes());
    head.extend([0, 0, 0]);
    // Longer than a page holds in one segment, and than a packet may be.
    let mut tags = b"OpusTags".to_vec();
    tags.resize(20_000, b'x');
    let mut stream = Vec::new();
    let mut number = 0;
    let mut page = |flags: u8, packets: &[Vec<u8>]| {
        let mut table: Vec<u8> = Vec::new();
        for packet in packets {
            table.extend(vec![255; packet.len() / 255]);
            table.push((packet.len() % 255) as u8);
        }
        let mut bytes = b"OggS\0".to_vec();
        bytes.push(flags);
        bytes.extend([0; 8]);
        bytes.extend(7u32.to_le_bytes());
        bytes.extend(u32::to_le_bytes(number));
        bytes.extend([0; 4]);
        bytes.push(u8::try_from(table.len()).expect("a page has at most 255 segments"));
        bytes.extend(table);
        bytes.extend(packets.concat());
        number += 1;
        stream.extend(bytes);
    };
    page(2, &[head]);
    page(0, &[tags]);
    packets.chunks(packets_of_page).for_each(|packets| page(0, packets));
    stream
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
