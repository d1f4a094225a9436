//! Two minutes each of what a telephone brings while no one speaks: not one block of it may count as speech. How speech itself is
//! found, and what ten minutes of each do, `make speech` measures (`docs/speech-detection.md`).

use std::path::Path;

use peakstream::audio::encode;
use peakstream::{
    AudioFormat, CallSpec, ChannelType, Encoding, Engine, EngineOptions, NetSpeech, SampleRate,
};
use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::sound;

const WIDE: u32 = 16_000;
const CALL_SECONDS: usize = 30;
const CALL: usize = CALL_SECONDS * WIDE as usize;
const CALLS: u64 = 4;

/// A sound that lasts a call, by its seed.
type Sound = fn(u64) -> Vec<f32>;

fn engine() -> Engine {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/installed");
    Engine::load(&|name| std::fs::read(models.join(name)), EngineOptions::default())
        .unwrap_or_else(|error| panic!("{error}\n(this test needs the installed models: run `make models`)"))
}

/// What a call of this sound over a G.711 line collects.
fn collected(engine: &Engine, sound: &[f32]) -> NetSpeech {
    let line: Simulation = "mulaw".parse().expect("a line");
    let call = line.apply(sound, &[], 1).expect("a call");
    let encoding = Encoding::Linear16Le;
    let format = AudioFormat::mono(encoding, SampleRate::Hz8000);
    let spec = CallSpec { format, channel_type: ChannelType::Telephone, wanted: 100.0 };
    let mut stream = engine.open(spec).expect("a call can be opened");
    let mut bytes = Vec::new();
    encode(&call.samples, encoding, &mut bytes);
    stream.push_all(&bytes);
    stream.status().net_speech
}

/// As `peakstream-bench speech` makes it: half of the loudness is the singer's.
fn with_singing(samples: usize, seed: u64) -> Vec<f32> {
    let music = sound::music(samples, WIDE, seed);
    music
        .iter()
        .zip(sound::singing(samples, WIDE, seed))
        .map(|(music, voice)| 0.7 * (music + voice))
        .collect()
}

#[test]
fn music_tones_noise_breath_and_silence_give_no_net_speech_at_all() {
    let engine = engine();
    let sounds: [(&str, Sound); 8] = [
        ("hold music", |seed| sound::music(CALL, WIDE, seed)),
        ("hold music with singing", |seed| with_singing(CALL, seed)),
        ("ring-back, dial, busy and key tones", |seed| sound::tones(CALL, WIDE, seed)),
        ("white noise", |seed| sound::white(CALL, seed)),
        ("pink noise", |seed| sound::pink(CALL, WIDE, seed)),
        ("comfort noise", |seed| sound::pink(CALL, WIDE, seed).iter().map(|s| 0.018 * s).collect()),
        ("breathing", |seed| sound::breath(CALL, WIDE, seed)),
        ("digital silence", |_| vec![0.0; CALL]),
    ];
    for (name, make) in sounds {
        for seed in 1..=CALLS {
            let found = collected(&engine, &make(seed)).seconds();
            assert_eq!(found, 0.0, "{name}, seed {seed}: seconds taken for speech");
        }
    }
}

#[test]
fn a_voice_counts_nearly_whole_and_the_silence_around_it_does_not() {
    let voice = sound::voice(CALL / 2, WIDE, 140.0);
    let call = [vec![0.0; CALL / 4], voice, vec![0.0; CALL / 4]].concat();
    let found = collected(&engine(), &call).seconds();
    let spoken = CALL_SECONDS as f64 / 2.0;
    assert!((0.9 * spoken..=1.02 * spoken).contains(&found), "{found} s of {spoken} s");
}
