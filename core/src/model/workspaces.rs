//! Room to compute in: a thread takes what another has left, and leaves it again. As many are kept as ever computed at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Workspaces that no thread computes with at the moment.
#[derive(Debug, Default)]
pub(super) struct Workspaces<T>(Mutex<Vec<T>>);

impl<T: Default> Workspaces<T> {
    /// Computes in one of them; in a new one, which grows as it is used, if there is none.
    pub(super) fn with<R>(&self, compute: impl FnOnce(&mut T) -> R) -> R {
        let mut workspace = self.kept().pop().unwrap_or_default();
        let result = compute(&mut workspace);
        self.kept().push(workspace);
        result
    }

    /// Gives back the memory of those that no thread computes with.
    pub(super) fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing panics between taking a workspace and giving it back but a defect; the others are sound then.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
