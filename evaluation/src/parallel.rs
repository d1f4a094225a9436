//! Numbered pieces of work enter, their results leave in the order of the numbers, whatever the number of threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does the work of the numbers under `count` on so many threads, at least one. `progress` is told how many are done, of how many.
/// After a failure nothing new is begun.
///
/// # Errors
/// The failure, of several the one with the lowest number.
pub(crate) fn in_order<T: Send, E: Send>(
    jobs: usize,
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<T>, E> {
    let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let found = Mutex::new((0..count).map(|_| None).collect::<Vec<_>>());
    let thread = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let result = work(number);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            // A poisoned lock: another thread panicked, and `scope` passes that on.
            found.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(result);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, count);
        }
    };
    std::thread::scope(|scope| (0..jobs.max(1)).for_each(|_| drop(scope.spawn(thread))));
    // After a failure some were not done; the failure itself is there.
    found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}
