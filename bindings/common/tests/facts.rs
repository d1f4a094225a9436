//! The facts of `bindings/facts.json`, through the engine's own interface: recordings give these statuses, scores and errors. The C library
//! and the Python package are held against what this test finds, to the bit (`bindings/facts.py`).
//!
//! After a change that moves scores: `PEAKSTREAM_WRITE=1 cargo test -p peakstream-bindings --test facts`, and look at the difference.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use peakstream::audio::{encode, wav};
use peakstream::credential::Credential;
use peakstream::{
    AttackRate, AudioFormat, CallSpec, ChannelType, Encoding, Engine, EngineOptions, FormatFields, Gates,
};
use peakstream_bindings::{Error, Status, hear, model_dir, push, register};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, Serialize)]
struct File {
    tolerance: std::collections::BTreeMap<String, f64>,
    facts: Vec<Fact>,
}

#[derive(Deserialize, Serialize)]
struct Fact {
    name: String,
    recording: String,
    /// How its samples are written; "wav" is the file as it is.
    bytes: String,
    /// Most bytes that are pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<usize>,
    open: Open,
    /// Bytes of a push.
    frame: usize,
    /// The fact whose credential it is compared with; a registration without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    against: Option<String>,
    #[serde(default)]
    expect: Value,
}

#[derive(Deserialize, Serialize)]
struct Open {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    codec: String,
    sample_rate: u32,
    seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel_type: Option<String>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn bytes(fact: &Fact) -> Vec<u8> {
    let path = repository().join("models/installed/demo").join(&fact.recording);
    let file = fs::read(path).expect("a recording of the demonstration: make demo-audio");
    let encoding = match fact.bytes.as_str() {
        "mulaw" => Some(Encoding::MuLaw),
        "alaw" => Some(Encoding::ALaw),
        "s16le" => Some(Encoding::Linear16Le),
        "wav" => None,
        other => panic!("no such way to write samples: {other}"),
    };
    let mut bytes = Vec::new();
    match encoding {
        Some(encoding) => encode(&wav::read(&file).expect("a WAV file").samples, encoding, &mut bytes),
        None => bytes = file,
    }
    bytes.truncate(fact.most.unwrap_or(usize::MAX));
    bytes
}

/// What a fact comes to, and the credential that it makes.
fn found(
    engine: &Engine,
    fact: &Fact,
    credentials: &HashMap<String, Credential>,
) -> Result<(Value, Option<Credential>), Error> {
    let open = &fact.open;
    let fields = FormatFields {
        audio_format: open.container.as_deref().unwrap_or("raw"),
        audio_codec: &open.codec,
        sample_format: "",
        sample_rate: open.sample_rate,
        channels: 1,
        channel: 1,
    };
    let format = AudioFormat::parse(&fields).map_err(Error::Format)?;
    let channel_type = match open.channel_type.as_deref() {
        Some("microphone") => ChannelType::Microphone,
        _ => ChannelType::Telephone,
    };
    let mut call = engine.open(CallSpec { format, channel_type, wanted: open.seconds })?;
    let mut boundaries = 0;
    for frame in bytes(fact).chunks(fact.frame) {
        let pushed = push(&mut call, frame);
        if let Some(fault) = pushed.fault {
            return Err(fault.into());
        }
        boundaries += u32::from(pushed.status.boundary);
    }
    let status = Status::of(&call);
    let speech = call.finish();
    let gates = if fact.against.is_none() { Gates::for_registration() } else { Gates::default() };
    let heard = hear(engine, &speech, &gates)?;
    let compared = fact
        .against
        .as_ref()
        .map(|name| engine.compare(&credentials[name].template, &heard.analysis.template));
    let score = compared.transpose()?.map(|score| f64::from(score.value()));
    let judgement = heard.analysis.judgement;
    let value = json!({
        "outcome": "ok",
        "boundaries": boundaries,
        "audio": status.audio,
        "percentage": status.percentage,
        "enough": status.enough,
        "net_speech": speech.net_speech().seconds(),
        "score": score,
        "authenticity": f64::from(judgement.authenticity(AttackRate::default()).value()),
        "llr": judgement.llr().map(|llr| llr.0),
        "unjudged": judgement.unjudged().map(|why| why.name()),
        "warnings": heard.warnings.iter().map(|shortfall| shortfall.gate.name()).collect::<Vec<_>>(),
    });
    Ok((value, fact.against.is_none().then(|| register(engine, heard.analysis.template))))
}

#[test]
fn recordings_give_the_statuses_scores_and_errors_that_are_written_down() {
    let path = repository().join("bindings/facts.json");
    let mut file: File = serde_json::from_slice(&fs::read(&path).expect("facts")).expect("facts");
    let models = repository().join("models/installed");
    let engine = model_dir::load_engine(Some(&models), EngineOptions::default()).expect("installed models");
    let (mut all, mut credentials) = (serde_json::Map::new(), HashMap::new());
    for fact in &file.facts {
        let value = match found(&engine, fact, &credentials) {
            Ok((value, credential)) => {
                credentials.extend(credential.map(|credential| (fact.name.clone(), credential)));
                value
            }
            Err(error) => json!({ "outcome": error.reason().name() }),
        };
        all.insert(fact.name.clone(), value);
    }
    // For the other languages.
    let folder = repository().join("target/bindings");
    fs::create_dir_all(&folder).expect("the target folder");
    fs::write(folder.join("facts.json"), serde_json::to_vec_pretty(&all).expect("JSON")).expect("written");

    if std::env::var_os("PEAKSTREAM_WRITE").is_some() {
        for fact in &mut file.facts {
            fact.expect = all[&fact.name].clone();
        }
        fs::write(&path, serde_json::to_string_pretty(&file).expect("JSON") + "\n").expect("written");
    }
    for fact in &file.facts {
        let found = all[&fact.name].as_object().expect("an object");
        let expected = fact.expect.as_object().expect("an object; write it with PEAKSTREAM_WRITE=1");
        assert_eq!(found.len(), expected.len(), "{}: {found:?}", fact.name);
        for (member, value) in expected {
            // Instruction sets round differently; what they decide is the same.
            let near = |tolerance: &f64| match (value.as_f64(), found[member].as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= *tolerance,
                _ => value == &found[member],
            };
            let same = file.tolerance.get(member).map_or(value == &found[member], near);
            assert!(same, "{}: {member} is {}, not {value}", fact.name, found[member]);
        }
    }
}
