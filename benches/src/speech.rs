//! Recorded clips and made sounds become telephone calls of which is known where someone speaks; out come the calls, that
//! knowledge and what the engine found, for `benches/speech.py`, which puts the alternatives beside it.

mod material;
mod ours;

use std::error::Error;
use std::path::{Path, PathBuf};

use peakstream::EngineOptions;
use peakstream_server::model_dir;
use serde_json::{Value, json};

use material::{Material, Part, Scenario};

/// What to make, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of recorded clips (WAV or FLAC, at any depth; `../shared/data/clips`).
    #[arg(long)]
    clips: PathBuf,
    /// Folder of recorded hold music (WAV), if there is any.
    #[arg(long)]
    music: Option<PathBuf>,
    /// Only these scenarios, by name.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(Material::names()))]
    only: Vec<String>,
    /// Seconds of each kind of speech, and of each kind of sound without speech.
    #[arg(long, default_value_t = 600)]
    seconds: usize,
    /// Which half of the speakers, the recorded music and the seeds.
    #[arg(long, value_enum, default_value_t = Part::Judge)]
    part: Part,
    /// Folder to write to: NAME.s16 (8 kHz, 16-bit), NAME.truth and NAME.ours (a byte for each 10 ms).
    #[arg(long)]
    out: PathBuf,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

/// Prints a line of JSON for each scenario, in order, as soon as its files are there.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let engine = model_dir::load_engine(args.models.as_deref(), EngineOptions::default())?;
    std::fs::create_dir_all(&args.out)?;
    let material = Material {
        clips: material::clips(&args.clips, args.part)?,
        music: match &args.music {
            Some(folder) => material::recordings(folder, args.part)?,
            None => Vec::new(),
        },
        seconds: args.seconds,
        part: args.part,
    };
    for name in Material::names().filter(|name| args.only.is_empty() || args.only.iter().any(|o| o == name)) {
        let Some(scenario) = material.scenario(name)? else { continue };
        let found = ours::listen(&engine, &scenario.calls)?;
        write(&args.out, &scenario, &found.frames)?;
        println!("{}", listing(&scenario, found.net_seconds));
    }
    Ok(())
}

fn listing(scenario: &Scenario, net_seconds: f64) -> Value {
    json!({
        "name": scenario.name,
        "what": scenario.what,
        "call_samples": ours::CALL_SAMPLES,
        "holds_speech": scenario.truth.contains(&material::SPEECH),
        "net_seconds": net_seconds,
    })
}

fn write(folder: &Path, scenario: &Scenario, frames: &[u8]) -> std::io::Result<()> {
    let samples: Vec<u8> = scenario.calls.iter().flatten().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(folder.join(format!("{}.s16", scenario.name)), samples)?;
    std::fs::write(folder.join(format!("{}.truth", scenario.name)), &scenario.truth)?;
    std::fs::write(folder.join(format!("{}.ours", scenario.name)), frames)
}
