//! Golden vectors: what a model must compute from signals that are given by formula.

use std::f64::consts::PI;

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
                Kind::Harmonics { hz, weights } => {
                    (1..).zip(weights).map(|(k, w)| w * (2.0 * PI * f64::from(k) * hz * t).sin()).sum()
                }
            };
            let swell = self.swell_hz.map_or(1.0, |hz| 0.5 + 0.5 * (2.0 * PI * hz * t).sin());
            let audible = self.silent.is_none_or(|[begin, end]| i < begin || i >= end);
            *out += if audible { self.amplitude * swell * value } else { 0.0 };
        }
    }
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
    fn a_number_that_is_none_does_not_reproduce() {
        assert!(compare("m", "c", "q", &[f32::NAN], &[0.0], 1.0).is_err());
        assert!(compare("m", "c", "q", &[0.0, 0.0], &[0.0], 1.0).is_err());
        assert!(compare("m", "c", "q", &[0.5], &[0.0], 1.0).is_ok());
    }
}
