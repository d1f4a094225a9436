//! `peakstream tenant` and `peakstream key`. In: what an operator wants. Out: a changed key file, and what it says now.
//!
//! They work on the data directory, with or without a server running there; a running one notices with its next request.

mod authenticity;
pub mod key;
mod own_keys;
mod replay;
mod secret_file;
pub mod tenant;

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::output::CliError;
use crate::data_dir::DataDir;
use crate::tenant::edit::EditError;
use crate::tenant::file::KeyFile;
use crate::tenant::scope::Scopes;
use crate::tenant::time::UnixTime;

/// Where the keys are, and how to answer.
#[derive(Clone, Debug, clap::Args)]
pub struct AdminOptions {
    /// Data directory of the server
    #[arg(
        long,
        env = "PEAKSTREAM_DATA_DIR",
        value_name = "DIR",
        default_value = "peakstream-data",
        global = true
    )]
    data_dir: PathBuf,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

impl AdminOptions {
    fn dir(&self) -> Result<DataDir, CliError> {
        Ok(DataDir::existing(&self.data_dir).map_err(EditError::from)?)
    }

    fn read(&self) -> Result<KeyFile, CliError> {
        let dir = self.dir()?;
        let no_keys = || crate::data_dir::DataDirError::NoKeys { path: dir.path().to_owned() };
        Ok(KeyFile::read(&dir).and_then(|file| file.ok_or_else(no_keys)).map_err(EditError::from)?)
    }

    fn edit<T>(&self, change: impl FnOnce(&mut KeyFile) -> Result<T, EditError>) -> Result<T, CliError> {
        Ok(crate::tenant::edit::edit(&self.dir()?, change)?)
    }
}

/// Parses `90d`, `24h`, `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "a time such as 30m, 24h or 90d".to_owned())
}

/// Whether a key works, in a word.
fn state(disabled: bool, expires_at: Option<UnixTime>) -> &'static str {
    match expires_at {
        _ if disabled => "disabled",
        Some(at) if at <= UnixTime::now() => "expired",
        _ => "works",
    }
}

fn time_or_dash(time: Option<UnixTime>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

fn scopes_of(scopes: &[crate::tenant::scope::Scope]) -> Scopes {
    if scopes.is_empty() { Scopes::ALL } else { scopes.iter().copied().collect() }
}
