//! In: `peakstream serve …`. Out: a server that runs until SIGTERM or Ctrl-C.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::options::ModelOptions;
use crate::config::Config;
use crate::first_run::{FIRST_RUN_FILE, FirstRun};
use crate::server::Bound;
use crate::{model_dir, shutdown, telemetry};

/// `peakstream serve`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: Config,

    #[command(flatten)]
    models: ModelOptions,

    /// Print one JSON line when ready, and nothing else, on standard output
    #[arg(long)]
    json: bool,

    /// How log lines on standard error look; what is logged is set by PEAKSTREAM_LOG
    #[arg(long, env = "PEAKSTREAM_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: telemetry::LogFormat,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    if let Err(error) = telemetry::install(args.log_format) {
        eprintln!("{}: {error}", telemetry::FILTER_VARIABLE);
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("peakstream serve: {error}");
    ExitCode::FAILURE
}

async fn serve(args: &Args) -> Result<(), Box<dyn Error>> {
    let bound = Bound::new(args.config.clone()).await?;
    let first_run = bound.first_run().cloned();
    let (models, options) = (args.models.clone(), args.config.sessions.engine_options());
    let engine =
        tokio::task::spawn_blocking(move || model_dir::load_engine(models.models.as_deref(), options))
            .await??;
    let running = bound.ready(engine)?;
    announce(args, running.base_url(), first_run.as_ref())?;
    // Until here a signal simply ends the process: there is nothing yet that could be lost.
    shutdown::requested().await?;
    running.shutdown().await;
    Ok(())
}

fn announce(args: &Args, base_url: &str, first_run: Option<&FirstRun>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({"ready": true, "base_url": base_url}))?;
        return out.flush();
    }
    writeln!(out, "peakstream is ready: {base_url}")?;
    let file = args.config.data_dir.join(FIRST_RUN_FILE);
    match first_run {
        Some(first_run) => {
            writeln!(
                out,
                "\nThis was the first start with {}. Shown once:\n",
                args.config.data_dir.display()
            )?;
            writeln!(out, "  client_id      {}", first_run.client_id)?;
            writeln!(out, "  client_secret  {}", first_run.client_secret.expose())?;
            writeln!(out, "  api_key        {}\n", first_run.api_key.expose())?;
            writeln!(out, "Get a token:\n")?;
            writeln!(
                out,
                "  curl -d grant_type=client_credentials -d client_id={} -d client_secret=… {base_url}{}/oauth2/token\n",
                first_run.client_id, args.config.signalling.socketio_path
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
