//! Some work enters, what it took leaves, as every figure of these programs is told.

use std::time::Instant;

use serde_json::{Value, json};

/// Microseconds: (minimum, median) of `repeats` runs.
pub(crate) fn timed(repeats: usize, work: impl FnMut()) -> (f64, f64) {
    timed_after(repeats, || {}, work)
}

/// The same, with something done before each run that does not count.
pub(crate) fn timed_after(repeats: usize, mut prepare: impl FnMut(), mut work: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..repeats.max(1))
        .map(|_| {
            prepare();
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

/// A quantile of sorted figures, by nearest rank: the least of them than which so large a share of all is no greater.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

pub(crate) fn figure(name: &str, unit: &str, (minimum, median): (f64, f64), per: f64) -> Value {
    json!({ "name": name, "unit": unit, "minimum": minimum / per, "median": median / per })
}
