//! What a payment or a transfer will still go through by itself.

use jiff::Timestamp;

use super::later;

/// How long a pending thing stays pending, unless the fault says otherwise: long enough for a
/// client to see it, short enough to wait for.
pub(crate) const STEP_MS: u32 = 1_000;

/// The statuses to come, one after the other, each `step_ms` after the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan<S> {
    pub(crate) steps: Vec<S>,
    pub(crate) step_ms: u32,
}

impl<S> Plan<S> {
    /// A plan of `steps`.
    pub(crate) fn of(steps: Vec<S>, step_ms: Option<u32>) -> Self {
        Self { steps, step_ms: step_ms.unwrap_or(STEP_MS) }
    }

    /// No plan.
    pub(crate) fn none() -> Self {
        Self::of(Vec::new(), None)
    }

    /// When the first step is due; `None` when there is none.
    pub(crate) fn due_at(&self, now: Timestamp) -> Option<Timestamp> {
        (!self.steps.is_empty()).then(|| later(now, self.step_ms))
    }

    /// Takes the first step off.
    pub(crate) fn next(mut self) -> Option<(S, Self)> {
        if self.steps.is_empty() {
            return None;
        }
        let step = self.steps.remove(0);
        Some((step, self))
    }
}
