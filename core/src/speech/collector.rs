//! Keeps the speech of a call: blocks with their features enter, the settled part of them leaves.
//!
//! Three stores grow side by side: samples, rows for the speaker network, rows for the authenticity network. Behind
//! their settled length they hold the blocks about which the [`super::segmenter`] has not decided; forgetting those is
//! a truncation, so nothing is copied twice.
//!
//! # Realtime safety
//! Everything is reserved by [`Collector::new`]; a full collector ignores what comes.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::segmenter::Verdict;
use super::{fbank, spectrum};

/// Rows of either kind that one block can complete, at most: 32 ms hold 3.2 hops of 10 ms.
const ROWS_PER_BLOCK: usize = 4;

/// A length of the three stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    samples: usize,
    features: usize,
    spectra: usize,
}

/// The speech stores of one call. Wiped when dropped.
#[derive(Debug, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Collector {
    samples: Vec<i16>,
    features: Vec<f32>,
    spectra: Vec<f32>,
    #[zeroize(skip)]
    settled: Mark,
    /// Where the speech ends if no more comes.
    #[zeroize(skip)]
    padding: Mark,
    /// Where the current block begins.
    #[zeroize(skip)]
    block: Mark,
    #[zeroize(skip)]
    full: bool,
}

impl Collector {
    /// Room for that many blocks of `block_samples` samples each.
    pub(crate) fn new(blocks: usize, block_samples: usize) -> Self {
        Self {
            samples: Vec::with_capacity(blocks * block_samples),
            features: Vec::with_capacity(blocks * ROWS_PER_BLOCK * fbank::BINS),
            spectra: Vec::with_capacity(blocks * ROWS_PER_BLOCK * spectrum::BINS),
            settled: Mark::default(),
            padding: Mark::default(),
            block: Mark::default(),
            full: false,
        }
    }

    /// Begins a block with its samples; its rows follow.
    pub(crate) fn begin_block(&mut self, samples: &[i16]) {
        self.block = self.end();
        self.full = self.samples.len() + samples.len() > self.samples.capacity();
        if !self.full {
            self.samples.extend_from_slice(samples);
        }
    }

    /// Adds a row for the speaker network.
    pub(crate) fn add_features(&mut self, row: &[f32; fbank::BINS]) {
        if !self.full && self.features.len() + row.len() <= self.features.capacity() {
            self.features.extend_from_slice(row);
        }
    }

    /// Adds a row for the authenticity network.
    pub(crate) fn add_spectrum(&mut self, row: &[f32; spectrum::BINS]) {
        if !self.full && self.spectra.len() + row.len() <= self.spectra.capacity() {
            self.spectra.extend_from_slice(row);
        }
    }

    /// Ends the block.
    pub(crate) fn end_block(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Hold => {}
            Verdict::HoldAsPadding => self.padding = self.end(),
            Verdict::Settle => self.settled = self.end(),
            Verdict::Lead => self.keep_only_block(),
            Verdict::SettlePadding => {
                self.settled = self.padding;
                self.keep_only_block();
            }
        }
    }

    /// Samples that are settled as speech.
    pub(crate) fn settled_samples(&self) -> usize {
        self.settled.samples
    }

    /// Forgets what is not settled. Call once, at the end.
    pub(crate) fn into_settled(mut self) -> (Vec<i16>, Vec<f32>, Vec<f32>) {
        self.truncate(self.settled);
        (
            std::mem::take(&mut self.samples),
            std::mem::take(&mut self.features),
            std::mem::take(&mut self.spectra),
        )
    }

    fn end(&self) -> Mark {
        Mark { samples: self.samples.len(), features: self.features.len(), spectra: self.spectra.len() }
    }

    /// Moves the current block behind the settled part and forgets what lay between: it leads what may come.
    fn keep_only_block(&mut self) {
        let (block, end, settled) = (self.block, self.end(), self.settled);
        self.samples.copy_within(block.samples.., settled.samples);
        self.features.copy_within(block.features.., settled.features);
        self.spectra.copy_within(block.spectra.., settled.spectra);
        self.truncate(Mark {
            samples: settled.samples + end.samples - block.samples,
            features: settled.features + end.features - block.features,
            spectra: settled.spectra + end.spectra - block.spectra,
        });
    }

    fn truncate(&mut self, mark: Mark) {
        self.samples.truncate(mark.samples);
        self.features.truncate(mark.features);
        self.spectra.truncate(mark.spectra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Hold, HoldAsPadding, Lead, Settle, SettlePadding};

    /// Feeds one-sample blocks numbered from 1 and returns the samples that are settled.
    fn settled(verdicts: &[Verdict]) -> Vec<i16> {
        let mut collector = Collector::new(32, 1);
        for (i, &verdict) in verdicts.iter().enumerate() {
            collector.begin_block(&[i as i16 + 1]);
            collector.add_features(&[i as f32; fbank::BINS]);
            collector.end_block(verdict);
        }
        let (samples, features, _) = collector.into_settled();
        let from_features: Vec<i16> = features.chunks(fbank::BINS).map(|row| row[0] as i16 + 1).collect();
        assert_eq!(samples, from_features, "samples and features stay side by side");
        samples
    }

    #[test]
    fn speech_takes_the_block_before_it_along() {
        assert_eq!(settled(&[Lead, Lead, Hold, Hold, Settle]), [2, 3, 4, 5]);
    }

    #[test]
    fn speech_ends_behind_its_padding_and_the_last_quiet_block_may_lead_again() {
        let verdicts = [Hold, Hold, Settle, HoldAsPadding, Hold, Hold, SettlePadding, Hold, Hold, Settle];
        assert_eq!(settled(&verdicts), [1, 2, 3, 4, 7, 8, 9, 10]);
    }

    #[test]
    fn what_is_not_settled_is_not_speech() {
        assert_eq!(settled(&[Lead, Hold, Hold]), [0; 0]);
    }

    #[test]
    fn a_full_collector_ignores_what_comes_and_never_grows() {
        let mut collector = Collector::new(2, 4);
        let capacity = collector.samples.capacity();
        for _ in 0..100 {
            collector.begin_block(&[1; 4]);
            collector.add_features(&[0.0; fbank::BINS]);
            collector.end_block(Settle);
        }
        assert!(collector.settled_samples() <= capacity);
        assert_eq!(collector.samples.capacity(), capacity);
    }
}
