//! Scores and truths enter; error rates and the arrays of their curves leave.

use numpy::{PyArray1, ToPyArray};
use peakstream_evaluation::metrics::{Levels, OperatingPoint, Trial, probit};
use pyo3::prelude::*;

use crate::raised::wrong_value;

/// Error rates of scored trials; the arrays are ready for plotting.
#[pyclass(module = "peakstream", frozen)]
pub(crate) struct Evaluation {
    levels: Levels,
}

/// Error rates of scores, higher for more similar voices, with the truth whether both sides of each were one speaker.
///
/// >>> import peakstream
/// >>> evaluation = peakstream.evaluate([2.0, 1.0, -1.0, -2.0], [True, True, False, False])
/// >>> evaluation.eer, evaluation.rates(0.0)
/// (0.0, (0.0, 0.0))
#[pyfunction]
pub(crate) fn evaluate(py: Python<'_>, scores: Vec<f64>, same: Vec<bool>) -> PyResult<Evaluation> {
    if scores.len() != same.len() {
        return Err(wrong_value(format!(
            "there are {} scores and {} truths; one for each is needed",
            scores.len(),
            same.len()
        )));
    }
    let trials: Vec<_> = scores.into_iter().zip(same).map(|(score, same)| Trial { score, same }).collect();
    let levels = py.detach(|| Levels::new(&trials)).map_err(|error| wrong_value(error.to_string()))?;
    Ok(Evaluation { levels })
}

impl Evaluation {
    fn curve<'py>(
        &self,
        py: Python<'py>,
        of: impl Fn(peakstream_evaluation::metrics::Decision) -> f64,
    ) -> Bound<'py, PyArray1<f64>> {
        self.levels.decisions().map(of).collect::<Vec<_>>().to_pyarray(py)
    }
}

fn point(prior: f64) -> PyResult<OperatingPoint> {
    if prior > 0.0 && prior < 1.0 {
        Ok(OperatingPoint::of_prior(prior))
    } else {
        Err(wrong_value(format!("prior is {prior}; use a share above 0 and below 1")))
    }
}

#[pymethods]
impl Evaluation {
    /// Equal error rate on the convex hull of the ROC, 0 to 0.5.
    #[getter]
    fn eer(&self) -> f64 {
        self.levels.eer()
    }

    /// Cost of the scores as log-likelihood ratios, in bits: 0 is perfect, 1 what knowing nothing costs.
    #[getter]
    fn cllr(&self) -> f64 {
        self.levels.cllr()
    }

    /// The same after the best rising function of the score.
    #[getter]
    fn min_cllr(&self) -> f64 {
        self.levels.min_cllr()
    }

    /// Every threshold that makes a difference, rising, the last infinite: float64, of shape (n,).
    #[getter]
    fn thresholds<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.curve(py, |decision| decision.threshold)
    }

    /// Share of false accepts at each of thresholds: float64, of shape (n,).
    #[getter]
    fn far<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.curve(py, |decision| decision.far)
    }

    /// Share of false rejects at each of thresholds: float64, of shape (n,).
    #[getter]
    fn frr<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.curve(py, |decision| decision.frr)
    }

    /// A DET curve: the normal deviates of far and frr, each float64, of shape (n,); -8 and 8 at 0 and 1.
    fn det<'py>(&self, py: Python<'py>) -> (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>) {
        (self.curve(py, |decision| probit(decision.far)), self.curve(py, |decision| probit(decision.frr)))
    }

    /// Lowest detection cost that a threshold can have, 0 to 1. prior: share of trials of one speaker.
    fn min_dcf(&self, prior: f64) -> PyResult<f64> {
        Ok(self.levels.min_dcf(point(prior)?))
    }

    /// Detection cost at the threshold that follows from the prior, if scores are log-likelihood ratios.
    fn actual_dcf(&self, prior: f64) -> PyResult<f64> {
        Ok(self.levels.actual_dcf(point(prior)?))
    }

    /// Shares of false accepts and false rejects when accepting from threshold on.
    fn rates(&self, threshold: f64) -> (f64, f64) {
        let rates = self.levels.rates(threshold);
        (rates.far.rate, rates.frr.rate)
    }

    fn __repr__(&self) -> String {
        let (same, other) = (self.levels.same(), self.levels.other());
        format!("Evaluation(EER {:.2} %, {same} trials of one speaker, {other} of two)", 100.0 * self.eer())
    }
}
