//! In: numbered pieces of audio as they arrive. Out: the same in the order of their numbers, as far as that can be waited for,
//! and how many are missing in between.
//!
//! A piece is held while an earlier one is missing, up to [`REORDER_WINDOW`] of them; then the missing ones are given up.
//! One that comes later than that, or twice, is dropped and counted.

use std::collections::BTreeMap;

use crate::audio_channel::media_streams::message::Media;

/// How many messages are held while an earlier one is missing: 100 ms of a telephone stream.
pub const REORDER_WINDOW: usize = 5;

/// What comes next in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Audio.
    Media(Media),
    /// So many messages never came.
    Missing(u64),
}

/// Numbered audio on its way into order.
#[derive(Debug, Default)]
pub struct Reorder {
    /// The number of the next message in order; `None` until a numbered one came.
    next: Option<u64>,
    /// What came before its turn; `None` for a message without audio.
    held: BTreeMap<u64, Option<Media>>,
    /// Nothing more will come: nothing is waited for.
    over: bool,
    /// Messages that had to be put back into order.
    pub reordered: u64,
    /// Messages that came too late, or twice.
    pub dropped: u64,
    /// Messages that never came, or too late.
    pub missing: u64,
}

impl Reorder {
    /// The stream's first message has this number: what comes before the next is late.
    pub fn begin(&mut self, number: Option<u64>) {
        self.next = number.map(|number| number + 1);
    }

    /// Takes in a numbered piece; those that are in order now come out of [`Reorder::pop`].
    pub fn push(&mut self, number: u64, media: Media) {
        let next = *self.next.get_or_insert(number);
        if number < next || self.held.contains_key(&number) {
            self.dropped += 1;
            return;
        }
        if number == next {
            self.reordered += u64::from(!self.held.is_empty());
        }
        self.held.insert(number, Some(media));
    }

    /// A message without audio takes its number's place, so that it does not count as missing. One that is counted in
    /// another way, by its number far ahead, has no place here.
    pub fn pass(&mut self, number: Option<u64>) {
        if let (Some(number), Some(next)) = (number, self.next)
            && (next..=next + REORDER_WINDOW as u64).contains(&number)
        {
            self.held.entry(number).or_insert(None);
        }
    }

    /// The next piece in order, if it is there, or what is missing before it, if that is not waited for any more.
    pub fn pop(&mut self) -> Option<Piece> {
        loop {
            let next = self.next?;
            let first = *self.held.keys().next()?;
            if first > next {
                if self.held.len() <= REORDER_WINDOW && !self.over {
                    return None;
                }
                // What is missing will not come any more.
                self.next = Some(first);
                self.missing += first - next;
                return Some(Piece::Missing(first - next));
            }
            self.next = Some(next + 1);
            if let Some(media) = self.held.remove(&first).flatten() {
                return Some(Piece::Media(media));
            }
        }
    }

    /// Nothing more will come: everything that is held comes out of [`Reorder::pop`].
    pub const fn finish(&mut self) {
        self.over = true;
    }

    /// Lets go of everything that is held.
    pub fn clear(&mut self) {
        self.held.clear();
    }
}
