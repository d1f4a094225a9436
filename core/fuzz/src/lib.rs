//! Bytes from a fuzzer enter one of the engine's parsers; what must hold for any input is checked.
//!
//! Each function is a fuzz target. `make fuzz` looks for inputs that break one (libFuzzer, guided by coverage); every
//! input it found worth keeping lies in `corpus/<target>/`, and `cargo test` replays them all ([`replay`]).

use peakstream::audio::mismatch::Watch;
use peakstream::audio::{g722, ogg_opus, opus, wav};
use peakstream::credential::{self, Credential, CredentialKey, CredentialKeys};
use peakstream::replay::Fingerprint;
use peakstream::{AudioFormat, Centre, Encoding, FormatFields, SampleRate};

pub mod replay;

/// A WAV file: reading it never panics and what was read is a sound recording, which survives being written.
///
/// # Panics
/// If that does not hold.
pub fn wav(data: &[u8]) {
    let Ok(read) = wav::read(data) else { return };
    assert!(
        (1..=8).contains(&read.channels) && read.rate > 0,
        "{} channels at {} Hz",
        read.channels,
        read.rate
    );
    assert_eq!(read.samples.len() % read.channels, 0, "a frame is cut off");
    assert!(read.samples.len() <= data.len(), "more samples than bytes");
    let again = wav::read(&wav::write(&read.samples, read.rate)).expect("what was written is read");
    assert_eq!((again.channels, again.rate, &again.samples), (1, read.rate, &read.samples));
}

/// A credential, as the text a client sends and as the bytes found inside once it was opened: neither panics, nobody's
/// text opens, and what the bytes say survives being sealed.
///
/// # Panics
/// If that does not hold.
pub fn credential(data: &[u8]) {
    let keys =
        CredentialKeys::new(CredentialKey::new([1; 8], [2; 32]), vec![CredentialKey::new([3; 8], [4; 32])]);
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(credential::open(&keys, "tenant", text).is_err(), "a forged credential opened");
    }
    for version in 1..=3 {
        if let Some(found) = credential::from_plain(version, data) {
            is_kept_sealed(&keys, &found);
        }
    }
}

fn is_kept_sealed(keys: &CredentialKeys, found: &Credential) {
    let text = credential::seal(keys, "tenant", found, [5; 24]);
    let opened = credential::open(keys, "tenant", &text).expect("own credential");
    assert_eq!((&opened.calibration, opened.created_at), (&found.calibration, found.created_at));
    assert_eq!(opened.template.model(), found.template.model());
    assert_eq!(opened.template.channel_type(), found.template.channel_type());
    let by_telephone = [&opened, found].map(|one| one.template.by_telephone().is_some());
    assert_eq!(by_telephone[0], by_telephone[1], "what a telephone leaves was lost");
    assert_eq!(opened.fingerprint, found.fingerprint, "another recording");
    let cosine = opened.template.cosine(&found.template);
    assert!((cosine - 1.0).abs() < 1e-5, "sealing turned the voice: {cosine}");
    assert!(credential::open(keys, "another", &text).is_err(), "another tenant's credential opened");
}

/// A kept centre: reading it never panics, and what was read is written as it was.
///
/// # Panics
/// If that does not hold.
pub fn centre(data: &[u8]) {
    if let Some(found) = Centre::from_bytes(data) {
        assert_eq!(found.to_bytes(), data, "another centre");
    }
}

/// A kept fingerprint: reading it never panics, what was read is written as it was, and it agrees with itself in every clear cell.
///
/// # Panics
/// If that does not hold.
pub fn fingerprint(data: &[u8]) {
    let Some(found) = Fingerprint::from_bytes(data) else { return };
    assert_eq!(found.to_bytes(), data, "another fingerprint");
    let own = found.agreement(&found);
    let clear: u32 = data[1..].chunks(6).flat_map(|frame| &frame[..3]).map(|byte| byte.count_ones()).sum();
    assert_eq!((own.compared(), own.differing()), (clear, 0), "not like itself");
    assert!(found.repetition().compared() <= clear, "more comes again than there is");
}

/// A WAV stream: its header says the same however it is cut, and what the reader of whole files makes of it.
///
/// # Panics
/// If that does not hold.
pub fn wav_stream(data: &[u8]) {
    let whole = wav::HeaderReader::default().push(data);
    let (mut reader, mut cut) = (wav::HeaderReader::default(), Ok(None));
    for (at, byte) in data.iter().enumerate() {
        cut = reader.push(&[*byte]).map(|found| found.map(|(_, layout)| (at + 1, layout)));
        if !matches!(cut, Ok(None)) {
            break;
        }
    }
    assert_eq!(whole, cut, "the header depends on how it is cut");
    if let (Ok(Some((_, layout))), Ok(file)) = (whole, wav::read(data)) {
        assert_eq!((layout.rate, layout.channels), (file.rate, file.channels));
    }
}

/// An Ogg stream: reading it never panics, and gives no more than 120 ms for each segment there can be.
///
/// # Panics
/// If that does not hold.
pub fn ogg_opus(data: &[u8]) {
    for channels in [1, 2] {
        if let Ok(samples) = ogg_opus::read(data, channels, channels - 1) {
            assert!(samples.len() <= (data.len() + 1) * 1_920, "samples from nowhere");
        }
    }
}

/// Opus packets, each behind a byte that says its length: every one leaves samples, whatever it is.
///
/// # Panics
/// If that does not hold.
pub fn opus_packets(data: &[u8]) {
    let mut decoder = opus::Decoder::new(1 + data.len() % 2, 0);
    let (mut rest, mut packets, mut samples) = (data, 0, [0; 1_920]);
    while let Some((&length, after)) = rest.split_first() {
        let (packet, next) = after.split_at(usize::from(length).min(after.len()));
        decoder.packet(packet).expect("a codec that works");
        assert!(decoder.take(&mut samples) > 0);
        (packets, rest) = (packets + 1, next);
    }
    let counts = decoder.counts();
    assert_eq!(counts.packets, packets);
    assert!(counts.lost + counts.damaged <= packets);
}

/// G.722: any bytes are audio, and coding what they decode to does not panic.
pub fn g722(data: &[u8]) {
    let (mut decoder, mut encoder) = (g722::Decoder::new(), g722::Encoder::new());
    for &byte in data {
        let _ = encoder.encode(decoder.decode(byte));
    }
}

/// Audio fields, one a line: whatever is accepted has a form that can be decoded, and everything else is named.
///
/// # Panics
/// If that does not hold.
pub fn audio_format(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines().chain(std::iter::repeat(""));
    let mut line = || lines.next().unwrap_or_default();
    let fields = FormatFields {
        audio_format: line(),
        audio_codec: line(),
        sample_format: line(),
        sample_rate: line().parse().unwrap_or(8_000),
        channels: line().parse().unwrap_or(1),
        channel: line().parse().unwrap_or(1),
    };
    match AudioFormat::parse(&fields) {
        Ok(format) => assert!(format.caller() < format.channels() && format.channels() <= 2),
        Err(wrong) => assert!(!wrong.is_empty() && wrong.iter().all(|error| error.message.len() < 400)),
    }
}

/// The watch for streams of a wrong name: never panics, and answers the same however the bytes are cut.
///
/// # Panics
/// If that does not hold.
pub fn mismatch(data: &[u8]) {
    let format = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);
    let watch = |size: usize| {
        let mut watch = Watch::new(&format).expect("a format that is watched");
        data.chunks(size).find_map(|piece| watch.look(piece).err())
    };
    assert_eq!(watch(1), watch(data.len().max(1)));
}
