//! In: a piece of heavy work. Out: its result, later; or at once that there is no room for it.
//!
//! Embedding and authenticity take tens of milliseconds of one core. They run on a fixed number of own threads behind a
//! bounded queue, so that the network threads keep every deadline of the protocols while the pool is saturated. What is due first
//! comes first. What is not wanted any more when its turn comes (the client has gone) is not computed. On Linux these threads are `NICE`: where
//! there are fewer cores than work, live audio and the protocols' deadlines come first, and a decision takes a little longer.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

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

/// A fixed number of threads behind a bounded queue. The threads end when the pool is dropped and the queue is empty.
#[derive(Debug)]
pub struct InferencePool {
    queue: Arc<Queue>,
}

impl Drop for InferencePool {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
    }
}

/// Jobs that wait for a thread.
struct Queue {
    most: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// By when they are due, and by when they came.
    jobs: BTreeMap<(Instant, u64), Job>,
    came: u64,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while the lock is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, due: Instant, job: Job) -> Result<(), QueueFull> {
        let mut waiting = self.lock();
        if waiting.jobs.len() >= self.most {
            return Err(QueueFull);
        }
        waiting.came += 1;
        let place = (due, waiting.came);
        waiting.jobs.insert(place, job);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The job that is due first, once there is one; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some((_, job)) = waiting.jobs.pop_first() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl InferencePool {
    /// Starts `threads` threads (at least one) with room for `queue` waiting jobs; `pinned` ones are each bound to one of the cores that the
    /// process may use, in turn.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(threads: usize, queue: usize, pinned: bool) -> std::io::Result<Self> {
        let queue = Arc::new(Queue { most: queue, waiting: Mutex::default(), changed: Condvar::new() });
        let pool = Self { queue };
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&pool.queue);
            let body = move || {
                step_back();
                if pinned {
                    pin(number);
                }
                work(&queue);
            };
            thread::Builder::new().name(format!("inference-{number}")).spawn(body)?;
        }
        Ok(pool)
    }

    /// Queues `job`, before all that are due later. The receiver yields its result, or an error if the job panicked.
    ///
    /// # Errors
    /// [`QueueFull`], at once.
    pub fn submit<T: Send + 'static>(
        &self,
        due: Instant,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, QueueFull> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            if !done.is_closed() {
                // Nobody waiting any more is no failure.
                let _ = done.send(job());
            }
        });
        self.queue.add(due, job).map(|()| result)
    }
}

fn work(queue: &Queue) {
    while let Some(job) = queue.next() {
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
    use std::time::Duration;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_pinned_thread_has_one_core_of_those_that_the_process_may_use() {
        use rustix::thread::sched_getaffinity;
        let allowed = sched_getaffinity(None).unwrap();
        for pinned in [false, true] {
            let pool = InferencePool::start(1, 4, pinned).unwrap();
            let own =
                pool.submit(Instant::now(), || sched_getaffinity(None)).unwrap().await.unwrap().unwrap();
            assert_eq!(own.count(), if pinned { 1 } else { allowed.count() });
        }
        assert_eq!(sched_getaffinity(None).unwrap(), allowed, "only its own threads");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_works_again_afterwards() {
        let pool = InferencePool::start(1, 1, false).unwrap();
        let (go, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let first = pool.submit(Instant::now(), move || (started.send(()).ok(), wait.recv().ok())).unwrap();
        running.await.unwrap();
        let second = pool.submit(Instant::now(), || 2).unwrap();
        assert_eq!(pool.submit(Instant::now(), || 3).err(), Some(QueueFull));
        go.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await, Ok(2));
        assert_eq!(pool.submit(Instant::now(), || 4).unwrap().await, Ok(4));
    }

    #[tokio::test]
    async fn what_is_due_first_comes_first() {
        let pool = InferencePool::start(1, 8, false).unwrap();
        let (go, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let now = Instant::now();
        let first = pool.submit(now, move || (started.send(()).ok(), wait.recv().ok())).unwrap();
        running.await.unwrap();
        let (came, order) = channel();
        let after = |milliseconds: u64| {
            let came = came.clone();
            let due = now + Duration::from_millis(milliseconds);
            pool.submit(due, move || came.send(milliseconds)).unwrap()
        };
        let jobs = [300, 100, 200, 100].map(after);
        go.send(()).unwrap();
        first.await.unwrap();
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [100, 100, 200, 300]);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn inference_steps_back_behind_the_network() {
        let nice = || rustix::process::getpriority_process(Some(rustix::thread::gettid()));
        let pool = InferencePool::start(1, 1, false).unwrap();
        let (network, inference) =
            (nice().unwrap(), pool.submit(Instant::now(), nice).unwrap().await.unwrap().unwrap());
        assert_eq!(inference, (network + NICE).min(NICEST), "from where the process is");
        assert_eq!(nice().unwrap(), network, "only its own threads");
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let pool = InferencePool::start(1, 4, false).unwrap();
        let bad = pool.submit(Instant::now(), || -> u8 { panic!("test") }).unwrap();
        assert!(bad.await.is_err());
        assert_eq!(pool.submit(Instant::now(), || 1).unwrap().await, Ok(1));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_computed() {
        let pool = InferencePool::start(1, 4, false).unwrap();
        let (go, wait) = channel::<()>();
        let first = pool.submit(Instant::now(), move || wait.recv().ok()).unwrap();
        let (ran, observed) = channel();
        drop(pool.submit(Instant::now(), move || ran.send(())).unwrap());
        let last = pool.submit(Instant::now(), || ()).unwrap();
        go.send(()).unwrap();
        first.await.unwrap();
        last.await.unwrap();
        assert!(observed.try_recv().is_err());
    }
}
