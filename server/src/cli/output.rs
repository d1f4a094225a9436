//! In: how a command went. Out: what a person reads, what a script parses, and the exit status.
//!
//! Results go to stdout, progress and errors to stderr, and there is one table of exit statuses for all commands.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use comfy_table::{Cell, ContentArrangement, LineStyle, Table, presets};
use serde_json::{Map, Value, json};

use crate::audio_file::AudioFileError;
use crate::cli::keys::KeyError;
use crate::cli::offline::OfflineError;
use crate::client::ConnectError;
use crate::config::problem::Problems;
use crate::model_dir::ModelDirError;
use crate::tenant::edit::EditError;

/// The end of every command's `--help`.
pub const EXIT_STATUS: &str = "\
Exit status:
  0  done; where a question was asked, the answer is yes
  1  the answer is no: another voice, not a live one, a call that ended badly
  2  the command line or the configuration is wrong, or names what is not there
  3  a file cannot be used: unreadable, not audio, too little speech, no credential, no keys
  4  no models, or models that fail their check (install them with: make models)
  5  no server, or one that does not answer as it should
  130  interrupted";

/// How a command ended, if it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, or yes.
    Yes,
    /// No.
    No,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Why a command could not do its work. Texts say what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// An audio file.
    #[error(transparent)]
    AudioFile(#[from] AudioFileError),
    /// An analysis without a server.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// A key or a credential.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Tenants and keys.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The models.
    #[error(transparent)]
    Models(#[from] ModelDirError),
    /// The server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The settings of the server.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// The options do not go together.
    #[error("{0}")]
    Usage(String),
    /// The result cannot be written.
    #[error("{what}: {source}")]
    Write {
        /// What was to be written.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A list of trials, a recording or a cache of an evaluation.
    #[error("{0}")]
    Evaluation(String),
    /// There is nothing to demonstrate with.
    #[error("{0}")]
    NoDemo(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The demonstration's own server did not work.
    #[error("{0}")]
    Server(String),
}

impl CliError {
    /// The exit status of [`EXIT_STATUS`].
    const fn status(&self) -> u8 {
        match self {
            Self::Edit(EditError::DataDir(_)) => 3,
            Self::Usage(_) | Self::Edit(_) | Self::Configuration(_) => 2,
            Self::AudioFile(_)
            | Self::Offline(_)
            | Self::Key(_)
            | Self::NoDemo(_)
            | Self::Evaluation(_)
            | Self::Write { .. } => 3,
            Self::Models(_) => 4,
            Self::Connect(_) | Self::Server(_) => 5,
            // What shells report for SIGINT.
            Self::Interrupted => 130,
        }
    }
}

/// Reports an error, to a script also as JSON on stdout, and turns the end of a command into its exit status.
pub fn finish(result: Result<Answer, CliError>, json: bool) -> ExitCode {
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            let status = error.status();
            if json {
                drop(print_json(&json!({"error": error.to_string(), "exit_status": status})));
            }
            eprintln!("peakstream: {error}");
            ExitCode::from(status)
        }
    }
}

/// Writes a result for a script: one line.
///
/// # Errors
/// Stdout is closed.
pub fn print_json(value: &Value) -> Result<(), CliError> {
    print(&value.to_string())
}

/// Adds members to a JSON object.
pub fn extend(object: &mut Value, members: Map<String, Value>) {
    if let Value::Object(object) = object {
        object.extend(members);
    }
}

/// Writes a result for a person.
///
/// # Errors
/// Stdout is closed.
pub fn print(text: &str) -> Result<(), CliError> {
    writeln!(io::stdout(), "{text}")
        .map_err(|source| CliError::Write { what: "the result".to_owned(), source })
}

/// Writes a whole file.
///
/// # Errors
/// The path cannot be written.
pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    std::fs::write(path, content)
        .map_err(|source| CliError::Write { what: path.display().to_string(), source })
}

/// A table with a header and no other lines, as wide as the terminal at most; anywhere else it is not wrapped.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let underline = LineStyle::new('─', '─', '─', '─');
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING.header_separator(underline))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.map(|name| Cell::new(name).add_attribute(comfy_table::Attribute::Bold)));
    table
}

/// A score or an authenticity as tables show it.
pub fn two_decimals(value: f32) -> String {
    format!("{value:.2}")
}

/// Seconds as tables show them.
pub fn seconds(value: f64) -> String {
    format!("{value:.2} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_the_exit_status_that_the_help_says() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let cases = [
            (CliError::Usage("x".into()), 2),
            (Problems(Vec::new()).into(), 2),
            (AudioFileError::Io { path: "x.wav".into(), source: missing }.into(), 3),
            (ModelDirError::NotFound { searched: Vec::new() }.into(), 4),
            (ConnectError::TimedOut { url: "ws://x".into() }.into(), 5),
            (CliError::Interrupted, 130),
        ];
        for (error, status) in cases {
            assert_eq!(error.status(), status, "{error}");
            assert!(EXIT_STATUS.contains(&format!("\n  {status}  ")), "{status} is documented");
        }
    }
}
