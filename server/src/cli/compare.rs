//! `peakstream compare`. In: two recordings. Out: whether they are one live voice, and by how much.

use std::path::PathBuf;
use std::process::ExitCode;

use peakstream::{Score, Threshold};
use serde_json::{Value, json};

use super::offline::{Heard, Studio, StudioOptions};
use super::options::{AuthenticityOptions, ChannelOptions, ScoreOptions};
use super::output::{self, Answer, CliError, two_decimals};
use crate::session::event::six_decimals;
use crate::session::policy;
use crate::session::request::Kind;

const EXAMPLES: &str = "\
Examples:
  peakstream compare monday.wav tuesday.flac
  peakstream compare --score-threshold far=0.1% monday.wav tuesday.flac
  peakstream compare --channel 2 agent-and-caller.wav caller.wav
  peakstream compare --codec mulaw one.ulaw two.ulaw --json
";

/// Compare two recordings: one voice or two, and is it live
///
/// Listens to both as to calls, without a server, and prints the calibrated score: 0.5 means that the evidence favours
/// neither answer.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    /// One recording: WAV, FLAC, or raw with --codec
    a: PathBuf,
    /// The other
    b: PathBuf,
    #[command(flatten)]
    score: ScoreOptions,
    #[command(flatten)]
    authenticity: AuthenticityOptions,
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
    output::finish(compare(args), args.json)
}

fn compare(args: &Args) -> Result<Answer, CliError> {
    let studio = Studio::new(&args.studio)?;
    let channel_type = args.channel.channel_type;
    let score_threshold = studio.score(args.score.score_threshold, channel_type, channel_type)?;
    let a = studio.listen(&args.a, channel_type, None, Kind::Verify)?;
    let b = studio.listen(&args.b, channel_type, None, Kind::Verify)?;
    let score = studio.compare(&a.analysis.template, &b.analysis.template)?;
    let model = a.analysis.template.model();
    let calibration = studio.engine()?.calibration(channel_type).identity();
    let verdict = Verdict { score, score_threshold, authenticity: args.authenticity.clone(), heard: [a, b] };
    if args.json {
        output::print_json(&verdict.json(&model.to_string(), calibration))?;
    } else {
        output::print(&verdict.human())?;
    }
    Ok(Answer::from(verdict.same_voice() && verdict.all_live() && !verdict.is_refused()))
}

struct Verdict {
    score: Score,
    score_threshold: Threshold,
    authenticity: AuthenticityOptions,
    heard: [Heard; 2],
}

impl Verdict {
    fn same_voice(&self) -> bool {
        self.score_threshold.passes_score(self.score)
    }

    fn live(&self, heard: &Heard) -> bool {
        self.authenticity.is_live(heard.analysis.judgement)
    }

    fn is_refused(&self) -> bool {
        self.heard.iter().any(Heard::is_refused)
    }

    fn all_live(&self) -> bool {
        self.heard.iter().all(|heard| self.live(heard))
    }

    fn json(&self, model: &str, calibration: &str) -> Value {
        let heard: Vec<_> = self
            .heard
            .iter()
            .map(|heard| {
                let mut one = json!({
                    "file": heard.path,
                    "live": self.live(heard), "net_speech_seconds": heard.net_speech, "audio_seconds": heard.audio,
                    "quality": policy::as_json(&heard.quality),
                });
                output::extend(&mut one, self.authenticity.members(heard.analysis.judgement));
                one
            })
            .collect();
        json!({
            "score": six_decimals(self.score.value()), "score_threshold": self.score_threshold.value(),
            "same_voice": self.same_voice(), "authenticity_threshold": self.authenticity.authenticity_threshold.value(),
            "files": heard, "model_hash": model, "calibration": calibration,
        })
    }

    fn human(&self) -> String {
        let mut table = output::table(["file", "authenticity", "live", "net speech", "of audio"]);
        for heard in &self.heard {
            table.add_row([
                heard.path.display().to_string(),
                self.authenticity.cell(heard.analysis.judgement),
                if self.live(heard) { "yes" } else { "no" }.to_owned(),
                output::seconds(heard.net_speech),
                output::seconds(heard.audio),
            ]);
        }
        let voices = if self.same_voice() { "one voice" } else { "two voices" };
        let relation = if self.same_voice() { "≥" } else { "<" };
        let authenticity = self.authenticity.authenticity_threshold.value();
        let quality: String = self
            .heard
            .iter()
            .filter(|heard| !heard.quality.is_empty())
            .map(|heard| format!("\n{}:{}", heard.path.display(), heard.quality_lines()))
            .collect();
        if self.is_refused() {
            return format!(
                "{}{quality}\nno decision: the audio quality is not good enough",
                table.trim_fmt()
            );
        }
        format!(
            "{}{quality}\n{voices}: score {} {relation} {:.2}{}",
            table.trim_fmt(),
            two_decimals(self.score.value()),
            self.score_threshold.value(),
            if self.all_live() {
                String::new()
            } else {
                format!("; not both live (authenticity below {authenticity:.2})")
            },
        )
    }
}
