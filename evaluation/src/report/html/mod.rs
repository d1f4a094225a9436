//! A report enters, one HTML page leaves: nothing to load, nothing that runs, readable in light and dark and on paper.

mod plot;
pub(super) mod words;

use std::fmt::Write as _;

use super::{ConditionReport, Figures, Report, Row};
use plot::{Line, Scale};
use words::{escape, percent, rate, rates_at, shown};

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn page(report: &Report) -> String {
    let mut body = String::new();
    head(&mut body, report);
    promises(&mut body, report);
    det(&mut body, report);
    for condition in &report.conditions {
        details(&mut body, condition, report);
    }
    about(&mut body, report);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Error rates: {}</title>\n<style>\n{STYLE}</style>\n\
         <main>\n{body}</main>\n</html>\n",
        escape(&report.subject.list)
    )
}

/// `write!` to a `String` cannot fail.
macro_rules! put {
    ($to:expr, $($text:tt)*) => { let _ = writeln!($to, $($text)*); };
}

fn head(body: &mut String, report: &Report) {
    put!(body, "<h1>What this installation can promise{}</h1>", report.subject.supposing());
    put!(
        body,
        "<p class=\"lead\">{} trials of {} recordings and {} speakers, from <b>{}</b>. {}</p>",
        report.trials,
        report.recordings,
        report.speakers,
        escape(&report.subject.list),
        report.conditions.first().map(sentence).unwrap_or_default()
    );
    for caution in &report.cautions {
        put!(body, "<p class=\"caution\">{}</p>", escape(caution));
    }
}

/// The first promise in a sentence.
fn sentence(condition: &ConditionReport) -> String {
    let Some(figures) = pooled(condition) else { return String::new() };
    let found = figures.promised.iter().find_map(|promised| rates_at(promised).map(|r| (promised, r)));
    let Some((promised, (score, frr, [low, high]))) = found else {
        return "There are too few trials to promise a rate of false accepts.".to_owned();
    };
    format!(
        "Through <b>{}</b>, where a score of <b>{score:.2}</b> is asked for, {} of impostors are accepted and {} of genuine \
         callers are rejected ({} to {}, with 95 % confidence).",
        escape(&shown(condition)),
        percent(promised.far),
        percent(frr),
        percent(low),
        percent(high),
    )
}

fn pooled(condition: &ConditionReport) -> Option<&Figures> {
    condition.parts.first().and_then(|part| part.row.figures())
}

const COLUMNS: &str = "<th>trials<br>same / other<th>equal error rate<th>callers rejected where so many impostors are accepted\
                       <th>detection cost<br>least / actual<th>Cllr, bits<br>least / actual";

fn promises(body: &mut String, report: &Report) {
    put!(body, "<h2>At a glance</h2>\n<div class=\"wide\"><table>\n<tr><th>channel, net speech{COLUMNS}");
    for condition in &report.conditions {
        if let Some(part) = condition.parts.first() {
            row(body, &shown(condition), &part.row);
        }
    }
    put!(body, "</table></div>");
    put!(
        body,
        "<p>Brackets hold 95 % intervals, made by resampling speakers. The equal error rate is that of the ROC's convex hull; \
         <i>few</i> marks those that rest on fewer than 30 errors: read their interval only. A rate of false accepts for which \
         fewer than 30 errors were to be expected has no threshold here: it would be a guess. Detection costs are for {}, both \
         errors costing the same, relative to the better of accepting and rejecting everybody. Cllr is the cost of the scores \
         over all thresholds: 0 is perfect, 1 says nothing; the least is after the best calibration in hindsight.</p>",
        report
            .operating_points
            .iter()
            .map(|point| format!("{} genuine callers", percent(point.prior)))
            .collect::<Vec<_>>()
            .join(" and ")
    );
}

fn row(body: &mut String, name: &str, row: &Row) {
    let name = escape(name);
    let figures = match row {
        Row::NoFigures(why) => {
            put!(body, "<tr><th>{name}<td colspan=\"5\" class=\"none\">{}", escape(why));
            return;
        }
        Row::Figures(figures) => figures,
    };
    let promised: Vec<_> = figures.promised.iter().map(words::promise).collect();
    let costs = figures.min_dcf.iter().zip(&figures.actual_dcf);
    let costs: Vec<_> =
        costs.map(|(min, actual)| format!("{:.3} / {:.3}", min.value, actual.value)).collect();
    put!(
        body,
        "<tr><th>{name}<td>{} / {}<td>{}{}<td>{}<td>{}<td>{:.3} / {:.3}",
        figures.same,
        figures.other,
        rate(&figures.eer),
        if figures.eer_has_enough_errors { "" } else { " <i>few</i>" },
        promised.join("<br>"),
        costs.join("<br>"),
        figures.min_cllr.value,
        figures.cllr.value,
    );
}

fn det(body: &mut String, report: &Report) {
    let lines: Vec<_> = report
        .conditions
        .iter()
        .filter_map(|condition| Some((shown(condition), condition.curves.as_ref()?.det.as_slice())))
        .collect();
    if lines.is_empty() {
        return;
    }
    put!(body, "<h2>Both errors, at every threshold</h2>\n<figure>");
    let lines: Vec<_> = lines.iter().map(|(name, points)| Line { name, points }).collect();
    body.push_str(&plot::lines(&lines, Scale::Error));
    put!(
        body,
        "<figcaption>Detection error trade-off; the nearer to the lower left corner the better.</figcaption></figure>"
    );
}

fn details(body: &mut String, condition: &ConditionReport, report: &Report) {
    put!(body, "<h2>{}</h2>", escape(&shown(condition)));
    if condition.too_little_speech > 0 {
        put!(
            body,
            "<p>{} of {} trials are left out: a side holds less speech than asked for.</p>",
            condition.too_little_speech,
            report.trials
        );
    }
    if condition.parts.len() > 1 {
        put!(body, "<div class=\"wide\"><table>\n<tr><th>part{COLUMNS}");
        for part in &condition.parts {
            row(body, format!("{} {}", part.aspect, part.value).trim(), &part.row);
        }
        put!(body, "</table></div>");
    }
    if let Some(curves) = &condition.curves {
        put!(body, "<div class=\"plots\"><figure>");
        body.push_str(&plot::distribution(&curves.distribution));
        put!(
            body,
            "<figcaption>Log-likelihood ratios of trials of <b class=\"s0\">one speaker</b> and of <b class=\"s1\">two</b>.</figcaption></figure><figure>"
        );
        body.push_str(&plot::reliability(&curves.reliability));
        put!(
            body,
            "<figcaption>What scores claim against what was true: on the line they mean what they say; above it callers are better \
             than their scores, below it worse.</figcaption></figure></div>"
        );
    }
    if let Some(figures) = pooled(condition) {
        put!(
            body,
            "<details><summary>Errors at each threshold</summary><table>\n<tr><th>score at least<th>impostors accepted<th>callers rejected"
        );
        for row in &figures.thresholds {
            let [far, frr] =
                [row.rates.far, row.rates.frr].map(|share| words::interval(share.rate, Some(share.interval)));
            put!(body, "<tr><th>{:.2}<td>{far}<td>{frr}", row.score);
        }
        put!(body, "</table><p>Wilson's 95 % intervals, which take trials as independent.</p></details>");
    }
}

fn about(body: &mut String, report: &Report) {
    let subject = &report.subject;
    put!(body, "<h2>What was measured</h2>\n<table class=\"facts\">");
    let facts = [
        ("program", format!("peakstream {}", subject.version)),
        ("speaker network", subject.model.clone()),
        ("calibration", subject.calibration.clone()),
        ("front end", subject.channel_type.clone()),
        ("list", format!("{}, SHA-256 {}", subject.list, subject.list_sha256)),
        ("enrolment", format!("{:?}", subject.enrollment)),
        (
            "voices",
            if subject.centred { "without the centre of their source" } else { "as they are" }.to_owned(),
        ),
        ("speakers told apart by", format!("{:?}", report.speakers_found_by)),
    ];
    for (name, value) in facts {
        put!(body, "<tr><th>{name}<td>{}", escape(&value));
    }
    put!(body, "</table>");
}

#[cfg(test)]
mod tests {
    use super::super::tests::report_of;
    use super::*;

    #[test]
    fn a_page_needs_nothing_else_and_runs_nothing() {
        let page = page(&report_of("<b>&\"evil\".csv"));
        for foreign in ["http:", "https:", "src=", "href=", "<script", "@import", "url(", "<b>&\"evil"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(
            page.contains("prefers-color-scheme: dark")
                && page.contains("&lt;b&gt;&amp;&quot;evil&quot;.csv")
        );
        assert!(page.contains("not enough trials") && page.contains("equal error rate"));
    }

    #[test]
    fn every_element_that_must_be_closed_is() {
        let page = page(&report_of("list.csv"));
        for element in ["table", "svg", "figure", "div", "p", "details", "main", "html", "style", "g", "text"]
        {
            let opened =
                page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
            assert!(opened > 0, "{element}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf"), "numbers that cannot be drawn");
    }
}
