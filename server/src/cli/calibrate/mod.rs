//! `peakstream calibrate`. In: recordings of known speakers. Out: a calibration that the server loads, and what it is worth.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use peakstream::{Calibration, ChannelType};
use peakstream_evaluation::calibrate::{Calibrated, Sample, Speaker, all_trials, calibrate};
use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::run::{Condition, Enrollment, Outcome};
use peakstream_evaluation::trials::{Ids, Speakers, TrialList, parse};
use serde_json::{Value, json};

use super::hearing::{Amount, Heard, HearingOptions, all_there, failed, seconds};
use super::library::Folder;
use super::output::{self, Answer, CliError};
use crate::audio_file::ReadOptions;

mod text;

const EXAMPLES: &str = "\
Examples:
  peakstream calibrate customers --output telephone.json --cache embeddings.bin
  peakstream calibrate corpus-a corpus-b --through mulaw --output telephone.json
  peakstream calibrate --trials trials.csv --audio recordings --through mulaw --output telephone.json
  peakstream serve --calibration telephone.json

Each FOLDER holds one folder for each speaker, with at least two recordings. Record each person on several days and lines: recordings
of one call are more alike than two calls of one person, and promise too much. People of different FOLDERs are not compared.

A cache holds embeddings, which are biometric data: it is readable by you alone and names nobody; delete it when you are done. With
it, a run that is interrupted goes on where it was.
";

/// Fit the calibration to your own recordings
///
/// Hears recordings of known speakers, compares everyone with everyone, and fits what a similarity means: a log-likelihood ratio,
/// from the cosine, the amount of speech and its quality. Prints thresholds for one false accept in 100, 1,000 and 10,000, measured
/// on speakers left out of the fit, and says which of them there are too few trials for.
///
/// Where a tenant has learnt its centre, the mean of its callers' voices, cosines mean something else: the calibration gets numbers for
/// that too, if there are enough voices. Each FOLDER, or source of a list, is taken for a tenant.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// Folders with one folder of recordings for each speaker
    #[arg(value_name = "FOLDER", required_unless_present = "trials")]
    folders: Vec<PathBuf>,
    /// List of trials instead (see: peakstream evaluate --help)
    #[arg(long, value_name = "LIST", conflicts_with = "folders")]
    trials: Option<PathBuf>,
    /// Folder that the list's recordings are in [default: the list's]
    #[arg(long, value_name = "DIR", requires = "trials")]
    audio: Option<PathBuf>,
    /// Write the calibration to this file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// What recordings go through before they are heard (see: peakstream evaluate --help)
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', default_value = "clean")]
    through: Vec<Simulation>,
    /// Net speech heard of each recording; the calibration learns what less of it means. Thresholds are for the first
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "all,5,3,2", value_parser = seconds)]
    seconds: Vec<Amount>,
    #[command(flatten)]
    hearing: HearingOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(command(args), args.json)
}

fn command(args: &Args) -> Result<Answer, CliError> {
    let (list, folder) = material(args)?;
    let (conditions, names) = conditions(args);
    let engine = args.hearing.engine()?;
    let Heard { speakers, outcomes } =
        args.hearing.hear(&engine, &list, &folder, &conditions, Enrollment::OneCall)?;
    let samples = samples(&list, &speakers, &outcomes);
    let sources: Vec<String> = list.groups.iter().map(|group| group.source.clone()).collect();
    let in_force = engine.calibration(args.hearing.channel.channel_type);
    let calibrated = calibrate(&samples, &sources, &names, in_force).map_err(failed)?;
    let facts = Facts { list: &list, speakers: &speakers, model: engine.newest_model().to_string() };
    let document = document(args, &calibrated, &facts);
    let identity = write(&args.output, args.hearing.channel.channel_type, &document)?;
    if args.json {
        let mut document = document;
        document["identity"] = identity.into();
        output::print_json(&document)?;
    } else {
        output::print(&text::of(&args.output, &calibrated, &identity))?;
    }
    Ok(Answer::Yes)
}

/// Trials, and where their recordings are.
fn material(args: &Args) -> Result<(TrialList, Folder), CliError> {
    let reading = args.hearing.input.reading()?;
    let Some(path) = &args.trials else { return folders(args, reading) };
    let text =
        std::fs::read_to_string(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let mut list = parse(&text, None, &Ids::default())
        .map_err(|error| failed(format!("{}: {error}", path.display())))?;
    by_source(&mut list);
    let root = args.audio.as_deref().or_else(|| path.parent()).unwrap_or(Path::new("."));
    let folder = Folder::new(root, reading);
    all_there(&list, &folder, root)?;
    Ok((list, folder))
}

/// A calibration knows groups by their source only.
fn by_source(list: &mut TrialList) {
    let mut sources: Vec<String> = Vec::new();
    let numbers: Vec<u32> = list
        .groups
        .iter()
        .map(|group| {
            let known = sources.iter().position(|source| *source == group.source);
            known.unwrap_or_else(|| {
                sources.push(group.source.clone());
                sources.len() - 1
            }) as u32
        })
        .collect();
    list.trials.iter_mut().for_each(|trial| trial.group = numbers[trial.group as usize]);
    let group = |source| peakstream_evaluation::trials::Group { source, ..Default::default() };
    list.groups = sources.into_iter().map(group).collect();
}

fn folders(args: &Args, reading: ReadOptions) -> Result<(TrialList, Folder), CliError> {
    let list = all_trials(&speakers_in(&args.folders)?);
    Ok((list, Folder::new(Path::new(""), reading)))
}

/// Everybody who has a folder in one of these.
pub(super) fn speakers_in(folders: &[PathBuf]) -> Result<Vec<Speaker>, CliError> {
    let mut speakers = Vec::new();
    for folder in folders {
        for name in entries(folder)? {
            let own = folder.join(&name);
            if own.is_dir() {
                let recordings =
                    entries(&own)?.into_iter().map(|file| own.join(file)).filter(|path| path.is_file());
                let recordings = recordings.map(|path| path.to_string_lossy().into_owned()).collect();
                speakers.push(Speaker { source: folder.display().to_string(), recordings });
            }
        }
    }
    if speakers.is_empty() {
        let named: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return Err(failed(format!("{}: no folders of speakers in it", named.join(", "))));
    }
    Ok(speakers)
}

/// Names in a folder, sorted: the order of a file system is no order. Hidden ones are left out.
fn entries(folder: &Path) -> Result<Vec<String>, CliError> {
    let wrong = |error: std::io::Error| failed(format!("{}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        names.push(entry.map_err(wrong)?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// Registrations have at least as much speech as verifications.
fn conditions(args: &Args) -> (Vec<Condition>, Vec<String>) {
    let (mut conditions, mut names) = (Vec::new(), Vec::new());
    let length = |seconds: Amount| seconds.unwrap_or(f64::INFINITY);
    let shown = |seconds: Amount| seconds.map_or("all".to_owned(), |seconds| format!("{seconds} s"));
    for channel in &args.through {
        for &enroll in &args.seconds {
            for &test in args.seconds.iter().filter(|test| length(**test) <= length(enroll)) {
                let hearing = |seconds| args.hearing.hearing(channel, seconds);
                conditions.push(Condition { enroll: hearing(enroll), test: hearing(test) });
                names.push(format!("{channel}, {} against {}", shown(test), shown(enroll)));
            }
        }
    }
    (conditions, names)
}

fn samples(list: &TrialList, speakers: &Speakers, outcomes: &[Vec<Outcome>]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (condition, outcomes) in outcomes.iter().enumerate() {
        for (number, (trial, outcome)) in list.trials.iter().zip(outcomes).enumerate() {
            if let Outcome::Scored(heard) = outcome {
                samples.push(Sample {
                    cosine: heard.cosine,
                    centred: heard.centred,
                    conditions: heard.conditions,
                    same: trial.same,
                    pair: speakers.pair(list, number),
                    source: trial.group,
                    condition: condition as u32,
                });
            }
        }
    }
    samples
}

struct Facts<'a> {
    list: &'a TrialList,
    speakers: &'a Speakers,
    model: String,
}

/// The calibration file: the numbers, and where they come from. No date and no path: the same recordings give the same file.
fn document(args: &Args, calibrated: &Calibrated, facts: &Facts<'_>) -> Value {
    let mut document = json!({
        "name": args.hearing.channel.channel_type.name(),
        "kind": "logistic",
        "input": "cosine of two length-normalised embeddings; duration and quality as in peakstream::decision",
        "provenance": {
            "program": format!("peakstream {}", env!("CARGO_PKG_VERSION")),
            "model_sha224": facts.model,
            "through": args.through.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "seconds": args.seconds,
            "speakers": facts.speakers.of_recording.iter().max().map_or(0, |last| last + 1),
            "recordings": facts.list.recordings.len(),
            "trials": {
                "same_speaker": facts.list.trials.iter().filter(|trial| trial.same).count(),
                "other_speaker": facts.list.trials.iter().filter(|trial| !trial.same).count(),
            },
            "weighting": "each source and each answer weighs the same",
        },
    });
    // Plain data of our own: it has a JSON form.
    if let (Value::Object(document), Ok(Value::Object(numbers))) =
        (&mut document, serde_json::to_value(calibrated))
    {
        document.extend(numbers);
    }
    if let Some(centred) = document.get_mut("centred") {
        centred["input"] =
            "as above, without the mean voice of the source, to which neither speaker is known".into();
    }
    document
}

/// Writes the file and reads it as the server will; its identity.
fn write(path: &Path, channel_type: ChannelType, document: &Value) -> Result<String, CliError> {
    let bytes = format!("{document:#}\n").into_bytes();
    let calibration = Calibration::read(channel_type.name(), &bytes).map_err(failed)?;
    output::write(path, bytes)?;
    Ok(calibration.identity().to_owned())
}
