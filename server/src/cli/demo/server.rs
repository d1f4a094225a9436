//! In: an engine. Out: the server that `peakstream serve` runs, on a free port, with a folder that goes away with it.

use std::net::{Ipv4Addr, SocketAddr};

use peakstream::Engine;
use tempfile::TempDir;

use crate::cli::output::CliError;
use crate::config::Config;
use crate::first_run::FirstRun;
use crate::sensitive::Sensitive;
use crate::server::{Bound, Running};

/// A server for the time of a demonstration.
#[derive(Debug)]
pub(super) struct DemoServer {
    running: Running,
    first_run: FirstRun,
    /// Removed, with all secrets in it, when the demonstration ends in whatever way.
    folder: TempDir,
}

impl DemoServer {
    /// Starts it: defaults, whatever the environment says, but for the address and the folder.
    pub(super) async fn start(engine: Engine) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new()
            .prefix("peakstream-demo-")
            .tempdir()
            .map_err(|source| CliError::Write { what: "a temporary folder".to_owned(), source })?;
        let mut config = Config::defaults().map_err(|error| failed(&error))?;
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.data_dir = folder.path().join("data");
        let bound = Bound::new(config).await.map_err(|error| failed(&error))?;
        let first_run = bound.first_run().cloned().ok_or_else(|| failed(&"its folder was not empty"))?;
        let running = bound.ready(engine).map_err(|error| failed(&error))?;
        Ok(Self { running, first_run, folder })
    }

    /// `http://127.0.0.1:…`
    pub(super) fn base_url(&self) -> &str {
        self.running.base_url()
    }

    /// For the token endpoint.
    pub(super) fn client_id(&self) -> &str {
        &self.first_run.client_id
    }

    /// For the token endpoint.
    pub(super) const fn client_secret(&self) -> &Sensitive<String> {
        &self.first_run.client_secret
    }

    /// Stops it in order and removes its folder.
    pub(super) async fn stop(self) -> Result<(), CliError> {
        self.running.shutdown().await;
        self.folder
            .close()
            .map_err(|source| CliError::Write { what: "removing the temporary folder".to_owned(), source })
    }
}

fn failed(error: &dyn std::fmt::Display) -> CliError {
    CliError::Server(format!("the server does not start: {error}"))
}
