//! What `evaluate`, `calibrate`, `gates` and `replays` share. In: a list of trials and where its recordings are. Out: every trial, heard.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use peakstream::Engine;
use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::embedding::{Cache, Hearing, Listener};
use peakstream_evaluation::run::{Condition, Enrollment, Outcome, Run};
use peakstream_evaluation::trials::{Speakers, TrialList};

use super::library::Folder;
use super::options::{ChannelOptions, InputOptions, ModelOptions};
use super::output::CliError;

/// How recordings are heard.
#[derive(Debug, clap::Args)]
pub(super) struct HearingOptions {
    /// Keep embeddings in this file, and use those that it holds
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    jobs: JobOptions,
    #[command(flatten)]
    pub(super) channel: ChannelOptions,
    #[command(flatten)]
    pub(super) input: InputOptions,
    #[command(flatten)]
    models: ModelOptions,
}

/// What was heard.
pub(super) struct Heard {
    pub(super) speakers: Speakers,
    /// For each condition, what came of each trial.
    pub(super) outcomes: Vec<Vec<Outcome>>,
}

impl HearingOptions {
    /// Recordings through a line, heard for a while.
    pub(super) fn hearing(&self, channel: &Simulation, seconds: Amount) -> Hearing {
        Hearing { channel: channel.clone(), channel_type: self.channel.channel_type, seconds }
    }

    /// Who listens.
    pub(super) fn engine(&self) -> Result<Engine, CliError> {
        self.models.engine()
    }

    /// Hears all trials under all conditions: minutes, with a bar.
    pub(super) fn hear(
        &self,
        engine: &Engine,
        list: &TrialList,
        folder: &Folder,
        conditions: &[Condition],
        enrollment: Enrollment,
    ) -> Result<Heard, CliError> {
        let speakers = Speakers::of(list);
        let cache = self.cache.as_deref().map(Cache::open).transpose().map_err(failed)?;
        let listener = Listener::new(engine, folder, cache.as_ref()).map_err(failed)?;
        let jobs = self.jobs.threads();
        let run = Run { list, speakers: &speakers, conditions, enrollment, jobs };
        let progress = Progress::new();
        let outcomes = run.outcomes(&listener, &|done, of| progress.show(done, of)).map_err(failed)?;
        progress.finish();
        Ok(Heard { speakers, outcomes })
    }
}

/// `--jobs`.
#[derive(Debug, clap::Args)]
pub(super) struct JobOptions {
    /// Threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

impl JobOptions {
    /// How many threads are to work.
    pub(super) fn threads(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(processors, usize::from)
    }
}

/// Seconds of net speech; `None` is all.
pub(super) type Amount = Option<f64>;

/// Reads an [`Amount`].
pub(super) fn seconds(text: &str) -> Result<Amount, String> {
    if text == "all" {
        return Ok(None);
    }
    let value = text.parse().ok().filter(|value| (0.3..=120.0).contains(value));
    value.map(Some).ok_or_else(|| "all, or 0.3 to 120 seconds".to_owned())
}

/// An error of the evaluation: a file, mostly.
pub(super) fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Evaluation(error.to_string())
}

/// Minutes of listening should not end at a name that could have been checked at once.
pub(super) fn all_there(list: &TrialList, folder: &Folder, root: &Path) -> Result<(), CliError> {
    let missing: Vec<_> = list.recordings.iter().filter(|name| folder.path(name).is_none()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    Err(failed(format!(
        "{} of {} recordings of the list are not in {}, the first is {first}; name their folder with --audio",
        missing.len(),
        list.recordings.len(),
        root.display()
    )))
}

/// A bar on a terminal, nothing elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        // The template is a constant; the default style is as good if it were wrong.
        let style = ProgressStyle::with_template("listening {bar:40.cyan/dim} {pos} of {len}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─");
        bar.set_style(style);
        Self { bar }
    }

    pub(super) fn show(&self, done: usize, of: usize) {
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_all_or_some_seconds() {
        assert_eq!(seconds("all"), Ok(None));
        assert_eq!(seconds("3"), Ok(Some(3.0)));
        assert!(seconds("0").is_err() && seconds("NaN").is_err() && seconds("121").is_err());
    }
}
