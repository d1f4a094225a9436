//! In: a piece of heavy work. Out: its result, later; or at once that there is no room for it.
//!
//! Embedding and authenticity take tens of milliseconds of one core. They run on a fixed number of own threads behind a
//! bounded queue, so that the network threads keep every deadline of the protocols while the pool is saturated. What is due first
//! comes first: at its pauses a job lets what is due before it pass, on its own thread. What is not wanted any more when its turn comes (the client has gone) is not computed. On Linux these threads are `NICE`: where
//! there are fewer cores than work, live audio and the protocols' deadlines come first, and a decision takes a little longer.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use peakstream::Pause;
use tokio::sync::oneshot;

/// How much inference steps back (`nice`, 0 to 19): a third of a network thread's share where both want the same core.
const NICE: i32 = 5;
/// The lowest priority there is.
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// How much sooner than the job under way another has to be due to pass it. With less, the one would gain what the other loses.
const SOONER: Duration = Duration::from_millis(20);
/// Jobs that wait on one thread until others have passed: the room that each computes in is kept, 35 kB for each 10 ms of speech.
const PASSED: usize = 3;

type Job = Box<dyn FnOnce(Pause<'_>) + Send>;

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

    /// The job that is due first and when that is, once there is one; `None` when there will be none.
    fn next(&self) -> Option<(Instant, Job)> {
        let mut waiting = self.lock();
        loop {
            if let Some(((due, _), job)) = waiting.jobs.pop_first() {
                return Some((due, job));
            }
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The job that is due first, if that is [`SOONER`] than `due`.
    fn sooner_than(&self, due: Instant) -> Option<(Instant, Job)> {
        let mut waiting = self.lock();
        let first = waiting.jobs.first_entry()?;
        let (sooner, _) = *first.key();
        (sooner + SOONER <= due).then(|| (sooner, first.remove()))
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

    /// Queues `job`, before all that are due later. While it calls its pause, those that are due sooner may pass it. The receiver yields its
    /// result, or an error if the job panicked.
    ///
    /// # Errors
    /// [`QueueFull`], at once.
    pub fn submit<T: Send + 'static>(
        &self,
        due: Instant,
        job: impl FnOnce(Pause<'_>) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, QueueFull> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move |pause: Pause<'_>| {
            if !done.is_closed() {
                // Nobody waiting any more is no failure.
                let _ = done.send(job(pause));
            }
        });
        self.queue.add(due, job).map(|()| result)
    }
}

fn work(queue: &Queue) {
    while let Some((due, job)) = queue.next() {
        run(queue, due, job, 0);
    }
}

/// Runs a job while `passed` others of this thread wait until it has passed.
fn run(queue: &Queue, due: Instant, job: Job, passed: usize) {
    let pause = || {
        while passed < PASSED
            && let Some((sooner, job)) = queue.sooner_than(due)
        {
            run(queue, sooner, job, passed + 1);
        }
    };
    if catch_unwind(AssertUnwindSafe(|| job(&pause))).is_err() {
        // The job's receiver learns it by the sender being dropped. The panic's text stays out of the log: it could
        // hold a value of the job.
        tracing::error!("an inference job panicked");
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, channel};

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_pinned_thread_has_one_core_of_those_that_the_process_may_use() {
        use rustix::thread::sched_getaffinity;
        let allowed = sched_getaffinity(None).unwrap();
        for pinned in [false, true] {
            let pool = InferencePool::start(1, 4, pinned).unwrap();
            let own =
                pool.submit(Instant::now(), |_| sched_getaffinity(None)).unwrap().await.unwrap().unwrap();
            assert_eq!(own.count(), if pinned { 1 } else { allowed.count() });
        }
        assert_eq!(sched_getaffinity(None).unwrap(), allowed, "only its own threads");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_works_again_afterwards() {
        let pool = InferencePool::start(1, 1, false).unwrap();
        let (go, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let first = pool.submit(Instant::now(), move |_| (started.send(()).ok(), wait.recv().ok())).unwrap();
        running.await.unwrap();
        let second = pool.submit(Instant::now(), |_| 2).unwrap();
        assert_eq!(pool.submit(Instant::now(), |_| 3).err(), Some(QueueFull));
        go.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await, Ok(2));
        assert_eq!(pool.submit(Instant::now(), |_| 4).unwrap().await, Ok(4));
    }

    #[tokio::test]
    async fn what_is_due_first_comes_first() {
        let pool = InferencePool::start(1, 8, false).unwrap();
        let (go, wait) = channel::<()>();
        let (started, running) = oneshot::channel();
        let now = Instant::now();
        let first = pool.submit(now, move |_| (started.send(()).ok(), wait.recv().ok())).unwrap();
        running.await.unwrap();
        let (came, order) = channel();
        let after = |milliseconds: u64| {
            let came = came.clone();
            let due = now + Duration::from_millis(milliseconds);
            pool.submit(due, move |_| came.send(milliseconds)).unwrap()
        };
        let jobs = [300, 100, 200, 100].map(after);
        go.send(()).unwrap();
        first.await.unwrap();
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [100, 100, 200, 300]);
    }

    /// Queues a job that waits until it is told to go on, and then pauses: when it runs, what tells it, its result.
    fn pausing(
        pool: &InferencePool,
        due: Instant,
        came: &Sender<&'static str>,
    ) -> (oneshot::Receiver<()>, Sender<()>, oneshot::Receiver<()>) {
        let (started, running) = oneshot::channel();
        let (go, wait) = channel::<()>();
        let came = came.clone();
        let job = move |pause: Pause<'_>| {
            started.send(()).ok();
            wait.recv().ok();
            pause();
            came.send("paused").ok();
        };
        (running, go, pool.submit(due, job).unwrap())
    }

    #[tokio::test]
    async fn at_a_pause_what_is_due_sooner_passes_and_nothing_else() {
        let pool = InferencePool::start(1, 8, false).unwrap();
        let (came, order) = channel();
        let now = Instant::now();
        let due = |milliseconds| now + Duration::from_millis(milliseconds);
        let (running, go, paused) = pausing(&pool, due(300), &came);
        running.await.unwrap();
        let add = |milliseconds, name| {
            let came = came.clone();
            pool.submit(due(milliseconds), move |_| came.send(name).unwrap()).unwrap()
        };
        let waiting = [add(299, "about as soon"), add(400, "later"), add(20, "soon"), add(10, "at once")];
        go.send(()).unwrap();
        paused.await.unwrap();
        for job in waiting {
            job.await.unwrap();
        }
        let expected = ["at once", "soon", "paused", "about as soon", "later"];
        assert_eq!(order.try_iter().collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn no_more_jobs_wait_on_a_thread_than_there_is_room_for() {
        /// How many there are of it, and how many there were at most.
        #[derive(Default)]
        struct Begun(AtomicUsize, AtomicUsize);

        /// Queues a job that queues the next, due sooner, and lets it pass; tells the result of each.
        fn queue(
            pool: &Arc<InferencePool>,
            begun: &Arc<Begun>,
            due: Instant,
            more: usize,
            told: Sender<Told>,
        ) {
            let (own, counts, tell) = (Arc::clone(pool), Arc::clone(begun), told.clone());
            let job = move |pause: Pause<'_>| {
                let Begun(now, most) = &*counts;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if more > 0 {
                    queue(&own, &counts, due - SOONER, more - 1, tell);
                }
                pause();
                now.fetch_sub(1, Ordering::SeqCst);
            };
            told.send(pool.submit(due, job).unwrap()).unwrap();
        }
        type Told = oneshot::Receiver<()>;

        let (pool, begun) = (Arc::new(InferencePool::start(1, 8, false).unwrap()), Arc::default());
        let (told, results) = channel();
        queue(&pool, &begun, Instant::now() + Duration::from_secs(9), 3 * PASSED, told);
        for result in results {
            result.await.unwrap();
        }
        assert_eq!(begun.1.load(Ordering::SeqCst), PASSED + 1);
    }

    #[tokio::test]
    async fn a_job_that_panics_while_it_passes_another_fails_alone() {
        let pool = InferencePool::start(1, 8, false).unwrap();
        let (came, _order) = channel();
        let now = Instant::now();
        let (running, go, paused) = pausing(&pool, now + Duration::from_secs(1), &came);
        running.await.unwrap();
        let bad = pool.submit(now, |_| -> u8 { panic!("test") }).unwrap();
        go.send(()).unwrap();
        assert!(bad.await.is_err());
        assert_eq!(paused.await, Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn inference_steps_back_behind_the_network() {
        let nice = || rustix::process::getpriority_process(Some(rustix::thread::gettid()));
        let pool = InferencePool::start(1, 1, false).unwrap();
        let (network, inference) =
            (nice().unwrap(), pool.submit(Instant::now(), move |_| nice()).unwrap().await.unwrap().unwrap());
        assert_eq!(inference, (network + NICE).min(NICEST), "from where the process is");
        assert_eq!(nice().unwrap(), network, "only its own threads");
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let pool = InferencePool::start(1, 4, false).unwrap();
        let bad = pool.submit(Instant::now(), |_| -> u8 { panic!("test") }).unwrap();
        assert!(bad.await.is_err());
        assert_eq!(pool.submit(Instant::now(), |_| 1).unwrap().await, Ok(1));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_computed() {
        let pool = InferencePool::start(1, 4, false).unwrap();
        let (go, wait) = channel::<()>();
        let first = pool.submit(Instant::now(), move |_| wait.recv().ok()).unwrap();
        let (ran, observed) = channel();
        drop(pool.submit(Instant::now(), move |_| ran.send(())).unwrap());
        let last = pool.submit(Instant::now(), |_| ()).unwrap();
        go.send(()).unwrap();
        first.await.unwrap();
        last.await.unwrap();
        assert!(observed.try_recv().is_err());
    }
}
