//! Two fingerprints enter, the stretch in which they agree best leaves, with how much it weighs.

use super::fingerprint::{FRAME_SECONDS, Fingerprint, Frame};

/// A cell that differs takes away what so many that agree have given. The same recording through a codec and noise differs in up to 4 %
/// of its clear cells, behind a loudspeaker in a room in up to 6 %; the same words said again do so for moments only
/// (`docs/replay-figures.md`).
const PER_DIFFERENCE: i32 = 10;

/// How much of one recording two fingerprints share: clear cells of the best stretch, less ten for each that differs.
///
/// Not a probability. It grows with the length of what is shared, so that a threshold asks for accuracy and length at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Similarity(pub u32);

impl Similarity {
    /// From here on one stretch of a call is another one's repetition ([`Fingerprint::repetition`]): chosen as the one below was.
    pub const REPETITION: Self = Self(250);
    /// From here on it is the same recording: chosen on measurements (`peakstream replays`, `docs/replay.md`).
    pub const SAME_RECORDING: Self = Self(250);
}

/// A stretch and its repetition lie at least this many frames apart: one second. Within it a drawled vowel may be like itself.
const LEAST_LAG: usize = 50;

/// The stretch in which two fingerprints agree best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    compared: u32,
    differing: u32,
    frames: u32,
}

impl Agreement {
    /// What it weighs.
    pub const fn similarity(&self) -> Similarity {
        // Never negative: a stretch that is is not the best one, an empty one is.
        Similarity(self.compared.saturating_sub(PER_DIFFERENCE as u32 * self.differing))
    }

    /// Whether that is [`Similarity::SAME_RECORDING`] or more.
    pub fn is_same_recording(&self) -> bool {
        self.similarity() >= Similarity::SAME_RECORDING
    }

    /// Cells that are clear in both.
    pub const fn compared(&self) -> u32 {
        self.compared
    }

    /// Those of them that moved the other way.
    pub const fn differing(&self) -> u32 {
        self.differing
    }

    /// Share of the compared cells that differ, 0…1; `None` if there are none.
    pub fn bit_error_rate(&self) -> Option<f32> {
        (self.compared > 0).then(|| self.differing as f32 / self.compared as f32)
    }

    /// Length of the stretch.
    pub fn seconds(&self) -> f64 {
        f64::from(self.frames) * FRAME_SECONDS
    }

    fn add(&mut self, one: Frame, other: Frame) {
        let clear = one.clear & other.clear;
        self.compared += clear.count_ones();
        self.differing += (clear & (one.rising ^ other.rising)).count_ones();
        self.frames += 1;
    }

    /// Before it is known whether it is a good one.
    const fn gain(&self) -> i32 {
        self.compared as i32 - PER_DIFFERENCE * self.differing as i32
    }
}

impl Fingerprint {
    /// The stretch in which both agree best, wherever it lies in each. The same the other way round.
    ///
    /// Costs one step for each pair of frames: what it takes for 5 s and 5 s, `docs/replay.md` says.
    pub fn agreement(&self, other: &Self) -> Agreement {
        let (ours, theirs) = (self.frames(), other.frames());
        let later_ours = (0..ours.len()).map(|begin| best(&ours[begin..], theirs));
        let later_theirs = (1..theirs.len()).map(|begin| best(ours, &theirs[begin..]));
        later_ours.chain(later_theirs).max_by_key(Agreement::similarity).unwrap_or_default()
    }

    /// The stretch that comes again best, at least a second later: a recording that is played in a loop, a piece that was pasted twice.
    ///
    /// Costs half of what comparing it with another one does.
    pub fn repetition(&self) -> Agreement {
        let frames = self.frames();
        let later = (LEAST_LAG..frames.len()).map(|lag| best(frames, &frames[lag..]));
        later.max_by_key(Agreement::similarity).unwrap_or_default()
    }
}

/// The best stretch of frames side by side: a sum that has become negative is better begun anew (Kadane's algorithm; Bentley 1984,
/// "Programming pearls", CACM 27).
fn best(ours: &[Frame], theirs: &[Frame]) -> Agreement {
    let (mut best, mut running) = (Agreement::default(), Agreement::default());
    for (one, other) in ours.iter().zip(theirs) {
        running.add(*one, *other);
        if running.gain() <= 0 {
            running = Agreement::default();
        } else if running.gain() > best.gain() {
            best = running;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::tests::rows;
    use super::*;
    use crate::speech::fbank::BINS;
    use proptest::prelude::*;

    fn noisy(rows: &[f32], seed: u64) -> Vec<f32> {
        let noise =
            super::super::fingerprint::tests::rows(rows.len() as f64 / BINS as f64 / 100.0 + 0.1, seed);
        rows.iter().zip(noise).map(|(x, noise)| (x.exp() + 0.1 * noise.exp()).ln()).collect()
    }

    #[test]
    fn a_recording_is_known_again_in_noise_and_cut_at_other_places() {
        let recording = rows(5.0, 1);
        let again = noisy(&recording[51 * BINS..], 2);
        let found = Fingerprint::of_rows(&recording).agreement(&Fingerprint::of_rows(&again));
        assert!(found.is_same_recording(), "{found:?}");
        assert!(found.seconds() > 3.0, "{found:?}");
        assert!(found.bit_error_rate().is_some_and(|rate| rate < 0.1), "{found:?}");
    }

    #[test]
    fn another_recording_is_not_known() {
        for seed in 2..20 {
            let found =
                Fingerprint::of_rows(&rows(5.0, 1)).agreement(&Fingerprint::of_rows(&rows(5.0, seed)));
            assert!(!found.is_same_recording(), "{found:?}");
        }
    }

    #[test]
    fn a_piece_that_comes_again_in_a_call_is_found_and_other_words_are_none() {
        let (piece, rest) = (rows(2.0, 1), rows(3.0, 2));
        let repeated = [&piece[..], &rest, &noisy(&piece, 3)].concat();
        let found = Fingerprint::of_rows(&repeated).repetition();
        assert!(found.similarity() >= Similarity::REPETITION, "{found:?}");
        assert!((found.seconds() - 2.0).abs() < 0.3, "{found:?}");
        for seed in 1..20 {
            let found = Fingerprint::of_rows(&rows(7.0, seed)).repetition();
            assert!(found.similarity() < Similarity::REPETITION, "{found:?}");
        }
        assert_eq!(Fingerprint::of_rows(&vec![-15.9; 500 * BINS]).repetition(), Agreement::default());
        assert_eq!(Fingerprint::of_rows(&rows(0.5, 1)).repetition(), Agreement::default());
    }

    #[test]
    fn silence_is_not_like_silence() {
        let silence = Fingerprint::of_rows(&vec![-15.9; 500 * BINS]);
        assert_eq!(silence.agreement(&silence), Agreement::default());
        assert_eq!(silence.agreement(&silence).bit_error_rate(), None);
    }

    #[test]
    fn nothing_is_like_nothing() {
        let (empty, speech) = (Fingerprint::of_rows(&[]), Fingerprint::of_rows(&rows(1.0, 1)));
        for found in [empty.agreement(&speech), speech.agreement(&empty), empty.agreement(&empty)] {
            assert_eq!(found, Agreement::default());
        }
    }

    proptest! {
        #[test]
        fn the_agreement_of_two_is_that_of_the_other_way_round(
            a in (0.0f64..2.0, any::<u64>()),
            b in (0.0f64..2.0, any::<u64>()),
        ) {
            let [a, b] = [a, b].map(|(seconds, seed)| Fingerprint::of_rows(&rows(seconds, seed)));
            prop_assert_eq!(a.agreement(&b).similarity(), b.agreement(&a).similarity());
        }
    }
}
