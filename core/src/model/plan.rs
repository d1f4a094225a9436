//! An ONNX graph with one input of a fixed shape, optimised by tract: numbers enter, numbers leave.
//!
//! Shapes are fixed: the network has learnt from windows of one length, and a symbolic one would cost three times the time.

use std::sync::Arc;

use tract_onnx::prelude::*;

/// An inference that did not run. It never happens with a plan that has proved its golden vectors.
#[derive(Debug, thiserror::Error)]
#[error("inference failed: {0}")]
pub struct InferenceError(String);

impl InferenceError {
    fn new(error: impl std::fmt::Debug) -> Self {
        Self(format!("{error:?}"))
    }

    /// A network whose output is infinite or no number.
    pub(crate) fn not_finite(output: f64) -> Self {
        Self(format!("its output is {output}"))
    }
}

/// A graph that is ready to run, from any number of threads.
#[derive(Clone)]
pub(crate) struct Plan {
    plan: Arc<TypedSimplePlan>,
    shape: [usize; 3],
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// An ONNX graph before its input has a shape.
pub(crate) struct Graph(InferenceModel);

impl Graph {
    pub(crate) fn parse(onnx: &[u8]) -> Result<Self, InferenceError> {
        tract_onnx::onnx().model_for_read(&mut &*onnx).map(Self).map_err(InferenceError::new)
    }

    /// Optimises the graph for an input of 1 × `rows` × `columns`.
    pub(crate) fn plan(&self, rows: usize, columns: usize) -> Result<Plan, InferenceError> {
        let shape = [1, rows, columns];
        let plan = self
            .0
            .clone()
            .with_input_fact(0, f32::fact(shape).into())
            .and_then(InferenceModelExt::into_optimized)
            .and_then(IntoRunnable::into_runnable)
            .map_err(InferenceError::new)?;
        Ok(Plan { plan, shape })
    }
}

impl Plan {
    /// Rows of the input.
    pub(crate) fn rows(&self) -> usize {
        self.shape[1]
    }

    /// Runs the graph on rows × columns numbers. Allocates.
    pub(crate) fn run(&self, input: &[f32]) -> Result<Vec<f32>, InferenceError> {
        let input = Tensor::from_shape(&self.shape, input).map_err(InferenceError::new)?;
        let outputs = self.plan.run(tvec!(input.into())).map_err(InferenceError::new)?;
        let output = outputs[0].to_plain_array_view::<f32>().map_err(InferenceError::new)?;
        Ok(output.iter().copied().collect())
    }
}
