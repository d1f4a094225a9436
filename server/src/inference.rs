//! In: a piece of heavy work. Out: its result, later; or at once that there is no room for it.
//!
//! Embedding and authenticity take tens of milliseconds of one core. They run on a fixed number of own threads behind a
//! bounded queue, so that the network threads keep every deadline of the protocols while the pool is saturated. What is
//! not wanted any more when its turn comes (the client has gone) is not computed. On Linux these threads are `NICE`: where
//! there are fewer cores than work, live audio and the protocols' deadlines come first, and a decision takes a little longer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// How much inference steps back (`nice`, 0 to 19): a third of a network thread's share where both want the same core.
const NICE: i32 = 5;
/// The lowest priority there is.
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

type Job = Box<dyn FnOnce() + Send>;

/// The queue is full: try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the inference queue is full")]
pub struct QueueFull;

/// A fixed number of threads behind a bounded queue. The threads end when the pool is dropped.
#[derive(Debug)]
pub struct InferencePool {
    jobs: SyncSender<Job>,
}

impl InferencePool {
    /// Starts `threads` threads (at least one) with room for `queue` waiting jobs; `pinned` ones are each bound to one of the cores that the
    /// process may use, in turn.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(threads: usize, queue: usize, pinned: bool) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Job>(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads.max(1) {
            let waiting = Arc::clone(&waiting);
            let body = move || {
                step_back();
                if pinned {
                    pin(number);
                }
                work(&waiting);
            };
            thread::Builder::new().name(format!("inference-{number}")).spawn(body)?;
        }
        Ok(Self { jobs })
    }

    /// Queues `job`. The receiver yields its result, or an error if the job panicked.
    ///
    /// # Errors
    /// [`QueueFull`], at once.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, QueueFull> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            if !done.is_closed() {
                // Nobody waiting any more is no failure.
                let _ = done.send(job());
            }
        });
        match self.jobs.try_send(job) {
            Ok(()) => Ok(result),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(QueueFull),
        }
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // A panic cannot happen while the lock is held, but a poisoned lock would still hold a sound receiver.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            // The job's receiver learns it by the sender being dropped. The panic's text stays out of the log: it could
            // hold a value of the job.
            tracing::error!("an inference job panicked");
        }
    }
}

/// Lowers the priority of this thread; Linux has one for each.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};

        let thread = Some(rustix::thread::gettid());
        let stepped =
            getpriority_process(thread).and_then(|own| setpriority_process(thread, (own + NICE).min(NICEST)));
        if let Err(error) = stepped {
            tracing::debug!(%error, "inference keeps the priority of the process");
        }
    }
}

/// Binds this thread to one core; Linux lets a thread choose.
fn pin(number: usize) {
    #[cfg(target_os = "linux")]
    if let Err(error) = pin_to_own_core(number) {
        tracing::warn!(%error, "an inference thread cannot be bound to a core and runs where the system puts it");
    }
    #[cfg(not(target_os = "linux"))]
    if number == 0 {
        tracing::warn!("inference threads can be bound to cores on Linux only");
    }
}

#[cfg(target_os = "linux")]
fn pin_to_own_core(number: usize) -> rustix::io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).cycle();
    let mut own = CpuSet::new();
    own.set(cores.nth(number).unwrap_or_default());
    sched_setaffinity(None, &own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_pinned_thread_has_one_core_of_those_that_the_process_may_use() {
        use rustix::thread::sched_getaffinity;
        let allowed = sched_getaffinity(None).unwrap();
        for pinned in [false, true] {
            let pool = InferencePool::start(1, 4, pinned).unwrap();
            let own = pool.submit(|| sched_getaffinity(None)).unwrap().await.unwrap().unwrap();
            assert_eq!(own.count(), if pinned { 1 } else { allowed.count() });
        }
        assert_eq!(sched_getaffinity(None).unwrap(), allowed, "only its own threads");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_works_again_afterwards() {
        let pool = InferencePool::start(1, 1, false).unwrap();
        let (go, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let first = pool.submit(move || (started.send(()).ok(), wait.recv().ok())).unwrap();
        running.await.unwrap();
        let second = pool.submit(|| 2).unwrap();
        assert_eq!(pool.submit(|| 3).err(), Some(QueueFull));
        go.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await, Ok(2));
        assert_eq!(pool.submit(|| 4).unwrap().await, Ok(4));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn inference_steps_back_behind_the_network() {
        let nice = || rustix::process::getpriority_process(Some(rustix::thread::gettid()));
        let pool = InferencePool::start(1, 1, false).unwrap();
        let (network, inference) = (nice().unwrap(), pool.submit(nice).unwrap().await.unwrap().unwrap());
        assert_eq!(inference, (network + NICE).min(NICEST), "from where the process is");
        assert_eq!(nice().unwrap(), network, "only its own threads");
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let pool = InferencePool::start(1, 4, false).unwrap();
        let bad = pool.submit(|| -> u8 { panic!("test") }).unwrap();
        assert!(bad.await.is_err());
        assert_eq!(pool.submit(|| 1).unwrap().await, Ok(1));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_computed() {
        let pool = InferencePool::start(1, 4, false).unwrap();
        let (go, wait) = channel::<()>();
        let first = pool.submit(move || wait.recv().ok()).unwrap();
        let (ran, observed) = channel();
        drop(pool.submit(move || ran.send(())).unwrap());
        let last = pool.submit(|| ()).unwrap();
        go.send(()).unwrap();
        first.await.unwrap();
        last.await.unwrap();
        assert!(observed.try_recv().is_err());
    }
}
