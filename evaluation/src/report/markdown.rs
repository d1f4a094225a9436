//! A report enters, a page of documentation leaves.

use std::fmt::Write as _;

use super::html::words::{percent, rates_at, shown};
use super::{Bin, ConditionReport, Figures, PromisedFar, Report};
use crate::metrics::{Estimate, Share, ThresholdAt};

/// The page. `command`: how it was made.
pub fn page(report: &Report, command: &str) -> String {
    let mut page = format!(
        "# What may be promised{}\n\n<!-- Written by a command; do not edit: {command} -->\n\n\
         Measured on {} trials of {} recordings and {} speakers (`{}`), speaker network `{}…`, calibration `{}`. Brackets hold 95 % \
         intervals, made by resampling speakers; for thresholds, Wilson's.\n\n",
        report.subject.supposing(),
        report.trials,
        report.recordings,
        report.speakers,
        report.subject.list,
        report.subject.model.chars().take(8).collect::<String>(),
        report.subject.calibration,
    );
    for caution in &report.cautions {
        put(&mut page, &format!("* {caution}"));
    }
    put(&mut page, "\n## Per channel and duration of the verification\n");
    let mut fars: Vec<f64> = Vec::new();
    for promised in report.conditions.iter().filter_map(pooled).flat_map(|figures| &figures.promised) {
        if !fars.contains(&promised.far) {
            fars.push(promised.far);
        }
    }
    let columns: String =
        fars.iter().map(|far| format!(" callers rejected at {} false accepts |", percent(*far))).collect();
    put(
        &mut page,
        &format!(
            "| channel, net speech | same / other trials | equal error rate |{columns} minCllr / Cllr |"
        ),
    );
    put(&mut page, &format!("|---|---|---|{}---|", "---|".repeat(fars.len())));
    for condition in &report.conditions {
        if let Some(figures) = pooled(condition) {
            put(&mut page, &row(&shown(condition), figures));
        }
    }
    put(
        &mut page,
        "\nThe equal error rate is that of the convex hull of the ROC; * marks those that rest on fewer than 30 errors.",
    );
    for condition in &report.conditions {
        if let Some(figures) = pooled(condition) {
            details(&mut page, condition, figures);
        }
    }
    page + HOW_TO
}

const HOW_TO: &str = "\n## Measure it yourself\n\nOn your own recordings, with a list of who is who:\n\n    \
    peakstream evaluate trials.csv --audio recordings --seconds all,5,3 --html report.html\n\n\
    `peakstream evaluate --help` says how lists are written. Thresholds of your own, from a folder with one folder of recordings \
    for each of at least fifty speakers, recorded on several days:\n\n    \
    peakstream calibrate customers --output telephone.json\n    peakstream serve --calibration telephone.json\n";

fn put(page: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(page, "{line}");
}

fn pooled(condition: &ConditionReport) -> Option<&Figures> {
    condition.parts.first().and_then(|part| part.row.figures())
}

fn row(name: &str, figures: &Figures) -> String {
    let promised: String =
        figures.promised.iter().map(|promised| format!(" {} |", promise(promised))).collect();
    format!(
        "| {name} | {} / {} | {}{} |{promised} {:.3} / {:.3} |",
        figures.same,
        figures.other,
        estimate(&figures.eer),
        if figures.eer_has_enough_errors { "" } else { " *" },
        figures.min_cllr.value,
        figures.cllr.value,
    )
}

fn promise(promised: &PromisedFar) -> String {
    match (rates_at(promised), promised.at) {
        (Some((score, frr, [low, high])), _) => {
            format!("{:.1} % [{:.1}–{:.1}], score {score:.2}", 100.0 * frr, 100.0 * low, 100.0 * high)
        }
        (None, ThresholdAt::TooFewTrials { has, needs }) => format!("not enough trials ({has} of {needs})"),
        (None, ThresholdAt::Found { .. }) => String::new(),
    }
}

fn estimate(estimate: &Estimate) -> String {
    let value = format!("{:.2} %", 100.0 * estimate.value);
    estimate
        .interval
        .map_or(value.clone(), |[low, high]| format!("{value} [{:.2}–{:.2}]", 100.0 * low, 100.0 * high))
}

fn details(page: &mut String, condition: &ConditionReport, figures: &Figures) {
    put(page, &format!("\n## {}\n", shown(condition)));
    if condition.parts.len() > 1 {
        put(page, "| part | same / other trials | equal error rate | minCllr / Cllr |\n|---|---|---|---|");
        for part in &condition.parts[1..] {
            let name = format!("{} {}", part.aspect, part.value);
            match part.row.figures() {
                Some(figures) => put(
                    page,
                    &format!(
                        "| {name} | {} / {} | {}{} | {:.3} / {:.3} |",
                        figures.same,
                        figures.other,
                        estimate(&figures.eer),
                        if figures.eer_has_enough_errors { "" } else { " *" },
                        figures.min_cllr.value,
                        figures.cllr.value
                    ),
                ),
                None => put(page, &format!("| {name} | | no trials of one of the two kinds | |")),
            }
        }
        put(page, "");
    }
    put(page, "| score at least | impostors accepted | callers rejected |\n|---|---|---|");
    for row in &figures.thresholds {
        put(
            page,
            &format!("| {:.2} | {} | {} |", row.score, counted(&row.rates.far), counted(&row.rates.frr)),
        );
    }
    if let Some(curves) = &condition.curves {
        reliability(page, &curves.reliability);
    }
}

/// Whether scores mean what they say.
fn reliability(page: &mut String, bins: &[Bin]) {
    put(page, "\n| log-likelihood ratio claimed | found | same / other trials |\n|---|---|---|");
    for bin in bins {
        let [low, high] = bin.interval;
        put(
            page,
            &format!(
                "| {:.1} | {:.1} [{low:.1}–{high:.1}] | {} / {} |",
                bin.claimed, bin.found, bin.same, bin.other
            ),
        );
    }
}

fn counted(share: &Share) -> String {
    let [low, high] = share.interval.map(|end| 100.0 * end);
    format!("{:.2} % [{low:.2}–{high:.2}]", 100.0 * share.rate)
}

#[cfg(test)]
mod tests {
    use super::super::tests::report_of;
    use super::*;

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_header() {
        let page = page(&report_of("list.csv"), "peakstream evaluate");
        let mut cells = None;
        for line in page.lines() {
            if !line.starts_with('|') {
                cells = None;
                continue;
            }
            let found = line.matches('|').count();
            assert_eq!(*cells.get_or_insert(found), found, "{line}");
        }
        assert!(page.contains("not enough trials (871 of 30000)") && page.contains("peakstream calibrate"));
    }
}
