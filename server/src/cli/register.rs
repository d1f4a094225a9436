//! `peakstream register`. In: recordings. Out: a sealed credential for each.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use peakstream::credential::{self, Credential, CredentialKeys};
use peakstream::{Engine, ModelHash, Template};
use serde_json::json;

use super::keys::{self, KeyOptions};
use super::offline::{Heard, Studio, StudioOptions};
use super::options::{AuthenticityOptions, ChannelOptions};
use super::output::{self, Answer, CliError};
use crate::ids::DEFAULT_TENANT;
use crate::session::policy;
use crate::session::request::Kind;

const EXAMPLES: &str = "\
Examples:
  peakstream register alice.wav > alice.credential
  peakstream register --output credentials/ alice.wav bob.flac
  peakstream register --channel-type microphone --seconds 10 alice-16k.wav
  peakstream register --codec alaw --rate 8000 call.al --json

The credentials go to stdout, one line each, and the table to stderr; with --output they go to
files.
";

/// Register voices from recordings, without a server
///
/// Listens to each file as to a call and seals what it learnt of the voice. A voice that does not seem live is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// Recordings, one voice each: WAV, FLAC, or raw with --codec
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write credentials to this file; or, for several recordings, into this folder as NAME.credential
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Model to register with, by its hash [default: the newest]
    #[arg(long, value_name = "HASH")]
    model: Option<ModelHash>,
    #[command(flatten)]
    authenticity: AuthenticityOptions,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten)]
    channel: ChannelOptions,
    #[command(flatten)]
    studio: StudioOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(register(args), args.json)
}

struct Registered {
    heard: Heard,
    /// `None` if the voice does not seem live, or the quality does not suffice.
    credential: Option<String>,
    written_to: Option<PathBuf>,
}

impl Registered {
    /// The server's event.
    fn event(&self) -> &'static str {
        match &self.credential {
            Some(_) => "result-success",
            None if self.heard.is_refused() => "error-das-Peak",
            None => "result-fail-spoof",
        }
    }
}

fn register(args: &Args) -> Result<Answer, CliError> {
    let studio = Studio::new(&args.studio)?;
    if let Some(model) = args.model
        && !studio.engine()?.has_model(model)
    {
        return Err(CliError::Usage(format!("--model: {model} is not installed; see: peakstream models")));
    }
    let channel_type = args.channel.channel_type;
    let listen = |path: &PathBuf| studio.listen(path, channel_type, args.model, Kind::Register);
    let heard = args.files.iter().map(listen).collect::<Result<Vec<_>, _>>()?;
    let engine = studio.engine()?;
    // Only now: a first use that fails should not leave a key behind.
    let keys = args.keys.existing_or_new()?;
    let mut all = Vec::with_capacity(heard.len());
    for heard in heard {
        let live = args.authenticity.is_live(heard.analysis.judgement);
        let credential = if live && !heard.is_refused() {
            Some(seal(engine, &keys, &heard.analysis.template)?)
        } else {
            None
        };
        let written_to = match (&credential, &args.output) {
            (Some(text), Some(output)) => Some(write(text, output, &heard.path, args.files.len() > 1)?),
            _ => None,
        };
        all.push(Registered { heard, credential, written_to });
    }
    let model = args.model.unwrap_or_else(|| engine.newest_model());
    if args.json {
        print_json(args, &all, model)?;
    } else {
        print_human(args, &all)?;
    }
    Ok(Answer::from(all.iter().all(|registered| registered.credential.is_some())))
}

fn seal(engine: &Engine, keys: &CredentialKeys, template: &Template) -> Result<String, CliError> {
    let created_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let credential = Credential {
        template: template.clone(),
        calibration: engine.calibration(template.channel_type()).identity().to_owned(),
        created_at,
        fingerprint: None,
    };
    Ok(credential::seal(keys, DEFAULT_TENANT, &credential, keys::random()?))
}

fn write(text: &str, output: &Path, recording: &Path, several: bool) -> Result<PathBuf, CliError> {
    let failed = |source| CliError::Write { what: output.display().to_string(), source };
    let path = if several || output.is_dir() {
        std::fs::create_dir_all(output).map_err(failed)?;
        output.join(recording.with_extension("credential").file_name().unwrap_or_default())
    } else {
        output.to_owned()
    };
    std::fs::write(&path, format!("{text}\n")).map_err(failed)?;
    Ok(path)
}

fn print_json(args: &Args, all: &[Registered], model: ModelHash) -> Result<(), CliError> {
    let results: Vec<_> = all
        .iter()
        .map(|registered| {
            let mut result = json!({
                "file": registered.heard.path,
                "event": registered.event(), "quality": policy::as_json(&registered.heard.quality),
                "credential": registered.credential, "written_to": registered.written_to,
                "net_speech_seconds": registered.heard.net_speech, "audio_seconds": registered.heard.audio,
            });
            output::extend(&mut result, args.authenticity.members(registered.heard.analysis.judgement));
            result
        })
        .collect();
    output::print_json(&json!({
        "results": results, "model_hash": model.to_string(),
        "authenticity_threshold": args.authenticity.authenticity_threshold.value(),
    }))
}

fn print_human(args: &Args, all: &[Registered]) -> Result<(), CliError> {
    let mut table = output::table(["file", "result", "authenticity", "net speech", "of audio", "credential"]);
    for registered in all {
        table.add_row([
            registered.heard.path.display().to_string(),
            match registered.event() {
                "result-success" => "registered",
                "result-fail-spoof" => "refused: not live",
                _ => "refused: poor quality",
            }
            .to_owned(),
            args.authenticity.cell(registered.heard.analysis.judgement),
            output::seconds(registered.heard.net_speech),
            output::seconds(registered.heard.audio),
            match (&registered.credential, &registered.written_to) {
                (None, _) => "none".to_owned(),
                (_, Some(path)) => path.display().to_string(),
                _ => "on stdout".to_owned(),
            },
        ]);
    }
    eprintln!("{}", table.trim_fmt());
    for heard in all.iter().map(|registered| &registered.heard).filter(|heard| !heard.quality.is_empty()) {
        eprintln!("{}:{}", heard.path.display(), heard.quality_lines());
    }
    eprintln!("live from authenticity {:.2}", args.authenticity.authenticity_threshold.value());
    for registered in all.iter().filter(|registered| registered.written_to.is_none()) {
        if let Some(credential) = &registered.credential {
            output::print(credential)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_credential_goes_to_the_file_named_and_several_into_the_folder() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let one = dir.path().join("alice.txt");
        assert_eq!(write("abc", &one, Path::new("x/alice.wav"), false).expect("written"), one);
        assert_eq!(std::fs::read_to_string(&one).expect("written"), "abc\n");
        let folder = dir.path().join("all");
        let path = write("abc", &folder, Path::new("x/alice.wav"), true).expect("written");
        assert_eq!(path, folder.join("alice.credential"));
        let path = write("abc", dir.path(), Path::new("bob.flac"), false).expect("an existing folder");
        assert_eq!(path, dir.path().join("bob.credential"));
    }
}
