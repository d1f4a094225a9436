//! `peakstream replays`. In: recordings of known speakers. Out: how often a recording that comes again is known.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::gates::Calls;
use peakstream_evaluation::replays::{Report, Study, markdown, report};

use super::calibrate::speakers_in;
use super::hearing::{JobOptions, Progress, failed};
use super::library::Folder;
use super::options::{InputOptions, ModelOptions};
use super::output::{self, Answer, CliError};
use crate::session::error::MIN_SPEECH_SECONDS;

/// What an attacker may play an enrolment through, one codec and disturbance after the other, and then several.
const LINES: &str = "mulaw,opus:12k,gain:6dB+mulaw,gain:-6dB+mulaw,noise:white:20dB+mulaw,\
    gain:-6dB+opus:12k+noise:white:20dB+mulaw,gsm+loss:3%,replay:300ms+mulaw";

const EXAMPLES: &str = "\
Examples:
  peakstream replays customers
  peakstream replays customers --enrolled clean --lines clean,opus:12k,noise:pink:10dB
  peakstream replays corpus-a corpus-b --markdown replays.md

Each FOLDER holds one folder for each speaker. Recordings are joined to calls that are long enough.
";

/// Measure on your own recordings how often a replayed call is known, and a new one taken for it
///
/// Every call is enrolled once and then played through each line, begun late. Its fingerprint is to be known again; those of
/// the same speaker's other calls are not. The threshold in force is judged, and one that was chosen on half of the speakers on
/// the other half.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// Folders with one folder of recordings for each speaker
    #[arg(value_name = "FOLDER", required = true)]
    folders: Vec<PathBuf>,
    /// What the enrolments come through (see: peakstream evaluate --help)
    #[arg(long, value_name = "CHANNEL", default_value = "mulaw")]
    enrolled: Simulation,
    /// What the replays come through, each in turn; not babble
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', default_value = LINES)]
    lines: Vec<Simulation>,
    /// Seconds of the recording that a replay leaves out at its beginning
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, value_parser = offset)]
    offset: f64,
    /// Net speech of each call
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0, value_parser = super::options::speech_seconds)]
    seconds: f64,
    #[command(flatten)]
    jobs: JobOptions,
    /// Write a page of documentation to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    models: ModelOptions,
    /// Print the whole report as one JSON object
    #[arg(long)]
    json: bool,
}

fn offset(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|seconds| (0.0..=10.0).contains(seconds));
    value.ok_or_else(|| "between 0 and 10 seconds".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(command(args), args.json)
}

fn command(args: &Args) -> Result<Answer, CliError> {
    if let Some(line) = args.lines.iter().chain([&args.enrolled]).find(|line| line.needs_others()) {
        return Err(CliError::Usage(format!(
            "{line}: babble cannot be measured here; take noise:pink or music"
        )));
    }
    let folder = Folder::new(Path::new(""), args.input.reading()?);
    let speakers = speakers_in(&args.folders)?;
    let calls = Calls::of(&speakers, &folder, args.seconds).map_err(failed)?;
    if calls.calls.is_empty() {
        return Err(failed(format!(
            "no speaker has recordings for a call with {} s of speech",
            args.seconds
        )));
    }
    let engine = args.models.engine()?;
    let study = Study {
        enrolled: &args.enrolled,
        lines: &args.lines,
        offset: args.offset,
        seconds: args.seconds,
        least: MIN_SPEECH_SECONDS,
        jobs: args.jobs.threads(),
    };
    let progress = Progress::new();
    let heard = study.hear(&engine, &folder, &calls, &|done, of| progress.show(done, of)).map_err(failed)?;
    progress.finish();
    let report = report(&study, &calls, &heard);
    if let Some(path) = &args.markdown {
        output::write(path, markdown::page(&report, "make replays"))?;
    }
    if args.json {
        output::print_json(&serde_json::to_value(&report).map_err(failed)?)?;
    } else {
        output::print(&text(&report))?;
    }
    Ok(Answer::Yes)
}

fn text(report: &Report) -> String {
    let mut replays =
        output::table(["replayed through", "caught", "cross-validated", "similarity: 2 %, 50 %"]);
    for row in &report.lines {
        let [low, middle] = row.similarity;
        let caught = &row.caught;
        replays.add_row([
            row.line.clone(),
            markdown::share(&caught.in_force),
            markdown::share(&caught.cross_validated),
            format!("{low}, {middle}"),
        ]);
    }
    let mut others = output::table([
        "new calls of the same speaker",
        "falsely caught",
        "cross-validated",
        "similarity: 50 %, 99.9 %, highest",
    ]);
    for row in report.sources.iter().chain([&report.all]) {
        let [middle, high, highest] = row.similarity;
        others.add_row([
            row.source.clone(),
            markdown::share(&row.caught.in_force),
            markdown::share(&row.caught.cross_validated),
            format!("{middle}, {high}, {highest}"),
        ]);
    }
    format!(
        "{} calls of {} speakers, enrolled through {}; threshold {}, chosen on halves {} and {}\n\n{}\n\n{}",
        report.calls,
        report.speakers,
        report.enrolled,
        report.threshold,
        report.chosen[0],
        report.chosen[1],
        replays.trim_fmt(),
        others.trim_fmt()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_begins_at_once_or_some_seconds_later() {
        assert_eq!((offset("0"), offset("0.5")), (Ok(0.0), Ok(0.5)));
        assert!(offset("-1").is_err() && offset("11").is_err() && offset("NaN").is_err());
    }
}
