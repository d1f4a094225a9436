//! `peakstream models`. In: the folder of models. Out: which they are, and that they compute what they should.

use std::process::ExitCode;
use std::time::Instant;

use peakstream::{ChannelType, CpuLevel};
use serde_json::json;

use super::options::ModelOptions;
use super::output::{self, Answer, CliError};
use crate::model_dir::{self, Surroundings};

/// List the installed models and check them
///
/// Loads every model and compares what it computes on this machine with its golden vectors. The last speaker model is
/// the one that registers by default.
#[derive(Debug, clap::Args)]
#[command(after_help = output::EXIT_STATUS)]
pub struct Args {
    #[command(flatten)]
    models: ModelOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(list(args), args.json)
}

fn list(args: &Args) -> Result<Answer, CliError> {
    let dir = model_dir::find(args.models.models.as_deref(), &Surroundings::of_process())?;
    let began = Instant::now();
    let engine = model_dir::load_engine_from(&dir, args.models.engine_options())?;
    let engine = model_dir::calibrated(engine, &args.models.calibration)?;
    let calibrations = [ChannelType::Telephone, ChannelType::Microphone]
        .map(|channel_type| engine.calibration(channel_type).identity().to_owned());
    let took = began.elapsed();
    if args.json {
        let models: Vec<_> = engine
            .all_models()
            .iter()
            .map(|model| {
                json!({
                    "hash": model.hash.to_string(), "name": model.name, "job": model.job, "date": model.date,
                    "licence": model.licence, "golden_vectors": "reproduced",
                })
            })
            .collect();
        output::print_json(&json!({
            "dir": dir, "models": models, "newest": engine.newest_model().to_string(),
            "check_seconds": took.as_secs_f64(), "calibrations": calibrations,
            "precision": engine.precision().name(), "cpu_level": CpuLevel::in_use().name(),
        }))?;
        return Ok(Answer::Yes);
    }
    let mut table = output::table(["model", "job", "date", "licence", "golden vectors", "hash"]);
    for model in engine.all_models() {
        table.add_row([
            model.name.clone(),
            model.job.to_owned(),
            model.date.clone(),
            model.licence.clone(),
            "reproduced".to_owned(),
            model.hash.to_string(),
        ]);
    }
    output::print(&table.trim_fmt())?;
    output::print(&format!("calibrations: {}", calibrations.join(", ")))?;
    let (precision, level) = (engine.precision(), CpuLevel::in_use());
    output::print(&format!("speaker network computed in {precision}; inner loops for {level}"))?;
    output::print(&format!("in {}, loaded and checked in {:.1} s", dir.display(), took.as_secs_f64()))?;
    Ok(Answer::Yes)
}
