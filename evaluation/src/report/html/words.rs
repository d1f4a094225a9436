//! Numbers enter, words of the page leave.

use crate::metrics::{Estimate, ThresholdAt};
use crate::report::{ConditionReport, PromisedFar};

/// Channel and duration.
pub(in crate::report) fn shown(condition: &ConditionReport) -> String {
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

/// A share in per cent, with as many digits as tell it from 0.
pub(in crate::report) fn percent(share: f64) -> String {
    let value = 100.0 * share;
    if value == 0.0 || value >= 10.0 {
        format!("{value:.0} %")
    } else if value >= 1.0 {
        format!("{value:.1} %")
    } else {
        format!("{value:.2} %")
    }
}

pub(super) fn interval(value: f64, interval: Option<[f64; 2]>) -> String {
    let value = format!("{:.2} %", 100.0 * value);
    interval.map_or(value.clone(), |[low, high]| {
        format!("{value} <small>[{:.2}–{:.2}]</small>", 100.0 * low, 100.0 * high)
    })
}

pub(super) fn rate(estimate: &Estimate) -> String {
    interval(estimate.value, estimate.interval)
}

/// Threshold on the score, share of callers rejected, its interval.
pub(in crate::report) fn rates_at(promised: &PromisedFar) -> Option<(f64, f64, [f64; 2])> {
    match (promised.at, promised.score) {
        (ThresholdAt::Found { rates, .. }, Some(score)) => {
            Some((score, rates.frr.rate, promised.frr_interval.unwrap_or(rates.frr.interval)))
        }
        _ => None,
    }
}

pub(super) fn promise(promised: &PromisedFar) -> String {
    let far = percent(promised.far);
    match (promised.at, rates_at(promised)) {
        (_, Some((score, frr, ends))) => {
            format!("{far}: {} <small>at score {score:.3}</small>", interval(frr, Some(ends)))
        }
        (ThresholdAt::TooFewTrials { has, needs }, _) => {
            format!("{far}: <i>not enough trials ({has} of {needs})</i>")
        }
        (ThresholdAt::Found { .. }, None) => far,
    }
}

/// Text that is not to be read as HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
