//! Some work enters, what it took leaves, as every figure of these programs is told.

use std::time::Instant;

use serde_json::{Value, json};

/// Microseconds: (minimum, median) of `repeats` runs.
pub(crate) fn timed(repeats: usize, mut work: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..repeats.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

pub(crate) fn figure(name: &str, unit: &str, (minimum, median): (f64, f64), per: f64) -> Value {
    json!({ "name": name, "unit": unit, "minimum": minimum / per, "median": median / per })
}
