//! In: numbers that never came, and the pieces of one track that did. Out: how many pieces of that track are missing.
//!
//! Where a carrier numbers all its messages, a missing one need not have been the caller's voice: it may have been the other
//! track's, or a mark. The track's own timestamps tell, in steps of one piece; the numbers remain the upper bound, because
//! a jump of the timestamps alone is audio that the carrier never had (silence that its encoder did not send, for one).

/// Follows the track that is listened to.
#[derive(Debug, Default)]
pub struct Gaps {
    /// Numbers missing since the last piece of the track.
    missing: u64,
    last: Option<Last>,
    /// From one piece to the next, the shortest ever seen, in the carrier's unit.
    step: Option<u64>,
}

/// The piece that came last.
#[derive(Debug)]
struct Last {
    timestamp: Option<u64>,
}

impl Gaps {
    /// So many numbers will not come any more.
    pub const fn miss(&mut self, numbers: u64) {
        self.missing = self.missing.saturating_add(numbers);
    }

    /// The next piece of the track is here: how many of its pieces are missing before it. None are before the first:
    /// there is nothing that they could be concealed from.
    pub fn close(&mut self, timestamp: Option<u64>) -> u64 {
        let missing = std::mem::take(&mut self.missing);
        let Some(last) = self.last.replace(Last { timestamp }) else { return 0 };
        let passed = timestamp.zip(last.timestamp).and_then(|(now, then)| now.checked_sub(then));
        if missing == 0 {
            let step = passed.filter(|&step| step > 0);
            self.step = self.step.into_iter().chain(step).min();
            return 0;
        }
        match (passed, self.step) {
            (Some(passed), Some(step)) => {
                missing.min((passed.saturating_add(step / 2) / step).saturating_sub(1))
            }
            _ => missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Closes gaps in turn: missing numbers before a piece with this timestamp.
    fn lost<const N: usize>(pieces: [(u64, Option<u64>); N]) -> [u64; N] {
        let mut gaps = Gaps::default();
        pieces.map(|(missing, timestamp)| {
            gaps.miss(missing);
            gaps.close(timestamp)
        })
    }

    #[test]
    fn what_is_missing_before_the_first_piece_cannot_be_concealed() {
        assert_eq!(lost([(3, Some(60)), (2, Some(120))]), [0, 2]);
    }

    #[test]
    fn without_timestamps_every_missing_number_counts() {
        assert_eq!(lost([(0, None), (0, None), (4, None), (0, None)]), [0, 0, 4, 0]);
    }

    #[test]
    fn timestamps_tell_how_much_of_what_is_missing_was_this_track() {
        // Two tracks share the numbers: of four that are missing, two were this one's; then one mark.
        assert_eq!(lost([(0, Some(0)), (0, Some(20)), (4, Some(80)), (1, Some(100))]), [0, 0, 2, 0]);
    }

    #[test]
    fn a_jump_of_the_timestamps_alone_is_no_loss_and_numbers_bound_it() {
        assert_eq!(lost([(0, Some(0)), (0, Some(20)), (0, Some(520)), (2, Some(9_000))]), [0, 0, 0, 2]);
    }

    #[test]
    fn timestamps_that_jitter_stand_still_or_go_back_do_no_harm() {
        assert_eq!(lost([(0, Some(0)), (0, Some(19)), (0, Some(40)), (3, Some(121))]), [0, 0, 0, 3]);
        assert_eq!(lost([(0, Some(7)), (0, Some(7)), (2, Some(7)), (1, Some(3))]), [0, 0, 2, 1]);
    }
}
