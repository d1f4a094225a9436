//! What the network hears on its way: its layers' channels enter, the mean and the deviation of each over time leave.
//!
//! A speaker network forgets on its way to the embedding how a voice was made, and knows it before: synthesis is told from
//! speech by these numbers (`models/authenticity/CARD.md`).

use crate::simd::{Aligned, Rows, kernels};

/// Numbers in all.
pub(crate) const NUMBERS: usize = 2 * (640 + 320 + 128 + 256 + 512);

/// Layer by layer: the mean of each channel, then its deviation, unbiased. A channel of several bins counts for each; bins
/// innermost.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    values: Vec<f32>,
    moments: Aligned<f32>,
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
    moments: &'a mut Aligned<f32>,
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
pub(super) fn moments(input: &[f32], rows: Rows, channels: usize, count: usize, moments: &mut Aligned<f32>) {
    moments.hold(2 * channels);
    let (means, deviations) = moments[..2 * channels].split_at_mut(channels);
    means.fill(0.0);
    deviations.fill(0.0);
    kernels().add_rows(input, rows, count, means);
    means.iter_mut().for_each(|mean| *mean /= count as f32);
    kernels().add_squares(input, rows, count, means, deviations);
    deviations.iter_mut().for_each(|deviation| *deviation = (*deviation / (count as f32 - 1.0)).sqrt());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_heard_as_the_mean_and_the_deviation_of_each_channel_bins_innermost() {
        // Two bins of three frames of 32 channels, and something between that is not theirs.
        const CHANNELS: usize = 32;
        let step = CHANNELS + 1;
        let mut input = vec![9.9; 2 * 3 * step];
        for (row, value) in [1.0, 2.0, 3.0, 5.0, 5.0, 8.0].into_iter().enumerate() {
            (0..CHANNELS).for_each(|channel| input[row * step + channel] = value * (1 + channel) as f32);
        }
        let mut heard = Heard::default();
        heard.add(&input, 3, (2, CHANNELS), |bin| Rows { first: 3 * step * bin, step });
        let (means, deviations) = heard.values().split_at(2 * CHANNELS);
        for channel in 0..CHANNELS {
            let times = (1 + channel) as f32;
            assert_eq!(means[2 * channel..][..2], [2.0 * times, 6.0 * times]);
            assert_eq!(deviations[2 * channel], times);
            assert!((deviations[2 * channel + 1] / times - 3f32.sqrt()).abs() < 1e-6);
        }
    }
}
