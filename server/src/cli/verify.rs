//! `peakstream verify`. In: a credential and a recording. Out: whether the recording is the registered voice, live.

use std::path::PathBuf;
use std::process::ExitCode;

use peakstream::{ChannelType, credential};
use serde_json::json;

use super::keys::{self, KeyError, KeyOptions};
use super::offline::{Studio, StudioOptions};
use super::options::{AuthenticityOptions, ScoreOptions, channel_type};
use super::output::{self, Answer, CliError, two_decimals};
use crate::ids::DEFAULT_TENANT;
use crate::session::error::MIN_SPEECH_SECONDS;
use crate::session::event::six_decimals;
use crate::session::policy;
use crate::session::request::Kind;

const EXAMPLES: &str = "\
Examples:
  peakstream verify --credential alice.credential call.wav
  peakstream verify --credential \"$CREDENTIAL\" --score-threshold 0.7 --json call.flac
  peakstream verify --credential alice.credential --score-threshold far=0.1% call.wav
  peakstream verify --credential by-microphone.credential --channel-type telephone call.wav
";

/// Verify a recording against a credential, without a server
///
/// The credential says which model to use, and which channel type unless that is said. If the voice is neither live nor the registered one,
/// the result says that it is not live.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// Recording of one voice: WAV, FLAC, or raw with --codec
    file: PathBuf,
    /// Credential: a file that holds it, or its text
    #[arg(long, value_name = "FILE|TEXT")]
    credential: String,
    /// What the recording came through: telephone or microphone [default: as the registration]
    #[arg(long, value_name = "TYPE", value_parser = channel_type)]
    channel_type: Option<ChannelType>,
    #[command(flatten)]
    score: ScoreOptions,
    #[command(flatten)]
    authenticity: AuthenticityOptions,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten)]
    studio: StudioOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(verify(args), args.json)
}

fn verify(args: &Args) -> Result<Answer, CliError> {
    let text = keys::credential_text(&args.credential)?;
    let keys = args.keys.existing()?;
    let registered = credential::open(&keys, DEFAULT_TENANT, text.expose()).map_err(KeyError::from)?;
    let studio = Studio::new(&args.studio)?;
    let (model, registered_by) = (registered.template.model(), registered.template.channel_type());
    let channel_type = args.channel_type.unwrap_or(registered_by);
    let score_threshold = studio.score(args.score.score_threshold, registered_by, channel_type)?;
    let heard = studio.listen(&args.file, channel_type, Some(model), Kind::Verify)?;
    let score = studio.compare(&registered.template, &heard.analysis.template)?;
    let authenticity_threshold = args.authenticity.authenticity_threshold;
    let judgement = heard.analysis.judgement;
    let (same, live) = (score_threshold.passes_score(score), args.authenticity.is_live(judgement));
    // The server's events, and its order of reasons.
    let (event, verdict) = match (live, same) {
        _ if heard.is_refused() => ("error-das-Peak", "no decision: the audio quality is not good enough"),
        (true, true) => ("result-success", "verified: the registered voice, live"),
        (true, false) => ("result-fail-score", "rejected: another voice"),
        (false, _) => ("result-fail-spoof", "rejected: not a live voice"),
    };
    if args.json {
        let mut result = json!({
            "file": heard.path, "event": event,
            "score": six_decimals(score.value()), "score_threshold": score_threshold.value(),
            "authenticity_threshold": authenticity_threshold.value(),
            "net_speech_seconds": heard.net_speech, "audio_seconds": heard.audio,
            "model_hash": model.to_string(), "channel_type": channel_type.name(),
            "calibration": studio.engine()?.calibration_between(registered_by, channel_type).identity(),
            "registered_at": registered.created_at, "quality": policy::as_json(&heard.quality),
        });
        output::extend(&mut result, args.authenticity.members(judgement));
        output::print_json(&result)?;
    } else {
        let mut table = output::table(["", "measured", "needed"]);
        table.add_row(["score", &two_decimals(score.value()), &format!("{:.2}", score_threshold.value())]);
        let needed = format!("{:.2}", authenticity_threshold.value());
        table.add_row(["authenticity", &args.authenticity.cell(judgement), &needed]);
        let of = format!("{:.2} s of {:.2} s", heard.net_speech, heard.audio);
        table.add_row(["net speech", &of, &output::seconds(MIN_SPEECH_SECONDS)]);
        output::print(&format!("{}{}\n{verdict}", table.trim_fmt(), heard.quality_lines()))?;
    }
    Ok(Answer::from(event == "result-success"))
}
