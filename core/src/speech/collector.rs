//! Keeps the speech of a call: blocks with their features enter, those in or near speech leave.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::segmenter::Verdict;
use super::track::{Margins, Track};
use super::{fbank, spectrum};

/// Rows of either kind that one block can complete, at most: 32 ms hold 3.2 hops of 10 ms.
const ROWS_PER_BLOCK: usize = 4;

/// Net speech, and what the authenticity network was trained on: one block of padding keeps soft onsets and endings.
const SPEECH: Margins = Margins { before: 1, after: 1 };
/// The speaker network has learnt on whole utterances; without the pauses around the words its errors rise
/// (`docs/front-end.md`).
const AROUND_SPEECH: Margins = Margins { before: 6, after: 16 };

/// The speech stores of one call. Wiped when dropped.
#[derive(Debug, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Collector {
    samples: Track<i16>,
    features: Track<f32>,
    spectra: Track<f32>,
}

/// What a call leaves behind.
#[derive(Debug)]
pub(crate) struct Collected {
    /// Net speech.
    pub(crate) samples: Vec<i16>,
    /// Rows of [`fbank::BINS`], in and around speech.
    pub(crate) features: Vec<f32>,
    /// Rows of [`spectrum::BINS`], in speech.
    pub(crate) spectra: Vec<f32>,
}

impl Collector {
    /// Room for that many blocks of `block_samples` samples each.
    pub(crate) fn new(blocks: usize, block_samples: usize) -> Self {
        // Half of a call may be the padding of net speech, if it comes in the shortest bursts; as it counts as net
        // speech, both together fill the blocks. What is around speech does not count.
        let padding = blocks / 2;
        Self {
            samples: Track::new(blocks - padding, padding, block_samples, SPEECH),
            features: Track::new(blocks, blocks, ROWS_PER_BLOCK * fbank::BINS, AROUND_SPEECH),
            spectra: Track::new(blocks - padding, padding, ROWS_PER_BLOCK * spectrum::BINS, SPEECH),
        }
    }

    /// Begins a block with its samples; its rows follow.
    pub(crate) fn begin_block(&mut self, samples: &[i16]) {
        self.samples.begin_block();
        self.features.begin_block();
        self.spectra.begin_block();
        self.samples.add(samples);
    }

    /// Adds a row for the speaker network.
    pub(crate) fn add_features(&mut self, row: &[f32; fbank::BINS]) {
        self.features.add(row);
    }

    /// Adds a row for the authenticity network.
    pub(crate) fn add_spectrum(&mut self, row: &[f32; spectrum::BINS]) {
        self.spectra.add(row);
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

    /// Takes what has been collected; an empty collector without room stays.
    pub(crate) fn take(&mut self) -> Collected {
        let mut whole = std::mem::replace(self, Self::new(0, 0));
        Collected {
            samples: whole.samples.take_settled(),
            features: whole.features.take_settled(),
            spectra: whole.spectra.take_settled(),
        }
    }
}
