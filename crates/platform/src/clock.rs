//! Time is passed in, so that tests and the demo can move it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// Where the applications read the time. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    source: Source,
    /// Wakes scans when the time was moved, so that nobody waits for the next tick.
    moved: Notify,
}

enum Source {
    System,
    /// Milliseconds since the Unix epoch; moves only when told to.
    Manual(AtomicI64),
    /// System time plus an offset in milliseconds that survives a restart.
    Shifted {
        offset_ms: AtomicI64,
        file: PathBuf,
    },
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self::from(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self::from(Source::Manual(AtomicI64::new(start.as_millisecond())))
    }

    /// The system clock plus an offset kept in `file`, for the demo: a week passes in a second, and
    /// a process killed in between finds itself in the same week again.
    ///
    /// # Errors
    /// When the file exists and does not hold a number of milliseconds.
    pub fn shifted(file: &Path) -> anyhow::Result<Self> {
        let offset_ms = match std::fs::read_to_string(file) {
            Ok(text) => text.trim().parse().with_context(|| {
                format!("{} does not hold a number of milliseconds", file.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        Ok(Self::from(Source::Shifted {
            offset_ms: AtomicI64::new(offset_ms),
            file: file.to_owned(),
        }))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match &self.0.source {
            Source::System => Timestamp::now(),
            Source::Manual(ms) => from_millis(ms.load(Ordering::SeqCst)),
            Source::Shifted { offset_ms, .. } => {
                Timestamp::now() + SignedDuration::from_millis(offset_ms.load(Ordering::SeqCst))
            }
        }
    }

    /// Now, in milliseconds since the Unix epoch: how the databases keep time.
    pub fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// Moves the time forward and wakes whoever waits in [`Clock::moved`].
    ///
    /// # Errors
    /// For the system clock, which nobody moves, and when the new offset cannot be stored: it is on
    /// disk before it is in force.
    pub fn advance(&self, by: SignedDuration) -> anyhow::Result<()> {
        let by_ms = i64::try_from(by.as_millis()).context("the step is too large")?;
        anyhow::ensure!(by_ms >= 0, "time moves forward only");
        match &self.0.source {
            Source::System => anyhow::bail!("the system clock cannot be moved"),
            Source::Manual(ms) => {
                ms.fetch_add(by_ms, Ordering::SeqCst);
            }
            Source::Shifted { offset_ms, file } => {
                let next = offset_ms.load(Ordering::SeqCst) + by_ms;
                crate::keys::write_atomically(file, next.to_string().as_bytes())?;
                offset_ms.store(next, Ordering::SeqCst);
            }
        }
        self.0.moved.notify_waiters();
        Ok(())
    }

    /// Resolves at the next [`Clock::advance`].
    pub async fn moved(&self) {
        self.0.moved.notified().await;
    }

    /// Whether this clock can be moved: never true outside tests and the demo.
    pub fn is_movable(&self) -> bool {
        !matches!(self.0.source, Source::System)
    }
}

impl From<Source> for Clock {
    fn from(source: Source) -> Self {
        Self(Arc::new(Inner { source, moved: Notify::new() }))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// A time from the database.
///
/// # Panics
/// Never for values written by [`Clock::now_ms`]; a number outside of jiff's range (the years
/// −9999 to 9999) is a corrupt row and becomes the nearest end of that range.
pub fn from_millis(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(from_millis(1_000));
        assert_eq!(clock.now_ms(), 1_000);
        clock.advance(SignedDuration::from_secs(2)).unwrap();
        assert_eq!(clock.now_ms(), 3_000);
        assert!(clock.advance(SignedDuration::from_secs(-1)).is_err());
    }

    #[test]
    fn a_shifted_clock_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        let day = SignedDuration::from_hours(24);
        Clock::shifted(&file).unwrap().advance(day).unwrap();
        let ahead = Clock::shifted(&file).unwrap().now().duration_since(Timestamp::now());
        assert!(ahead > SignedDuration::from_hours(23), "{ahead:?}");
        std::fs::write(&file, "soon").unwrap();
        assert!(Clock::shifted(&file).is_err());
    }

    #[test]
    fn the_system_clock_stays() {
        assert!(Clock::system().advance(SignedDuration::from_secs(1)).is_err());
    }
}
