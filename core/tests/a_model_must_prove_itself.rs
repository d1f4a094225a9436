//! An engine does not exist with a model that is missing, altered, or does not compute what it should.

mod common;

use std::io;

use common::models;
use peakstream::{Engine, EngineOptions, LoadError};

/// Loads the installed models with one file changed on the way.
fn load_with(file: &str, change: impl Fn(Vec<u8>) -> io::Result<Vec<u8>>) -> Result<Engine, LoadError> {
    let read = |name: &str| {
        let bytes = std::fs::read(models().join(name))?;
        if name == file { change(bytes) } else { Ok(bytes) }
    };
    Engine::load(&read, EngineOptions::default())
}

fn replaced(text: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(text).expect("a text file");
    assert!(text.contains(from), "the test changes something that is there: {from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_missing_file_is_named_and_the_remedy_too() {
    let error =
        load_with("campplus.onnx", |_| Err(io::ErrorKind::NotFound.into())).expect_err("a missing model");
    let text = error.to_string();
    assert!(text.contains("campplus.onnx") && text.contains("make models"), "{text}");
}

#[test]
fn an_altered_weight_is_found_by_its_hash() {
    for file in ["campplus.onnx", "silero-vad.safetensors", "authenticity.onnx"] {
        let altered = load_with(file, |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Ok(bytes)
        });
        assert!(matches!(altered, Err(LoadError::Identity { .. })), "{file}: {altered:?}");
    }
}

#[test]
fn a_model_that_computes_something_else_is_refused_with_the_difference() {
    let louder = ("\"amplitude\": 0.", "\"amplitude\": 0.9");
    // What is louder is no other voice: to this one the first signal is another by its noise.
    let other = ("\"seed\": 11", "\"seed\": 12");
    let golden = [
        ("golden/campplus.json", louder),
        ("golden/silero-vad.json", louder),
        ("golden/authenticity.json", other),
    ];
    for (file, (from, to)) in golden {
        // Another signal must give other numbers.
        let changed = load_with(file, |bytes| Ok(replaced(bytes, from, to)));
        let Err(LoadError::NotReproduced { difference, tolerance, .. }) = changed else {
            panic!("{file}: {changed:?}");
        };
        assert!(difference > tolerance);
    }
}

#[test]
fn a_calibration_that_turns_scores_upside_down_is_refused() {
    let negative = load_with("calibration/telephone-channel.json", |bytes| {
        // The slope itself, not what covariates add to it.
        Ok(replaced(bytes, "\n  \"scale\": ", "\n  \"scale\": -"))
    });
    assert!(matches!(negative, Err(LoadError::Invalid { .. })), "{:?}", negative.err());
}

#[test]
fn a_calibration_of_evidence_that_is_none_is_refused_and_a_wrong_one_proved_so() {
    let changed =
        |from: &str, to: &str| load_with("authenticity.json", |bytes| Ok(replaced(bytes, from, to)));
    for (from, to) in [("\"scale\": ", "\"scale\": -"), ("\"traceless\": 0.", "\"traceless\": 1.")] {
        let refused = changed(from, to);
        assert!(matches!(refused, Err(LoadError::Invalid { .. })), "{to}: {:?}", refused.err());
    }
    let other = changed("\"offset\": ", "\"offset\": 1");
    assert!(matches!(other, Err(LoadError::NotReproduced { .. })), "{:?}", other.err());
}

#[test]
fn an_engine_tells_its_models_and_calibrations_and_no_tables() {
    let told = format!("{:?}", common::engine());
    assert!(told.contains("campplus") && told.contains("telephone-channel@"), "{told}");
    assert!(told.len() < 1_000, "{} characters", told.len());
}
