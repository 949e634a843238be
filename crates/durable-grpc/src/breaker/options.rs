//! When a breaker opens, for how long, and how it finds out that it need not.

use std::time::Duration;

use crate::limits::{
    BREAKER_FAILURE_PERCENT, BREAKER_MIN_ATTEMPTS, BREAKER_OPEN, BREAKER_OPEN_CAP, BREAKER_SLOW,
    BREAKER_SLOW_PERCENT, BREAKER_WINDOW, HEALTH_FRESH, LANE_REFRESH, PROBE,
};

/// How the breakers of [`Calls`](crate::Calls) behave: those of its workers, its channels and its
/// direct channels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct BreakerOptions {
    pub(crate) window: Duration,
    pub(crate) min_attempts: u32,
    pub(crate) failure_percent: u32,
    pub(crate) slow_percent: u32,
    pub(crate) slow: Duration,
    pub(crate) open: Duration,
    pub(crate) open_cap: Duration,
    pub(crate) probe: Duration,
    pub(crate) refresh: Duration,
    pub(crate) start_grace: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            window: BREAKER_WINDOW,
            min_attempts: BREAKER_MIN_ATTEMPTS,
            failure_percent: BREAKER_FAILURE_PERCENT,
            slow_percent: BREAKER_SLOW_PERCENT,
            slow: BREAKER_SLOW,
            open: BREAKER_OPEN,
            open_cap: BREAKER_OPEN_CAP,
            probe: PROBE,
            refresh: LANE_REFRESH,
            start_grace: HEALTH_FRESH,
        }
    }
}

impl BreakerOptions {
    /// How far back attempts count. The default is 10 s.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How many attempts there must have been within the window. The default is 20.
    pub const fn min_attempts(mut self, attempts: u32) -> Self {
        self.min_attempts = attempts;
        self
    }

    /// Opens when this share of the attempts has failed. The default is 50.
    pub const fn failure_percent(mut self, percent: u32) -> Self {
        self.failure_percent = percent;
        self
    }

    /// Opens when this share of the attempts was slow. The default is 80; above 100 it never does.
    pub const fn slow_percent(mut self, percent: u32) -> Self {
        self.slow_percent = percent;
        self
    }

    /// What is slow: an attempt that takes longer than this. The time that a call waits in its lane
    /// never counts. The default is 2 s.
    pub const fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }

    /// How long a target is left alone, doubled with each failed trial up to the cap; each time at
    /// random between half of it and all of it. The defaults are 5 s and 60 s.
    pub const fn open(mut self, open: Duration, cap: Duration) -> Self {
        self.open = open;
        self.open_cap = cap;
        self
    }

    /// How often a worker looks at a target that it leaves alone. The default is 1 s.
    pub fn probe(mut self, interval: Duration) -> Self {
        self.probe = interval.max(SHORTEST);
        self
    }

    /// How often channels ask the store how their lanes stand. The default is 1 s.
    pub fn refresh(mut self, interval: Duration) -> Self {
        self.refresh = interval.max(SHORTEST);
        self
    }

    /// How long after its first use a lane may be without any live worker before its calls are
    /// refused: processes may start in any order. The default is 10 s, two heartbeats.
    pub const fn start_grace(mut self, grace: Duration) -> Self {
        self.start_grace = grace;
        self
    }
}

/// No timer may be set to nothing.
const SHORTEST: Duration = Duration::from_millis(1);
