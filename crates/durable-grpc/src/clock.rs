//! Time, passed in.

use std::time::SystemTime;

/// What a store takes the time from. Due times, expiry and retention follow this clock; timeouts of
/// waiting and of attempts follow tokio's.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
