//! In: where secrets are that somebody else made. Out: their text; never through the command line, which others can see.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::cli::keys::KeyError;
use crate::cli::output::CliError;
use crate::sensitive::Sensitive;

/// Two lines of at most 512 characters, and their ends.
const MAX_BYTES: u64 = 2 << 10;

/// Secrets that are handed over.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SecretFile {
    /// Take over secrets made elsewhere; `-` reads standard input. AudioHook: the API key, and on a second line the client
    /// secret, if Genesys signs. Twilio: the auth token
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl SecretFile {
    pub(super) fn read(&self) -> Result<Option<Sensitive<String>>, CliError> {
        let Some(path) = &self.secret_file else { return Ok(None) };
        let mut text = String::new();
        let read = if path.as_os_str() == "-" {
            io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
        };
        read.map_err(|source| KeyError::Io { path: path.clone(), source })?;
        Ok(Some(Sensitive::new(text)))
    }
}
