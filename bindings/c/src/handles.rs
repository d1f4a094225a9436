//! Values enter and handles leave; a handle gives its value back as long as it lives, and is refused afterwards.
//!
//! A handle is a number: kind, generation and place in a table that only grows. Nothing is ever read through it, so one that was freed,
//! belongs to something else, or was never a handle is told from a good one, always; a place is used by 2^28 handles before a number
//! comes again. Using one is an atomic exchange or two, without waiting.
//!
//! # Realtime safety
//! [`Handles::exclusive`] never allocates, waits or calls the system: the lock of a place is only ever tried. The other functions may
//! wait for each other, for the time of a few moves.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

/// Places of the first chunk; each further one is twice as long.
const FIRST_CHUNK: u32 = 64;
const CHUNKS: usize = 20;
/// 67 million places.
const MOST: u32 = FIRST_CHUNK * ((1 << CHUNKS as u32) - 1);
const GENERATIONS: u32 = 1 << 28;

/// Why a handle is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandleError {
    #[error("this is no handle of a living {0}: it was freed, or never opened")]
    Dead(&'static str),
    #[error("another thread is using this {0}")]
    Busy(&'static str),
    #[error("this {0} cannot be used any more: a defect ended an earlier call on it")]
    Broken(&'static str),
    #[error("too many of them are open: {0}")]
    Full(&'static str),
}

/// Places that are made together, when the first of them is needed.
type Chunk<T> = OnceLock<Box<[Mutex<Place<T>>]>>;

/// All living values of one kind.
pub(crate) struct Handles<T> {
    kind: Kind,
    chunks: [Chunk<T>; CHUNKS],
    unused: Mutex<Unused>,
}

/// What a handle stands for: in its number, so that one kind is never taken for another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// 1 to 15.
    pub(crate) number: u8,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
}

/// Places that are free, longest unused first, and how many there are at all.
struct Unused {
    free: VecDeque<u32>,
    made: u32,
}

impl<T> Handles<T> {
    pub(crate) const fn new(kind: Kind) -> Self {
        let unused = Mutex::new(Unused { free: VecDeque::new(), made: 0 });
        Self { kind, chunks: [const { OnceLock::new() }; CHUNKS], unused }
    }

    /// Keeps a value.
    pub(crate) fn insert(&self, value: T) -> Result<u64, HandleError> {
        let index = self.free_place().ok_or(HandleError::Full(self.kind.name))?;
        let (chunk, at) = chunk_of(index);
        let places = self.chunks[chunk].get_or_init(|| {
            (0..FIRST_CHUNK << chunk).map(|_| Mutex::new(Place { generation: 0, value: None })).collect()
        });
        let mut place = sound(&places[at]);
        place.value = Some(value);
        Ok(u64::from(self.kind.number) << 60 | u64::from(place.generation) << 32 | u64::from(index))
    }

    /// Lets one thread at a time work with a value.
    pub(crate) fn exclusive<R>(&self, handle: u64, work: impl FnOnce(&mut T) -> R) -> Result<R, HandleError> {
        let mut place = self.tried(handle)?;
        match self.living(&mut place, handle)? {
            Some(value) => Ok(work(value)),
            None => Err(HandleError::Dead(self.kind.name)),
        }
    }

    /// Takes a value out; the handle is dead from now on. Refused while a thread works with it.
    pub(crate) fn take(&self, handle: u64) -> Result<T, HandleError> {
        let lock = self.place(handle).ok_or(HandleError::Dead(self.kind.name))?;
        let mut place = match lock.try_lock() {
            Ok(place) => place,
            Err(TryLockError::WouldBlock) => return Err(HandleError::Busy(self.kind.name)),
            // What a defect left behind can still be freed.
            Err(TryLockError::Poisoned(left)) => left.into_inner(),
        };
        let value = self.taken(&mut place, handle)?;
        lock.clear_poison();
        Ok(value)
    }

    /// A copy of a value that is shared.
    pub(crate) fn shared(&self, handle: u64) -> Result<T, HandleError>
    where
        T: Clone,
    {
        let dead = HandleError::Dead(self.kind.name);
        let mut place = sound(self.place(handle).ok_or(dead)?);
        self.living(&mut place, handle)?.cloned().ok_or(dead)
    }

    /// [`Handles::take`] for values that are shared: who has a copy keeps it.
    pub(crate) fn take_shared(&self, handle: u64) -> Result<T, HandleError> {
        let mut place = sound(self.place(handle).ok_or(HandleError::Dead(self.kind.name))?);
        self.taken(&mut place, handle)
    }

    fn taken(&self, place: &mut Place<T>, handle: u64) -> Result<T, HandleError> {
        self.living(place, handle)?;
        let value = place.value.take().ok_or(HandleError::Dead(self.kind.name))?;
        place.generation = (place.generation + 1) % GENERATIONS;
        sound(&self.unused).free.push_back(handle as u32);
        Ok(value)
    }

    fn living<'a>(&self, place: &'a mut Place<T>, handle: u64) -> Result<Option<&'a mut T>, HandleError> {
        let generation = (handle >> 32) as u32 & (GENERATIONS - 1);
        if place.generation != generation {
            return Err(HandleError::Dead(self.kind.name));
        }
        Ok(place.value.as_mut())
    }

    fn place(&self, handle: u64) -> Option<&Mutex<Place<T>>> {
        let (kind, index) = ((handle >> 60) as u8, handle as u32);
        if kind != self.kind.number || index >= MOST {
            return None;
        }
        let (chunk, at) = chunk_of(index);
        self.chunks[chunk].get()?.get(at)
    }

    fn tried(&self, handle: u64) -> Result<MutexGuard<'_, Place<T>>, HandleError> {
        let place = self.place(handle).ok_or(HandleError::Dead(self.kind.name))?;
        place.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => HandleError::Busy(self.kind.name),
            TryLockError::Poisoned(_) => HandleError::Broken(self.kind.name),
        })
    }

    fn free_place(&self) -> Option<u32> {
        let mut unused = sound(&self.unused);
        if let Some(index) = unused.free.pop_front() {
            return Some(index);
        }
        let index = unused.made;
        (index < MOST).then(|| {
            unused.made += 1;
            index
        })
    }
}

/// The lock, whatever a thread that panicked has left: nothing here is ever half done.
fn sound<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which chunk a place is in, and where.
const fn chunk_of(index: u32) -> (usize, usize) {
    let chunk = (index / FIRST_CHUNK + 1).ilog2();
    (chunk as usize, (index - FIRST_CHUNK * ((1 << chunk) - 1)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const KIND: Kind = Kind { name: "thing", number: 3 };

    #[test]
    fn places_lie_one_behind_the_other() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(chunk_of(index), expected, "{index}");
            expected.1 += 1;
            if expected.1 == (FIRST_CHUNK as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(chunk_of(MOST - 1).0, CHUNKS - 1);
    }

    #[test]
    fn a_thing_in_use_is_neither_used_nor_freed_by_another_thread() {
        let handles = Handles::new(KIND);
        let handle = handles.insert(7).expect("room");
        let inside = handles.exclusive(handle, |_| (handles.exclusive(handle, |_| ()), handles.take(handle)));
        let busy = HandleError::Busy("thing");
        assert_eq!(inside, Ok((Err(busy), Err(busy))));
        assert_eq!(handles.take(handle), Ok(7));
    }

    #[test]
    fn what_a_defect_left_behind_is_not_used_again_but_can_be_freed() {
        let handles = Handles::new(KIND);
        let handle = handles.insert(7).expect("room");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            handles.exclusive(handle, |_| panic!("a defect"))
        }));
        assert!(panicked.is_err());
        assert_eq!(handles.exclusive(handle, |_| ()), Err(HandleError::Broken("thing")));
        assert_eq!(handles.take(handle), Ok(7));
        let next = handles.insert(8).expect("room");
        assert_eq!(handles.exclusive(next, |value| *value), Ok(8));
    }

    proptest! {
        /// Against a map: whatever is opened and freed in whatever order, a handle serves its own value, and none when freed.
        #[test]
        fn a_handle_serves_its_own_value_until_it_is_freed(steps in proptest::collection::vec((0u8..3, any::<u16>()), 0..400)) {
            let handles = Handles::new(KIND);
            let mut living = HashMap::new();
            let mut all = Vec::new();
            for (count, (step, choice)) in steps.into_iter().enumerate() {
                if step == 0 || all.is_empty() {
                    let handle = handles.insert(count).expect("room");
                    prop_assert!(!all.contains(&handle), "a number comes again");
                    all.push(handle);
                    living.insert(handle, count);
                    continue;
                }
                let handle = all[usize::from(choice) % all.len()];
                if step == 1 {
                    prop_assert_eq!(handles.take(handle).ok(), living.remove(&handle));
                } else {
                    prop_assert_eq!(handles.exclusive(handle, |value| *value).ok(), living.get(&handle).copied());
                    prop_assert_eq!(handles.shared(handle).ok(), living.get(&handle).copied());
                }
            }
        }

        #[test]
        fn a_number_that_was_never_given_is_refused(number in any::<u64>()) {
            let handles = Handles::new(KIND);
            let own = handles.insert(7).expect("room");
            prop_assume!(number != own);
            prop_assert!(handles.exclusive(number, |_| ()).is_err());
            prop_assert!(handles.shared(number).is_err() && handles.take(number).is_err());
        }
    }
}
