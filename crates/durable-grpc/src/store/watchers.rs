//! Who in this process wants to hear what a store tells.

use std::sync::{Mutex, PoisonError, Weak};

use super::Hints;

/// The listeners of a store. They are not kept alive by it.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Vec<Weak<dyn Hints>>>);

impl Watchers {
    pub(super) fn add(&self, hints: Weak<dyn Hints>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(hints);
    }

    /// Tells everyone who is still there, without holding the list meanwhile.
    pub(super) fn tell(&self, tell: impl Fn(&dyn Hints)) {
        let watchers: Vec<_> = {
            let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            watchers.retain(|watcher| watcher.strong_count() > 0);
            watchers.iter().filter_map(Weak::upgrade).collect()
        };
        for watcher in watchers {
            tell(&*watcher);
        }
    }
}
