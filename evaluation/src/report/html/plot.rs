//! Points enter, SVG leaves. Colours are the style sheet's.

use std::fmt::Write as _;

use super::words::escape;
use crate::metrics::probit;
use crate::report::Bin;

/// Side of a plot, and the room its labels take.
const SIDE: f64 = 420.0;
const MARGIN: f64 = 52.0;
/// Colours that lines take in turn.
const COLOURS: usize = 6;
/// Shares that a DET curve's axes are labelled with.
const ERRORS: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4];
/// Log-likelihood ratios shown.
const RANGE: f64 = 8.0;

/// One curve.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: &'a [[f64; 2]],
}

/// How a number becomes a place.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// Error rates, on normal deviates (Martin et al. 1997).
    Error,
    /// Log-likelihood ratios.
    Ratio,
}

impl Scale {
    /// 0…1 along an axis.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Error => {
                let (low, high) = (probit(0.000_7), probit(0.5));
                (probit(value.clamp(0.000_7, 0.5)) - low) / (high - low)
            }
            Self::Ratio => (value.clamp(-RANGE, RANGE) + RANGE) / (2.0 * RANGE),
        }
    }
}

fn x(place: f64) -> f64 {
    MARGIN + place * (SIDE - MARGIN - 12.0)
}

fn y(place: f64) -> f64 {
    SIDE - MARGIN - place * (SIDE - MARGIN - 12.0)
}

/// `write!` to a `String` cannot fail.
macro_rules! put {
    ($to:expr, $($text:tt)*) => { let _ = writeln!($to, $($text)*); };
}

fn open(label: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {SIDE} {SIDE}\" role=\"img\" aria-label=\"{}\">\n<g class=\"grid\">\n",
        escape(label)
    )
}

/// A vertical and a horizontal line for each tick, labelled, and the axes' names.
fn grid(svg: &mut String, ticks: &[(f64, String)], across: &str, up: &str, labels_up: bool) {
    for (place, label) in ticks {
        let (tick_x, tick_y, far) = (x(*place), y(*place), x(1.0));
        put!(svg, "<path d=\"M{tick_x:.1} {:.1}V{:.1}\"/>", y(0.0), y(1.0));
        put!(svg, "<text x=\"{tick_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>", y(0.0) + 16.0);
        if labels_up {
            put!(svg, "<path d=\"M{:.1} {tick_y:.1}H{far:.1}\"/>", x(0.0));
            put!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                x(0.0) - 6.0,
                tick_y + 4.0
            );
        }
    }
    put!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>", x(0.5), SIDE - 12.0);
    let (up_x, up_y) = (13.0, y(0.5));
    put!(
        svg,
        "<text x=\"{up_x}\" y=\"{up_y:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 {up_x} {up_y:.1})\">{up}</text>"
    );
    put!(svg, "</g>");
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
    }
    path
}

/// Curves of both errors.
pub(super) fn lines(lines: &[Line<'_>], scale: Scale) -> String {
    let mut svg = open("False rejects against false accepts, in per cent");
    let ticks: Vec<_> =
        ERRORS.iter().map(|&e| (scale.place(e), format!("{}", (1_000.0 * e).round() / 10.0))).collect();
    grid(&mut svg, &ticks, "impostors accepted, %", "callers rejected, %", true);
    put!(svg, "<path class=\"diagonal\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>", x(0.0), y(0.0), x(1.0), y(1.0));
    for (i, line) in lines.iter().enumerate() {
        let points = line.points.iter().map(|[far, frr]| (x(scale.place(*far)), y(scale.place(*frr))));
        let dashes = if i < COLOURS { "" } else { " stroke-dasharray=\"5 3\"" };
        put!(svg, "<path class=\"line s{}\"{dashes} d=\"{}\"/>", i % COLOURS, path(points));
        let name_y = y(1.0) + 16.0 + 16.0 * i as f64;
        put!(
            svg,
            "<text class=\"s{}\" x=\"{:.1}\" y=\"{name_y:.1}\" text-anchor=\"end\">{}</text>",
            i % COLOURS,
            x(1.0) - 6.0,
            escape(line.name)
        );
    }
    svg + "</svg>\n"
}

fn ratio_ticks() -> Vec<(f64, String)> {
    let of = |ratio: f64| (Scale::Ratio.place(ratio), format!("{ratio}"));
    [-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0].map(of).into()
}

/// Shares of both kinds of trials in bins of log-likelihood ratio: lower edge, one speaker, two speakers.
pub(super) fn distribution(bins: &[[f64; 3]]) -> String {
    let mut svg = open("Distribution of log-likelihood ratios of trials of one speaker and of two");
    grid(&mut svg, &ratio_ticks(), "log-likelihood ratio; 0 is a score of 0.5", "share of trials", false);
    let highest = bins.iter().map(|[_, same, other]| same.max(*other)).fold(1e-9, f64::max);
    for (kind, class) in [(2, "s1"), (1, "s0")] {
        let mut points = vec![(x(0.0), y(0.0))];
        for (bin, next) in bins.iter().zip(bins[1..].iter().map(|bin| bin[0]).chain([RANGE])) {
            let height = y(bin[kind] / highest);
            points.push((x(Scale::Ratio.place(bin[0])), height));
            points.push((x(Scale::Ratio.place(next)), height));
        }
        points.push((x(1.0), y(0.0)));
        put!(svg, "<path class=\"area {class}\" d=\"{}Z\"/>", path(points.into_iter()));
    }
    svg + "</svg>\n"
}

/// What ratios claim against what was found, with intervals.
pub(super) fn reliability(bins: &[Bin]) -> String {
    let mut svg = open("Log-likelihood ratios found against those claimed");
    let ticks = ratio_ticks();
    grid(&mut svg, &ticks, "log-likelihood ratio claimed", "found", true);
    put!(svg, "<path class=\"diagonal\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>", x(0.0), y(0.0), x(1.0), y(1.0));
    let place = |value| Scale::Ratio.place(value);
    for bin in bins {
        let [low, high] = bin.interval.map(|end| y(place(end)));
        let (at, found) = (x(place(bin.claimed)), y(place(bin.found)));
        put!(svg, "<path class=\"line s0\" d=\"M{at:.1} {low:.1}V{high:.1}\"/>");
        put!(
            svg,
            "<circle class=\"dot s0\" cx=\"{at:.1}\" cy=\"{found:.1}\" r=\"4\"><title>{} of one speaker, {} of two</title></circle>",
            bin.same,
            bin.other
        );
    }
    svg + "</svg>\n"
}
