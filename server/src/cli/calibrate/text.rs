//! In: a calibration and what it is worth. Out: what fits a terminal, for voices as they are and for centred ones.

use std::path::Path;

use comfy_table::Table;
use peakstream_evaluation::calibrate::{
    Calibrated, ConditionErrors, Costs, CrossValidation, Fitted, NamedPoint,
};
use peakstream_evaluation::metrics::ThresholdAt;

use crate::cli::output;

/// The whole text; `output` is the calibration's file.
pub(super) fn of(output: &Path, calibrated: &Calibrated, identity: &str) -> String {
    let mut text = part(&format!("{identity} in {}", output.display()), &calibrated.plain);
    if let Some(centred) = &calibrated.centred {
        text += "\n";
        text += &part("Centred voices, where a tenant's centre is learnt", centred);
    }
    text.trim_end().to_owned()
}

fn part(title: &str, fitted: &Fitted) -> String {
    let validation = &fitted.cross_validation;
    let mut text = format!("{title}; fitted with {:?}, on speakers left out\n\n", validation.chosen);
    let mut tables = vec![points(&fitted.operating_points), conditions(&fitted.conditions)];
    tables.extend(validation.sources_left_out.map(|together| sources(validation, together)));
    for table in tables {
        text += &format!("{}\n\n", table.trim_fmt());
    }
    for warning in &fitted.warnings {
        text += &format!("! {warning}\n");
    }
    text
}

fn points(points: &[NamedPoint]) -> Table {
    let mut table =
        output::table(["operating point", "score at least", "callers rejected", "impostors accepted"]);
    for point in points {
        table.add_row(match (point.at, point.score) {
            (ThresholdAt::Found { rates, .. }, Some(score)) => [
                point.name.to_owned(),
                format!("{score:.3}{}", interval(point.score_interval, 1.0, 3)),
                format!("{:.2} %{}", 100.0 * rates.frr.rate, interval(point.frr_interval, 100.0, 2)),
                format!("{:.3} %{}", 100.0 * rates.far.rate, interval(Some(rates.far.interval), 100.0, 3)),
            ],
            (ThresholdAt::TooFewTrials { has, needs }, _) => [
                point.name.to_owned(),
                format!("not enough trials for this row: {has} of {needs}"),
                String::new(),
                String::new(),
            ],
            (ThresholdAt::Found { .. }, None) => {
                [point.name.to_owned(), String::new(), String::new(), String::new()]
            }
        });
    }
    table
}

fn conditions(conditions: &[ConditionErrors]) -> Table {
    let mut table = output::table(["condition", "Cllr", "least possible"]);
    for condition in conditions {
        table.add_row([
            condition.condition.clone(),
            format!("{:.3}", condition.cllr),
            format!("{:.3}", condition.min_cllr),
        ]);
    }
    table
}

fn sources(validation: &CrossValidation, together: Costs) -> Table {
    let mut table =
        output::table(["by the other sources", "Cllr", "least possible", "DCF(0.01)", "least possible"]);
    let each = validation.source_left_out.iter().map(|left_out| (left_out.source.as_str(), left_out.costs));
    for (source, costs) in each.chain([("all", together)]) {
        let figures = [costs.cllr, costs.min_cllr, costs.dcf, costs.min_dcf];
        let figures = figures.map(|figure| format!("{figure:.3}"));
        table.add_row(std::iter::once(source.to_owned()).chain(figures));
    }
    table
}

fn interval(ends: Option<[f64; 2]>, scale: f64, digits: usize) -> String {
    ends.map_or(String::new(), |[low, high]| format!(" [{:.digits$}–{:.digits$}]", scale * low, scale * high))
}
