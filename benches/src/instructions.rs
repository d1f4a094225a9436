//! Fixed pieces of work for a tool that counts their instructions: `benches/instructions.py` runs this under callgrind, which counts what
//! happens inside of the functions whose names begin with `counted`.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;

use peakstream::{AnalysisSpec, CallStream, CollectedSpeech, Engine, EngineOptions};
use peakstream_server::model_dir::{self, Surroundings};
use serde_json::Value;

use crate::audio::Audio;
use crate::engine::open;

/// Bytes of a second of telephone audio.
const SECOND: usize = 8_000;

/// What to work with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let models = model_dir::find(args.models.as_deref(), &Surroundings::of_process())?;
    let read = |name: &str| {
        let bytes = std::fs::read(models.join(name))?;
        if name.starts_with("golden/") { Ok(first_case(&bytes)?) } else { Ok(bytes) }
    };
    let engine = Engine::load(&read, EngineOptions::default())?;
    let mulaw = Audio::new().mulaw;
    // About a second of feature rows: a second of audio and more is kept beside what is speech.
    let mut stream = open(&engine, 0.3)?;
    stream.push_all(&mulaw[..4 * SECOND]);
    let speech = stream.finish();
    let spec = AnalysisSpec { model: engine.newest_model() };
    // The first makes room.
    engine.analyse(&speech, spec)?;
    counted_embedding(&engine, &speech);
    counted_analysis(&engine, &speech, spec);
    let mut stream = open(&engine, 60.0)?;
    stream.push_all(&mulaw[..2 * SECOND]);
    counted_push(&mut stream, &mulaw[2 * SECOND..3 * SECOND]);
    println!("{} s of speech", speech.net_speech().seconds());
    Ok(())
}

/// Golden vectors without all but the first: a tool that counts is a hundred times slower, and what is proved is not counted.
fn first_case(golden: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut golden: Value = serde_json::from_slice(golden)?;
    if let Some(cases) = golden["cases"].as_array_mut() {
        cases.truncate(1);
    }
    serde_json::to_vec(&golden)
}

#[inline(never)]
fn counted_embedding(engine: &Engine, speech: &CollectedSpeech) {
    black_box(engine.template(speech));
}

#[inline(never)]
fn counted_analysis(engine: &Engine, speech: &CollectedSpeech, spec: AnalysisSpec) {
    let _ = black_box(engine.analyse(speech, spec));
}

#[inline(never)]
fn counted_push(stream: &mut CallStream, mulaw: &[u8]) {
    // No closure: it would have a name like this function's, and entering it end the counting.
    for packet in mulaw.chunks(160) {
        stream.push_all(packet);
    }
}
