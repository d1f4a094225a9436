//! Where speech begins and ends: one probability for each 32 ms block enters, what the block is leaves.
//!
//! Silero's own rules for cutting speech: it begins at a probability of 0.5 and ends when the probability has stayed
//! low for 128 ms; shorter pauses belong to the speech. A burst of fewer than four blocks (a click, a key tone's
//! edge) is no speech, and neither is what the network was never sure of: a voice reaches a probability near 1 within
//! its first syllable, hold music that is taken for speech stays doubtful (`docs/speech-detection.md`).

/// Speech begins at this probability.
const BEGIN: f32 = 0.5;
/// A block below this probability may be the end (Silero: the threshold less 0.15).
const END: f32 = 0.35;
/// So many blocks without speech end it: 128 ms.
const HANGOVER_BLOCKS: u32 = 4;
/// Fewer blocks with speech are none: 128 ms.
const LEAST_BLOCKS: u32 = 4;
/// Speech without a block of this probability is none.
const SURE: f32 = 0.8;

/// Blocks that can be undecided at once: three bursts of one block with the longest pauses between, and the next block.
/// What is still in doubt then is no speech.
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
    /// It may be speech.
    Doubt {
        /// Blocks with speech since it began.
        heard: u32,
        /// All blocks since then.
        blocks: usize,
        /// Blocks without speech since the last one with it.
        quiet: u32,
        /// Whether one of them was certain.
        sure: bool,
    },
    Speech {
        /// Blocks without speech since the last one with it.
        quiet: u32,
    },
}

impl Segmenter {
    /// Decides about the next block.
    pub fn step(&mut self, probability: f32) -> Verdict {
        let (state, verdict) = match self.state {
            State::Silence if probability >= BEGIN => {
                let begun = State::Doubt { heard: 1, blocks: 1, quiet: 0, sure: probability >= SURE };
                (begun, Verdict::Undecided)
            }
            State::Silence => (State::Silence, Verdict::Silence),
            State::Doubt { heard, blocks, quiet, sure } => {
                let (heard, quiet) =
                    if goes_on(probability, quiet) { (heard + 1, 0) } else { (heard, quiet + 1) };
                let (blocks, sure) = (blocks + 1, sure || probability >= SURE);
                if quiet == 0 && sure && heard >= LEAST_BLOCKS {
                    (State::Speech { quiet }, Verdict::Speech)
                } else if quiet == HANGOVER_BLOCKS || blocks == MOST_UNDECIDED {
                    (State::Silence, Verdict::Silence)
                } else {
                    (State::Doubt { heard, blocks, quiet, sure }, Verdict::Undecided)
                }
            }
            State::Speech { quiet } if goes_on(probability, quiet) => {
                (State::Speech { quiet: 0 }, Verdict::Speech)
            }
            State::Speech { quiet } if quiet + 1 < HANGOVER_BLOCKS => {
                (State::Speech { quiet: quiet + 1 }, Verdict::Undecided)
            }
            State::Speech { .. } => (State::Silence, Verdict::Silence),
        };
        self.state = state;
        verdict
    }
}

/// Whether speech that has been quiet for so many blocks goes on.
fn goes_on(probability: f32, quiet: u32) -> bool {
    probability >= BEGIN || (quiet == 0 && probability >= END)
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
    fn speech_is_settled_from_its_fourth_block_on() {
        let settled = verdicts(&[0.1, 0.9, 0.9, 0.9, 0.9, 0.9]);
        assert_eq!(settled, [Silence, Undecided, Undecided, Undecided, Speech, Speech]);
    }

    #[test]
    fn what_is_never_certain_is_no_speech() {
        let doubtful = verdicts(&[0.7; 100]);
        assert!(!doubtful.contains(&Speech));
        assert_eq!(doubtful.iter().filter(|verdict| **verdict == Silence).count(), 100 / MOST_UNDECIDED);
    }

    #[test]
    fn doubtful_blocks_before_a_certain_one_are_speech_too() {
        assert_eq!(verdicts(&[0.6, 0.6, 0.6, 0.6, 0.6, 0.8, 0.6])[4..], [Undecided, Speech, Speech]);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert!(!verdicts(&[0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1]).contains(&Speech));
    }

    #[test]
    fn a_short_pause_belongs_to_the_speech() {
        let with_pause = verdicts(&[0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9]);
        assert_eq!(with_pause[3..], [Speech, Undecided, Undecided, Undecided, Speech]);
    }

    #[test]
    fn speech_ends_when_it_has_been_quiet_for_128_ms() {
        let ended = verdicts(&[0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(ended[3..], [Speech, Undecided, Undecided, Undecided, Silence, Silence]);
    }

    #[test]
    fn a_doubtful_block_continues_speech_but_does_not_begin_it() {
        let continued = verdicts(&[0.4, 0.9, 0.4, 0.4, 0.4]);
        assert_eq!(continued, [Silence, Undecided, Undecided, Undecided, Speech]);
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
