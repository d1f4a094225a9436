//! A report enters, a page of documentation leaves.

use std::fmt::Write as _;

use super::report::{Agreeing, LineRow, Report, SignRow, SourceRow};
use crate::metrics::Share;

/// The page. `command`: how it was made.
pub fn page(report: &Report, command: &str) -> String {
    let [most, least] = report.seconds;
    let mut page = format!(
        "# Replays: what is caught, measured\n\n<!-- Written by a command; do not edit: {command} -->\n\n\
         What a fingerprint is and how it may be used: `replay.md`. Measured on {} calls of {} speakers, up to {most} s of net speech \
         each, enrolled through `{}`; a replay begins {} s into the recording. {:.0} bytes for each second of net speech. Left out: {} \
         enrolments and replays with under {least} s of net speech. Brackets hold Wilson's 95 % intervals; calls of one speaker count as \
         independent, which they are not quite.\n\n\
         The threshold in force is a similarity of {}. *Cross-validated* is what a threshold does that was chosen on the other half of the \
         speakers (so that one in 10,000 of its new calls is caught: {} and {}).\n",
        report.calls,
        report.speakers,
        report.enrolled,
        report.offset,
        report.bytes_per_second,
        report.too_little_speech,
        report.threshold,
        report.chosen[0],
        report.chosen[1],
    );
    put(&mut page, "\n## Replays that are caught\n");
    put(
        &mut page,
        "| replayed through | caught | cross-validated | similarity: 2 %, 50 % | bit error rate: 50 %, 98 % | seconds in common |",
    );
    put(&mut page, "|---|---|---|---|---|---|");
    report.lines.iter().for_each(|row| put(&mut page, &line(row)));
    put(&mut page, "\n## New calls of the same speaker that are falsely caught\n");
    put(
        &mut page,
        "Every call of a speaker is enrolled, and every other one called, through every line above.\n",
    );
    put(
        &mut page,
        "| corpus | pairs of calls | falsely caught | cross-validated | similarity: 50 %, 99.9 %, highest |",
    );
    put(&mut page, "|---|---|---|---|---|");
    report.sources.iter().chain([&report.all]).for_each(|row| put(&mut page, &source(row)));
    put(&mut page, "\n## New calls that are most alike\n");
    put(&mut page, "| enrolled | called | through | similarity | bit error rate | seconds |");
    put(&mut page, "|---|---|---|---|---|---|");
    report.most_alike.iter().for_each(|row| put(&mut page, &agreeing(row)));
    one_recording(&mut page, report);
    too_similar(&mut page, report);
    repetition(&mut page, report);
    page
}

fn one_recording(page: &mut String, report: &Report) {
    put(page, "\n## Left out: a piece of one recording in both\n");
    put(
        page,
        "Files that were cut from one take. Pairs of calls with at least half of the threshold's similarity were compared by their samples: of \
         these, a quarter of a second of one is in the other with a correlation of 0.99 or more.\n",
    );
    put(page, "| call | call |");
    put(page, "|---|---|");
    for pair in &report.one_recording {
        let [one, other] = names(pair);
        put(page, &format!("| {one} | {other} |"));
    }
}

fn too_similar(page: &mut String, report: &Report) {
    put(page, "\n## Voices that are too similar\n");
    let about = format!(
        "The cosine of both templates is {} or more. First recordings that come again, where that is a sign; then new calls of the same speaker, where \
         it is a false alarm.\n",
        report.signs.0
    );
    put(page, &about);
    put(page, "| calls | too similar | cosine: 2 %, 50 %, 98 %, highest |");
    put(page, "|---|---|---|");
    for row in &report.lines {
        put(page, &sign(&format!("`{}`", row.line), &row.too_similar, 4));
    }
    for row in report.sources.iter().chain([&report.all]) {
        put(page, &sign(&format!("{}, new calls", row.source), &row.too_similar, 4));
    }
}

fn repetition(page: &mut String, report: &Report) {
    put(page, "\n## Calls of which a piece comes again\n");
    let about = format!(
        "A stretch of the call agrees with another one, a second later or more, with a similarity of {} or more. Genuine calls: every enrolment \
         and replay above by itself. Loops: 2.5 s of a call again and again, each through one of the lines.\n",
        report.signs.1
    );
    put(page, &about);
    put(page, "| calls | a piece comes again | similarity: 2 %, 50 %, 98 %, highest |");
    put(page, "|---|---|---|");
    report.repetition.iter().for_each(|row| put(page, &sign(&row.calls, row, 0)));
    put(page, "\nGenuine calls that are most like themselves:\n");
    put(page, "| call | similarity | seconds |");
    put(page, "|---|---|---|");
    for (recordings, similarity, seconds) in &report.most_repeated {
        let names: Vec<String> = recordings.iter().map(|name| short(name)).collect();
        put(page, &format!("| {} | {similarity} | {seconds:.1} |", names.join(", ")));
    }
}

fn sign(calls: &str, row: &SignRow, decimals: usize) -> String {
    let [low, middle, high, highest] = row.measure.map(|measure| format!("{measure:.decimals$}"));
    format!("| {calls} | {} | {low}, {middle}, {high}, {highest} |", share(&row.shown))
}

fn put(page: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(page, "{line}");
}

fn line(row: &LineRow) -> String {
    let [low, middle] = row.similarity;
    let [usual, high] = row.bit_error_rate.map(|rate| 100.0 * rate);
    format!(
        "| `{}` | {} | {} | {low}, {middle} | {usual:.1} %, {high:.1} % | {:.1} |",
        row.line,
        share(&row.caught.in_force),
        share(&row.caught.cross_validated),
        row.seconds
    )
}

fn source(row: &SourceRow) -> String {
    let [middle, high, highest] = row.similarity;
    format!(
        "| {} | {} | {} | {} | {middle}, {high}, {highest} |",
        row.source,
        row.pairs,
        share(&row.caught.in_force),
        share(&row.caught.cross_validated)
    )
}

fn agreeing(row: &Agreeing) -> String {
    let [enrolled, called] = names(&row.recordings);
    format!(
        "| {enrolled} | {called} | `{}` | {} | {:.1} % | {:.1} |",
        row.line,
        row.similarity,
        100.0 * row.bit_error_rate,
        row.seconds
    )
}

fn names(recordings: &[Vec<String>; 2]) -> [String; 2] {
    recordings.each_ref().map(|names| names.iter().map(|name| short(name)).collect::<Vec<_>>().join(", "))
}

/// Speaker and file: the folders above are the reader's own.
fn short(name: &str) -> String {
    let mut parts: Vec<&str> = name.rsplit('/').take(2).collect();
    parts.reverse();
    parts.join("/")
}

/// In per cent, as precise as one in 10,000 asks for.
pub fn share(share: &Share) -> String {
    let [low, high] = share.interval.map(|end| 100.0 * end);
    format!("{:.2} % [{low:.2}–{high:.2}], {} of {}", 100.0 * share.rate, share.count, share.of)
}
