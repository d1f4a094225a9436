//! Decisions that are repeated while a call goes on: each window of speech is analysed once, each decision is of the newest windows.

mod common;

use std::num::NonZeroUsize;

use common::{bytes, engine, open, push_all, voice};
use peakstream::{
    Analysis, AnalysisSpec, AudioFormat, ChannelType, CollectedSpeech, Encoding, SampleRate, SlidingAnalysis,
    Unjudged, WireRate,
};

fn spec() -> AnalysisSpec {
    AnalysisSpec { model: engine().newest_model() }
}

fn sliding(windows: usize) -> SlidingAnalysis {
    SlidingAnalysis::new(spec(), NonZeroUsize::new(windows).expect("at least one"))
}

/// The newest second after each further second of net speech.
fn windows(seconds: u32, pitch: f64) -> Vec<CollectedSpeech> {
    let format = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);
    let audio = bytes(&voice(f64::from(seconds) * 2.0, pitch, WireRate::Hz8000), &format);
    let mut stream = open(format, 60.0);
    let mut found = Vec::new();
    for packet in audio.chunks(160) {
        push_all(&mut stream, packet);
        if stream.status().net_speech.seconds() as usize > found.len() {
            found.push(stream.newest(1.0));
        }
    }
    found.truncate(seconds as usize);
    assert_eq!(found.len(), seconds as usize);
    found
}

fn add(sliding: &mut SlidingAnalysis, window: &CollectedSpeech) -> Analysis {
    engine().analyse_window(window, sliding).expect("a second of speech")
}

#[test]
fn a_single_window_says_what_an_analysis_of_it_says() {
    let window = &windows(1, 140.0)[0];
    let (one, same) = (add(&mut sliding(5), window), engine().analyse(window, spec()).expect("speech"));
    assert_eq!(one.template, same.template);
    assert_eq!(one.judgement, same.judgement);
}

#[test]
fn several_windows_are_one_voice_of_all_their_speech() {
    let windows = windows(4, 140.0);
    let mut sliding = sliding(5);
    let all = windows.iter().map(|window| add(&mut sliding, window)).last().expect("four windows");
    let alone = windows.iter().map(|window| engine().analyse(window, spec()).expect("speech").template);
    let mut mean = [0.0f64; 192];
    alone.for_each(|voice| mean.iter_mut().zip(voice.values()).for_each(|(sum, x)| *sum += f64::from(*x)));
    let length = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
    let values = all.template.values().iter().zip(&mean);
    assert!(values.map(|(found, wanted)| (f64::from(*found) - wanted / length).abs()).all(|off| off < 1e-6));
    let evidence = all.template.evidence().expect("it is known");
    assert!((evidence.net_speech - 4.0).abs() < 1e-3 && evidence.snr > 0.0, "{evidence:?}");
    assert_eq!(all.template.channel_type(), ChannelType::Telephone);
}

#[test]
fn authenticity_is_judged_when_all_windows_together_are_long_enough() {
    let mut sliding = sliding(5);
    let judged: Vec<_> =
        windows(4, 140.0).iter().map(|window| add(&mut sliding, window).judgement.unjudged()).collect();
    assert_eq!(judged[..2], [Some(Unjudged::NetSpeech); 2]);
    assert!(judged[2..].iter().all(|why| *why != Some(Unjudged::NetSpeech)), "{judged:?}");
}

#[test]
fn a_voice_of_older_windows_is_forgotten() {
    let (mut slid, mut fresh) = (sliding(3), sliding(3));
    for window in &windows(3, 210.0) {
        add(&mut slid, window);
    }
    let (mut first, mut last) = (None, None);
    for window in &windows(3, 140.0) {
        let both = (add(&mut slid, window), add(&mut fresh, window));
        first = first.or(Some(both.0.template != both.1.template));
        last = Some(both.0.template == both.1.template);
    }
    assert_eq!((first, last), (Some(true), Some(true)));
    assert_eq!(slid.windows(), 3);
}

#[test]
fn a_window_without_speech_is_an_error_and_changes_nothing() {
    let mut sliding = sliding(3);
    let spoken = &windows(1, 140.0)[0];
    add(&mut sliding, spoken);
    let silence = open(AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000), 5.0).newest(1.0);
    assert!(engine().analyse_window(&silence, &mut sliding).is_err());
    assert_eq!(sliding.windows(), 1);
}
