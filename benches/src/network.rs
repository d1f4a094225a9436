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
use crate::timing::{figure, timed, timed_after};

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
    /// Reads from standard input what to embed, a line for each time, as in `3 f32`, and answers with milliseconds: for turns with something else.
    #[arg(long)]
    turns: bool,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let audio = Audio::new();
    let mut engines = Vec::new();
    for precision in Precision::ALL.into_iter().filter(|precision| precision.is_available()) {
        let options = EngineOptions { precision, ..EngineOptions::default() };
        engines.push((precision, model_dir::load_engine(args.models.as_deref(), options)?));
    }
    if args.turns {
        return turns(&engines, &audio);
    }
    let mut figures = Vec::new();
    for (precision, engine) in engines {
        for &seconds in &args.seconds {
            figures.push(embedding(&engine, &audio, seconds, args.repeats, false));
            figures.push(embedding(&engine, &audio, seconds, args.repeats, true));
        }
        if let (Precision::F32, Some(count)) = (precision, args.layers) {
            figures.push(authenticity(&engine, count, args.repeats)?);
        }
    }
    println!("{:#}", json!({ "cpu_level": CpuLevel::in_use().name(), "figures": figures }));
    Ok(())
}

fn turns(engines: &[(Precision, Engine)], audio: &Audio) -> Result<(), Box<dyn Error>> {
    println!("{}", CpuLevel::in_use().name());
    for line in std::io::stdin().lines() {
        let line = line?;
        let asked = line.split_once(' ').and_then(|(seconds, precision)| {
            let (seconds, precision): (u16, Precision) = (seconds.parse().ok()?, precision.parse().ok()?);
            Some((seconds, &engines.iter().find(|(there, _)| *there == precision)?.1))
        });
        let (seconds, engine) =
            asked.ok_or_else(|| format!("{line:?}: seconds and a precision of this machine"))?;
        let rows = features(audio, seconds);
        let (time, _) = timed(1, || {
            let _ = black_box(engine.template_of_features(&rows, ChannelType::Telephone));
        });
        println!("{}", time / 1e3);
    }
    Ok(())
}

/// Of so many seconds of speech; of more than there is of the audio, it comes again.
fn features(audio: &Audio, seconds: u16) -> Vec<f32> {
    let mut fbank = Fbank::new(Arc::new(FbankTables::new()));
    let mut rows = Vec::new();
    audio.filled.iter().for_each(|block| rows.extend_from_slice(fbank.push(block).as_flattened()));
    rows.into_iter().cycle().take(frames(seconds) * BINS).collect()
}

fn frames(seconds: u16) -> usize {
    100 * usize::from(seconds) - 2
}

/// What the name of a figure ends with if the speaker network is not computed in the usual precision.
pub(crate) fn told(precision: Precision) -> String {
    match precision {
        Precision::F32 => String::new(),
        other => format!(", {other}"),
    }
}

/// Features in, voice out. `cold`: as after work on something else, with nothing of it in the
/// processor's caches.
fn embedding(engine: &Engine, audio: &Audio, seconds: u16, repeats: usize, cold: bool) -> Value {
    /// More than a processor's caches hold.
    const OTHER: usize = 128 << 20;
    let (rows, frames) = (features(audio, seconds), frames(seconds));
    engine.template_of_features(&rows, ChannelType::Telephone);
    let mut other = vec![0u8; if cold { OTHER } else { 0 }];
    let prepare = || {
        other.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        black_box(&other);
    };
    let times = timed_after(repeats, prepare, || {
        let _ = black_box(engine.template_of_features(&rows, ChannelType::Telephone));
    });
    let caches = if cold { ", caches cold" } else { "" };
    let name = format!("embedding of {seconds} s ({frames} frames){}{caches}", told(engine.precision()));
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
