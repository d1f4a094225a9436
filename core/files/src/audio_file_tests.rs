//! Files as recorders write them, made here byte by byte.

use super::*;
use std::fs;

/// 400 Hz at a third of full scale.
fn tone(rate: u32, seconds: f64) -> Vec<i16> {
    (0..(f64::from(rate) * seconds) as usize)
        .map(|n| (10_000.0 * (2.0 * std::f64::consts::PI * 400.0 * n as f64 / f64::from(rate)).sin()) as i16)
        .collect()
}

fn wav(code: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(code.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn le16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << (width - 8), |crc, _| {
            let shifted = crc << 1;
            (if crc >> (width - 1) & 1 == 1 { shifted ^ polynomial } else { shifted }) & ((1 << width) - 1)
        })
    })
}

/// A FLAC file of one verbatim frame: mono, 16 bits, 8 kHz (RFC 9639).
fn flac(samples: &[i16]) -> Vec<u8> {
    let size = samples.len() as u16;
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend(size.to_be_bytes());
    file.extend(size.to_be_bytes());
    file.extend([0; 6]);
    // 20 bits rate, 3 bits channels - 1, 5 bits bits - 1, 36 bits samples.
    file.extend((8000u64 << 44 | 15 << 36 | samples.len() as u64).to_be_bytes());
    file.extend([0; 16]);
    let mut frame = vec![0xFF, 0xF8, 0x70, 0x08, 0x00];
    frame.extend((size - 1).to_be_bytes());
    frame.push(crc(&frame, 8, 0x07) as u8);
    frame.push(0x02);
    frame.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
    frame.extend((crc(&frame, 16, 0x8005) as u16).to_be_bytes());
    file.extend(frame);
    file
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("temporary file");
        path
    }
}

fn first(path: &Path) -> Result<Recording, AudioFileError> {
    read(path, &ReadOptions::default())
}

#[test]
fn every_usual_sample_format_of_a_wav_gives_the_same_audio() {
    let folder = Folder::new();
    let samples = tone(8000, 0.5);
    let coded = |codec| {
        let mut bytes = Vec::new();
        peakstream::audio::encode(&samples, parse_codec(codec).expect("known"), &mut bytes);
        bytes
    };
    let files = [
        ("pcm16", wav(1, 16, 1, 8000, &le16(&samples)), 0),
        (
            "pcm24",
            wav(
                1,
                24,
                1,
                8000,
                &samples.iter().flat_map(|s| [0, *s as u8, (*s >> 8) as u8]).collect::<Vec<_>>(),
            ),
            0,
        ),
        (
            "pcm32",
            wav(
                1,
                32,
                1,
                8000,
                &samples.iter().flat_map(|s| (i32::from(*s) << 16).to_le_bytes()).collect::<Vec<_>>(),
            ),
            0,
        ),
        (
            "float",
            wav(
                3,
                32,
                1,
                8000,
                &samples.iter().flat_map(|s| (f32::from(*s) / 32768.0).to_le_bytes()).collect::<Vec<_>>(),
            ),
            1,
        ),
        // A segment's step at this level is 512, its half 256.
        ("mulaw", wav(7, 8, 1, 8000, &coded("mulaw")), 256),
        ("alaw", wav(6, 8, 1, 8000, &coded("alaw")), 256),
    ];
    for (name, file, tolerance) in files {
        let recording = first(&folder.write(name, &file)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((recording.rate(), recording.samples().len()), (8000, samples.len()), "{name}");
        let worst = recording
            .samples()
            .iter()
            .zip(&samples)
            .map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs())
            .max();
        assert!(worst <= Some(tolerance), "{name}: off by {worst:?}");
    }
}

#[test]
fn a_flac_file_gives_its_samples_bit_for_bit() {
    let folder = Folder::new();
    let samples = tone(8000, 0.25);
    // The name does not matter, the first bytes do.
    let recording = first(&folder.write("a.wav", &flac(&samples))).expect("FLAC");
    assert_eq!(recording.samples(), samples);
    assert_eq!(recording.rate(), 8000);
}

#[test]
fn the_channel_asked_for_is_the_one_that_is_read() {
    let folder = Folder::new();
    let interleaved: Vec<i16> = (0..1000).flat_map(|n| [n, -n]).collect();
    let path = folder.write("stereo.wav", &wav(1, 16, 2, 8000, &le16(&interleaved)));
    let right: Vec<i16> = (0..1000).map(|n: i16| -n).collect();
    let recording = read(&path, &ReadOptions { raw: None, channel: 2 }).expect("two channels");
    assert_eq!(recording.samples(), right);
    let raw = folder.write("stereo.sln", &le16(&interleaved));
    let form = RawForm { encoding: parse_codec("pcm").expect("known"), rate: 8000, channels: 2 };
    let recording = read(&raw, &ReadOptions { raw: Some(form), channel: 2 }).expect("two channels");
    assert_eq!(recording.samples(), right);
    for (path, raw) in [(&path, None), (&raw, Some(form))] {
        let error = read(path, &ReadOptions { raw, channel: 3 }).expect_err("no third").to_string();
        assert!(error.contains("has 2 channel(s), not a channel 3"), "{error}");
    }
}

#[test]
fn a_recording_that_was_cut_off_is_still_a_recording() {
    let folder = Folder::new();
    let samples = tone(8000, 1.0);
    let mut file = wav(1, 16, 1, 8000, &le16(&samples));
    file.truncate(file.len() - 4001);
    let recording = first(&folder.write("cut.wav", &file)).expect("a beginning");
    assert!(recording.samples().len() > 5000 && samples.starts_with(recording.samples()));
}

#[test]
fn a_tone_keeps_its_pitch_level_length_and_place_at_another_rate() {
    for (from, to) in [
        (44_100, SampleRate::Hz8000),
        (48_000, SampleRate::Hz16000),
        (8000, SampleRate::Hz16000),
        (22_050, SampleRate::Hz8000),
    ] {
        let recording = Recording { path: "tone".into(), samples: tone(from, 1.0), rate: from };
        let converted = recording.at(to).expect("convertible");
        let expected = tone(to.hz(), 1.0);
        assert!(
            converted.samples().len().abs_diff(expected.len()) <= 1,
            "{from}: {}",
            converted.samples().len()
        );
        // The edges ring: a tone that begins at once is not band-limited.
        let inner = expected.len() / 8..expected.len() * 7 / 8;
        let worst = converted.samples()[inner.clone()]
            .iter()
            .zip(&expected[inner])
            .map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs())
            .max();
        assert!(worst <= Some(12), "{from} to {}: off by {worst:?} of 10,000", to.hz());
    }
}

#[test]
fn what_lies_above_the_new_band_does_not_fold_back() {
    let high =
        |n: usize| (10_000.0 * (2.0 * std::f64::consts::PI * 6000.0 * n as f64 / 48_000.0).sin()) as i16;
    let recording = Recording { path: "high".into(), samples: (0..48_000).map(high).collect(), rate: 48_000 };
    let converted = recording.at(SampleRate::Hz8000).expect("convertible");
    let loudest = converted.samples()[1000..7000].iter().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest <= Some(2), "{loudest:?}");
}

#[test]
fn a_file_that_is_no_audio_is_answered_with_the_command_that_converts_it() {
    let folder = Folder::new();
    let m4a = folder.write("x.m4a", b"\0\0\0\x20ftypM4A ");
    let form = RawForm { encoding: parse_codec("mulaw").expect("known"), rate: 8000, channels: 1 };
    for raw in [None, Some(form)] {
        let error = read(&m4a, &ReadOptions { raw, channel: 1 }).expect_err("compressed").to_string();
        assert!(
            error.contains("not a WAV, FLAC, MP3, Ogg Opus or raw file") && error.contains("ffmpeg -i"),
            "{error}"
        );
    }
    let text = folder.write("x.txt", b"hello, this is not audio");
    assert!(matches!(first(&text), Err(AudioFileError::NotAudio { .. })));
    assert!(
        read(&text, &ReadOptions { raw: Some(form), channel: 1 }).is_ok(),
        "unless somebody vouches for it"
    );
}

#[test]
fn broken_and_empty_files_are_refused_by_name() {
    let folder = Folder::new();
    let missing = first(Path::new("/no/such/file.wav")).expect_err("missing").to_string();
    assert!(missing.contains("/no/such/file.wav"), "{missing}");
    assert!(matches!(
        first(&folder.write("empty.wav", &wav(1, 16, 1, 8000, &[]))),
        Err(AudioFileError::Empty { .. })
    ));
    assert!(matches!(first(&folder.write("nothing.wav", b"")), Err(AudioFileError::NotAudio { .. })));
    assert!(matches!(
        first(&folder.write("head.wav", b"RIFF\0\0\0\0WAVE")),
        Err(AudioFileError::Undecodable { .. })
    ));
    assert!(matches!(first(&folder.write("head.flac", b"fLaC")), Err(AudioFileError::Undecodable { .. })));
    let slow = wav(1, 16, 1, 100, &le16(&[1; 400]));
    assert!(matches!(first(&folder.write("slow.wav", &slow)), Err(AudioFileError::Rate { rate: 100, .. })));
}

#[test]
fn no_header_makes_the_reader_panic() {
    let folder = Folder::new();
    // Every byte of the header, at its extremes.
    for good in [wav(1, 16, 1, 8000, &le16(&tone(8000, 0.01))), flac(&tone(8000, 0.01))] {
        for at in 0..60 {
            for value in [0x00, 0x01, 0x7F, 0x80, 0xFF] {
                let mut file = good.clone();
                file[at] = value;
                drop(first(&folder.write("x", &file)));
            }
        }
    }
}
