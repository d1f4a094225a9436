//! What the network hears on its way: its layers' channels enter, the mean and the deviation of each over time leave.
//!
//! A speaker network forgets on its way to the embedding how a voice was made, and knows it before: synthesis is told from
//! speech by these numbers (`models/authenticity/CARD.md`).

use super::super::image::hold;
use crate::simd::Rows;

/// Numbers in all.
pub(crate) const NUMBERS: usize = 2 * (640 + 320 + 128 + 256 + 512);

/// Layer by layer: the mean of each channel, then its deviation, unbiased. A channel of several bins counts for each; bins
/// innermost.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    values: Vec<f32>,
    moments: Vec<f32>,
}

impl Heard {
    /// The [`NUMBERS`] of a run.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Forgets an earlier run.
    pub(super) fn begin(&mut self) {
        self.values.clear();
        self.values.reserve(NUMBERS);
    }

    /// Adds a layer: `count` frames of `channels` for each bin, where `place` says.
    pub(super) fn add(
        &mut self,
        input: &[f32],
        count: usize,
        (bins, channels): (usize, usize),
        place: impl Fn(usize) -> Rows,
    ) {
        let mut layer = self.layer(bins, channels);
        (0..bins).for_each(|bin| layer.add(bin, input, place(bin), count));
    }

    /// Begins a layer whose bins are added one by one.
    pub(super) fn layer(&mut self, bins: usize, channels: usize) -> HeardLayer<'_> {
        let begin = self.values.len();
        self.values.resize(begin + 2 * bins * channels, 0.0);
        HeardLayer { values: &mut self.values[begin..], moments: &mut self.moments, bins, channels }
    }
}

/// A layer of which some bins have been heard.
pub(super) struct HeardLayer<'a> {
    values: &'a mut [f32],
    moments: &'a mut Vec<f32>,
    bins: usize,
    channels: usize,
}

impl HeardLayer<'_> {
    /// Adds a bin: `count` rows.
    pub(super) fn add(&mut self, bin: usize, input: &[f32], rows: Rows, count: usize) {
        let (bins, channels) = (self.bins, self.channels);
        moments(input, rows, channels, count, self.moments);
        let (means, deviations) = self.moments[..2 * channels].split_at(channels);
        let (to_means, to_deviations) = self.values.split_at_mut(bins * channels);
        for (channel, (&mean, &deviation)) in means.iter().zip(deviations).enumerate() {
            to_means[channel * bins + bin] = mean;
            to_deviations[channel * bins + bin] = deviation;
        }
    }
}

/// Mean over time of each channel, then its deviation, unbiased.
pub(super) fn moments(input: &[f32], rows: Rows, channels: usize, count: usize, moments: &mut Vec<f32>) {
    let frames = || input[rows.first..].chunks(rows.step).take(count).map(|frame| &frame[..channels]);
    hold(moments, 2 * channels);
    let (means, deviations) = moments[..2 * channels].split_at_mut(channels);
    means.fill(0.0);
    deviations.fill(0.0);
    for frame in frames() {
        means.iter_mut().zip(frame).for_each(|(mean, value)| *mean += value);
    }
    means.iter_mut().for_each(|mean| *mean /= count as f32);
    for frame in frames() {
        for ((deviation, mean), value) in deviations.iter_mut().zip(&*means).zip(frame) {
            *deviation += (value - mean) * (value - mean);
        }
    }
    deviations.iter_mut().for_each(|deviation| *deviation = (*deviation / (count as f32 - 1.0)).sqrt());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_heard_as_the_mean_and_the_deviation_of_each_channel_bins_innermost() {
        // Two bins of three frames of two channels, and something between that is not theirs.
        let input =
            [1.0, 10.0, 9.9, 2.0, 20.0, 9.9, 3.0, 30.0, 9.9, 5.0, 50.0, 9.9, 5.0, 50.0, 9.9, 8.0, 50.0, 9.9];
        let mut heard = Heard::default();
        heard.add(&input, 3, (2, 2), |bin| Rows { first: 9 * bin, step: 3 });
        let deviation = 3f32.sqrt();
        assert_eq!(heard.values(), [2.0, 6.0, 20.0, 50.0, 1.0, deviation, 10.0, 0.0]);
    }
}
