//! In: how every call went. Out: a table for a person, an object for a script, and whether the server was right.

use std::time::{Duration, Instant};

use peakstream::Threshold;
use serde_json::{Value, json};

use super::cast::{Role, Scene};
use super::play::{Played, Settings};
use super::stage::Stage;
use crate::cli::output;

/// How long each part took.
#[derive(Debug)]
pub(super) struct Timing {
    began: Instant,
    last: Instant,
    laps: Vec<(String, Duration)>,
}

impl Timing {
    /// The clock runs since `began`.
    pub(super) const fn new(began: Instant) -> Self {
        Self { began, last: began, laps: Vec::new() }
    }

    /// A part is done.
    pub(super) fn lap(&mut self, stage: &Stage, what: &str) {
        let now = Instant::now();
        let took = now.duration_since(self.last);
        self.last = now;
        stage.say(&format!("✓ {what} ({})", in_words(took)));
        self.laps.push((what.to_owned(), took));
    }

    fn total(&self) -> Duration {
        self.last.duration_since(self.began)
    }
}

/// What happened.
#[derive(Debug)]
pub(super) struct Report {
    settings: Settings,
    calls: Vec<(Scene, Played)>,
    /// Calls that could not be made.
    skipped: usize,
}

impl Report {
    pub(super) const fn new(settings: Settings) -> Self {
        Self { settings, calls: Vec::new(), skipped: 0 }
    }

    /// A call has been played.
    pub(super) fn add(&mut self, scene: &Scene, played: Played) {
        self.calls.push((scene.clone(), played));
    }

    /// Calls that could not be made.
    pub(super) fn skip(&mut self, calls: usize) {
        self.skipped += calls;
    }

    /// Whether the server was right about every call.
    pub(super) fn all_right(&self) -> bool {
        self.skipped == 0 && self.right() == self.calls.len()
    }

    fn right(&self) -> usize {
        self.calls.iter().filter(|(scene, played)| is_right(scene.role, &played.event)).count()
    }

    /// For a script.
    pub(super) fn json(&self, timing: &Timing) -> Value {
        let calls: Vec<_> = self
            .calls
            .iter()
            .map(|(scene, played)| {
                json!({
                    "call": scene.title, "language": scene.language, "recording": scene.recording,
                    "expected": scene.role.right_event(), "event": played.event, "content": played.content(),
                    "right": is_right(scene.role, &played.event),
                    "score": played.number("score"), "authenticity": played.number("authenticity"),
                    "authenticity_llr": played.number("authenticity_llr"),
                    "net_speech_seconds": played.number("voice_audio_collected"),
                    "audio_sent_seconds": played.audio_sent.as_secs_f64(),
                    "collected_audio_bytes": played.collected_audio,
                    "decided_in_seconds": played.decided_in.map(|time| time.as_secs_f64()),
                })
            })
            .collect();
        let laps: Vec<_> = timing
            .laps
            .iter()
            .map(|(what, took)| json!({"what": what, "seconds": took.as_secs_f64()}))
            .collect();
        json!({
            "all_right": self.all_right(), "calls": calls, "skipped": self.skipped,
            "score_threshold": self.settings.score_threshold.value(),
            "authenticity_threshold": self.settings.authenticity_threshold.value(),
            "parts": laps, "total_seconds": timing.total().as_secs_f64(),
        })
    }

    /// For a person.
    pub(super) fn human(&self, timing: &Timing) -> String {
        let mut table = output::table([
            "",
            "call",
            "language",
            "expected",
            "outcome",
            "score",
            "authenticity",
            "net speech",
            "decided in",
            "why",
        ]);
        for (scene, played) in &self.calls {
            table.add_row(self.row(scene, played));
        }
        let verdict = match (self.all_right(), self.skipped) {
            (true, _) => format!("all {} calls were decided rightly", self.calls.len()),
            (false, 0) => format!("{} of {} calls were decided rightly", self.right(), self.calls.len()),
            (false, skipped) => format!("the registration failed, and {skipped} calls could not be made"),
        };
        format!(
            "\n{}\n\n{verdict} ({} in all; \"decided in\" counts from the status that reported enough speech)",
            table.trim_fmt(),
            in_words(timing.total()),
        )
    }

    fn row(&self, scene: &Scene, played: &Played) -> [String; 10] {
        let against = |member, threshold: Threshold| match played.number(member) {
            None => "-".to_owned(),
            Some(value) => {
                let relation = if value < threshold.value() { "<" } else { "≥" };
                format!("{value:.2} {relation} {:.2}", threshold.value())
            }
        };
        [
            mark(scene.role, &played.event).to_owned(),
            scene.title.clone(),
            scene.language.clone(),
            scene.role.expectation().to_owned(),
            played.event.clone(),
            against("score", self.settings.score_threshold),
            against("authenticity", self.settings.authenticity_threshold),
            played.number("voice_audio_collected").map_or_else(|| "-".to_owned(), output::seconds),
            played.decided_in.map_or_else(|| "-".to_owned(), in_words),
            why(scene.role, played).to_owned(),
        ]
    }
}

/// What the event means, or the server's own words for an error.
fn why(role: Role, played: &Played) -> &str {
    match (played.event.as_str(), role) {
        ("result-success", Role::Enrol) => "a live voice",
        ("result-success", _) => "same voice, live",
        ("result-fail-score", _) => "another voice",
        ("result-fail-spoof", _) => "not a live voice",
        _ => played.content(),
    }
}

fn is_right(role: Role, event: &str) -> bool {
    event == role.right_event()
}

/// Right or wrong, at a glance.
pub(super) fn mark(role: Role, event: &str) -> &'static str {
    if is_right(role, event) { "✓" } else { "✗" }
}

/// An event in words.
pub(super) fn outcome(event: &str, role: Role) -> &'static str {
    match (event, role) {
        ("result-success", Role::Enrol) => "registered",
        ("result-success", _) => "accepted",
        ("result-fail-score", _) => "rejected: another voice",
        ("result-fail-spoof", _) => "rejected: not a live voice",
        _ => "failed",
    }
}

fn in_words(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_for_the_wrong_reason_is_not_right() {
        assert!(is_right(Role::Other, "result-fail-score"));
        assert!(!is_right(Role::Other, "result-fail-spoof"));
        assert!(!is_right(Role::Synthetic, "result-fail-score"));
        assert!(!is_right(Role::Same, "error-audio"));
    }

    #[test]
    fn short_times_are_milliseconds() {
        assert_eq!(in_words(Duration::from_millis(87)), "87 ms");
        assert_eq!(in_words(Duration::from_millis(1240)), "1.2 s");
    }
}
