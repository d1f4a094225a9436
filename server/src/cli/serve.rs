//! In: `peakstream serve …`. Out: a server that runs until SIGTERM or Ctrl-C.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use peakstream::{ChannelType, CpuLevel};
use serde_json::json;
use tokio::runtime::Builder;

use crate::cli::config::warn_of_misspelt_variables;
use crate::config::Config;
use crate::config::load::Given;
use crate::first_run::{FIRST_RUN_FILE, FirstRun};
use crate::server::{Bound, Running};
use crate::{model_dir, shutdown, telemetry};

/// `peakstream serve`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Print one JSON line when ready, and nothing else, on standard output
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    given: Given,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    warn_of_misspelt_variables();
    let config = match args.given.load() {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            eprintln!("peakstream serve: {problems}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = telemetry::install(config.log_format) {
        eprintln!("{}: {error}", telemetry::FILTER_VARIABLE);
        return ExitCode::from(2);
    }
    let threads = config.limits.threads();
    let runtime = match Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(serve(config, args.json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("peakstream serve: {error}");
    ExitCode::FAILURE
}

async fn serve(config: Config, json: bool) -> Result<(), Box<dyn Error>> {
    let bound = Bound::new(config.clone()).await?;
    let first_run = bound.first_run().cloned();
    let (models, options) = (config.models.clone(), config.engine_options());
    let calibrations = config.calibration.clone();
    let load =
        move || model_dir::calibrated(model_dir::load_engine(models.as_deref(), options)?, &calibrations);
    let engine = tokio::task::spawn_blocking(load).await??;
    let in_force = |channel_type| engine.calibration(channel_type).identity().to_owned();
    tracing::info!(
        cpu = %CpuLevel::in_use(),
        precision = %engine.precision(),
        threads = config.limits.threads(),
        inference_threads = config.limits.inference_threads(),
        pinned = config.limits.pin_inference,
        telephone = in_force(ChannelType::Telephone),
        microphone = in_force(ChannelType::Microphone),
        "models reproduce their golden vectors"
    );
    let running = bound.ready(engine)?;
    announce(&config, json, &running, first_run.as_ref())?;
    // Until here a signal simply ends the process: there is nothing yet that could be lost.
    shutdown::requested().await?;
    running.shutdown().await;
    Ok(())
}

fn announce(
    config: &Config,
    json: bool,
    running: &Running,
    first_run: Option<&FirstRun>,
) -> std::io::Result<()> {
    let (base_url, audiosocket) = (running.base_url(), running.audiosocket());
    let mut out = std::io::stdout().lock();
    if json {
        let mut ready = json!({"ready": true, "base_url": base_url});
        if let Some(address) = audiosocket {
            ready["audiosocket"] = json!(address);
        }
        writeln!(out, "{ready}")?;
        return out.flush();
    }
    writeln!(out, "peakstream is ready: {base_url}")?;
    if let Some(address) = audiosocket {
        writeln!(out, "AudioSocket: {address}")?;
    }
    let file = config.data_dir.join(FIRST_RUN_FILE);
    match first_run {
        Some(first_run) => {
            writeln!(out, "\nThis was the first start with {}. Shown once:\n", config.data_dir.display())?;
            writeln!(out, "  client_id      {}", first_run.client_id)?;
            writeln!(out, "  client_secret  {}", first_run.client_secret.expose())?;
            writeln!(out, "  api_key        {}\n", first_run.api_key.expose())?;
            writeln!(out, "Get a token:\n")?;
            writeln!(
                out,
                "  curl -d grant_type=client_credentials -d client_id={} -d client_secret=… {base_url}{}/oauth2/token\n",
                first_run.client_id, config.signalling.socketio_path
            )?;
            writeln!(
                out,
                "They also stand in {} (readable by you only). Remove it when you have them.",
                file.display()
            )?;
        }
        None if file.exists() => writeln!(out, "Client id, secret and API key: {}", file.display())?,
        None => {}
    }
    out.flush()
}
