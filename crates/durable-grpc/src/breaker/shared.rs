//! A breaker in the hands of several tasks. Each change of its state is told once.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::Gauge;
use tokio::{sync::Notify, time::Instant};

use super::{Breaker, BreakerOptions, Pass, Phase};

pub(crate) struct SharedBreaker {
    lane: Arc<str>,
    /// Who judges: a word for the log.
    side: &'static str,
    state: Gauge,
    breaker: Mutex<Breaker>,
    /// Rung when the state has changed, or the trial is free again.
    listeners: Vec<Arc<Notify>>,
}

impl SharedBreaker {
    pub(crate) fn new(
        lane: Arc<str>,
        side: &'static str,
        state: Gauge,
        options: BreakerOptions,
        listeners: Vec<Arc<Notify>>,
    ) -> Self {
        Self { lane, side, state, breaker: Mutex::new(Breaker::new(options)), listeners }
    }

    /// The right to send one call now, if there is one.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Entered> {
        let pass = self.update(Breaker::enter)?;
        Some(Entered { breaker: self.clone(), pass, since: Instant::now(), settled: false })
    }

    /// Does something with the breaker, and tells if that has changed its state.
    pub(crate) fn update<T>(&self, act: impl FnOnce(&mut Breaker, Instant) -> T) -> T {
        let now = Instant::now();
        let (result, before, after) = {
            // Nothing in here panics between two changes that belong together.
            let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
            let before = breaker.phase();
            (act(&mut breaker, now), before, breaker.phase())
        };
        if before != after {
            self.tell(after);
        }
        result
    }

    fn tell(&self, phase: Phase) {
        let (lane, side) = (&*self.lane, self.side);
        self.state.set(match phase {
            Phase::Closed => 0.0,
            Phase::HalfOpen => 1.0,
            Phase::Open => 2.0,
        });
        match phase {
            Phase::Closed => tracing::info!(lane, side, "target takes calls again"),
            Phase::HalfOpen => tracing::info!(lane, side, "target is tried with one call"),
            Phase::Open => tracing::warn!(lane, side, "target is in trouble and is left alone"),
        }
        self.ring();
    }

    fn ring(&self) {
        for listener in &self.listeners {
            listener.notify_one();
        }
    }
}

/// The right to send one call. Dropped without a result, it has told nothing.
pub(crate) struct Entered {
    breaker: Arc<SharedBreaker>,
    pass: Pass,
    since: Instant,
    settled: bool,
}

impl Entered {
    /// Whether this call decides for all.
    pub(crate) const fn is_trial(&self) -> bool {
        self.pass.trial
    }

    /// The call is sent only now: what was before does not count.
    pub(crate) fn restart(&mut self) {
        self.since = Instant::now();
    }

    /// Says what came of the call.
    pub(crate) fn settle(mut self, failed: bool) {
        self.settled = true;
        let (pass, took) = (self.pass, self.since.elapsed());
        let jitter = rand::random();
        self.breaker.update(|breaker, now| breaker.record(pass, failed, took, now, jitter));
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if !self.settled {
            let pass = self.pass;
            if self.breaker.update(|breaker, _| breaker.forget(pass)) {
                self.breaker.ring();
            }
        }
    }
}
