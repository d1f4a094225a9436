//! CAM++ (arXiv 2303.00332), computed by our own loops: log-mel features enter, 192 numbers leave.
//!
//! ```text
//! features [T][80] ─ less each bin's mean ─ head: 3×3 convolutions over frequency and time ─ [T][10 · 32]
//!                  ─ a convolution over time, of every second frame ─ [T/2][128]
//!                  ─ three blocks of layers that each append 32 channels, gated by what the whole call sounds like
//!                  ─ mean and deviation over time ─ 192 numbers
//! ```
//!
//! Everything lies with its channels innermost, and borders of zeros around it, so that every convolution is a product of
//! overlapping rows with a matrix ([`crate::simd::Layer`]). Batch norms are folded into the weights by the converter
//! (`models/convert/campplus.py`), but for those that follow a concatenation. Any number of frames from
//! [`LEAST_FRAMES`] on; nothing is allocated once a [`Workspace`] has held as many.

mod blocks;
mod head;
mod heard;
mod product;

use super::Pause;
use super::graph_file::{Weights, WeightsError};
use super::windows::column_means;
use crate::simd::{Ahead, Aligned, Layer, Matrix, Rows, Then, kernels};
use crate::speech::fbank::BINS;
use blocks::Block;
use head::Head;
use heard::moments;
use product::{Bytes, Entering, Factor, Product, UNKNOWN};

pub(crate) use heard::{Heard, NUMBERS as HEARD};

/// Numbers in an embedding.
pub const DIMENSIONS: usize = 192;
/// Fewer frames have no deviation.
pub(crate) const LEAST_FRAMES: usize = 3;
/// Layers and dilation of each block.
const BLOCKS: [(usize, usize); 3] = [(12, 1), (24, 2), (16, 2)];
/// Channels that enter the first block.
const FIRST: usize = 128;
/// Channels that a layer appends.
const GROWTH: usize = 32;
/// Frames on either side that a convolution over time may look at.
const BORDER: usize = 2;
/// Frames that the convolution before the blocks looks at.
const SPAN: usize = 5;

/// The network.
#[derive(Debug)]
pub(crate) struct CamPlus {
    head: Head,
    /// From the head to the first block.
    tdnn: Factor,
    blocks: Vec<Block>,
    dense: Matrix,
    bytes: Bytes,
}

/// Everything that lies between two layers. One for each thread that computes.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    head: head::Images,
    /// What leaves the head: frames with a border.
    flat: Entering,
    /// What enters a block, and room for what its layers append; by turns.
    channels: [Aligned<f32>; 2],
    layer: blocks::Between,
    statistics: Aligned<f32>,
}

impl CamPlus {
    /// The network of an ONNX file that the converter wrote; of bytes, if there are loops for them.
    pub(crate) fn read(onnx: &[u8], bytes: Bytes) -> Result<Self, WeightsError> {
        let mut weights = Weights::read(onnx)?;
        let head = Head::take(&mut weights, bytes)?;
        let tdnn = {
            let flat = head::CHANNELS * head::BINS_LEFT;
            let values = weights.take("tdnn.weight", &[FIRST, flat, SPAN])?;
            let bias = weights.take("tdnn.bias", &[FIRST])?;
            // The published order is channels of bins; ours is bins of channels.
            Factor::new(
                bytes,
                1,
                SPAN * flat,
                &bias,
                |row, column| {
                    let (frame, bin, channel) =
                        (row / flat, row % flat / head::CHANNELS, row % head::CHANNELS);
                    values[(column * flat + channel * head::BINS_LEFT + bin) * SPAN + frame]
                },
                |_| UNKNOWN,
            )
        };
        let mut blocks = Vec::new();
        let mut channels = FIRST;
        for (number, layers) in (1..).zip(BLOCKS) {
            blocks.push(Block::take(&mut weights, number, channels, layers, bytes)?);
            channels = (channels + layers.0 * GROWTH) / 2;
        }
        let values = weights.take("dense.weight", &[DIMENSIONS, 2 * channels, 1])?;
        let bias = weights.take("dense.bias", &[DIMENSIONS])?;
        let dense =
            Matrix::new(kernels(), 1, 2 * channels, &bias, |row, column| values[column * 2 * channels + row]);
        Ok(Self { head, tdnn, blocks, dense, bytes })
    }

    /// The embedding of log-mel features, row by row, at least [`LEAST_FRAMES`]; each bin's mean over the rows is taken away first.
    /// Not of length 1. The workspace grows to 35 kB for each row; a second of speech takes 5 ms of a core with AVX-512. What is
    /// heard on the way is told where it is asked for. Between two layers it makes a pause.
    pub(crate) fn run(
        &self,
        features: &[f32],
        workspace: &mut Workspace,
        mut heard: Option<&mut Heard>,
        pause: Pause<'_>,
    ) -> [f32; DIMENSIONS] {
        let frames = features.len() / BINS;
        assert!(frames >= LEAST_FRAMES && features.len() == frames * BINS, "not whole frames, or too few");
        let Workspace { head, flat, channels, layer, statistics } = workspace;
        let width = head::CHANNELS * head::BINS_LEFT;
        let (border, all) = (BORDER * width, (frames + 2 * BORDER) * width);
        flat.values.hold(all);
        flat.values[..border].fill(0.0);
        flat.values[all - border..all].fill(0.0);
        if let Some(heard) = &mut heard {
            heard.begin();
        }
        let means = column_means(features);
        self.head.run(features, &means, head, &mut flat.values[border..], heard.as_deref_mut(), pause);
        if let Some(heard) = &mut heard {
            let place = |bin| Rows { first: border + bin * head::CHANNELS, step: width };
            heard.add(&flat.values, frames, (head::BINS_LEFT, head::CHANNELS), place);
        }

        flat.round(self.bytes, all);
        let frames = frames.div_ceil(2);
        let [current, next] = channels;
        let mut input = Rows::packed(self.blocks[0].width());
        current.hold(frames * input.step);
        let tdnn = Product {
            from: Rows::packed(2 * width),
            runs: &[0],
            count: frames,
            then: Then::Relu,
            to: input,
            ahead: self.blocks[0].ahead(),
        };
        self.tdnn.multiply(flat, tdnn, current);
        let (mut current, mut next) = (current, next);
        let mut entering = FIRST;
        for (number, block) in self.blocks.iter().enumerate() {
            if let Some(heard) = &mut heard {
                heard.add(current, frames, (1, entering), |_| input);
            }
            block.run(frames, current, layer, pause);
            let output = Rows::packed(self.blocks.get(number + 1).map_or(block.leaving(), Block::width));
            next.hold(frames * output.step);
            let then = if number + 1 == self.blocks.len() { Then::Relu } else { Then::Keep };
            let ahead = self.blocks.get(number + 1).map_or(self.dense.ahead(), Block::ahead);
            block.leave(frames, current, layer, then, (output, next), ahead);
            (current, next) = (next, current);
            input = output;
            entering = block.leaving();
        }
        moments(current, input, entering, frames, statistics);
        let mut embedding = [0.0; DIMENSIONS];
        let dense = Layer {
            matrix: &self.dense,
            input: statistics,
            from: Rows::packed(0),
            runs: &[0],
            count: 1,
            then: Then::Keep,
            to: Rows::packed(0),
            ahead: Ahead::UNKNOWN,
        };
        kernels().layer(&dense, &mut embedding);
        embedding
    }
}
