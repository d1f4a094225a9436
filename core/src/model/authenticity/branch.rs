//! The member that listens to the speaker network: what is heard on the way to an embedding enters, a logit leaves, positive for
//! genuine speech.

use super::super::campplus::HEARD;
use super::super::graph_file::{Weights, WeightsError};
use super::super::image::hold;
use crate::simd::{Layer, Matrix, Rows, Then, kernels};

/// Neurons of several networks that were trained from different beginnings, side by side.
const HIDDEN: usize = 192;
/// No number counts for more deviations than this: what was never seen must not decide alone.
const FURTHEST: f32 = 6.0;

/// The weights.
#[derive(Debug)]
pub(super) struct Branch {
    means: Vec<f32>,
    /// One by the deviation of each number.
    scales: Vec<f32>,
    hidden: Matrix,
    output: Vec<f32>,
    bias: f32,
}

/// What lies between the layers. One for each thread that computes.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    input: Vec<f32>,
    hidden: Vec<f32>,
}

impl Branch {
    pub(super) fn take(weights: &mut Weights) -> Result<Self, WeightsError> {
        let means = weights.take("branch.mean", &[HEARD])?;
        let scales = weights.take("branch.scale", &[HEARD])?;
        let values = weights.take("branch.hidden.weight", &[HIDDEN, HEARD])?;
        let bias = weights.take("branch.hidden.bias", &[HIDDEN])?;
        let hidden = Matrix::new(1, HEARD, &bias, |row, column| values[column * HEARD + row]);
        let output = weights.take("branch.output.weight", &[1, HIDDEN])?;
        let bias = weights.take("branch.output.bias", &[1])?[0];
        Ok(Self { means, scales, hidden, output, bias })
    }

    /// The logit of the [`HEARD`] numbers of a run.
    pub(super) fn logit(&self, heard: &[f32], workspace: &mut Workspace) -> f32 {
        let Workspace { input, hidden } = workspace;
        input.clear();
        let of = heard.iter().zip(&self.means).zip(&self.scales);
        input.extend(of.map(|((value, mean), scale)| ((value - mean) * scale).clamp(-FURTHEST, FURTHEST)));
        hold(hidden, HIDDEN);
        let layer = Layer {
            matrix: &self.hidden,
            input,
            from: Rows::packed(0),
            runs: &[0],
            count: 1,
            then: Then::Relu,
            to: Rows::packed(0),
        };
        kernels().layer(&layer, hidden);
        self.bias + hidden.iter().zip(&self.output).map(|(value, weight)| value * weight).sum::<f32>()
    }
}
