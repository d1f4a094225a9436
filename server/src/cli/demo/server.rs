//! In: an engine. Out: the server that `peakstream serve` runs, on a free port, with a folder that goes away with it.

use peakstream::Engine;

use crate::cli::output::CliError;
use crate::sensitive::Sensitive;

/// A server for the time of a demonstration.
#[derive(Debug)]
pub(super) struct DemoServer {
    base_url: String,
    client_id: String,
    client_secret: Sensitive<String>,
    /// Removed, with all secrets in it, when the demonstration ends in whatever way.
    _data_dir: tempfile::TempDir,
}

impl DemoServer {
    /// Starts it.
    pub(super) async fn start(_engine: Engine) -> Result<Self, CliError> {
        Err(CliError::Server("waits for serve::start".to_owned()))
    }

    /// `http://127.0.0.1:…`
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// For the token endpoint.
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// For the token endpoint.
    pub(super) const fn client_secret(&self) -> &Sensitive<String> {
        &self.client_secret
    }

    /// Stops it in order.
    pub(super) async fn stop(self) -> Result<(), CliError> {
        Ok(())
    }
}
