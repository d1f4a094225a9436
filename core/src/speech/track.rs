//! A store that grows with the speech of a call: blocks of values enter, those in or near speech stay.
//!
//! Behind its settled length a track holds the blocks about which the [`super::segmenter`] has not decided, and the
//! last blocks before speech may begin. Forgetting them is a truncation, settling them costs nothing.
//!
//! # Realtime safety
//! Everything is reserved by [`Track::new`]; a full track ignores what comes. In silence a block costs one move of the
//! few blocks that are held.

use zeroize::{DefaultIsZeroes, Zeroize};

use super::segmenter::{MOST_UNDECIDED, Verdict};

/// What is kept with the speech, in blocks of 32 ms.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Margins {
    /// Before it begins; at most [`MOST_BEFORE`].
    pub(crate) before: usize,
    /// After it has ended.
    pub(crate) after: usize,
    /// The newest of its blocks wait for the next one that is speech: what ends the speech is not kept. Not together with
    /// `after`.
    pub(crate) late: usize,
}

/// Most blocks that are kept before speech.
pub(crate) const MOST_BEFORE: usize = 12;
/// Most blocks that wait for the next one.
const MOST_LATE: usize = 1;
const MOST_HELD: usize = MOST_BEFORE + MOST_LATE + MOST_UNDECIDED + 1;

/// One kind of values. Wiped when dropped: what was written of it, so that room that no speech came for is never touched.
#[derive(Debug)]
pub(crate) struct Track<T: DefaultIsZeroes> {
    values: Vec<T>,
    /// The greatest length so far.
    written: usize,
    settled: usize,
    /// Where each block behind the settled part begins, oldest first.
    held: [usize; MOST_HELD],
    held_blocks: usize,
    margins: Margins,
    /// Blocks that may still be kept although they are not speech.
    margin_budget: usize,
    /// Blocks since the last one that was speech.
    since_speech: usize,
    /// How many of the held blocks came before speech may have begun.
    leading: usize,
}

impl<T: DefaultIsZeroes> Drop for Track<T> {
    fn drop(&mut self) {
        self.settled = 0;
        self.wipe_unsettled();
    }
}

impl<T: DefaultIsZeroes> Track<T> {
    /// Room for `blocks` blocks of speech and `margin_blocks` around it, of at most `block_length` values each.
    pub(crate) fn new(blocks: usize, margin_blocks: usize, block_length: usize, margins: Margins) -> Self {
        debug_assert!(margins.before <= MOST_BEFORE && margins.late <= MOST_LATE);
        debug_assert!(margins.late == 0 || margins.after == 0);
        Self {
            values: Vec::with_capacity((blocks + margin_blocks + MOST_HELD) * block_length),
            written: 0,
            settled: 0,
            held: [0; MOST_HELD],
            held_blocks: 0,
            margins,
            margin_budget: margin_blocks,
            since_speech: usize::MAX,
            leading: 0,
        }
    }

    /// Begins a block; its values follow.
    pub(crate) fn begin_block(&mut self) {
        debug_assert!(self.held_blocks < MOST_HELD);
        self.held[self.held_blocks] = self.values.len();
        self.held_blocks += 1;
    }

    /// Adds values to the block.
    pub(crate) fn add(&mut self, values: &[T]) {
        if self.values.len() + values.len() <= self.values.capacity() {
            self.values.extend_from_slice(values);
            self.written = self.written.max(self.values.len());
        }
    }

    /// Ends the block.
    pub(crate) fn end_block(&mut self, verdict: Verdict) {
        if verdict == Verdict::Speech {
            self.forget_leading_beyond(self.margin_budget);
            self.margin_budget -= self.leading;
            self.since_speech = 0;
            self.settle();
            return;
        }
        self.since_speech = self.since_speech.saturating_add(1);
        if self.since_speech <= self.margins.after && self.margin_budget > 0 {
            self.margin_budget -= 1;
            self.settle();
        } else if verdict == Verdict::Silence {
            self.leading = self.held_blocks;
            self.forget_leading_beyond(self.margins.before);
        }
    }

    /// Values that are settled.
    pub(crate) fn settled(&self) -> usize {
        self.settled
    }

    /// Bytes that are reserved for values.
    pub(crate) fn room(&self) -> usize {
        self.values.capacity() * size_of::<T>()
    }

    /// A copy of that share of the settled values, the newest: whole rows of so many values.
    pub(crate) fn newest(&self, share: f64, row: usize) -> Vec<T> {
        let rows = (self.settled / row) as f64 * share.clamp(0.0, 1.0);
        self.values[self.settled - rows.round() as usize * row..self.settled].to_vec()
    }

    /// Gives the settled values away without copying them; whatever else was written is wiped. The track is of no use
    /// afterwards.
    pub(crate) fn take_settled(&mut self) -> Vec<T> {
        self.wipe_unsettled();
        self.written = 0;
        std::mem::take(&mut self.values)
    }

    fn wipe_unsettled(&mut self) {
        self.values.resize(self.written, T::default());
        self.values[self.settled..].zeroize();
        self.values.truncate(self.settled);
    }

    /// Settles what is held but the latest blocks.
    fn settle(&mut self) {
        let settled = self.held_blocks.saturating_sub(self.margins.late);
        self.settled = self.held[..self.held_blocks].get(settled).copied().unwrap_or(self.values.len());
        self.held.copy_within(settled..self.held_blocks, 0);
        self.held_blocks -= settled;
        self.leading = 0;
    }

    /// Forgets the oldest leading blocks until at most `kept` are left.
    fn forget_leading_beyond(&mut self, kept: usize) {
        let forgotten = self.leading.saturating_sub(kept);
        if forgotten == 0 {
            return;
        }
        let from = if forgotten < self.held_blocks { self.held[forgotten] } else { self.values.len() };
        let moved = from - self.settled;
        self.values.copy_within(from.., self.settled);
        self.values.truncate(self.values.len() - moved);
        self.held.copy_within(forgotten..self.held_blocks, 0);
        self.held_blocks -= forgotten;
        self.leading -= forgotten;
        self.held[..self.held_blocks].iter_mut().for_each(|start| *start -= moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Silence, Speech, Undecided};
    use proptest::prelude::*;

    const ONE: Margins = Margins { before: 1, after: 1, late: 0 };

    /// Feeds blocks of one value, numbered from 1, and returns the values that stay.
    fn kept(margins: Margins, blocks: usize, verdicts: &[Verdict]) -> Vec<i16> {
        let mut track = Track::new(blocks, blocks, 1, margins);
        let capacity = track.values.capacity();
        for (i, &verdict) in verdicts.iter().enumerate() {
            track.begin_block();
            track.add(&[i as i16 + 1]);
            track.end_block(verdict);
        }
        assert_eq!(track.values.capacity(), capacity, "a track never grows");
        track.take_settled()
    }

    #[test]
    fn speech_takes_the_blocks_before_it_along() {
        let verdicts = [Silence, Silence, Silence, Undecided, Undecided, Speech];
        assert_eq!(kept(ONE, 32, &verdicts), [3, 4, 5, 6]);
        let before = |before| Margins { before, ..Margins::default() };
        assert_eq!(kept(before(2), 32, &verdicts), [2, 3, 4, 5, 6]);
        assert_eq!(kept(before(9), 32, &verdicts), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn speech_keeps_the_blocks_after_it() {
        let verdicts = [Speech, Undecided, Undecided, Undecided, Silence, Silence, Silence];
        assert_eq!(kept(ONE, 32, &verdicts), [1, 2]);
        assert_eq!(kept(Margins { after: 5, ..ONE }, 32, &verdicts), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn speech_can_be_kept_without_the_block_that_ends_it() {
        let late = Margins { before: 1, after: 0, late: 1 };
        let verdicts =
            [Silence, Undecided, Undecided, Speech, Speech, Undecided, Speech, Undecided, Silence, Silence];
        assert_eq!(kept(late, 32, &verdicts), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(late, 32, &[Silence, Silence, Speech].repeat(3)), [2, 5, 8]);
    }

    #[test]
    fn a_pause_inside_speech_is_kept_whole() {
        assert_eq!(kept(ONE, 32, &[Speech, Undecided, Undecided, Undecided, Speech]), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_not_decided_does_not_stay() {
        assert_eq!(kept(ONE, 32, &[Silence, Undecided, Undecided]), [0; 0]);
    }

    #[test]
    fn margins_are_given_up_before_speech_is() {
        let bursts = [Silence, Silence, Speech].repeat(4);
        let margins = Margins { before: 2, ..Margins::default() };
        assert_eq!(kept(margins, 4, &bursts), [1, 2, 3, 4, 5, 6, 9, 12]);
    }

    proptest! {
        #[test]
        fn the_values_that_stay_are_in_order_and_every_speech_block_is_among_them(
            probabilities in proptest::collection::vec(0.0f32..1.0, 0..200),
            before in 0..MOST_BEFORE,
            after in 0usize..30,
        ) {
            let mut segmenter = crate::speech::segmenter::Segmenter::default();
            let verdicts: Vec<_> = probabilities.iter().map(|&p| segmenter.step(p, || true)).collect();
            let kept = kept(Margins { before, after, late: 0 }, 200, &verdicts);
            prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
            for (i, verdict) in verdicts.iter().enumerate() {
                prop_assert!(*verdict != Speech || kept.contains(&(i as i16 + 1)));
            }
        }
    }
}
