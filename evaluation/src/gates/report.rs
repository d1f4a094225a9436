//! Calls that were heard enter, each gate's false alarms and hits leave.

use peakstream::quality::Rule;
use peakstream::{Action, Figures, Gate, Gates};
use serde::Serialize;

use super::{Calls, Defect, HeardCall};
use crate::metrics::Share;

/// The share of other corpora's calls that a limit chosen on them stops.
const CHOSEN: f64 = 0.01;

/// How often one gate fired.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub gate: &'static str,
    /// Calls it fired on.
    pub fired: Share,
    /// What 1 %, 50 % and 99 % of the calls do not exceed, in the gate's unit; nothing where there is no figure.
    pub figures: Option<[f32; 3]>,
}

/// What became of the calls of one condition.
#[derive(Clone, Debug, Serialize)]
pub struct Condition {
    /// The line or the defect.
    pub condition: String,
    /// The gate that it is for; `None` of a good line.
    pub defect_of: Option<&'static str>,
    /// Calls with too little speech (under 3 s) for a decision; of a good line they are not counted in the rows.
    pub too_little_speech: usize,
    /// Each gate.
    pub rows: Vec<Row>,
}

/// A limit chosen on all corpora but one, judged on that one. Good lines only.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// The gate.
    pub gate: &'static str,
    /// The corpus left out.
    pub source: String,
    /// The limit that one in a hundred of the other corpora's calls does not pass.
    pub limit: f32,
    /// Calls of the corpus left out that do not pass it.
    pub at_chosen: Share,
    /// Calls of the corpus left out that do not pass the limit in force.
    pub in_force: Share,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Speakers, calls, corpora.
    pub speakers: usize,
    /// How many calls there are before they go through lines.
    pub calls: usize,
    /// Net speech of each, in seconds.
    pub seconds: f64,
    /// Speaker network.
    pub model: String,
    /// Calibration, in whose units the gate for several speakers is.
    pub calibration: String,
    /// The limits in force, as settings write them.
    pub limits: Vec<String>,
    /// Good lines, all corpora together, each gate over all lines.
    pub false_alarms: Vec<Row>,
    /// Each line and defect.
    pub conditions: Vec<Condition>,
    /// Limits chosen on other corpora.
    pub left_out: Vec<LeftOut>,
}

/// Every call that was heard as a line of CSV, for choosing limits of one's own: condition, corpus, and each gate's figure.
pub fn table(calls: &Calls, conditions: &[Defect], heard: &[Vec<HeardCall>]) -> String {
    let mut table = format!("condition,defect_of,source,{}\n", Gate::ALL.map(Gate::name).join(","));
    for (defect, heard) in conditions.iter().zip(heard) {
        for call in heard {
            let figures = Gate::ALL
                .map(|gate| gate.value(&call.figures).map_or(String::new(), |value| value.to_string()));
            let gate = defect.gate().map_or("", Gate::name);
            let source = calls.sources.get(call.source).map_or("", String::as_str);
            table += &format!("\"{defect}\",{gate},\"{source}\",{}\n", figures.join(","));
        }
    }
    table
}

/// Judges with every gate on.
pub fn report(
    calls: &Calls,
    conditions: &[Defect],
    heard: &[Vec<HeardCall>],
    gates: &Gates,
    (seconds, model, calibration): (f64, String, String),
) -> Report {
    let enough = |call: &&HeardCall| call.figures.net_speech >= gates.rule(Gate::NetSpeech).limit;
    let good: Vec<HeardCall> = conditions
        .iter()
        .zip(heard)
        .filter(|(defect, _)| defect.gate().is_none())
        .flat_map(|(_, heard)| heard.iter().filter(enough).copied())
        .collect();
    let of = |(defect, heard): (&Defect, &Vec<HeardCall>)| {
        let short = heard.len() - heard.iter().filter(enough).count();
        let judged: Vec<HeardCall> = match defect.gate() {
            Some(Gate::NetSpeech) => heard.clone(),
            _ => heard.iter().filter(enough).copied().collect(),
        };
        Condition {
            condition: defect.to_string(),
            defect_of: defect.gate().map(Gate::name),
            too_little_speech: short,
            rows: Gate::ALL.map(|gate| row(gate, &judged, gates)).to_vec(),
        }
    };
    let mut speakers: Vec<usize> = calls.calls.iter().map(|call| call.speaker).collect();
    speakers.dedup();
    Report {
        speakers: speakers.len(),
        calls: calls.calls.len(),
        seconds,
        model,
        calibration,
        limits: Gate::ALL
            .iter()
            .filter(|gate| gate.range().is_some())
            .map(|gate| limit(*gate, gates))
            .collect(),
        false_alarms: Gate::ALL.map(|gate| row(gate, &good, gates)).to_vec(),
        conditions: conditions.iter().zip(heard).map(of).collect(),
        left_out: left_out(calls, &good, gates),
    }
}

fn limit(gate: Gate, gates: &Gates) -> String {
    format!("{gate} {} {}", gates.rule(gate).limit, gate.unit()).trim_end().to_owned()
}

/// Whether this gate fires, whatever it is set to do.
fn fires(gate: Gate, figures: &Figures, limit: f32) -> bool {
    let mut gates = Gates::off();
    gates.set_rule(gate, Rule { action: Action::Warn, limit });
    !gates.judge(figures).is_empty()
}

fn row(gate: Gate, calls: &[HeardCall], gates: &Gates) -> Row {
    let limit = gates.rule(gate).limit;
    let fired = calls.iter().filter(|call| fires(gate, &call.figures, limit)).count();
    let sorted = figures(gate, calls);
    let at = |share: usize| sorted.get(sorted.len() * share / 100).copied();
    let figures = gate.range().and_then(|_| Some([at(1)?, at(50)?, at(99)?]));
    Row { gate: gate.name(), fired: Share::new(fired as u64, calls.len() as u64), figures }
}

fn figures(gate: Gate, calls: &[HeardCall]) -> Vec<f32> {
    let mut sorted: Vec<f32> = calls.iter().filter_map(|call| gate.value(&call.figures)).collect();
    sorted.sort_by(f32::total_cmp);
    sorted
}

fn left_out(calls: &Calls, good: &[HeardCall], gates: &Gates) -> Vec<LeftOut> {
    let mut all = Vec::new();
    // The amount of speech is what was asked for; there is nothing to choose.
    for gate in Gate::ALL.into_iter().filter(|gate| gate.range().is_some() && *gate != Gate::NetSpeech) {
        for (number, source) in calls.sources.iter().enumerate() {
            let (own, others): (Vec<HeardCall>, Vec<HeardCall>) =
                good.iter().partition(|call| call.source == number);
            let sorted = figures(gate, &others);
            let share = if gate.is_upper() { 1.0 - CHOSEN } else { CHOSEN };
            let Some(&limit) = sorted.get((share * sorted.len() as f64) as usize) else { continue };
            let stopped = |limit| {
                let count = own.iter().filter(|call| fires(gate, &call.figures, limit)).count();
                Share::new(count as u64, own.len() as u64)
            };
            all.push(LeftOut {
                gate: gate.name(),
                source: source.rsplit('/').next().unwrap_or_default().to_owned(),
                limit,
                at_chosen: stopped(limit),
                in_force: stopped(gates.rule(gate).limit),
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(snr: f32) -> HeardCall {
        let figures = Figures {
            net_speech: 5.0,
            signal_noise_ratio: snr,
            clipping: 0.0,
            band: 10.0,
            codec_mismatch: None,
            one_voice: Some(5.0),
            music: 0.0,
        };
        HeardCall { source: 0, figures }
    }

    #[test]
    fn a_gate_that_fires_on_good_calls_raises_false_alarms_and_on_bad_ones_hits() {
        let calls = Calls { sources: vec!["corpus".into()], calls: Vec::new() };
        let noisy = Defect::Line(Some(Gate::SignalNoiseRatio), "noise:pink:0dB".parse().expect("a line"));
        let conditions = [Defect::Line(None, "mulaw".parse().expect("a line")), noisy];
        let heard = [vec![heard(30.0), heard(20.0), heard(1.0), heard(40.0)], vec![heard(0.0), heard(20.0)]];
        let report =
            report(&calls, &conditions, &heard, &Gates::default(), (5.0, String::new(), String::new()));
        let fired = |rows: &[Row], gate: Gate| {
            let row = rows.iter().find(|row| row.gate == gate.name()).expect("every gate has a row");
            (row.fired.count, row.fired.of)
        };
        assert_eq!(fired(&report.false_alarms, Gate::SignalNoiseRatio), (1, 4));
        assert_eq!(
            fired(&report.false_alarms, Gate::MultipleSpeakers),
            (0, 4),
            "a gate that is off is measured too"
        );
        assert_eq!(fired(&report.conditions[1].rows, Gate::SignalNoiseRatio), (1, 2));
    }
}
