//! Where speech begins and ends: one probability for each 32 ms block enters, what the block is leaves.
//!
//! Silero's own rules for cutting speech: it begins at a probability of 0.5 and ends when the probability has stayed
//! low for 128 ms; shorter pauses belong to the speech. A burst of fewer than three blocks (a click, a key tone's
//! edge) is no speech.

/// Speech begins at this probability.
const BEGIN: f32 = 0.5;
/// A block below this probability may be the end (Silero: the threshold less 0.15).
const END: f32 = 0.35;
/// So many blocks without speech end it: 128 ms.
const HANGOVER_BLOCKS: u32 = 4;
/// Fewer blocks with speech are none: 96 ms.
const LEAST_BLOCKS: u32 = 3;

/// Blocks that can be undecided at once: two bursts of one block with the longest pauses between, and the next block.
pub(crate) const MOST_UNDECIDED: usize = (LEAST_BLOCKS * HANGOVER_BLOCKS) as usize;

/// What the newest block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is speech, and so is every undecided block before it.
    Speech,
    /// It and the blocks before it may turn out to be speech.
    Undecided,
    /// Neither it nor an undecided block before it is speech.
    Silence,
}

/// Follows one call.
#[derive(Clone, Debug, Default)]
pub struct Segmenter {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Silence,
    Speech {
        /// Blocks with speech since it began, as far as that matters.
        heard: u32,
        /// Blocks without speech since the last one with it.
        quiet: u32,
    },
}

impl Segmenter {
    /// Decides about the next block.
    pub fn step(&mut self, probability: f32) -> Verdict {
        match self.state {
            State::Silence if probability >= BEGIN => {
                self.state = State::Speech { heard: 1, quiet: 0 };
                Verdict::Undecided
            }
            State::Silence => Verdict::Silence,
            State::Speech { heard, quiet } => {
                let goes_on = probability >= BEGIN || (quiet == 0 && probability >= END);
                if goes_on {
                    let heard = (heard + 1).min(LEAST_BLOCKS);
                    self.state = State::Speech { heard, quiet: 0 };
                    if heard == LEAST_BLOCKS { Verdict::Speech } else { Verdict::Undecided }
                } else if quiet + 1 < HANGOVER_BLOCKS {
                    self.state = State::Speech { heard, quiet: quiet + 1 };
                    Verdict::Undecided
                } else {
                    self.state = State::Silence;
                    Verdict::Silence
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Silence, Speech, Undecided};
    use proptest::prelude::*;

    fn verdicts(probabilities: &[f32]) -> Vec<Verdict> {
        let mut segmenter = Segmenter::default();
        probabilities.iter().map(|&p| segmenter.step(p)).collect()
    }

    #[test]
    fn speech_is_settled_from_its_third_block_on() {
        assert_eq!(verdicts(&[0.1, 0.9, 0.9, 0.9, 0.9]), [Silence, Undecided, Undecided, Speech, Speech]);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert!(!verdicts(&[0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1]).contains(&Speech));
    }

    #[test]
    fn a_short_pause_belongs_to_the_speech() {
        let with_pause = verdicts(&[0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9]);
        assert_eq!(with_pause[2..], [Speech, Undecided, Undecided, Undecided, Speech]);
    }

    #[test]
    fn speech_ends_when_it_has_been_quiet_for_128_ms() {
        let ended = verdicts(&[0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(ended[2..], [Speech, Undecided, Undecided, Undecided, Silence, Silence]);
    }

    #[test]
    fn a_doubtful_block_continues_speech_but_does_not_begin_it() {
        assert_eq!(verdicts(&[0.4, 0.9, 0.4, 0.4]), [Silence, Undecided, Undecided, Speech]);
    }

    proptest! {
        #[test]
        fn a_block_is_never_undecided_for_long(probabilities in proptest::collection::vec(0.0f32..1.0, 0..400)) {
            let mut undecided = 0;
            for verdict in verdicts(&probabilities) {
                undecided = if verdict == Undecided { undecided + 1 } else { 0 };
                prop_assert!(undecided < MOST_UNDECIDED);
            }
        }
    }
}
