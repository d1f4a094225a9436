//! Golden vectors: what a model must compute from signals that are given by formula.

use std::cmp::Reverse;
use std::f64::consts::PI;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{LoadError, Source};

/// A file of golden vectors; each case has a signal and quantities of type `C`.
#[derive(Debug, Deserialize)]
pub(crate) struct Golden<C> {
    pub(crate) sample_rate: u32,
    pub(crate) cases: Vec<Case<C>>,
}

/// One signal and what is expected of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Case<C> {
    pub(crate) name: String,
    samples: usize,
    terms: Vec<Term>,
    #[serde(flatten)]
    pub(crate) expected: C,
}

/// A part of a signal (`models/golden/signals.py` has the formulas).
#[derive(Debug, Deserialize)]
struct Term {
    #[serde(flatten)]
    kind: Kind,
    amplitude: f64,
    swell_hz: Option<f64>,
    silent: Option<[usize; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    Noise { seed: u32 },
    Chirp { from_hz: f64, to_hz: f64 },
    Harmonics { hz: f64, weights: Vec<f64> },
}

impl<C: DeserializeOwned> Golden<C> {
    /// Reads a file of golden vectors; one without any proves nothing and is refused.
    pub(crate) fn read(source: &Source<'_>, file: &str) -> Result<Self, LoadError> {
        let golden: Self = source.json(file)?;
        if golden.cases.is_empty() {
            return Err(LoadError::invalid(file, "it has no cases"));
        }
        Ok(golden)
    }
}

/// Most processors that proving takes: each needs room of its own to compute in.
const MOST_AT_ONCE: usize = 4;

impl<C: Sync> Golden<C> {
    /// Proves every case, several at once where there are processors for it.
    ///
    /// # Errors
    /// The first failure, in the order of the cases.
    pub(crate) fn prove_each(
        &self,
        prove: impl Fn(&Case<C>) -> Result<(), LoadError> + Sync,
    ) -> Result<(), LoadError> {
        // The longest first, so that no processor is left with one at the end.
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        order.sort_by_key(|number| Reverse(self.cases[*number].samples));
        let next = AtomicUsize::new(0);
        let work = || {
            let numbers = std::iter::from_fn(|| order.get(next.fetch_add(1, Ordering::Relaxed)).copied());
            let cases = numbers.map(|number| (number, &self.cases[number]));
            cases.filter_map(|(number, case)| Some((number, prove(case).err()?))).collect::<Vec<_>>()
        };
        let others = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_ONCE) - 1;
        let failures = thread::scope(|scope| {
            // Where no thread can be had, this one does it all.
            let threads: Vec<_> =
                (0..others).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
            let mut failures = work();
            for thread in threads {
                failures.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            failures
        });
        failures.into_iter().min_by_key(|(number, _)| *number).map_or(Ok(()), |(_, failure)| Err(failure))
    }
}

impl<C> Golden<C> {
    /// The signal of a case in [-1, 1): the sum of its terms, quantised to 16 bits.
    pub(crate) fn signal(&self, case: &Case<C>) -> Vec<f32> {
        let rate = f64::from(self.sample_rate);
        let mut sum = vec![0.0; case.samples];
        for term in &case.terms {
            term.add_to(&mut sum, rate);
        }
        sum.iter().map(|x| ((32_767.0 * x).round_ties_even() / 32_768.0) as f32).collect()
    }
}

impl Term {
    fn add_to(&self, sum: &mut [f64], rate: f64) {
        let seconds = sum.len() as f64 / rate;
        let mut noise = match self.kind {
            Kind::Noise { seed } => seed,
            _ => 0,
        };
        for (i, out) in sum.iter_mut().enumerate() {
            let t = i as f64 / rate;
            let value = match &self.kind {
                Kind::Noise { .. } => {
                    // The generator of Numerical Recipes (Press et al., §7.1): 32-bit linear congruential.
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    f64::from(noise >> 8) / 8_388_608.0 - 1.0
                }
                Kind::Chirp { from_hz, to_hz } => {
                    (2.0 * PI * (from_hz * t + (to_hz - from_hz) * t * t / (2.0 * seconds))).sin()
                }
                Kind::Harmonics { hz, weights } => harmonics(2.0 * PI * hz * t, weights),
            };
            let swell = self.swell_hz.map_or(1.0, |hz| 0.5 + 0.5 * (2.0 * PI * hz * t).sin());
            let audible = self.silent.is_none_or(|[begin, end]| i < begin || i >= end);
            *out += if audible { self.amplitude * swell * value } else { 0.0 };
        }
    }
}

/// Σ weights[k − 1] · sin(k · phase), by Clenshaw's recurrence: one sine for all of them.
fn harmonics(phase: f64, weights: &[f64]) -> f64 {
    let (sin, cos) = phase.sin_cos();
    let (last, _) =
        weights.iter().rev().fold((0.0, 0.0), |(b, before), weight| (weight + 2.0 * cos * b - before, b));
    last * sin
}

/// Compares computed with expected numbers.
///
/// # Errors
/// [`LoadError::NotReproduced`] with the largest difference.
pub(crate) fn compare(
    model: &str,
    case: &str,
    quantity: &'static str,
    found: &[f32],
    expected: &[f32],
    tolerance: f64,
) -> Result<(), LoadError> {
    let difference = if found.len() == expected.len() {
        // NaN must not pass: it is no difference that can be compared.
        found
            .iter()
            .zip(expected)
            .map(|(a, b)| f64::from((a - b).abs()))
            .fold(0.0, |worst: f64, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) })
    } else {
        f64::INFINITY
    };
    if difference <= tolerance {
        return Ok(());
    }
    Err(LoadError::NotReproduced {
        model: model.to_owned(),
        case: case.to_owned(),
        quantity,
        difference,
        tolerance,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmonics_are_the_sum_of_their_sines() {
        let weights: Vec<f64> = (1..=30).map(|k| 1.0 / f64::from(k)).collect();
        for i in -50..50 {
            let phase = f64::from(i) * 0.37;
            let sum: f64 = (1..).zip(&weights).map(|(k, weight)| weight * (f64::from(k) * phase).sin()).sum();
            assert!((harmonics(phase, &weights) - sum).abs() < 1e-12, "at {phase}");
        }
    }

    #[test]
    fn the_first_case_that_fails_is_the_one_that_is_told() {
        let case = |name: &str| Case { name: name.to_owned(), samples: 0, terms: Vec::new(), expected: () };
        let golden = Golden { sample_rate: 16_000, cases: ["a", "b", "c", "d"].map(case).into() };
        let told = golden.prove_each(|case| match case.name.as_str() {
            "b" | "d" => Err(LoadError::invalid(&case.name, "it does not")),
            _ => Ok(()),
        });
        assert!(told.is_err_and(|error| error.to_string().starts_with('b')));
        assert!(golden.prove_each(|_| Ok(())).is_ok());
    }

    #[test]
    fn a_number_that_is_none_does_not_reproduce() {
        assert!(compare("m", "c", "q", &[f32::NAN], &[0.0], 1.0).is_err());
        assert!(compare("m", "c", "q", &[0.0, 0.0], &[0.0], 1.0).is_err());
        assert!(compare("m", "c", "q", &[0.5], &[0.0], 1.0).is_ok());
    }
}
