//! Time, passed in.

use std::time::{Instant, SystemTime};

/// What a store takes the time from. Due times, expiry and retention follow this clock; timeouts of
/// waiting and of attempts follow tokio's.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;

    /// A time that never jumps, for leases: setting the system's clock must not take claims away
    /// from workers that are alive.
    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
