//! `peakstream demo`. In: recorded calls. Out: what a real server made of each, and whether that was right.
//!
//! * `cast`: which recordings play which part
//! * `play`: one call as a customer makes it: token, Socket.IO session, Media Streams audio
//! * `stage`: live progress, bars on a terminal and lines elsewhere
//! * `report`: the table, and the same for a script
//!
//! Nothing is shown that did not happen: the server is the one that `peakstream serve` runs, on a free loopback port with
//! a temporary data directory, and the outcome of a call is the event it answered with.

mod cast;
mod play;
mod report;
mod server;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use peakstream::Threshold;

use super::options::{self, ModelOptions};
use super::output::{self, Answer, CliError};
use crate::client::media_streams::Speed;
use crate::config::values::threshold;
use crate::model_dir::{self, Surroundings};
use cast::{Cast, OwnRecordings};
use play::{Operation, Settings, Theatre};
use report::{Report, Timing};
use server::DemoServer;
use stage::Stage;

const EXAMPLES: &str = "\
Examples:
  peakstream demo                    installed recordings, four times as fast as they were
  peakstream demo --speed 1          the same in real time
  peakstream demo --register me-monday.wav --same me-tuesday.wav --other you.wav
  peakstream demo --register me.wav --same me-again.wav --other you.wav --synthetic tts.wav --json

Each recording needs some seconds more than --seconds of speech by one speaker.
";

/// Play real calls through a real server and see what it decides
///
/// Starts a server on a free loopback port, registers a caller over Socket.IO and Media Streams, then calls it again: the
/// same caller in the same and in another language, other callers, a synthetic voice. Exit status 0 only if the server
/// was right about every call. Nothing is left running, and nothing is left on the disk.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    #[command(flatten)]
    own: OwnRecordings,
    /// Folder with calls.json and its recordings [default: demo in the folder of the models]
    #[arg(long, value_name = "DIR", conflicts_with = "register")]
    audio: Option<PathBuf>,
    /// Times real time at which calls are played; 0 is as fast as the server reads
    #[arg(long, value_name = "TIMES", default_value = "4", value_parser = super::call::speed)]
    speed: Speed,
    /// Speech to collect in each call
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = options::speech_seconds)]
    seconds: f64,
    /// Least score at which a voice counts as the registered one, 0 to 1
    #[arg(long, value_name = "0..1", default_value = "0.5", value_parser = threshold)]
    score_threshold: Threshold,
    /// Least authenticity at which a voice counts as live, 0 to 1
    #[arg(long, value_name = "0..1", default_value = "0.8", value_parser = threshold)]
    authenticity_threshold: Threshold,
    #[command(flatten)]
    models: ModelOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(perform(args), args.json)
}

fn perform(args: &Args) -> Result<Answer, CliError> {
    let began = Instant::now();
    let models = model_dir::find(args.models.models.as_deref(), &Surroundings::of_process())?;
    let cast = match args.own.cast() {
        Some(cast) => cast,
        None => Cast::read(&args.audio.clone().unwrap_or_else(|| models.join("demo")))?,
    };
    let stage = Stage::open(args.json);
    let mut timing = Timing::new(began);
    stage.say(&format!(
        "peakstream demo: {} recorded calls through a real server, {}",
        cast.len(),
        pace(args.speed)
    ));

    let waiting = stage.wait("loading the models and proving them by their golden vectors");
    let engine = model_dir::load_engine_from(&models, args.models.engine_options())?;
    waiting.finish_and_clear();
    timing.lap(&stage, "models loaded, golden vectors reproduced");

    let runtime = super::runtime()?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = play_all(args, engine, &cast, &stage, &mut timing) => report,
            // The server and its folder go with the future that owns them.
            _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted),
        }
    });
    drop(runtime);
    let report = report?;
    if args.json {
        output::print_json(&report.json(&timing))?;
    } else {
        output::print(&report.human(&timing))?;
    }
    Ok(Answer::from(report.all_right()))
}

fn pace(speed: Speed) -> String {
    match speed.times() {
        1.0 => "in real time".to_owned(),
        0.0 => "as fast as it listens".to_owned(),
        times => format!("{times} times as fast as they were"),
    }
}

/// Registers the first caller, then makes all other calls at once, as they do not depend on each other.
async fn play_all(
    args: &Args,
    engine: peakstream::Engine,
    cast: &Cast,
    stage: &Stage,
    timing: &mut Timing,
) -> Result<Report, CliError> {
    let server = DemoServer::start(engine).await?;
    timing.lap(stage, &format!("server started at {}", server.base_url()));
    let settings = Settings {
        seconds: args.seconds,
        score_threshold: args.score_threshold,
        authenticity_threshold: args.authenticity_threshold,
        speed: args.speed,
    };
    let theatre = Theatre::open(&server, settings).await?;
    let mut report = Report::new(settings);

    let scene = cast.register();
    let played = theatre.play(scene, Operation::Register, stage).await?;
    let credential = played.credential();
    report.add(scene, played);
    timing.lap(stage, "registration");

    if let Some(credential) = credential {
        let calls = cast.verify().iter().map(|scene| {
            let (theatre, operation) = (&theatre, Operation::Verify(credential.clone()));
            async move { theatre.play(scene, operation, stage).await.map(|played| (scene, played)) }
        });
        for played in futures_util::future::join_all(calls).await {
            let (scene, played) = played?;
            report.add(scene, played);
        }
        timing.lap(stage, "verifications, all at once");
    } else {
        stage.say("without a registration there is nothing to verify against");
        report.skip(cast.verify().len());
    }
    server.stop().await?;
    timing.lap(stage, "server stopped, its folder removed");
    Ok(report)
}
