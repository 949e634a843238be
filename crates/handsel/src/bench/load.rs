//! Keeps calls in flight, and records how long each took.

use std::{
    io::IsTerminal as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use super::echo::Client;
use crate::out;

/// The longest time that is told apart, in microseconds: twice what a caller waits by default.
pub(super) const LONGEST_US: u64 = 60_000_000;
/// Times are exact to one part in a hundred, which keeps a caller's histogram at a few KiB: larger
/// ones would push out of the caches what is being measured.
const DIGITS: u8 = 2;
/// The pause after a call that failed, so that a refusal at once does not become a busy loop.
const AFTER_ERROR: Duration = Duration::from_millis(10);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What is asked of the callers.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// How many there are, each with one call at a time.
    pub(super) in_flight: u32,
    /// What each call carries.
    pub(super) payload: Bytes,
}

/// What became of the calls.
#[derive(Debug)]
pub(super) struct Measured {
    /// How long each answered call took, in microseconds.
    pub(super) latencies: Histogram<u64>,
    /// From the first call to the last answer.
    pub(super) elapsed: Duration,
    /// Calls that failed. They are in no other figure.
    pub(super) errors: u64,
    /// Why the first of them failed.
    pub(super) first_error: Option<String>,
}

impl Load {
    /// Makes calls for so long, tells on standard error how it goes, and waits for the last answers.
    ///
    /// # Errors
    /// When a caller panicked. Calls that fail are counted.
    pub(super) async fn run(
        &self,
        client: &Client,
        what: &str,
        time: Duration,
    ) -> anyhow::Result<Measured> {
        let answered = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..self.in_flight {
            let (client, payload) = (client.clone(), self.payload.clone());
            callers.spawn(call_until(client, payload, started + time, answered.clone()));
        }
        let mut all = Measured::new()?;
        let mut progress = Progress::new(what);
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                caller = callers.join_next() => match caller {
                    Some(measured) => all.add(&measured.context("a caller failed")??)?,
                    None => break,
                },
                _ = ticks.tick() => progress.tell(answered.load(Ordering::Relaxed)),
            }
        }
        progress.end();
        all.elapsed = started.elapsed();
        Ok(all)
    }
}

impl Measured {
    /// Nothing yet.
    ///
    /// # Errors
    /// None in practice: the bounds of the histogram are constants.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            latencies: Histogram::new_with_bounds(1, LONGEST_US, DIGITS)?,
            elapsed: Duration::ZERO,
            errors: 0,
            first_error: None,
        })
    }

    /// Adds what others, or an earlier or later round, have measured.
    ///
    /// # Errors
    /// None in practice: all histograms have the same bounds.
    pub(super) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.latencies.add(&other.latencies)?;
        self.elapsed += other.elapsed;
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
        Ok(())
    }

    /// Answered calls in a second.
    pub(super) fn per_s(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.latencies.len() as f64 / seconds } else { 0.0 }
    }
}

/// One caller: one call after the other. Its elapsed time stays zero: the callers' times overlap.
async fn call_until(
    mut client: Client,
    payload: Bytes,
    until: Instant,
    answered: Arc<AtomicU64>,
) -> anyhow::Result<Measured> {
    let mut measured = Measured::new()?;
    let mut began = Instant::now();
    while began < until {
        let answer = client.echo(payload.clone()).await;
        let ended = Instant::now();
        match answer {
            Ok(()) => {
                let took = u64::try_from((ended - began).as_micros()).unwrap_or(LONGEST_US);
                measured.latencies.saturating_record(took.max(1));
                answered.fetch_add(1, Ordering::Relaxed);
                began = ended;
            }
            Err(status) => {
                measured.errors += 1;
                measured
                    .first_error
                    .get_or_insert_with(|| format!("{:?}: {}", status.code(), status.message()));
                sleep(AFTER_ERROR).await;
                began = Instant::now();
            }
        }
    }
    Ok(measured)
}

/// One line of standard error that is written over; nothing where nobody watches.
struct Progress<'a> {
    what: &'a str,
    is_watched: bool,
    since: Instant,
    before: u64,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str) -> Self {
        let is_watched = std::io::stderr().is_terminal();
        Self { what, is_watched, since: Instant::now(), before: 0 }
    }

    fn tell(&mut self, answered: u64) {
        let seconds = self.since.elapsed().as_secs_f64();
        if !self.is_watched || answered == self.before || seconds <= 0.0 {
            return;
        }
        let per_s = (answered - self.before) as f64 / seconds;
        out::aside_text(format_args!("\r{}: {per_s:>9.0} calls/s ", self.what));
        (self.since, self.before) = (Instant::now(), answered);
    }

    /// Makes room for the result.
    fn end(&self) {
        if self.is_watched {
            out::aside_text("\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(micros: &[u64], elapsed_ms: u64, error: Option<&str>) -> Measured {
        let mut measured = Measured::new().unwrap();
        for took in micros {
            measured.latencies.saturating_record(*took);
        }
        measured.elapsed = Duration::from_millis(elapsed_ms);
        measured.errors = u64::from(error.is_some());
        measured.first_error = error.map(str::to_owned);
        measured
    }

    #[test]
    fn rounds_add_up() {
        let mut all = measured(&[100, 100], 500, None);
        all.add(&measured(&[200, 70_000_000], 1_500, Some("first"))).unwrap();
        all.add(&measured(&[], 0, Some("second"))).unwrap();
        assert_eq!((all.latencies.len(), all.errors), (4, 2));
        assert!((all.per_s() - 2.0).abs() < 1e-9, "{}", all.per_s());
        assert_eq!(all.first_error.as_deref(), Some("first"));
        assert_eq!(all.latencies.value_at_quantile(0.5), 100);
        assert!(all.latencies.max() >= LONGEST_US, "what is too long counts as the longest");
    }

    #[test]
    fn nothing_has_no_rate() {
        assert!(Measured::new().unwrap().per_s().abs() < f64::EPSILON);
    }
}
