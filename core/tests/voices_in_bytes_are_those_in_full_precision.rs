//! Precision is how fast, not what: a voice computed in int8 is compared with one computed in f32 as if both were. Where the
//! processor lacks the instructions, the engine says so.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{bytes, engine, engine_in, open, push_all, voice};
use peakstream::{
    AnalysisSpec, AudioFormat, CollectedSpeech, CpuLevel, Encoding, Engine, LoadError, Precision, SampleRate,
    WireRate,
};

const TELEPHONE: AudioFormat = AudioFormat::mono(Encoding::Linear16Le, SampleRate::Hz8000);

/// An engine of bytes. `None` where the processor has no instructions for them, after a look at how that is said.
fn of_bytes() -> Option<Engine> {
    match engine_in(Precision::Int8) {
        Ok(engine) => Some(engine),
        Err(error) => {
            assert!(!Precision::Int8.is_available(), "{error}");
            assert!(matches!(error, LoadError::Precision(_)), "{error}");
            let text = error.to_string();
            assert!(text.contains("AVX-512 VNNI") && text.contains("use f32"), "{text}");
            eprintln!("no int8 on this machine ({}): nothing to compare", CpuLevel::in_use());
            None
        }
    }
}

fn call(pitch: f64, wanted: f64) -> CollectedSpeech {
    let mut stream = open(TELEPHONE, wanted);
    push_all(&mut stream, &bytes(&voice(2.5 * wanted, pitch, WireRate::Hz8000), &TELEPHONE));
    stream.finish()
}

#[test]
fn a_voice_registered_in_one_precision_is_verified_in_the_other() {
    let (full, Some(quick)) = (engine(), of_bytes()) else { return };
    assert_eq!((full.precision(), quick.precision()), (Precision::F32, Precision::Int8));
    let spec = AnalysisSpec { model: full.newest_model() };
    for (pitch, seconds) in [(90.0, 1.0), (140.0, 3.0), (210.0, 5.0), (140.0, 14.0)] {
        let speech = call(pitch, seconds);
        let [one, other] = [full, &quick].map(|engine| engine.analyse(&speech, spec).unwrap());
        let distance = 1.0 - one.template.cosine(&other.template);
        assert!((1e-7..=0.01).contains(&distance), "{seconds} s at {pitch} Hz: {distance}");
        let [one, other] = [one.judgement.llr(), other.judgement.llr()].map(|llr| llr.map(|llr| llr.0));
        let apart = one.zip(other).map(|(one, other)| (one - other).abs());
        assert_eq!(one.is_some(), other.is_some());
        assert!(
            apart.is_none_or(|apart| apart <= 0.25),
            "{seconds} s at {pitch} Hz: evidence {apart:?} apart"
        );
    }
}

#[test]
fn an_analysis_in_bytes_costs_no_allocation_once_there_was_one_as_long() {
    let Some(engine) = of_bytes() else { return };
    let (speech, spec) = (call(140.0, 4.0), AnalysisSpec { model: engine.newest_model() });
    let analyse = || {
        let analysed = || assert!(engine.analyse(&speech, spec).unwrap().judgement.llr().is_some());
        allocation_counter::measure(analysed).count_total
    };
    analyse();
    assert_eq!([analyse(), analyse()], [0; 2]);
}
