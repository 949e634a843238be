//! How much may wait in a lane.

use std::time::Duration;

use crate::limits::{LANE_AGE, LANE_WAITING};

/// When a lane takes no more calls, with RESOURCE_EXHAUSTED. What was accepted is never dropped. The
/// bytes that wait are limited by the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneLimits {
    /// How many calls may wait, those among them that are not due yet. The default is 100,000.
    pub waiting: u64,
    /// How long the oldest due call may have been due while callers who wait for their answer are
    /// still let in. Detached calls always are: they are meant to outlive a broken callee. The
    /// default is 1 h.
    pub age: Option<Duration>,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { waiting: LANE_WAITING, age: Some(LANE_AGE) }
    }
}
