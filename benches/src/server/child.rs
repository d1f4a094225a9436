//! A program and its models enter; a ready server leaves, and ends with its owner.

use std::error::Error;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use peakstream_server::first_run::{FIRST_RUN_FILE, FirstRun};
use peakstream_server::telemetry;
use serde_json::Value;
use tempfile::TempDir;

use crate::cpu;

/// Decisions are computed by one thread, as the figures are for one core.
pub(crate) const INFERENCE_THREADS: usize = 1;
/// Calls that only have to be open are not cut off.
const IDLE_SECONDS: u64 = 280;
/// Models are proved in about two seconds; other work on the machine may stretch that.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A process that ends with its owner.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Its folder goes too, so there is nothing that an orderly end would save.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `peakstream serve` on a free loopback port, with a folder that goes away with it.
pub(crate) struct Child {
    process: Process,
    base_url: String,
    first_run: FirstRun,
    data: PathBuf,
    _folder: TempDir,
}

/// Another server that does the same, to be measured by the same clients.
#[derive(Debug, clap::Args)]
pub(crate) struct Other {
    /// Address of another server that does the same, as benches/node/server.js.
    #[arg(long, requires = "other_process")]
    other: Option<String>,
    /// Number of its process.
    #[arg(long)]
    other_process: Option<u32>,
}

impl Other {
    /// Address and process, if there is one.
    pub(crate) fn server(&self) -> Option<(&str, u32)> {
        self.other.as_deref().zip(self.other_process)
    }
}

/// Which program is measured, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Program {
    /// The program to measure: target/release/peakstream.
    #[arg(long)]
    bin: PathBuf,
    /// Core that the server is bound to (with taskset); without it, the system decides.
    #[arg(long)]
    core: Option<usize>,
}

impl Program {
    /// See [`Child::start`].
    pub(crate) fn start(&self, models: &Path, more: &[&str]) -> Result<Child, Box<dyn Error>> {
        Child::start(&self.bin, models, self.core, more)
    }
}

impl Child {
    /// Starts it with the defaults and `more` flags, whatever the environment says, and waits until it is ready.
    ///
    /// # Errors
    /// The program cannot be started, or does not become ready.
    pub(crate) fn start(
        bin: &Path,
        models: &Path,
        core: Option<usize>,
        more: &[&str],
    ) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::Builder::new().prefix("peakstream-bench-").tempdir()?;
        let data = folder.path().join("data");
        let mut command = on_core(bin, core);
        let ours = |name: &OsString| name.to_string_lossy().starts_with("PEAKSTREAM_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.env(telemetry::FILTER_VARIABLE, "error").args(["serve", "--json", "--listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(&data).arg("--models").arg(models);
        command.arg("--inference-threads").arg(INFERENCE_THREADS.to_string());
        command.arg("--audio-idle-timeout").arg(IDLE_SECONDS.to_string());
        command.args(more);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = Process(started.map_err(|error| format!("{}: {error}", bin.display()))?);
        let base_url = ready(&mut process)?;
        let first_run = serde_json::from_slice(&std::fs::read(data.join(FIRST_RUN_FILE))?)?;
        Ok(Self { process, base_url, first_run, data, _folder: folder })
    }

    /// `http://127.0.0.1:…`
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Who may use it.
    pub(crate) const fn first_run(&self) -> &FirstRun {
        &self.first_run
    }

    /// Where its keys are.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data
    }

    /// Seconds of a core it has used; `None` where the system does not tell.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        cpu::seconds_of(&self.process.0.id().to_string())
    }

    /// Threads it has, network and inference.
    pub(crate) fn threads(&self) -> Option<u64> {
        cpu::threads_of(&self.process.0.id().to_string())
    }

    /// Physical memory it holds; `None` where the system does not tell.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        cpu::resident_bytes_of(&self.process.0.id().to_string())
    }
}

/// `taskset` becomes the program it is given, so that the process is the server.
fn on_core(bin: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else { return Command::new(bin) };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(bin);
    command
}

/// Waits for the line that tells where the server listens.
fn ready(process: &mut Process) -> Result<String, Box<dyn Error>> {
    let out = process.0.stdout.take().ok_or("the server has no standard output")?;
    let (line, told) = mpsc::channel();
    // Ends with its one line, or with the process.
    std::thread::spawn(move || {
        let mut text = String::new();
        drop(BufReader::new(out).read_line(&mut text));
        drop(line.send(text));
    });
    let text = told.recv_timeout(START_TIMEOUT).map_err(|_| "the server does not become ready")?;
    let told: Value = serde_json::from_str(&text).map_err(|_| "the server did not start")?;
    Ok(told["base_url"].as_str().ok_or("the server does not say where it listens")?.to_owned())
}
