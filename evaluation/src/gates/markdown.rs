//! A report enters, a page of documentation leaves.

use std::fmt::Write as _;

use super::report::{Condition, Report, Row};
use crate::metrics::Share;

/// The page. `command`: how it was made.
pub fn page(report: &Report, command: &str) -> String {
    let mut page = format!(
        "# Quality gates: what they stop, measured\n\n<!-- Written by a command; do not edit: {command} -->\n\n\
         What the gates are and how they are set: `quality-gates.md`. Measured on {} calls of {} speakers, {} s of net speech each, \
         speaker network `{}…`, calibration `{}`. Limits in force: {}. Brackets hold Wilson's 95 % intervals; calls of one \
         speaker count as independent, which they are not quite.\n",
        report.calls,
        report.speakers,
        report.seconds,
        report.model.chars().take(8).collect::<String>(),
        report.calibration,
        report.limits.join(", "),
    );
    false_alarms(&mut page, report);
    hits(&mut page, report);
    left_out(&mut page, report);
    page
}

fn put(page: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(page, "{line}");
}

fn false_alarms(page: &mut String, report: &Report) {
    put(page, "\n## False alarms on good lines\n");
    let lines: Vec<&Condition> = report.conditions.iter().filter(|c| c.defect_of.is_none()).collect();
    let header: String = lines.iter().map(|line| format!(" {} |", line.condition)).collect();
    put(page, &format!("| gate | all lines |{header} 1 %, 50 %, 99 % of the figures |"));
    put(page, &format!("|---|---|{}---|", "---|".repeat(lines.len())));
    for (n, all) in report.false_alarms.iter().enumerate() {
        let each: String = lines.iter().map(|line| format!(" {} |", share(&line.rows[n].fired))).collect();
        put(page, &format!("| `{}` | **{}** |{each} {} |", all.gate, share(&all.fired), figures(all)));
    }
    let short: usize = lines.iter().map(|line| line.too_little_speech).sum();
    put(page, &format!("\nLeft out: {short} calls with under 3 s of net speech."));
}

fn hits(page: &mut String, report: &Report) {
    put(page, "\n## What is noticed\n");
    put(
        page,
        "| gate | defect | noticed | figures: 1 %, 50 %, 99 % | too little speech left | other gates that fire |",
    );
    put(page, "|---|---|---|---|---|---|");
    for condition in &report.conditions {
        let Some(gate) = condition.defect_of else { continue };
        let Some(own) = condition.rows.iter().find(|row| row.gate == gate) else { continue };
        let others: Vec<String> = condition
            .rows
            .iter()
            .filter(|row| row.gate != gate && row.fired.count > 0)
            .map(|row| format!("`{}` {:.0} %", row.gate, 100.0 * row.fired.rate))
            .collect();
        put(
            page,
            &format!(
                "| `{gate}` | {} | {} | {} | {} | {} |",
                condition.condition,
                share(&own.fired),
                figures(own),
                condition.too_little_speech,
                others.join(", ")
            ),
        );
    }
    put(
        page,
        "\nCalls whose defect leaves under 3 s of net speech get no decision anyway; they stand in their own column and not under \
         noticed, but for `net_speech` itself.",
    );
}

fn left_out(page: &mut String, report: &Report) {
    put(page, "\n## Limits chosen on other corpora\n");
    put(
        page,
        "The limit that one in a hundred of all other corpora's calls does not pass, judged on the corpus left out; beside it, the limit \
         in force on the same calls.\n",
    );
    put(
        page,
        "| gate | corpus left out | limit from the others | false alarms with it | with the limit in force |",
    );
    put(page, "|---|---|---|---|---|");
    for row in &report.left_out {
        put(
            page,
            &format!(
                "| `{}` | {} | {:.2} | {} | {} |",
                row.gate,
                row.source,
                row.limit,
                share(&row.at_chosen),
                share(&row.in_force)
            ),
        );
    }
}

fn share(share: &Share) -> String {
    let [low, high] = share.interval.map(|end| 100.0 * end);
    format!("{:.1} % [{low:.1}–{high:.1}] of {}", 100.0 * share.rate, share.of)
}

fn figures(row: &Row) -> String {
    row.figures.map_or_else(String::new, |[low, middle, high]| format!("{low:.2}, {middle:.2}, {high:.2}"))
}
