//! `peakstream evaluate`. In: a list of trials and the recordings it names. Out: error rates, with what they can promise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use peakstream::decision::Parameters;
use peakstream::{Calibration, Centre};
use peakstream_evaluation::channel::{PARTS, Simulation};
use peakstream_evaluation::metrics::OperatingPoint;
use peakstream_evaluation::report::{Questions, Report, Subject, html, markdown, report};
use peakstream_evaluation::run::{Condition, Enrollment, Outcome, Score};
use peakstream_evaluation::trials::{Form, Ids, TrialList, parse};
use sha2::{Digest, Sha256};

use super::hearing::{Amount, Heard, HearingOptions, all_there, failed, seconds};
use super::library::Folder;
use super::output::{self, Answer, CliError};

mod text;

const EXAMPLES: &str = "\
Examples:
  peakstream evaluate trials.csv --audio recordings
  peakstream evaluate trials.csv --audio recordings --through clean,mulaw --seconds all,3,5 \\
    --cache embeddings.bin --html report.html
  peakstream evaluate veri_test.txt --audio voxceleb1/wav --through mulaw --json > report.json
  peakstream evaluate trials --enroll-list spk2utt --wav-scp wav.scp --audio .

Lists, told by their first line; # begins a comment:
  label,enroll,test,source,gender,condition    with this header; recordings of one enrolment joined by |
  enroll test label                            label 1, 0, target or nontarget
  label enroll test                            label 1 or 0, as VoxCeleb writes them

A cache holds embeddings, which are biometric data: it is readable by you alone and names nobody; delete it when you are
done. With it, a run that is interrupted goes on where it was, and gives the same report.
";

/// Measure error rates on your own recordings
///
/// Hears every recording as a call, compares as the list says, and prints how often callers are wrongly rejected and
/// impostors wrongly accepted, with 95 % intervals. Nothing leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}\n{}", channels_help(), output::EXIT_STATUS))]
pub struct Args {
    /// List of trials
    list: PathBuf,
    /// Folder that the list's recordings are in [default: the list's]
    #[arg(long, value_name = "DIR")]
    audio: Option<PathBuf>,
    /// How the list is written, if its first line leaves it open: csv, enroll-test-label, kaldi, voxceleb
    #[arg(long, value_name = "FORM")]
    form: Option<Form>,
    /// Kaldi's spk2utt: what enrolments consist of
    #[arg(long, value_name = "FILE")]
    enroll_list: Option<PathBuf>,
    /// Kaldi's wav.scp: where utterances are
    #[arg(long, value_name = "FILE")]
    wav_scp: Option<PathBuf>,
    /// What recordings go through before they are heard, one row of the report each
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', default_value = "clean")]
    through: Vec<Simulation>,
    /// What enrolments go through [default: the same as tests]
    #[arg(long, value_name = "CHANNEL")]
    enroll_through: Option<Simulation>,
    /// Net speech heard of each test, one row of the report each; all takes everything
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "all", value_parser = seconds)]
    seconds: Vec<Amount>,
    /// Net speech heard of each enrolment
    #[arg(long, value_name = "SECONDS", default_value = "all", value_parser = seconds)]
    enroll_seconds: Amount,
    /// Several recordings of an enrolment: heard as one-call, as a registration is, or their mean, as papers do
    #[arg(long, value_name = "HOW", default_value = "one-call", value_parser = enrollment)]
    enrollment: Enrollment,
    /// Score as a tenant does that has learnt a centre: what all its callers have in common
    ///
    /// Each source of the list is a tenant. The mean of all its voices is taken from both sides of a trial before they are compared,
    /// but of the trial's two speakers it has learnt nothing. A source with fewer than 50 other voices has no centre; its trials are
    /// left out, and the report names it.
    #[arg(long)]
    centre: bool,
    /// Shares of genuine callers for which detection costs are given, both errors costing the same
    #[arg(long, value_name = "SHARE", value_delimiter = ',', default_value = "0.01,0.5", value_parser = share)]
    priors: Vec<f64>,
    /// Shares of false accepts for which thresholds are wanted, such as 1% or 0.001
    #[arg(long, value_name = "SHARE", value_delimiter = ',', default_value = "1%,0.1%", value_parser = share)]
    fars: Vec<f64>,
    /// Write the whole report to this file, as a page for people: tables and plots, nothing to load
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a page of documentation to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// What readers of the report must know about these recordings; stands first among its cautions
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    hearing: HearingOptions,
    /// Print the whole report as one JSON object
    #[arg(long)]
    json: bool,
}

fn channels_help() -> String {
    let width = PARTS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = PARTS.iter().map(|(name, does)| format!("  {name:width$}  {does}\n"));
    format!("Channels for --through, parts joined by +:\n{}", lines.collect::<String>())
}

fn enrollment(text: &str) -> Result<Enrollment, String> {
    match text {
        "one-call" => Ok(Enrollment::OneCall),
        "mean" => Ok(Enrollment::Mean),
        _ => Err("one-call or mean".to_owned()),
    }
}

/// A share above 0 and below 1, also in per cent.
fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number.trim(), 100.0));
    let value = number.parse::<f64>().ok().map(|value| value / scale);
    value
        .filter(|value| *value > 0.0 && *value < 1.0)
        .ok_or_else(|| "above 0 and below 1, or 0% to 100%".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(evaluate(args), args.json)
}

fn evaluate(args: &Args) -> Result<Answer, CliError> {
    let (list, sha256) = read_list(args)?;
    let root = args.audio.as_deref().or_else(|| args.list.parent()).unwrap_or(Path::new("."));
    let folder = Folder::new(root, args.hearing.input.reading()?);
    all_there(&list, &folder, root)?;
    let conditions = conditions(args);
    let engine = args.hearing.engine()?;
    let calibration = engine.calibration(args.hearing.channel.channel_type);
    let parameters = parameters(args, calibration)?;
    let Heard { speakers, outcomes } =
        args.hearing.hear(&engine, &list, &folder, &conditions, args.enrollment)?;
    let subject = Subject {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: engine.newest_model().to_string(),
        calibration: calibration.identity().to_owned(),
        channel_type: args.hearing.channel.channel_type.name().to_owned(),
        list: args.list.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        list_sha256: sha256,
        enrollment: args.enrollment,
        centred: args.centre,
        note: args.note.clone(),
    };
    let questions = Questions {
        points: args.priors.iter().map(|&prior| OperatingPoint::of_prior(prior)).collect(),
        fars: args.fars.clone(),
    };
    let cosine = |score: &Score| if args.centre { score.centred } else { Some(score.cosine) };
    let llr = |score: &Score| cosine(score).map(|cosine| parameters.llr(cosine, score.conditions).0);
    let has_ratio = |outcome: &Outcome| matches!(outcome, Outcome::Scored(score) if llr(score).is_some());
    if args.centre && !outcomes.iter().flatten().any(has_ratio) {
        return Err(failed(format!(
            "no source of the list has a centre: {} voices beside those of any two of its speakers are needed",
            Centre::FEWEST
        )));
    }
    let report = report(subject, &list, &speakers, &conditions, &outcomes, &questions, &llr);
    print(args, &report)?;
    Ok(Answer::Yes)
}

/// What cosines mean: told before minutes of listening where there is no answer.
fn parameters<'a>(args: &Args, calibration: &'a Calibration) -> Result<&'a Parameters, CliError> {
    if !args.centre {
        return Ok(calibration.parameters());
    }
    calibration.centred().ok_or_else(|| {
        failed(format!(
            "the calibration {} has no numbers for centred voices; peakstream calibrate fits them to sources with enough of them",
            calibration.identity()
        ))
    })
}

fn print(args: &Args, report: &Report) -> Result<(), CliError> {
    let pages = [
        (&args.html, html::page as fn(&Report) -> String),
        (&args.markdown, |report| {
            let command =
                if report.subject.centred { "evaluate --centre --markdown" } else { "evaluate --markdown" };
            markdown::page(report, &format!("peakstream {command}"))
        }),
    ];
    for (path, page) in pages {
        if let Some(path) = path {
            output::write(path, page(report))?;
        }
    }
    if args.json {
        let value = serde_json::to_value(report).map_err(|error| CliError::Usage(error.to_string()))?;
        output::print_json(&value)
    } else {
        output::print(&text::of(report))
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| failed(format!("{}: {error}", path.display())))
}

fn read_list(args: &Args) -> Result<(TrialList, String), CliError> {
    let wrong = |path: &Path| {
        let path = path.display().to_string();
        move |error| failed(format!("{path}: {error}"))
    };
    let mut ids = Ids::default();
    if let Some(path) = &args.enroll_list {
        ids.add_enrolments(&read(path)?).map_err(wrong(path))?;
    }
    if let Some(path) = &args.wav_scp {
        ids.add_paths(&read(path)?).map_err(wrong(path))?;
    }
    let text = read(&args.list)?;
    let list = parse(&text, args.form, &ids).map_err(wrong(&args.list))?;
    let sha256 = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((list, sha256))
}

fn conditions(args: &Args) -> Vec<Condition> {
    let of = |channel| {
        args.seconds.iter().map(move |&seconds| Condition {
            enroll: args
                .hearing
                .hearing(args.enroll_through.as_ref().unwrap_or(channel), args.enroll_seconds),
            test: args.hearing.hearing(channel, seconds),
        })
    };
    args.through.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_shares_or_in_per_cent() {
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(share("0.001"), Ok(0.001));
        assert!(share("0").is_err() && share("100%").is_err() && share("x").is_err());
    }
}
