//! The countermeasure judges what it was made for: enough speech, little noise, the codec that was declared. Of everything else it says
//! why it does not.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{bytes, engine, models, open, push_all, voice};
use peakstream::{
    AnalysisSpec, AudioFormat, CollectedSpeech, Encoding, Engine, EngineOptions, Judgement, JudgementLimits,
    SampleRate, Unjudged, WireRate,
};

const TELEPHONE: AudioFormat = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000);

/// Seven seconds of a voice with pauses, and white noise of this amplitude over all of it.
fn call(noise: f64) -> Vec<i16> {
    let mut state = 1u32;
    let mut white = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state >> 8) / f64::from(1 << 23) - 1.0) * noise
    };
    voice(7.0, 140.0, WireRate::Hz8000).iter().map(|sample| (f64::from(*sample) + white()) as i16).collect()
}

fn collected(samples: &[i16], wanted: f64) -> CollectedSpeech {
    let mut stream = open(TELEPHONE, wanted);
    push_all(&mut stream, &bytes(samples, &TELEPHONE));
    stream.finish()
}

#[test]
fn a_clean_voice_of_three_seconds_is_judged() {
    let speech = collected(&call(1.0), 3.0);
    let analysis = engine().analyse(&speech, AnalysisSpec { model: engine().newest_model() }).unwrap();
    assert!(
        matches!(analysis.judgement, Judgement::Evidence(llr) if llr.0.is_finite()),
        "{:?}",
        analysis.judgement
    );
}

#[test]
fn less_than_three_seconds_are_not_judged_but_have_a_template() {
    let speech = collected(&call(1.0)[..20_000], 2.0);
    let seconds = speech.net_speech().seconds();
    assert!((1.0..3.0).contains(&seconds), "{seconds} s");
    let analysis = engine().analyse(&speech, AnalysisSpec { model: engine().newest_model() }).unwrap();
    assert_eq!(analysis.judgement, Judgement::None(Unjudged::NetSpeech));
}

#[test]
fn a_noisy_voice_is_not_judged_and_the_limit_is_that_of_the_quality_gate() {
    let speech = collected(&call(6_000.0), 3.0);
    let (seconds, ratio) = (speech.net_speech().seconds(), speech.figures().signal_noise_ratio);
    assert!(seconds >= 3.0 && ratio < 8.0, "{seconds} s, {ratio} dB");
    let analysis = engine().analyse(&speech, AnalysisSpec { model: engine().newest_model() }).unwrap();
    assert_eq!(analysis.judgement, Judgement::None(Unjudged::SignalNoiseRatio));
    let lenient = JudgementLimits { signal_noise_ratio: ratio, ..JudgementLimits::default() };
    assert_eq!(lenient.objection(&speech), None, "equality passes");
}

#[test]
fn bytes_that_are_not_what_was_declared_are_not_judged_whatever_the_limits() {
    let format = AudioFormat::mono(Encoding::Linear16Be, SampleRate::Hz8000);
    let mut stream = open(format, 3.0);
    stream.tolerate_mismatch();
    push_all(&mut stream, &bytes(&call(1.0), &TELEPHONE));
    let speech = stream.finish();
    assert!(speech.mismatch().is_some());
    let least = JudgementLimits { net_speech: 1.0, signal_noise_ratio: -10.0 };
    assert_eq!(least.objection(&speech), Some(Unjudged::CodecMismatch));
}

#[test]
fn an_engine_with_limits_outside_their_ranges_does_not_exist() {
    let read = |name: &str| std::fs::read(models().join(name));
    let judgement = JudgementLimits { net_speech: 0.5, ..JudgementLimits::default() };
    let error =
        Engine::load(&read, EngineOptions { judgement, ..EngineOptions::default() }).unwrap_err().to_string();
    assert!(error.contains("outside their ranges"), "{error}");
}
