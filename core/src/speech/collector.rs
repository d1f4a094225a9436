//! Keeps the speech of a call: blocks with their features enter, those in or near speech leave.

use std::sync::OnceLock;

use zeroize::{Zeroize, Zeroizing};

use super::segmenter::Verdict;
use super::track::{Margins, Track};
use super::{fbank, power, spectrum};
use crate::SampleRate;

/// Rows of either kind that one block can complete, at most: 32 ms hold 3.2 hops of 10 ms.
const ROWS_PER_BLOCK: usize = 4;

/// Net speech. The detector is a block late: what it says of one fits the block before (`docs/speech-detection.md`).
const NET_SPEECH: Margins = Margins { before: 1, after: 0, late: 1 };
/// For the quality gate of the band: one block of padding keeps soft onsets and endings.
const PADDED_SPEECH: Margins = Margins { before: 1, after: 1, late: 0 };
/// The speaker network has learnt on whole utterances; without the pauses around the words its errors rise
/// (`docs/front-end.md`).
const AROUND_SPEECH: Margins = Margins { before: 6, after: 16, late: 0 };

/// A natural logarithm, in 1/1024 above −32: half of the memory, with an error of 0.0005 where speech varies by units.
type Level = u16;
const LEVELS_PER_UNIT: f32 = 1024.0;
const LOWEST: f32 = -32.0;

/// What cannot be written becomes the nearest that can.
fn level(logarithm: f32) -> Level {
    // The cast cuts off, saturates, and makes 0 of what is no number.
    ((logarithm - LOWEST) * LEVELS_PER_UNIT + 0.5) as Level
}

fn logarithms(levels: &[Level]) -> Zeroizing<Vec<f32>> {
    Zeroizing::new(levels.iter().map(|&level| f32::from(level) / LEVELS_PER_UNIT + LOWEST).collect())
}

/// The speech stores of one call. Wiped when dropped.
#[derive(Debug)]
pub(crate) struct Collector {
    samples: Track<i16>,
    features: Track<Level>,
    spectra: Track<Level>,
}

/// A few logarithms at a time go through a buffer on the stack.
fn add_levels(track: &mut Track<Level>, logarithms: &[f32]) {
    let mut levels = [0; fbank::BINS];
    for logarithms in logarithms.chunks(levels.len()) {
        let levels = &mut levels[..logarithms.len()];
        levels.iter_mut().zip(logarithms).for_each(|(out, &x)| *out = level(x));
        track.add(levels);
    }
}

/// What a call leaves behind. Wiped when dropped.
#[derive(Debug)]
pub(crate) struct Collected {
    /// Net speech.
    pub(crate) samples: Vec<i16>,
    features: Rows,
    spectra: Rows,
    powers: OnceLock<Vec<f64>>,
}

/// Rows as they were kept, and as logarithms: a decision asks for them several times, quality gates first.
#[derive(Debug, Default)]
struct Rows {
    levels: Vec<Level>,
    logarithms: OnceLock<Zeroizing<Vec<f32>>>,
}

impl Rows {
    fn of(levels: Vec<Level>) -> Self {
        Self { levels, logarithms: OnceLock::new() }
    }

    fn logarithms(&self) -> &[f32] {
        self.logarithms.get_or_init(|| logarithms(&self.levels))
    }
}

impl Drop for Collected {
    /// The values, not the room behind them: nothing has been written there, or it was wiped when they were taken.
    fn drop(&mut self) {
        self.samples.as_mut_slice().zeroize();
        self.features.levels.as_mut_slice().zeroize();
        self.spectra.levels.as_mut_slice().zeroize();
    }
}

impl Collected {
    /// Speech without rows.
    #[cfg(test)]
    pub(crate) fn of_samples(samples: Vec<i16>) -> Self {
        Self { samples, features: Rows::default(), spectra: Rows::default(), powers: OnceLock::new() }
    }

    /// Powers of the samples' frames, the quietest first. Computed when they are first asked for.
    pub(crate) fn powers(&self, rate: SampleRate) -> &[f64] {
        self.powers.get_or_init(|| power::ascending(&self.samples, rate))
    }

    /// Rows of [`fbank::BINS`], in and around speech. Decoded when they are first asked for.
    pub(crate) fn features(&self) -> &[f32] {
        self.features.logarithms()
    }

    /// Rows of [`spectrum::BINS`], in speech and a block around it. Decoded when they are first asked for.
    pub(crate) fn spectra(&self) -> &[f32] {
        self.spectra.logarithms()
    }
}

impl Collector {
    /// Room for that many blocks of `block_samples` samples each.
    pub(crate) fn new(blocks: usize, block_samples: usize) -> Self {
        // A quarter of the net speech may be the block before it, if it comes in the shortest bursts; as it counts as net
        // speech, both together fill the blocks. What else is around speech does not count.
        let before = blocks / 4;
        Self {
            samples: Track::new(blocks - before, before, block_samples, NET_SPEECH),
            features: Track::new(blocks, blocks, ROWS_PER_BLOCK * fbank::BINS, AROUND_SPEECH),
            // As many blocks around it as before it: a call of nothing but the shortest bursts goes without some padding.
            spectra: Track::new(blocks, before, ROWS_PER_BLOCK * spectrum::BINS, PADDED_SPEECH),
        }
    }

    /// Begins a block with its samples; its rows follow.
    pub(crate) fn begin_block(&mut self, samples: &[i16]) {
        self.samples.begin_block();
        self.features.begin_block();
        self.spectra.begin_block();
        self.samples.add(samples);
    }

    /// Adds rows for the speaker network.
    pub(crate) fn add_features(&mut self, rows: &[f32]) {
        add_levels(&mut self.features, rows);
    }

    /// Adds rows of the telephone band's spectrum.
    pub(crate) fn add_spectra(&mut self, rows: &[f32]) {
        add_levels(&mut self.spectra, rows);
    }

    /// Ends the block.
    pub(crate) fn end_block(&mut self, verdict: Verdict) {
        self.samples.end_block(verdict);
        self.features.end_block(verdict);
        self.spectra.end_block(verdict);
    }

    /// Samples of net speech.
    pub(crate) fn net_samples(&self) -> usize {
        self.samples.settled()
    }

    /// Bytes that are reserved for speech.
    pub(crate) fn room(&self) -> usize {
        self.samples.room() + self.features.room() + self.spectra.room()
    }

    /// A copy of the newest of it: so many samples of net speech, and as great a share of the rows.
    pub(crate) fn newest(&self, samples: usize) -> Collected {
        let share = samples as f64 / self.samples.settled().max(1) as f64;
        Collected {
            samples: self.samples.newest(share, 1),
            features: Rows::of(self.features.newest(share, fbank::BINS)),
            spectra: Rows::of(self.spectra.newest(share, spectrum::BINS)),
            powers: OnceLock::new(),
        }
    }

    /// Takes what has been collected; an empty collector without room stays.
    pub(crate) fn take(&mut self) -> Collected {
        let mut whole = std::mem::replace(self, Self::new(0, 0));
        Collected {
            samples: whole.samples.take_settled(),
            features: Rows::of(whole.features.take_settled()),
            spectra: Rows::of(whole.spectra.take_settled()),
            powers: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_logarithm_comes_back_from_memory(logarithm in -32.0f32..31.99) {
            let back = logarithms(&[level(logarithm)])[0];
            prop_assert!((back - logarithm).abs() <= 0.000_5, "{back} of {logarithm}");
        }
    }

    #[test]
    fn a_logarithm_out_of_range_is_the_nearest_there_is() {
        assert_eq!(*logarithms(&[level(-1e9), level(1e9)]), [-32.0, 32.0 - 1.0 / 1024.0]);
    }
}
