//! In: audio that came, and what the client says is missing. Out: where the stream stands.
//!
//! A stream's time is counted in its own samples; the clock on the wall has no part in it.

use crate::audio_channel::audiohook::message::StreamTime;

/// Where a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    position: StreamTime,
    /// What comes before this was heard on an earlier connection.
    known: StreamTime,
    lost: StreamTime,
}

impl Timeline {
    /// A connection begins here.
    pub const fn begin(&mut self, position: StreamTime) {
        self.position = position;
    }

    /// Audio before this point is not to be heard again.
    pub const fn skip_to(&mut self, point: StreamTime) {
        self.known = point;
    }

    /// So many samples came; how many of them, the last ones, are new.
    pub fn advance(&mut self, samples: u64) -> u64 {
        self.position = self.position.plus(StreamTime::of_samples(samples));
        let after = self.position.samples().saturating_sub(self.known.samples());
        after.min(samples)
    }

    /// The client did not send `length` from `start` on. It may say so ahead of where we are, or behind.
    pub fn miss(&mut self, start: StreamTime, length: StreamTime) {
        self.lost = self.lost.plus(length);
        let end = start.plus(length);
        self.position = if end > self.position { end } else { self.position.plus(length) };
    }

    /// What is not to be heard again ends here.
    pub fn known(&self) -> Option<StreamTime> {
        Some(self.known).filter(|known| *known > StreamTime::default())
    }

    /// Where it stands.
    pub const fn position(&self) -> StreamTime {
        self.position
    }

    /// How much is missing.
    pub const fn lost(&self) -> StreamTime {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> StreamTime {
        StreamTime::of_samples(seconds * 8000)
    }

    #[test]
    fn case_053_what_is_discarded_behind_at_and_ahead_of_the_stream_moves_it_on() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.advance(8000), 8000);
        timeline.miss(seconds(1), seconds(2));
        assert_eq!(timeline.position(), seconds(3));
        timeline.miss(seconds(6), seconds(1));
        assert_eq!(timeline.position(), seconds(7), "far ahead");
        timeline.miss(seconds(1), seconds(1));
        assert_eq!(timeline.position(), seconds(8), "behind");
        timeline.miss(seconds(8), seconds(0));
        assert_eq!((timeline.position(), timeline.lost()), (seconds(8), seconds(4)));
    }

    #[test]
    fn case_072_what_an_earlier_connection_has_heard_is_not_counted_twice() {
        let mut timeline = Timeline::default();
        timeline.begin(seconds(10));
        timeline.skip_to(seconds(12));
        assert_eq!(timeline.advance(8000), 0);
        assert_eq!(timeline.advance(12_000), 4000);
        assert_eq!(timeline.advance(800), 800);
    }

    #[test]
    fn the_largest_times_do_not_overflow() {
        let mut timeline = Timeline::default();
        timeline.miss(StreamTime::of_samples(u64::MAX), StreamTime::of_samples(u64::MAX));
        assert_eq!(timeline.advance(8000), 8000);
    }
}
