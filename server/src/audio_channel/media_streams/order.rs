//! In: numbered pieces of audio as they arrive. Out: the same in the order of their numbers, as far as that can be waited for.
//!
//! A piece is held while an earlier one is missing, up to [`REORDER_WINDOW`] of them; one that comes later than that, or
//! twice, is dropped and counted.

use std::collections::BTreeMap;

use crate::audio_channel::media_streams::message::Media;

/// How many media messages are held while an earlier one is missing: 100 ms of a telephone stream.
pub const REORDER_WINDOW: usize = 5;

/// Numbered audio on its way into order.
#[derive(Debug, Default)]
pub struct Reorder {
    /// The number of the next message in order; `None` until a numbered one came.
    next: Option<u64>,
    held: BTreeMap<u64, Media>,
    /// Messages that had to be put back into order.
    pub reordered: u64,
    /// Messages that came too late, or twice.
    pub dropped: u64,
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
        self.held.insert(number, media);
        if self.held.len() > REORDER_WINDOW && !self.held.contains_key(&next) {
            // What is missing will not come any more.
            self.next = self.held.keys().next().copied();
        }
    }

    /// A message without audio takes its number's place, so that the next audio is not waited for.
    pub fn pass(&mut self, number: Option<u64>) {
        if number.is_some() && number == self.next {
            self.next = number.map(|number| number + 1);
        }
    }

    /// The next piece in order, if it is there.
    pub fn pop(&mut self) -> Option<Media> {
        let next = self.next?;
        let media = self.held.remove(&next)?;
        self.next = Some(next + 1);
        Some(media)
    }

    /// Everything that is held, in order: nothing more will come.
    pub fn drain(&mut self) -> impl Iterator<Item = Media> + use<> {
        std::mem::take(&mut self.held).into_values()
    }
}
