//! In: what happens during the demonstration. Out: bars on a terminal, plain lines elsewhere, nothing for a script.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::cast::Scene;
use super::play::Played;
use super::report;

/// Steps of a bar for one second of speech.
const STEPS: f64 = 100.0;

/// Plain lines are written when another of so many parts of the speech is there.
const QUARTERS: f64 = 4.0;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

/// Where progress is shown.
#[derive(Debug)]
pub(super) struct Stage {
    mode: Mode,
    bars: MultiProgress,
}

impl Stage {
    /// On stderr, unless a script is listening.
    pub(super) fn open(json: bool) -> Self {
        let mode = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        let target =
            if mode == Mode::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { mode, bars: MultiProgress::with_draw_target(target) }
    }

    /// One line.
    pub(super) fn say(&self, line: &str) {
        match self.mode {
            Mode::Bars => drop(self.bars.println(line)),
            Mode::Lines => eprintln!("{line}"),
            Mode::Silent => {}
        }
    }

    /// Something takes a while.
    pub(super) fn wait(&self, what: &'static str) -> ProgressBar {
        let spinner = self.bars.add(ProgressBar::new_spinner().with_message(what));
        if self.mode == Mode::Bars {
            spinner.enable_steady_tick(TICK);
        }
        spinner
    }

    /// A call begins.
    pub(super) fn enter(&self, scene: &Scene, wanted: f64) -> Part {
        let bar = self.bars.add(ProgressBar::new((wanted * STEPS) as u64));
        // The template is a constant; the default style is as good if it were wrong.
        let style = ProgressStyle::with_template("{prefix:42} {bar:30.cyan/dim} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─");
        bar.set_style(style);
        bar.set_prefix(shortened(&scene.title, 42));
        bar.set_message("calling");
        Part { mode: self.mode, bar, title: scene.title.clone(), wanted, quarters: AtomicU32::new(0) }
    }
}

/// One call on the stage.
#[derive(Debug)]
pub(super) struct Part {
    mode: Mode,
    bar: ProgressBar,
    title: String,
    wanted: f64,
    /// Written so far, in plain lines.
    quarters: AtomicU32,
}

impl Part {
    /// So much net speech has been collected.
    pub(super) fn progress(&self, seconds: f64) {
        self.bar.set_message(format!("{seconds:5.2} s of speech"));
        self.bar.set_position((seconds * STEPS) as u64);
        let quarters = (seconds / self.wanted * QUARTERS) as u32;
        if self.mode == Mode::Lines && quarters > self.quarters.fetch_max(quarters, Ordering::Relaxed) {
            eprintln!("  {}: {seconds:.2} s of speech, {:.0} s wanted", self.title, self.wanted);
        }
    }

    /// The call is over.
    pub(super) fn end(&self, scene: &Scene, played: &Played) {
        let words = report::outcome(&played.event, scene.role);
        match self.mode {
            Mode::Bars => {
                self.bar.finish_with_message(format!("{} {words}", report::mark(scene.role, &played.event)))
            }
            Mode::Lines => eprintln!("  {}: {words}", self.title),
            Mode::Silent => {}
        }
    }
}

fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_cut_to_the_width_of_their_column() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }
}
