//! What the two networks cost by themselves, on one core: figures leave as JSON for `benches/bench.py`.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use peakstream::speech::fbank::{BINS, Fbank, FbankTables};
use peakstream::{ChannelType, CpuLevel, Engine, EngineOptions, Precision};
use peakstream_server::model_dir;
use serde_json::{Value, json};

use crate::audio::Audio;
use crate::timing::{figure, timed};

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each measurement is repeated; the minimum and the median are printed.
    #[arg(long, default_value_t = 15)]
    repeats: usize,
    /// Seconds of speech that the embeddings are of.
    #[arg(long, value_delimiter = ',', default_value = "1,3,5,10,30", value_parser = clap::value_parser!(u16).range(1..=60))]
    seconds: Vec<u16>,
    /// Numbers that the authenticity network takes: without it, the network is not measured.
    #[arg(long)]
    layers: Option<usize>,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let audio = Audio::new();
    let mut figures = Vec::new();
    for precision in Precision::ALL.into_iter().filter(|precision| precision.is_available()) {
        let options = EngineOptions { precision, ..EngineOptions::default() };
        let engine = model_dir::load_engine(args.models.as_deref(), options)?;
        figures.extend(args.seconds.iter().map(|seconds| embedding(&engine, &audio, *seconds, args.repeats)));
        if let (Precision::F32, Some(count)) = (precision, args.layers) {
            figures.push(authenticity(&engine, count, args.repeats)?);
        }
    }
    println!("{:#}", json!({ "cpu_level": CpuLevel::in_use().name(), "figures": figures }));
    Ok(())
}

/// What the name of a figure ends with if the speaker network is not computed in the usual precision.
pub(crate) fn told(precision: Precision) -> String {
    match precision {
        Precision::F32 => String::new(),
        other => format!(", {other}"),
    }
}

/// Features in, voice out. Of more than there is of the audio, it comes again.
fn embedding(engine: &Engine, audio: &Audio, seconds: u16, repeats: usize) -> Value {
    let mut fbank = Fbank::new(Arc::new(FbankTables::new()));
    let mut rows = Vec::new();
    audio.filled.iter().for_each(|block| rows.extend_from_slice(fbank.push(block).as_flattened()));
    let frames = 100 * usize::from(seconds) - 2;
    let rows: Vec<f32> = rows.into_iter().cycle().take(frames * BINS).collect();
    engine.template_of_features(&rows, ChannelType::Telephone);
    let times = timed(repeats, || {
        let _ = black_box(engine.template_of_features(&rows, ChannelType::Telephone));
    });
    let name = format!("embedding of {seconds} s ({frames} frames){}", told(engine.precision()));
    figure(&name, "ms", times, 1e3)
}

/// What the layers said in, evidence out: some numbers of the magnitude that they have.
fn authenticity(engine: &Engine, count: usize, repeats: usize) -> Result<Value, Box<dyn Error>> {
    /// One would be no measurement: the clock would be a part of it.
    const AT_ONCE: usize = 20;
    let heard: Vec<f32> = (0..count).map(|at| (at as f32).sin()).collect();
    engine.evidence_of_layers(&heard).ok_or("the authenticity network takes another count of numbers")?;
    let times = timed(repeats, || {
        (0..AT_ONCE).for_each(|_| {
            black_box(engine.evidence_of_layers(black_box(&heard)));
        });
    });
    Ok(figure("authenticity network", "ms", times, 1e3 * AT_ONCE as f64))
}
