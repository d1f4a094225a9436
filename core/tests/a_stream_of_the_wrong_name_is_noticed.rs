//! A call whose bytes are not what was declared is noticed in its first seconds, and a call that is what it says never is.
//!
//! On the recorded speech of the project (`cargo run -p peakstream-bench -- mismatch ../shared/data/clips` prints it), the
//! watch misses what has too little speech in five seconds, and byte orders of very quiet recordings.

mod common;

use common::{models, open, voice};
use peakstream::audio::mismatch::{Look, Mismatch};
use peakstream::audio::{encode, wav};
use peakstream::{AudioFormat, Encoding, SampleRate, StreamFault, WireRate};
use proptest::prelude::*;

const ENCODINGS: [Encoding; 5] =
    [Encoding::MuLaw, Encoding::ALaw, Encoding::Linear16Le, Encoding::Linear16Be, Encoding::Float32Le];

/// The recorded calls that the demonstration plays.
fn recordings() -> Vec<(String, Vec<i16>)> {
    let folder = models().join("demo");
    let files = std::fs::read_dir(&folder).expect("recorded calls: run `make demo-audio`");
    let paths = files.map(|file| file.expect("a readable folder").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .map(|path| {
            let wav = wav::read(&std::fs::read(&path).expect("a readable file")).expect("a recording");
            (path.display().to_string(), wav.samples)
        })
        .collect()
}

fn fault(format: AudioFormat, bytes: &[u8]) -> Option<StreamFault> {
    let mut call = open(format, 30.0);
    bytes.chunks(160).find_map(|piece| call.push_all(piece))
}

fn written(samples: &[i16], encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(samples, encoding, &mut bytes);
    bytes
}

#[test]
fn recorded_calls_under_every_wrong_name_are_noticed_and_the_right_one_is_named() {
    for (name, samples) in recordings() {
        for actual in ENCODINGS {
            let bytes = written(&samples, actual);
            for declared in ENCODINGS {
                let found = fault(AudioFormat::mono(declared, SampleRate::Hz8000), &bytes);
                let expected = (actual != declared).then_some(StreamFault::Mismatch(Mismatch {
                    declared: Look::Samples(declared),
                    found: Look::Samples(actual),
                }));
                assert_eq!(found, expected, "{name}: {actual:?} declared as {declared:?}");
            }
        }
    }
}

#[test]
fn of_two_channels_the_callers_is_looked_at() {
    let (_, samples) = recordings().remove(0);
    let stereo: Vec<i16> = samples.iter().flat_map(|&sample| [0, sample]).collect();
    let second = |encoding| AudioFormat::stereo(encoding, SampleRate::Hz8000, 1).expect("a channel it has");
    let bytes = written(&stereo, Encoding::ALaw);
    assert_eq!(fault(second(Encoding::ALaw), &bytes), None);
    let found = fault(second(Encoding::MuLaw), &bytes).expect("a mismatch");
    assert_eq!(found.to_string(), "declared as mu-law, but it looks like A-law");
}

#[test]
fn a_file_that_is_streamed_as_samples_is_named() {
    let file = wav::write(&voice(1.0, 140.0, WireRate::Hz8000), 8_000);
    let found =
        fault(AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000), &file).expect("a mismatch");
    assert!(found.to_string().contains("a WAV file"), "{found}");
}

/// Ten seconds of what telephone lines carry beside speech.
fn sounds() -> Vec<(&'static str, Vec<i16>)> {
    let tau = std::f64::consts::TAU;
    let by = |wave: &dyn Fn(f64) -> f64| (0..80_000).map(|i| wave(f64::from(i) / 8_000.0) as i16).collect();
    let tone = |hz: f64| move |t: f64| (tau * hz * t).sin();
    let mut state = 1u32;
    let mut noise = |level: f64| -> Vec<i16> {
        (0..80_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (f64::from(state) / f64::from(u32::MAX) * 2.0 * level - level).round() as i16
            })
            .collect()
    };
    let (silence, hiss, hum, loud) = (noise(0.0), noise(2.0), noise(40.0), noise(30_000.0));
    // Noise with less and less energy toward high frequencies, as in a car.
    let mut low = 0.0;
    let car: Vec<i16> = loud
        .iter()
        .map(|&sample| {
            low = 0.95 * low + 0.05 * f64::from(sample);
            low as i16
        })
        .collect();
    let quiet_car = car.iter().map(|sample| sample / 200).collect();
    vec![
        ("digital silence", silence),
        ("a hiss of one step", hiss),
        ("quiet noise", hum),
        ("loud noise", loud),
        ("a car", car),
        ("a quiet car", quiet_car),
        ("an offset", vec![500; 80_000]),
        ("the lowest tone", by(&|t| 8_000.0 * tone(60.0)(t))),
        ("ringing", by(&|t| if t % 5.0 < 1.0 { 6_000.0 * tone(425.0)(t) } else { 0.0 })),
        ("the highest tone", by(&|t| 8_000.0 * tone(3_400.0)(t))),
        ("touch tones", by(&|t| 6_000.0 * (tone(941.0)(t) + tone(1_336.0)(t)))),
        (
            "a chord",
            by(&|t| {
                2_500.0 * [262.0, 330.0, 392.0, 1_046.0, 2_093.0].map(|hz| tone(hz)(t)).iter().sum::<f64>()
            }),
        ),
        ("overdriven", by(&|t| (90_000.0 * tone(300.0)(t)).clamp(-32_768.0, 32_767.0))),
        ("a square wave", by(&|t| if tone(440.0)(t) > 0.0 { 15_000.0 } else { -15_000.0 })),
        ("hardly audible", by(&|t| 5.0 * tone(200.0)(t))),
    ]
}

#[test]
fn nothing_that_is_what_it_says_is_taken_for_something_else() {
    for (name, samples) in sounds() {
        for encoding in ENCODINGS {
            for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
                let found = fault(AudioFormat::mono(encoding, rate), &written(&samples, encoding));
                assert_eq!(found, None, "{name} as {encoding:?} at {rate:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn noise_of_any_level_and_colour_is_no_mismatch(
        seed in any::<u32>(),
        level in 1.0f64..15.0,
        colour in 0.0f64..0.98,
        encoding in proptest::sample::select(ENCODINGS.to_vec()),
    ) {
        let (mut state, mut filtered) = (seed, 0.0);
        let samples: Vec<i16> = (0..40_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = f64::from(state >> 8) / f64::from(1u32 << 23) - 1.0;
            filtered = colour * filtered + (1.0 - colour) * white * level.exp2();
            filtered.round() as i16
        }).collect();
        let format = AudioFormat::mono(encoding, SampleRate::Hz8000);
        prop_assert_eq!(fault(format, &written(&samples, encoding)), None);
    }
}
