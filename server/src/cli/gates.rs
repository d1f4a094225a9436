//! `peakstream gates`. In: recordings of known speakers. Out: how often each quality gate stops good calls, and notices bad ones.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use peakstream::ChannelType;
use peakstream::quality::Gates;
use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::gates::{Calls, Defect, Report, Study, defects, markdown, report, table};
use peakstream_evaluation::metrics::Share;

use super::calibrate::speakers_in;
use super::hearing::{JobOptions, Progress, failed};
use super::library::Folder;
use super::options::{InputOptions, ModelOptions};
use super::output::{self, Answer, CliError};
use crate::session::policy::GateSetting;

const EXAMPLES: &str = "\
Examples:
  peakstream gates customers
  peakstream gates customers --lines clean --limits signal_noise_ratio=warn:12,music=warn:5
  peakstream gates corpus-a corpus-b --markdown gates.md

Each FOLDER holds one folder for each speaker. Recordings are joined to calls that are long enough. If yours are of real telephone
calls, say --lines clean: they have been through their line.
";

/// Measure the quality gates on your own recordings
///
/// Sends recordings through good telephone lines, where whatever a gate says is a false alarm, and a part of them through noise, cut
/// peaks, missing bands, wrong codecs, second speakers and music, which the gates are to notice. With several folders, says
/// what a limit chosen on all but one of them does on that one.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// Folders with one folder of recordings for each speaker
    #[arg(value_name = "FOLDER", required = true)]
    folders: Vec<PathBuf>,
    /// Good lines that every call goes through, one after the other (see: peakstream evaluate --help)
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', default_value = "mulaw,band:irs+alaw,gsm")]
    lines: Vec<Simulation>,
    /// Limits other than those in force, such as clipping=warn:1
    #[arg(long, value_name = "GATE=ACTION", value_delimiter = ',')]
    limits: Vec<GateSetting>,
    /// Net speech of each call
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = super::options::speech_seconds)]
    seconds: f64,
    /// Calls that go through each defect; 0 measures false alarms only
    #[arg(long, value_name = "N", default_value_t = 120)]
    defective: usize,
    #[command(flatten)]
    jobs: JobOptions,
    /// Write a page of documentation to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the figures of every call to this file, as CSV, to choose limits by
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    models: ModelOptions,
    /// Print the whole report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(command(args), args.json)
}

fn command(args: &Args) -> Result<Answer, CliError> {
    let folder = Folder::new(Path::new(""), args.input.reading()?);
    let speakers = speakers_in(&args.folders)?;
    let calls = Calls::of(&speakers, &folder, args.seconds).map_err(failed)?;
    if calls.calls.is_empty() {
        return Err(failed(format!(
            "no speaker has recordings for a call with {} s of speech",
            args.seconds
        )));
    }
    let mut conditions: Vec<Defect> =
        args.lines.iter().map(|line| Defect::Line(None, line.clone())).collect();
    if args.defective > 0 {
        conditions.extend(defects().map_err(failed)?);
    }
    let engine = args.models.engine()?;
    let (defective, seconds, jobs) = (args.defective, args.seconds, args.jobs.threads());
    let study = Study { conditions: &conditions, defective, seconds, jobs };
    let progress = Progress::new();
    let heard = study.hear(&engine, &folder, &calls, &|done, of| progress.show(done, of)).map_err(failed)?;
    progress.finish();
    let mut gates = Gates::default();
    args.limits.iter().for_each(|said| gates.set(said.gate, said.setting));
    let subject = (
        args.seconds,
        engine.newest_model().to_string(),
        engine.calibration(ChannelType::Telephone).identity().to_owned(),
    );
    let report = report(&calls, &conditions, &heard, &gates, subject);
    let written = [
        args.markdown.as_ref().map(|path| (path, markdown::page(&report, "make gates"))),
        args.figures.as_ref().map(|path| (path, table(&calls, &conditions, &heard))),
    ];
    for (path, text) in written.into_iter().flatten() {
        output::write(path, text)?;
    }
    if args.json {
        output::print_json(&serde_json::to_value(&report).map_err(failed)?)?;
    } else {
        output::print(&text(&report))?;
    }
    Ok(Answer::Yes)
}

fn text(report: &Report) -> String {
    let mut good = output::table(["gate", "false alarms on good lines", "1 %, 50 %, 99 % of the figures"]);
    for row in &report.false_alarms {
        good.add_row([row.gate.to_owned(), share(&row.fired), figures(row.figures)]);
    }
    let mut bad = output::table(["gate", "defect", "noticed"]);
    for condition in &report.conditions {
        let own = condition.rows.iter().find(|row| Some(row.gate) == condition.defect_of);
        if let Some(row) = own {
            bad.add_row([row.gate.to_owned(), condition.condition.clone(), share(&row.fired)]);
        }
    }
    format!(
        "{} calls of {} speakers; limits: {}\n\n{}\n\n{}",
        report.calls,
        report.speakers,
        report.limits.join(", "),
        good.trim_fmt(),
        bad.trim_fmt()
    )
}

fn share(share: &Share) -> String {
    let [low, high] = share.interval.map(|end| 100.0 * end);
    format!("{:.1} % [{low:.1}–{high:.1}] of {}", 100.0 * share.rate, share.of)
}

fn figures(figures: Option<[f32; 3]>) -> String {
    figures.map_or_else(String::new, |[low, middle, high]| format!("{low:.2}, {middle:.2}, {high:.2}"))
}
