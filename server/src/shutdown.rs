//! In: SIGTERM, SIGINT, or a call. Out: one flag that every task can wait for, and that never goes back.

use tokio::sync::watch;

/// The end of the server, as seen by everything that has to end with it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown {
    begun: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { begun: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// Begins the shutdown. Calling it again changes nothing.
    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Returns once it has begun.
    pub async fn begun(&self) {
        let mut begun = self.begun.subscribe();
        // The sender is in `self`, so the channel cannot close while this waits.
        let _ = begun.wait_for(|begun| *begun).await;
    }
}

/// Tasks that the server waits for before it ends. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    running: watch::Sender<usize>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { running: watch::Sender::new(0) }
    }
}

impl Tasks {
    /// Spawns a task that is waited for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.send_modify(|running| *running += 1);
        let counted = Counted(self.running.clone());
        tokio::spawn(async move {
            let _counted = counted;
            task.await;
        });
    }

    /// How many run now.
    pub fn running(&self) -> usize {
        *self.running.borrow()
    }

    /// Returns once none runs.
    pub async fn finished(&self) {
        // The sender is in `self`, so the channel cannot close while this waits.
        let _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// Counts down when its task ends, also by a panic.
struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// Returns when the process is asked to end: SIGTERM or SIGINT (Ctrl-C).
///
/// # Errors
/// If the handlers cannot be installed.
#[cfg(unix)]
pub async fn requested() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Returns when the process is asked to end (Ctrl-C).
///
/// # Errors
/// If the handler cannot be installed.
#[cfg(not(unix))]
pub async fn requested() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiters_before_and_after_the_beginning_both_return() {
        let shutdown = Shutdown::default();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.begun().await }
        });
        assert!(!shutdown.has_begun());
        shutdown.begin();
        shutdown.begin();
        early.await.unwrap();
        shutdown.begun().await;
        assert!(shutdown.has_begun());
    }

    #[tokio::test]
    async fn tasks_are_waited_for_even_if_they_panic() {
        let tasks = Tasks::default();
        tasks.spawn(async {});
        tasks.spawn(async { panic!("test") });
        assert_eq!(tasks.running(), 2);
        tasks.finished().await;
        assert_eq!(tasks.running(), 0);
    }
}
