//! Whether a target takes calls, by what came of those it was sent lately.
//!
//! Closed: calls go. Open: none do, for a while that doubles. Half-open: exactly one call tries. The
//! state machine is pure: the time and the jitter are passed in.

mod judge;
mod options;
mod shared;
mod window;

use std::time::Duration;

use tokio::time::Instant;

pub use self::options::BreakerOptions;
use self::window::Window;
pub(crate) use self::{
    judge::{is_trouble, is_trouble_code},
    shared::{Entered, SharedBreaker},
};

/// What a breaker does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It goes.
    Closed,
    /// It goes alone, and decides for all.
    HalfOpen,
    /// It does not go.
    Open,
}

/// What a look at the target brought, without any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Its health service says that it serves.
    Serving,
    /// Its health service says that it does not.
    NotServing,
    /// Somebody answered, but has nothing to say about health.
    Reached,
    /// Nobody answered.
    Silent,
}

/// The right to send one call, to be given back with what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    generation: u64,
    pub(crate) trial: bool,
}

/// Why a breaker opened. A trial has to do better in that respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Failures,
    Slowness,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: Instant, cause: Cause },
    HalfOpen { cause: Cause, trial: bool, by_health: bool },
}

#[derive(Debug)]
pub(crate) struct Breaker {
    options: BreakerOptions,
    state: State,
    window: Window,
    /// Grows with each change of state: a call that was sent under an earlier one says nothing about
    /// this one.
    generation: u64,
    /// How often the target has failed its trial since it last took calls.
    failed_trials: u32,
    /// What the last probe since the opening brought.
    probe: Option<Probe>,
    /// Whether the health service may shorten the wait: not after it has called a target healthy
    /// that then failed its trial, until it has seen the trouble too.
    trusts_health: bool,
}

impl Breaker {
    pub(crate) fn new(options: BreakerOptions) -> Self {
        Self {
            window: Window::new(options.window),
            options,
            state: State::Closed,
            generation: 0,
            failed_trials: 0,
            probe: None,
            trusts_health: true,
        }
    }

    pub(crate) const fn phase(&self) -> Phase {
        match self.state {
            State::Closed => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// Lets the time that has passed count.
    pub(crate) fn tick(&mut self, now: Instant) {
        let State::Open { until, cause } = self.state else { return };
        // A target that is seen to be away is not tried, yet not for ever: whatever stands between
        // may answer probes otherwise than calls.
        let patience = match self.probe {
            Some(Probe::Silent | Probe::NotServing) => self.options.open_cap,
            Some(Probe::Serving | Probe::Reached) | None => Duration::ZERO,
        };
        if now >= until + patience {
            self.change(State::HalfOpen { cause, trial: false, by_health: false });
        }
    }

    /// Whether a call may be sent: any number of them, or the one that tries.
    pub(crate) fn enter(&mut self, now: Instant) -> Option<Pass> {
        self.tick(now);
        let trial = match &mut self.state {
            State::Closed => false,
            State::HalfOpen { trial, .. } if !*trial => {
                *trial = true;
                true
            }
            State::HalfOpen { .. } | State::Open { .. } => return None,
        };
        Some(Pass { generation: self.generation, trial })
    }

    /// Whether the next call would be the one that tries.
    pub(crate) const fn wants_trial(&self) -> bool {
        matches!(self.state, State::HalfOpen { trial: false, .. })
    }

    /// Hears what came of a call. `took` is the time from sending to the end, `jitter` is random in
    /// `0.0..1.0`.
    pub(crate) fn record(
        &mut self,
        pass: Pass,
        failed: bool,
        took: Duration,
        now: Instant,
        jitter: f64,
    ) {
        if pass.generation != self.generation {
            return;
        }
        let slow = took > self.options.slow;
        match self.state {
            State::Closed => {
                self.window.add(failed, slow, now);
                if let Some(cause) = self.trouble() {
                    self.open(cause, now, jitter);
                }
            }
            State::HalfOpen { cause, by_health, .. } => {
                if failed || (slow && cause == Cause::Slowness) {
                    self.failed_trials = self.failed_trials.saturating_add(1);
                    self.trusts_health &= !by_health;
                    self.open(cause, now, jitter);
                } else {
                    self.window.clear();
                    self.failed_trials = 0;
                    self.trusts_health = true;
                    self.change(State::Closed);
                }
            }
            // Nothing is sent while it is open.
            State::Open { .. } => {}
        }
    }

    /// Takes a pass back of which nothing came. `true`: the trial is free for another call.
    pub(crate) const fn forget(&mut self, pass: Pass) -> bool {
        if pass.trial
            && pass.generation == self.generation
            && let State::HalfOpen { trial, .. } = &mut self.state
        {
            *trial = false;
            return true;
        }
        false
    }

    /// Hears what a probe brought.
    pub(crate) fn probed(&mut self, probe: Probe, now: Instant) {
        if let State::Open { cause, .. } = self.state {
            self.probe = Some(probe);
            match probe {
                Probe::Serving if self.trusts_health => {
                    self.change(State::HalfOpen { cause, trial: false, by_health: true });
                }
                Probe::Silent | Probe::NotServing => self.trusts_health = true,
                Probe::Serving | Probe::Reached => {}
            }
            self.tick(now);
        }
    }

    /// Whether the last probe found anybody at all.
    pub(crate) fn is_reached(&self) -> bool {
        self.probe.is_some_and(|probe| probe != Probe::Silent)
    }

    /// When to come again: nothing while calls go, or one may try.
    pub(crate) fn retry_after(&self, now: Instant) -> Duration {
        match self.state {
            State::Closed | State::HalfOpen { .. } => Duration::ZERO,
            // Past its time, it is the next probe that decides.
            State::Open { until, .. } => {
                until.saturating_duration_since(now).max(self.options.probe)
            }
        }
    }

    fn trouble(&self) -> Option<Cause> {
        let counts = self.window.counts();
        let share = |part: u32, percent: u32| {
            u64::from(part) * 100 >= u64::from(counts.attempts) * u64::from(percent)
        };
        if counts.attempts < self.options.min_attempts {
            None
        } else if share(counts.failed, self.options.failure_percent) {
            Some(Cause::Failures)
        } else {
            share(counts.slow, self.options.slow_percent).then_some(Cause::Slowness)
        }
    }

    fn open(&mut self, cause: Cause, now: Instant, jitter: f64) {
        let doubled = self.options.open.saturating_mul(1 << self.failed_trials.min(16));
        // At least half of it: a target in trouble is not to be tried again at once.
        let wait = doubled.min(self.options.open_cap).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        self.probe = None;
        self.window.clear();
        self.change(State::Open { until: now + wait, cause });
    }

    const fn change(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests;
