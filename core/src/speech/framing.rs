//! Cuts a stream into overlapping frames: samples enter, every complete frame leaves, up to sixteen abreast.

use std::mem::MaybeUninit;

use zeroize::Zeroize;

use crate::simd::{Abreast, Aligned, OnLine, PANEL, kernels};

/// Overlapping frames of `size` samples, `hop` samples apart, counted from the first sample of the call.
///
/// # Realtime safety
/// Nothing is allocated after [`Framing::new`].
#[derive(Clone, Debug)]
pub(crate) struct Framing {
    size: usize,
    hop: usize,
    /// Samples that later frames still need, then the new ones, then room up to the end of a sixteenth frame.
    line: Aligned<f32>,
    held: usize,
}

impl Drop for Framing {
    fn drop(&mut self) {
        self.line.zeroize();
    }
}

impl Framing {
    /// Frames of pieces of at most `most` samples.
    ///
    /// # Panics
    /// If a piece could complete more frames than lie abreast.
    pub(crate) fn new(size: usize, hop: usize, most: usize) -> Self {
        assert!((most - 1) / hop < PANEL, "more frames than lie abreast");
        let mut line = Aligned::default();
        line.hold(size + (size + most).max((PANEL - 1) * hop));
        Self { size, hop, line, held: 0 }
    }

    /// Lays the frames that the samples complete abreast, with zeros behind them; in the other columns lies something finite.
    /// Says where among the samples each frame's last one is.
    pub(crate) fn push<'a>(
        &mut self,
        samples: &[f32],
        room: &'a mut [MaybeUninit<Abreast>],
    ) -> (&'a mut [Abreast], FrameEnds) {
        let before = self.held;
        self.line[before..before + samples.len()].copy_from_slice(samples);
        self.held += samples.len();
        let count = (self.held + self.hop).saturating_sub(self.size) / self.hop;
        let begins = std::array::from_fn(|frame| frame * self.hop);
        let frames = kernels().lay_abreast(&self.line, &begins, self.size, room);
        let start = count * self.hop;
        self.line.copy_within(start..self.held, 0);
        self.held -= start;
        (frames, FrameEnds { first: self.size - 1 - before, hop: self.hop, count })
    }
}

/// Where frames end: indices of their last samples among those that completed them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameEnds {
    first: usize,
    hop: usize,
    count: usize,
}

impl FrameEnds {
    /// How many of them have ended before the sample of that index.
    pub(crate) fn before(&self, sample: usize) -> usize {
        (0..self.count).take_while(|frame| self.first + frame * self.hop < sample).count()
    }
}

/// Rows of `N` numbers, one for each frame that was completed.
#[derive(Clone, Debug)]
pub struct Rows<const N: usize> {
    values: OnLine<[[f32; N]; PANEL]>,
    ends: FrameEnds,
}

impl<const N: usize> Rows<N> {
    /// From numbers that lie abreast.
    pub(crate) fn new(abreast: &[Abreast; N], ends: FrameEnds) -> Self {
        let mut values = OnLine([[0.0; N]; PANEL]);
        kernels().line_up(abreast, &std::array::from_fn(|frame| frame * N), values.as_flattened_mut());
        Self { values, ends }
    }

    /// All of them, one after the other.
    pub fn as_flattened(&self) -> &[f32] {
        self.values[..self.ends.count].as_flattened()
    }

    /// Those whose last sample lies in the `block`-th piece of `samples` samples.
    pub fn of_block(&self, block: usize, samples: usize) -> &[f32] {
        self.values[self.ends.before(block * samples)..self.ends.before((block + 1) * samples)].as_flattened()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::room;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_the_stream_is_cut(cuts in proptest::collection::vec(1usize..2_048, 1..20)) {
            let mut framing = Framing::new(400, 160, 2_048);
            let (mut sent, mut frames) = (0, 0);
            for cut in cuts {
                let samples: Vec<f32> = (sent..sent + cut).map(|i| i as f32).collect();
                let mut room = room::<400>();
                let (abreast, ends) = framing.push(&samples, &mut room[..]);
                for frame in 0..ends.count {
                    let begin = 160 * (frames + frame);
                    prop_assert!(abreast.iter().enumerate().all(|(n, row)| row[frame] as usize == begin + n));
                    // Its last sample is among the new ones, and there is where it is said to be.
                    let last = begin + 399 - sent;
                    prop_assert!(last < cut);
                    prop_assert_eq!((ends.before(last), ends.before(last + 1)), (frame, frame + 1));
                }
                frames += ends.count;
                sent += cut;
                prop_assert_eq!(frames, if sent < 400 { 0 } else { 1 + (sent - 400) / 160 });
            }
        }
    }

    #[test]
    fn rows_belong_to_the_block_that_completes_them() {
        let mut framing = Framing::new(4, 2, 12);
        let mut room = room::<4>();
        let samples: Vec<f32> = (1..=12).map(|n| n as f32).collect();
        let (abreast, ends) = framing.push(&samples, &mut room[..]);
        let rows = Rows::<4>::new(abreast.as_array().expect("four rows"), ends);
        assert_eq!(rows.of_block(0, 6), [1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(rows.of_block(1, 6), [5.0, 6.0, 7.0, 8.0, 7.0, 8.0, 9.0, 10.0, 9.0, 10.0, 11.0, 12.0]);
        assert_eq!(rows.as_flattened().len(), 5 * 4);
    }
}
