//! The member that looks at spectra: 300 rows of 112 bins enter, a logit leaves, positive for genuine speech.
//!
//! ```text
//! rows ─ floored, less each bin's mean ─ six convolutions of three bins by three frames ─ one over all bins that are left
//!      ─ mean and deviation over time, weighed by an attention of each channel's own ─ a logit
//! ```
//!
//! As in the speaker network every convolution is a product of overlapping rows with a matrix ([`crate::simd::Layer`]).
//! `models/authenticity/network.py` is what it was trained as; batch norms are folded into the weights (`export.py`).

use super::super::graph_file::{Weights, WeightsError};
use super::super::image::{Shape, hold};
use super::super::windows::column_means;
use crate::simd::{Layer, Matrix, Rows, Then, kernels};
use crate::speech::spectrum::BINS;

/// Rows of a window: three seconds.
pub(super) const ROWS: usize = 300;
/// Channels that leave each convolution, and of how many frames and bins it leaves one.
const CONVOLUTIONS: [(usize, usize, usize); 6] =
    [(32, 1, 2), (32, 2, 2), (32, 1, 2), (64, 2, 1), (64, 1, 2), (64, 1, 1)];
/// Bins and frames that a convolution looks at.
const SPAN: usize = 3;
/// Bins that are left.
const BINS_LEFT: usize = 7;
/// Channels of the series over time, and between the matrices of its attention.
const SERIES: usize = 96;
const ATTENTION: usize = 32;
/// So that a deviation has a slope everywhere.
const LEAST_VARIANCE: f32 = 1e-5;

/// The weights.
#[derive(Debug)]
pub(super) struct Convolutions {
    convolutions: Vec<Convolution>,
    project: Matrix,
    attention: [Matrix; 2],
    output: Vec<f32>,
    bias: f32,
}

#[derive(Debug)]
struct Convolution {
    matrix: Matrix,
    time: usize,
    frequency: usize,
}

/// What lies between the layers. One for each thread that computes.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    images: [Vec<f32>; 2],
    series: Vec<f32>,
    hidden: Vec<f32>,
    attention: Vec<f32>,
}

impl Convolutions {
    pub(super) fn take(weights: &mut Weights) -> Result<Self, WeightsError> {
        let mut entering = 1;
        let mut convolutions = Vec::new();
        for (number, (channels, time, frequency)) in CONVOLUTIONS.into_iter().enumerate() {
            let values = weights.take(&format!("conv{number}.weight"), &[channels, entering, SPAN, SPAN])?;
            let bias = weights.take(&format!("conv{number}.bias"), &[channels])?;
            let depth = SPAN * entering;
            // A run is a bin's: frames of channels. The file has frames of bins.
            let matrix = Matrix::new(SPAN, depth, &bias, |row, column| {
                let (bin, frame, channel) = (row / depth, row % depth / entering, row % entering);
                values[((column * entering + channel) * SPAN + frame) * SPAN + bin]
            });
            convolutions.push(Convolution { matrix, time, frequency });
            entering = channels;
        }
        let values = weights.take("project.weight", &[SERIES, entering, 1, BINS_LEFT])?;
        let bias = weights.take("project.bias", &[SERIES])?;
        let project = Matrix::new(BINS_LEFT, entering, &bias, |row, column| {
            values[(column * entering + row % entering) * BINS_LEFT + row / entering]
        });
        let mut square = |name: &str, columns: usize, depth: usize| {
            let values = weights.take(&format!("{name}.weight"), &[columns, depth, 1, 1])?;
            let bias = weights.take(&format!("{name}.bias"), &[columns])?;
            Ok(Matrix::new(1, depth, &bias, |row, column| values[column * depth + row]))
        };
        let attention = [square("attention0", ATTENTION, SERIES)?, square("attention1", SERIES, ATTENTION)?];
        let output = weights.take("output.weight", &[1, 2 * SERIES])?;
        let bias = weights.take("output.bias", &[1])?[0];
        Ok(Self { convolutions, project, attention, output, bias })
    }

    /// The logit of [`ROWS`] rows, which are raised to their mean less `floor` where they lie below.
    pub(super) fn logit(&self, window: &[f32], floor: f32, workspace: &mut Workspace) -> f32 {
        let Workspace { images: [current, next], series, hidden, attention } = workspace;
        let mut shape = Shape { bins: BINS, frames: ROWS, channels: 1 };
        shape.room(current);
        floored(window, floor, hidden);
        let means: [f32; BINS] = column_means(hidden);
        for (frame, row) in hidden.chunks_exact(BINS).enumerate() {
            for (bin, (value, mean)) in row.iter().zip(&means).enumerate() {
                current[shape.at(bin) + frame] = value - mean;
            }
        }
        let (mut current, mut next) = (current, next);
        for convolution in &self.convolutions {
            shape = convolution.run(current, shape, next);
            (current, next) = (next, current);
        }
        hold(series, shape.frames * SERIES);
        let bins: [usize; BINS_LEFT] = std::array::from_fn(|bin| bin * shape.bin());
        let project = Layer {
            matrix: &self.project,
            input: current,
            from: shape.rows(0),
            runs: &bins,
            count: shape.frames,
            then: Then::Relu,
            to: Rows::packed(SERIES),
        };
        kernels().layer(&project, series);
        self.attend(shape.frames, series, hidden, attention);
        self.statistics(&series[..shape.frames * SERIES], &attention[..shape.frames * SERIES])
    }

    /// How much each frame of each channel weighs, before it is made to sum to one.
    fn attend(&self, frames: usize, series: &[f32], hidden: &mut Vec<f32>, attention: &mut Vec<f32>) {
        hold(hidden, frames * ATTENTION);
        hold(attention, frames * SERIES);
        let layer = |matrix, input, depth, columns| Layer {
            matrix,
            input,
            from: Rows::packed(depth),
            runs: &[0],
            count: frames,
            then: Then::Keep,
            to: Rows::packed(columns),
        };
        let [first, second] = &self.attention;
        kernels().layer(&layer(first, series, SERIES, ATTENTION), hidden);
        kernels().tanh(&mut hidden[..frames * ATTENTION]);
        kernels().layer(&layer(second, hidden, ATTENTION, SERIES), attention);
    }

    /// Weighed mean and deviation of each channel over time, and what the last layer makes of them.
    fn statistics(&self, series: &[f32], attention: &[f32]) -> f32 {
        let mut most = [f32::MIN; SERIES];
        for row in attention.chunks_exact(SERIES) {
            most.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
        }
        let (mut shares, mut sums, mut squares) = ([0.0; SERIES], [0.0; SERIES], [0.0; SERIES]);
        for (row, attention) in series.chunks_exact(SERIES).zip(attention.chunks_exact(SERIES)) {
            for channel in 0..SERIES {
                let share = (attention[channel] - most[channel]).exp();
                shares[channel] += share;
                sums[channel] += share * row[channel];
                squares[channel] += share * row[channel] * row[channel];
            }
        }
        let (of_means, of_deviations) = self.output.split_at(SERIES);
        let mut logit = self.bias;
        for channel in 0..SERIES {
            let mean = sums[channel] / shares[channel];
            let variance = (squares[channel] / shares[channel] - mean * mean).max(0.0);
            logit += of_means[channel] * mean + of_deviations[channel] * (variance + LEAST_VARIANCE).sqrt();
        }
        logit
    }
}

impl Convolution {
    /// Returns the shape of what it wrote.
    fn run(&self, input: &[f32], shape: Shape, output: &mut Vec<f32>) -> Shape {
        let to = Shape {
            bins: shape.bins.div_ceil(self.frequency),
            frames: shape.frames.div_ceil(self.time),
            channels: self.matrix.columns(),
        };
        to.room(output);
        for bin in 0..to.bins {
            let layer = Layer {
                matrix: &self.matrix,
                input,
                from: shape.before(bin * self.frequency, self.time),
                runs: &shape.around(),
                count: to.frames,
                then: Then::Relu,
                to: to.rows(bin),
            };
            kernels().layer(&layer, output);
        }
        to
    }
}

/// Digital silence must not tell synthesis from speech: what lies further below the mean is raised.
fn floored(window: &[f32], floor: f32, raised: &mut Vec<f32>) {
    let mean = window.iter().map(|&value| f64::from(value)).sum::<f64>() / window.len() as f64;
    let least = mean as f32 - floor;
    raised.clear();
    raised.extend(window.iter().map(|value| value.max(least)));
}
