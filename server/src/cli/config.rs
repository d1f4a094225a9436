//! `peakstream config …`. In: flags, the environment, a file. Out: whether they are right, and what they come to.

use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};

use super::output::{self, Answer, CliError};
use crate::config::load::{self, Given, Loaded, Value};
use crate::config::problem::Source;
use crate::config::reference;
use crate::config::setting::Kind;

/// Check, show or explain the configuration of the server
#[derive(Debug, clap::Args)]
#[command(after_help = output::EXIT_STATUS)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Find everything that is wrong, without starting the server
    Check(Check),
    /// Every setting as it would be, and where it comes from
    Show(Show),
    /// The page docs/configuration.md: every setting, and an example file
    Reference,
}

#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    given: Given,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    match &args.action {
        Action::Check(args) => output::finish(check(&args.given), false),
        Action::Show(args) => output::finish(show(args), args.json),
        Action::Reference => output::finish(print_reference(), false),
    }
}

/// Tells a person about variables that set nothing, but look as if they should.
pub(super) fn warn_of_misspelt_variables() {
    for (name, meant) in load::misspelt_variables() {
        eprintln!("peakstream: the variable {name} sets nothing; did you mean {meant}?");
    }
}

fn check(given: &Given) -> Result<Answer, CliError> {
    warn_of_misspelt_variables();
    let Loaded { file, .. } = given.load()?;
    output::print(&match file {
        Some(file) => format!("the configuration is right; file: {}", file.display()),
        None => "the configuration is right; no file was read".to_owned(),
    })?;
    Ok(Answer::Yes)
}

fn show(args: &Show) -> Result<Answer, CliError> {
    let Loaded { file, values, .. } = args.given.load()?;
    if args.json {
        let settings: Map<_, _> = values.iter().map(|value| (value.setting.key(), as_json(value))).collect();
        output::print_json(&json!({"file": file, "settings": settings}))?;
        return Ok(Answer::Yes);
    }
    let mut table = output::table(["setting", "value", "from"]);
    for value in &values {
        table.add_row([value.setting.key(), shown(value), value.source.to_string()]);
    }
    output::print(&table.trim_fmt())?;
    Ok(Answer::Yes)
}

const REDACTED: &str = "(set, not shown)";

fn shown(value: &Value) -> String {
    match &value.values {
        values if values.is_empty() && !value.setting.is_list() => "(not set)".to_owned(),
        _ if value.setting.is_secret() => REDACTED.to_owned(),
        values => value.setting.toml(values),
    }
}

fn as_json(value: &Value) -> Json {
    let one = |text: &std::ffi::OsString| {
        let text = text.to_string_lossy();
        match value.setting.kind() {
            // A number that JSON has no word for stays text.
            Kind::Switch | Kind::Number => serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
            Kind::Text => json!(text),
        }
    };
    let content = match value.setting.is_list() {
        _ if value.setting.is_secret() && !value.values.is_empty() => json!(REDACTED),
        true => value.values.iter().map(one).collect(),
        false => value.values.first().map_or(Json::Null, one),
    };
    let mut object = json!({"value": content});
    match &value.source {
        Source::Default => object["source"] = json!("default"),
        Source::File { path, line } => {
            object["source"] = json!("file");
            (object["file"], object["line"]) = (json!(path), json!(line));
        }
        Source::Environment(name) => (object["source"], object["name"]) = (json!("environment"), json!(name)),
        Source::Flag(name) => (object["source"], object["name"]) = (json!("flag"), json!(name)),
    }
    object
}

fn print_reference() -> Result<Answer, CliError> {
    // Printing adds the line's end.
    output::print(reference::markdown().trim_end())?;
    Ok(Answer::Yes)
}
