//! Where speech begins and ends: one probability for each 32 ms block enters, what to do with the block leaves.
//!
//! Silero's own rules for cutting speech: it begins at a probability of 0.5 and ends when the probability has stayed
//! low for 128 ms; one block of padding on each side keeps soft onsets and endings; shorter pauses belong to the
//! speech. A burst of fewer than three blocks (a click, a key tone's edge) is no speech.

/// Length of a block in which speech is decided, in milliseconds.
pub const BLOCK_MS: u32 = 32;

/// Speech begins at this probability.
const BEGIN: f32 = 0.5;
/// A block below this probability may be the end (Silero: the threshold less 0.15).
const END: f32 = 0.35;
/// So many blocks without speech end it: 128 ms.
const HANGOVER_BLOCKS: u32 = 4;
/// Fewer blocks with speech are none: 96 ms.
const LEAST_BLOCKS: u32 = 3;

/// What to do with the blocks heard so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Forget everything that is not settled, then hold this block: it may turn out to be the one before speech.
    Lead,
    /// Hold this block behind the others that are not settled.
    Hold,
    /// Hold this block, and remember this place: if speech ends, it ends behind this block.
    HoldAsPadding,
    /// This block and all that are held are speech.
    Settle,
    /// Speech has ended: what is held up to the padding is speech, the rest and this block are not.
    SettlePadding,
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
                Verdict::Hold
            }
            State::Silence => Verdict::Lead,
            State::Speech { heard, quiet } => {
                let goes_on = probability >= BEGIN || (quiet == 0 && probability >= END);
                if goes_on {
                    let heard = (heard + 1).min(LEAST_BLOCKS);
                    self.state = State::Speech { heard, quiet: 0 };
                    if heard == LEAST_BLOCKS { Verdict::Settle } else { Verdict::Hold }
                } else if quiet + 1 < HANGOVER_BLOCKS {
                    self.state = State::Speech { heard, quiet: quiet + 1 };
                    if quiet == 0 { Verdict::HoldAsPadding } else { Verdict::Hold }
                } else {
                    self.state = State::Silence;
                    if heard == LEAST_BLOCKS { Verdict::SettlePadding } else { Verdict::Lead }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Hold, HoldAsPadding, Lead, Settle, SettlePadding};

    fn verdicts(probabilities: &[f32]) -> Vec<Verdict> {
        let mut segmenter = Segmenter::default();
        probabilities.iter().map(|&p| segmenter.step(p)).collect()
    }

    #[test]
    fn speech_is_settled_from_its_third_block_on() {
        assert_eq!(verdicts(&[0.1, 0.9, 0.9, 0.9, 0.9]), [Lead, Hold, Hold, Settle, Settle]);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert_eq!(
            verdicts(&[0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]),
            [Hold, Hold, HoldAsPadding, Hold, Hold, Lead, Lead]
        );
    }

    #[test]
    fn a_short_pause_belongs_to_the_speech() {
        assert_eq!(
            verdicts(&[0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9]),
            [Hold, Hold, Settle, HoldAsPadding, Hold, Hold, Settle]
        );
    }

    #[test]
    fn speech_ends_one_block_after_its_last_block() {
        assert_eq!(
            verdicts(&[0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]),
            [Hold, Hold, Settle, HoldAsPadding, Hold, Hold, SettlePadding, Lead]
        );
    }

    #[test]
    fn a_doubtful_block_continues_speech_but_does_not_begin_it() {
        assert_eq!(
            verdicts(&[0.4, 0.9, 0.4, 0.4, 0.1, 0.4]),
            [Lead, Hold, Hold, Settle, HoldAsPadding, Hold]
        );
    }
}
