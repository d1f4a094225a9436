//! What counts as speech, when there is enough, and what the collected audio is.

mod common;

use common::{bytes, engine, open, push_all, voice};
use peakstream::audio::wav;
use peakstream::{
    AnalysisError, AnalysisSpec, AudioFormat, CallSpec, CallStream, ChannelType, Encoding, OpenError,
    SampleRate, WireRate,
};

const TELEPHONE: AudioFormat = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);

#[test]
fn net_speech_never_decreases_and_percentages_are_truncated_and_uncapped() {
    let audio = bytes(&voice(12.0, 140.0, WireRate::Hz8000), &TELEPHONE);
    let mut stream = open(TELEPHONE, 5.0);
    let statuses = push_all(&mut stream, &audio);
    assert!(statuses.windows(2).all(|pair| pair[0].audio_seconds() <= pair[1].audio_seconds()));
    for status in &statuses {
        let exact = 100.0 * status.net_speech.seconds() / 5.0;
        assert_eq!(status.vad_percentage(), exact.floor() as u32);
    }
    let last = statuses.last().expect("twelve seconds hold many statuses");
    assert!(last.enough && last.vad_percentage() >= 100);
    assert!(statuses.iter().filter(|status| status.enough).count() == 1, "enough is said once");
    assert!(last.audio_seconds() < 5.2, "collection stops when there is enough");
}

#[test]
fn complete_speech_is_there_before_the_status_that_says_so() {
    let audio = bytes(&voice(12.0, 140.0, WireRate::Hz8000), &TELEPHONE);
    let waits = [4.6, 4.8, 5.0, 5.2, 5.4].map(|wanted| {
        let (mut stream, mut packets) = (open(TELEPHONE, wanted), audio.chunks(160));
        let mut push = |stream: &mut CallStream| stream.push(packets.next().expect("enough speech")).status;
        let (status, speech) = loop {
            let status = push(&mut stream);
            if let Some(speech) = stream.take_speech() {
                break (status, speech);
            }
            assert!(!stream.status().enough);
        };
        let net_speech = speech.net_speech().seconds();
        assert!((wanted..wanted + 0.2).contains(&net_speech), "{net_speech} of {wanted}");
        assert!(stream.take_speech().is_none(), "it is given away once");
        let (taken_at, wait) = (stream.status().audio_received_seconds, stream.until_status().as_secs_f64());
        let at_once = status.filter(|status| status.enough);
        let last = at_once.unwrap_or_else(|| {
            std::iter::repeat_with(|| push(&mut stream)).flatten().next().expect("a status")
        });
        assert!(last.enough && last.net_speech == speech.net_speech());
        assert_eq!(stream.finish().net_speech().seconds(), 0.0);
        if at_once.is_some() {
            return 0.0;
        }
        assert!((last.audio_received_seconds - taken_at - wait).abs() < 1e-6);
        wait
    });
    assert!(waits.iter().all(|wait| *wait < 0.512) && waits.iter().any(|wait| *wait > 0.1), "{waits:?}");
}

#[test]
fn what_a_call_collects_is_the_beginning_of_what_a_longer_one_does() {
    let audio = bytes(&voice(12.0, 140.0, WireRate::Hz8000), &TELEPHONE);
    let collected = |wanted| {
        let mut stream = open(TELEPHONE, wanted);
        push_all(&mut stream, &audio);
        stream.finish()
    };
    let long = collected(60.0);
    for wanted in [3.0, 4.1, 5.0, 6.3] {
        let short = collected(wanted);
        assert!(long.samples().starts_with(short.samples()), "{wanted} s");
    }
}

#[test]
fn the_collected_audio_is_a_wav_of_exactly_the_speech_reported_last() {
    let audio = bytes(&voice(6.0, 140.0, WireRate::Hz8000), &TELEPHONE);
    let mut stream = open(TELEPHONE, 3.0);
    let last = push_all(&mut stream, &audio).last().copied().expect("statuses");
    let speech = stream.finish();
    assert_eq!(speech.net_speech(), last.net_speech);
    let file = wav::read(&speech.to_wav()).expect("a playable file");
    assert_eq!((file.rate, file.channels), (8_000, 1));
    assert_eq!(file.samples.len() as u64, last.net_speech.samples());
}

#[test]
fn the_speaker_network_is_shown_what_lies_around_speech_too() {
    let spurt = voice(2.0, 140.0, WireRate::Hz8000);
    let pause = vec![0; 2 * 8_000];
    let talk: Vec<i16> = [&spurt[..], &pause].concat().repeat(3);
    let mut stream = open(TELEPHONE, 60.0);
    push_all(&mut stream, &bytes(&talk, &TELEPHONE));
    let speech = stream.finish();
    let (shown, net) = (speech.frames() as f64 / 100.0, speech.net_speech().seconds());
    // Three times 0.19 s before, a block of which is net speech itself, and 0.51 s behind.
    assert!((1.2..2.3).contains(&(shown - net)), "{shown} s around {net} s of speech");
    assert_eq!(open(TELEPHONE, 5.0).finish().frames(), 0);
}

#[test]
fn the_newest_speech_of_a_call_that_goes_on_is_the_end_of_what_it_has_collected() {
    let audio = bytes(&voice(9.0, 140.0, WireRate::Hz8000), &TELEPHONE);
    let mut stream = open(TELEPHONE, 60.0);
    push_all(&mut stream, &audio);
    let newest = stream.newest(3.0);
    let (all, none) = (stream.newest(60.0), stream.newest(0.0));
    assert_eq!(newest.net_speech().seconds(), 3.0);
    assert_eq!(none.net_speech().seconds(), 0.0);
    let spec = AnalysisSpec { model: engine().newest_model() };
    let voice_of = |speech| engine().analyse(speech, spec).expect("enough speech").template;
    let score = engine().compare(&voice_of(&newest), &voice_of(&all)).expect("one model");
    // What it leaves may be longer: the last blocks were not decided before it ended.
    assert!(all.samples().ends_with(newest.samples()));
    assert!(stream.finish().samples().starts_with(all.samples()));
    assert!(score.value() > 0.9, "a third of the speech is of the same voice: {score:?}");
}

#[test]
fn silence_noise_and_tones_are_no_speech() {
    let tau = std::f64::consts::TAU;
    let dial = |i: usize| {
        let t = i as f64 / 8_000.0;
        ((tau * 350.0 * t).sin() + (tau * 440.0 * t).sin()) * 6_000.0
    };
    let mut seed = 1u32;
    let mut noise = move |_: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(seed >> 8) / 8_388_608.0 - 1.0) * 3_000.0
    };
    let signals: [(&str, Vec<i16>); 3] = [
        ("silence", vec![0; 80_000]),
        ("dial tone", (0..80_000).map(|i| dial(i) as i16).collect()),
        ("white noise", (0..80_000).map(|i| noise(i) as i16).collect()),
    ];
    for (name, samples) in signals {
        let mut stream = open(TELEPHONE, 3.0);
        push_all(&mut stream, &bytes(&samples, &TELEPHONE));
        let found = stream.status().net_speech.seconds();
        assert!(found < 0.3, "{name}: {found} s of 10 s taken for speech");
    }
}

#[test]
fn too_little_speech_is_an_error_and_no_score() {
    let stream = open(TELEPHONE, 3.0);
    let spec = AnalysisSpec { model: engine().newest_model() };
    let result = engine().analyse(&stream.finish(), spec);
    assert!(matches!(result, Err(AnalysisError::TooLittleSpeech(seconds)) if seconds == 0.0));
}

#[test]
fn a_microphone_call_needs_16_khz() {
    let spec = CallSpec { format: TELEPHONE, channel_type: ChannelType::Microphone, wanted: 3.0 };
    assert_eq!(engine().open(spec).err(), Some(OpenError::MicrophoneNeeds16k));
}

#[test]
fn a_wide_band_call_is_limited_to_the_telephone_band() {
    let wide = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz16000);
    let narrow = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000);
    let template = |format: AudioFormat| {
        let mut stream = open(format, 3.0);
        push_all(&mut stream, &bytes(&voice(6.0, 140.0, format.wire_rate()), &format));
        engine().template(&stream.finish()).expect("three seconds of speech")
    };
    let cosine = template(wide).cosine(&template(narrow));
    assert!(cosine > 0.95, "the same voice at 8 and 16 kHz: cosine {cosine}");
}

#[test]
fn the_blocks_that_are_speech_are_as_many_as_a_call_of_them_collects() {
    let pause = vec![0; 20_000];
    let samples =
        [voice(3.0, 140.0, WireRate::Hz8000), pause.clone(), voice(4.0, 210.0, WireRate::Hz8000), pause]
            .concat();
    let format = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000);
    let mut stream = open(format, 60.0);
    push_all(&mut stream, &bytes(&samples, &format));
    let blocks = engine().speech_blocks(&samples);
    let (marked, first) =
        (blocks.iter().filter(|speech| **speech).count(), blocks.iter().position(|speech| *speech));
    assert_eq!(blocks.len(), samples.len() / 256);
    assert_eq!(marked as u64 * 256, stream.finish().net_speech().samples());
    assert!(marked > 100 && first.is_some_and(|first| first < 20), "{marked} from {first:?} on");
}
