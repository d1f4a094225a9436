//! In: a report. Out: what fits a terminal: what can be promised first, then where it differs.

use comfy_table::Table;
use peakstream_evaluation::metrics::{Estimate, Share, ThresholdAt};
use peakstream_evaluation::report::{ConditionReport, Figures, Part, PromisedFar, Report, Row};

use crate::cli::output;

/// The whole text.
pub(super) fn of(report: &Report) -> String {
    let mut text = format!(
        "{}: {} trials of {} recordings and {} speakers; {}{}\n\n",
        report.subject.list,
        report.trials,
        report.recordings,
        report.speakers,
        report.subject.calibration,
        if report.subject.centred { ", centred voices" } else { "" },
    );
    text += &section("What can be promised (95 % intervals in brackets)", &promises(report));
    for condition in &report.conditions {
        if condition.parts.len() > 1 {
            text += &section(&format!("Parts: {}", name(condition)), &parts(condition));
        }
    }
    if let Some(condition) = report.conditions.first()
        && let Some(figures) = pooled(condition)
    {
        text += &section(&format!("Thresholds: {}", name(condition)), &thresholds(figures));
    }
    text += "\
equal errors: rate at which as many callers are rejected as impostors accepted (convex hull); * fewer than 30 errors: read the
interval only. rejected at: callers rejected where that share of impostors is accepted. minDCF/actual: detection cost at the best
threshold and at the calibrated one, one line for each of --priors. Cllr: cost of the scores in bits, 1 says nothing.
";
    for caution in &report.cautions {
        text += &format!("! {caution}\n");
    }
    text.trim_end().to_owned()
}

fn section(title: &str, table: &Table) -> String {
    format!("{title}\n{}\n\n", table.trim_fmt())
}

/// Channel and duration.
fn name(condition: &ConditionReport) -> String {
    let channel = if condition.enroll_channel == condition.channel {
        condition.channel.clone()
    } else {
        format!("{} → {}", condition.enroll_channel, condition.channel)
    };
    match condition.seconds {
        Some(seconds) => format!("{channel}, {seconds} s"),
        None => format!("{channel}, all speech"),
    }
}

fn pooled(condition: &ConditionReport) -> Option<&Figures> {
    condition.parts.first().and_then(|part| part.row.figures())
}

fn promises(report: &Report) -> Table {
    let mut table = output::table([
        "channel, net speech",
        "trials same/other",
        "equal errors",
        "rejected at",
        "minDCF/actual",
        "minCllr/Cllr",
    ]);
    for condition in &report.conditions {
        let left_out = match condition.too_little_speech {
            0 => String::new(),
            count => format!(" ({count} too short)"),
        };
        row(&mut table, format!("{}{left_out}", name(condition)), condition.parts.first());
    }
    table
}

fn parts(condition: &ConditionReport) -> Table {
    let mut table = output::table([
        "",
        "trials same/other",
        "equal errors",
        "rejected at",
        "minDCF/actual",
        "minCllr/Cllr",
    ]);
    for part in &condition.parts[1..] {
        row(&mut table, format!("{} {}", part.aspect, part.value), Some(part));
    }
    table
}

fn row(table: &mut Table, name: String, part: Option<&Part>) {
    let Some(part) = part else { return };
    match &part.row {
        Row::NoFigures(why) => drop(table.add_row([name, why.clone()])),
        Row::Figures(figures) => drop(table.add_row([
            name,
            format!("{}/{}", figures.same, figures.other),
            format!("{}{}", percent(&figures.eer), if figures.eer_has_enough_errors { "" } else { " *" }),
            figures.promised.iter().map(promise).collect::<Vec<_>>().join("\n"),
            costs(figures),
            format!("{:.3}/{:.3}", figures.min_cllr.value, figures.cllr.value),
        ])),
    };
}

fn costs(figures: &Figures) -> String {
    let pairs = figures.min_dcf.iter().zip(&figures.actual_dcf);
    pairs.map(|(min, actual)| format!("{:.3}/{:.3}", min.value, actual.value)).collect::<Vec<_>>().join("\n")
}

fn promise(promised: &PromisedFar) -> String {
    let far = format!("FAR {} %", 100.0 * promised.far);
    match promised.at {
        ThresholdAt::Found { rates, .. } => {
            let interval = promised.frr_interval.unwrap_or(rates.frr.interval);
            format!(
                "{far}: {:.1} % [{:.1}–{:.1}]",
                100.0 * rates.frr.rate,
                100.0 * interval[0],
                100.0 * interval[1]
            )
        }
        ThresholdAt::TooFewTrials { has, needs } => format!("{far}: not enough trials ({has} of {needs})"),
    }
}

fn percent(estimate: &Estimate) -> String {
    let value = format!("{:.2} %", 100.0 * estimate.value);
    estimate
        .interval
        .map_or(value.clone(), |[low, high]| format!("{value} [{:.2}–{:.2}]", 100.0 * low, 100.0 * high))
}

fn thresholds(figures: &Figures) -> Table {
    let mut table = output::table(["score at least", "impostors accepted", "callers rejected"]);
    for row in &figures.thresholds {
        table.add_row([format!("{:.2}", row.score), counted(&row.rates.far), counted(&row.rates.frr)]);
    }
    table
}

fn counted(share: &Share) -> String {
    let [low, high] = share.interval.map(|end| 100.0 * end);
    format!("{:.2} % [{low:.2}–{high:.2}]", 100.0 * share.rate)
}
