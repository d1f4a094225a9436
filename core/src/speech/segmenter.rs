//! Where speech begins and ends: one probability for each 32 ms block enters, and whether its spectrum moves; what the block
//! is leaves.
//!
//! Speech ends when the probability has stayed low for 128 ms; shorter pauses belong to it. A burst of fewer than four
//! blocks (a click, a key tone's edge) is no speech. Blocks of a note that is held do not count among the four, and what the
//! network was never sure of is no speech either: a voice reaches a probability near 1 within its first syllable, hold music
//! that is taken for speech stays doubtful. The first voice of a call has to be surer and longer than what comes after it: it
//! is before it has heard a voice that the network takes a singer for one. The thresholds were chosen by measurement
//! (`docs/speech-detection.md`).

/// A block of this probability holds speech.
const SPEECH: f32 = 0.35;
/// So many blocks without speech end it: 128 ms.
const HANGOVER_BLOCKS: u32 = 4;
/// Fewer blocks with speech are none: 128 ms.
const LEAST_BLOCKS: u32 = 4;
/// Nor are fewer of them the first speech of a call: 256 ms.
const LEAST_BLOCKS_AT_FIRST: u32 = 8;
/// Speech without a block of this probability is none.
const SURE: f32 = 0.9;
/// Nor is the first speech of a call without a block of this one.
const SURE_AT_FIRST: f32 = 0.985;

/// Blocks that can be undecided at once: half a second. What is still in doubt then is no speech.
pub(crate) const MOST_UNDECIDED: usize = 16;

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
    /// Whether there has been speech.
    voice: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Silence,
    /// It may be speech.
    Doubt {
        /// Blocks with speech that moved since it began.
        heard: u32,
        /// All blocks since then.
        blocks: usize,
        /// Blocks without speech since the last one with it.
        quiet: u32,
        /// The greatest probability of them.
        most: f32,
    },
    Speech {
        /// Blocks without speech since the last one with it.
        quiet: u32,
    },
}

impl Segmenter {
    /// Decides about the next block; asks whether its spectrum moves
    /// ([`Movement::moves`](super::movement::Movement::moves)) only when it is in doubt.
    pub fn step(&mut self, probability: f32, moves: impl FnOnce() -> bool) -> Verdict {
        let (state, verdict) = match self.state {
            State::Silence if probability >= SPEECH => {
                let heard = u32::from(moves());
                let begun = State::Doubt { heard, blocks: 1, quiet: 0, most: probability };
                (begun, Verdict::Undecided)
            }
            State::Silence => (State::Silence, Verdict::Silence),
            State::Doubt { heard, blocks, quiet, most } => {
                let (heard, quiet) =
                    if probability >= SPEECH { (heard + u32::from(moves()), 0) } else { (heard, quiet + 1) };
                let (blocks, most) = (blocks + 1, most.max(probability));
                let (least, sure) =
                    if self.voice { (LEAST_BLOCKS, SURE) } else { (LEAST_BLOCKS_AT_FIRST, SURE_AT_FIRST) };
                if quiet == 0 && most >= sure && heard >= least {
                    (State::Speech { quiet }, Verdict::Speech)
                } else if quiet == HANGOVER_BLOCKS || blocks == MOST_UNDECIDED {
                    (State::Silence, Verdict::Silence)
                } else {
                    (State::Doubt { heard, blocks, quiet, most }, Verdict::Undecided)
                }
            }
            State::Speech { .. } if probability >= SPEECH => (State::Speech { quiet: 0 }, Verdict::Speech),
            State::Speech { quiet } if quiet + 1 < HANGOVER_BLOCKS => {
                (State::Speech { quiet: quiet + 1 }, Verdict::Undecided)
            }
            State::Speech { .. } => (State::Silence, Verdict::Silence),
        };
        self.state = state;
        self.voice |= verdict == Verdict::Speech;
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Silence, Speech, Undecided};
    use proptest::prelude::*;

    /// Whether every spectrum moves, or none.
    fn of(probabilities: &[f32], moves: bool) -> Vec<Verdict> {
        let mut segmenter = Segmenter::default();
        probabilities.iter().map(|&p| segmenter.step(p, || moves)).collect()
    }

    fn verdicts(probabilities: &[f32]) -> Vec<Verdict> {
        of(probabilities, true)
    }

    /// What they are after a voice has been heard.
    fn later(probabilities: &[f32]) -> Vec<Verdict> {
        let voice = [[0.99; 8], [0.1; 8]].concat();
        verdicts(&[&voice, probabilities].concat())[voice.len()..].to_vec()
    }

    #[test]
    fn speech_is_settled_from_its_fourth_block_on_and_the_first_of_a_call_from_its_eighth() {
        let settled = later(&[0.1, 0.9, 0.9, 0.9, 0.9, 0.9]);
        assert_eq!(settled, [Silence, Undecided, Undecided, Undecided, Speech, Speech]);
        let first = verdicts(&[0.99; 9]);
        assert_eq!((first[6], first[7]), (Undecided, Speech));
    }

    #[test]
    fn what_is_never_certain_is_no_speech() {
        let doubtful = later(&[0.89; 100]);
        assert!(!doubtful.contains(&Speech));
        assert_eq!(doubtful.iter().filter(|verdict| **verdict == Silence).count(), 100 / MOST_UNDECIDED);
    }

    #[test]
    fn a_note_that_is_held_is_no_speech_however_certain_the_network_is() {
        assert!(!of(&[1.0; 100], false).contains(&Speech));
    }

    #[test]
    fn doubtful_blocks_before_a_certain_one_are_speech_too() {
        assert_eq!(later(&[0.6, 0.6, 0.6, 0.6, 0.6, 0.9, 0.6])[4..], [Undecided, Speech, Speech]);
    }

    #[test]
    fn the_first_voice_of_a_call_has_to_be_surer_than_a_later_one() {
        assert!(!verdicts(&[0.95; 10]).contains(&Speech));
        assert!(later(&[0.95; 10]).contains(&Speech));
    }

    #[test]
    fn a_click_is_no_speech() {
        assert!(!later(&[0.99, 0.99, 0.1, 0.1, 0.1, 0.1, 0.99, 0.1, 0.1, 0.1, 0.1]).contains(&Speech));
    }

    #[test]
    fn a_short_pause_belongs_to_the_speech() {
        let with_pause = later(&[0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9]);
        assert_eq!(with_pause[3..], [Speech, Undecided, Undecided, Undecided, Speech]);
    }

    #[test]
    fn speech_ends_when_it_has_been_quiet_for_128_ms() {
        let ended = later(&[0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(ended[3..], [Speech, Undecided, Undecided, Undecided, Silence, Silence]);
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
