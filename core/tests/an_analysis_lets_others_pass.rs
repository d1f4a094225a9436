//! A thread that analyses makes pauses, in which it may do what is more urgent.

mod common;

use std::cell::{Cell, RefCell};

use common::{bytes, engine, engine_in, open, push_all, voice};
use peakstream::{
    Analysis, AnalysisSpec, AudioFormat, CollectedSpeech, Encoding, Engine, Precision, SampleRate, WireRate,
};

fn speech(pitch: f64) -> CollectedSpeech {
    let format = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);
    let mut stream = open(format, 3.0);
    push_all(&mut stream, &bytes(&voice(8.0, pitch, WireRate::Hz8000), &format));
    stream.finish()
}

fn same(one: &Analysis, other: &Analysis) -> bool {
    one.template == other.template && one.judgement == other.judgement
}

fn nothing_changes(engine: &Engine) {
    let spec = AnalysisSpec { model: engine.newest_model() };
    let alone = |speech| engine.analyse(speech, spec).expect("three seconds of speech");
    let (one, other) = (speech(140.0), speech(220.0));
    let (expected, expected_between) = (alone(&one), alone(&other));
    let (pauses, between) = (Cell::new(0), RefCell::new(Vec::new()));
    let pause = || {
        // Early, in the middle, late.
        if [1, 20, 50].contains(&pauses.get()) {
            between.borrow_mut().push(alone(&other));
        }
        pauses.set(pauses.get() + 1);
    };
    let found = engine.analyse_with_pauses(&one, spec, &pause).expect("three seconds of speech");
    assert!(same(&found, &expected));
    let between = between.into_inner();
    assert_eq!(between.len(), 3, "of {} pauses", pauses.get());
    assert!(between.iter().all(|found| same(found, &expected_between)));
}

#[test]
fn what_is_analysed_in_the_pauses_of_an_analysis_changes_neither() {
    nothing_changes(engine());
    if Precision::Int8.is_available() {
        nothing_changes(&engine_in(Precision::Int8).expect("an engine of bytes"));
    }
}
