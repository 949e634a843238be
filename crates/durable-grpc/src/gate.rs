//! The entrance of each lane: whether a call may be submitted at all.
//!
//! What decides is what the store last said about the lane: how its workers see the target, and what
//! waits. That is asked for once a second in the background for every lane in use, so a call costs
//! no round trip; only the first call through a lane asks by itself.

mod limits;
mod standing;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::future::join_all;
use metrics::Gauge;
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tonic::{Code, Status};

pub use self::limits::LaneLimits;
pub(crate) use self::standing::Standing;
use crate::{
    breaker::BreakerOptions,
    calls::Inner,
    limits::{EARLY_LOOK, FULL_PUSHBACK, HEALTH_FRESH, LANE_LOOK_TIMEOUT, LANE_REFRESH},
    metrics::{self as figures, LaneMetrics},
    outcome,
    store::{Backlog, CallStore},
};

/// The entrances of all lanes that this process has used.
pub(crate) struct Gates {
    pub(crate) breaker: Option<BreakerOptions>,
    limits: LaneLimits,
    limits_of: HashMap<String, LaneLimits>,
    gates: RwLock<HashMap<Arc<str>, Arc<Gate>>>,
}

impl Gates {
    pub(crate) fn new(
        breaker: Option<BreakerOptions>,
        limits: LaneLimits,
        limits_of: HashMap<String, LaneLimits>,
    ) -> Self {
        Self { breaker, limits, limits_of, gates: RwLock::default() }
    }

    pub(crate) fn of(&self, lane: &str) -> Arc<Gate> {
        if let Some(gate) = self.gates.read().unwrap_or_else(PoisonError::into_inner).get(lane) {
            return gate.clone();
        }
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = lane.into();
        let limits = self.limits_of.get(lane).unwrap_or(&self.limits).clone();
        let new = || Arc::new(Gate::new(name.clone(), self.breaker.clone(), limits));
        gates.entry(name.clone()).or_insert_with(new).clone()
    }

    fn all(&self) -> Vec<Arc<Gate>> {
        self.gates.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Asks about the lanes in use until the last [`Calls`](crate::Calls) is gone.
pub(crate) async fn run(inner: Weak<Inner>, breaker: Option<BreakerOptions>) {
    let mut ticks = interval(breaker.map_or(LANE_REFRESH, |options| options.refresh));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let now = Instant::now();
        let gates = inner.gates.all();
        join_all(gates.iter().map(|gate| gate.look(&*inner.store, now))).await;
        figures::waiting(inner.waiters.count());
    }
}

/// The entrance of one lane.
pub(crate) struct Gate {
    lane: Arc<str>,
    breaker: Option<BreakerOptions>,
    limits: LaneLimits,
    pub(crate) metrics: LaneMetrics,
    state: Gauge,
    first_used: Instant,
    view: RwLock<View>,
    /// Calls on their way into the store.
    entering: AtomicU64,
    /// Calls that went in since the store was asked: it has not counted them yet.
    added: AtomicU64,
    /// Whether the one call that may try has been let in since.
    tried: AtomicBool,
    /// Held while the store is asked.
    looking: Mutex<()>,
}

/// What is known about a lane.
#[derive(Debug, Default)]
struct View {
    looked_at: Option<Instant>,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    standing: Standing,
    waiting: u64,
    oldest_ready: Option<Duration>,
}

/// Whether a call may be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Judgement {
    LetIn,
    /// The store has to be asked first.
    Look,
    Down {
        retry_after: Duration,
    },
    Unserved {
        retry_after: Duration,
    },
    Full {
        waiting: u64,
    },
    Old {
        oldest_ready: Duration,
    },
}

impl Gate {
    fn new(lane: Arc<str>, breaker: Option<BreakerOptions>, limits: LaneLimits) -> Self {
        let metrics = LaneMetrics::new(lane.clone());
        Self {
            state: metrics.breaker_state("channel"),
            metrics,
            lane,
            breaker,
            limits,
            first_used: Instant::now(),
            view: RwLock::default(),
            entering: AtomicU64::new(0),
            added: AtomicU64::new(0),
            tried: AtomicBool::new(false),
            looking: Mutex::new(()),
        }
    }

    pub(crate) fn lane(&self) -> &str {
        &self.lane
    }

    /// Lets a call in, or says why not and when to come again. Detached calls are meant to outlive a
    /// broken callee, so only the number of those that wait keeps them out.
    pub(crate) async fn admit(
        &self,
        store: &dyn CallStore,
        detached: bool,
    ) -> Result<Admitted<'_>, Status> {
        let now = Instant::now();
        let mut judgement = self.judge(now, detached, true);
        if judgement == Judgement::Look {
            self.look(store, now).await;
            judgement = self.judge(Instant::now(), detached, false);
        }
        let lane = &*self.lane;
        let (reason, status) = match judgement {
            // A store that cannot be asked refuses the submission itself, and knows better why.
            Judgement::LetIn | Judgement::Look => return Ok(Admitted::new(self)),
            Judgement::Down { retry_after } => {
                ("down", unavailable(format!("target of lane {lane} is down"), retry_after))
            }
            Judgement::Unserved { retry_after } => {
                ("unserved", unavailable(format!("lane {lane} has no live worker"), retry_after))
            }
            Judgement::Full { waiting } => {
                ("full", exhausted(format!("lane {lane} is full: {waiting} calls wait")))
            }
            Judgement::Old { oldest_ready } => {
                let message =
                    format!("lane {lane} is late: its oldest call waits {oldest_ready:?}");
                ("old", exhausted(message))
            }
        };
        self.metrics.refused(reason);
        Err(status)
    }

    /// How the lane stands, as far as that is known without asking; good news if it is not.
    pub(crate) fn standing(&self) -> Standing {
        let now = Instant::now();
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.fresh(now).map_or(Standing::Up, |seen| self.standing_of(seen, now))
    }

    /// As [`standing`](Self::standing), for somebody who can wait for the store if need be.
    pub(crate) async fn standing_now(&self, store: &dyn CallStore) -> Standing {
        let now = Instant::now();
        if self.judge(now, true, true) == Judgement::Look {
            self.look(store, now).await;
        }
        self.standing()
    }

    /// Asks the store, unless somebody has done so since `since`.
    async fn look(&self, store: &dyn CallStore, since: Instant) {
        let _turn = self.looking.lock().await;
        let looked_at = self.view.read().unwrap_or_else(PoisonError::into_inner).looked_at;
        if looked_at.is_some_and(|looked_at| looked_at >= since) {
            return;
        }
        let at = Instant::now();
        // What goes in while the store answers may or may not be in the answer: it counts on.
        let counted = self.added.load(Relaxed);
        let answer = timeout(LANE_LOOK_TIMEOUT, store.backlog(&self.lane)).await;
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.looked_at = Some(Instant::now());
        match answer {
            Ok(Ok(backlog)) => {
                view.seen = Some(Seen::new(&backlog, at));
                self.added.fetch_sub(counted, Relaxed);
                self.tried.store(false, Relaxed);
                self.metrics.stands(backlog.waiting, backlog.oldest_ready);
                let seen = view.fresh(at);
                let standing = seen.map_or(Standing::Up, |seen| self.standing_of(seen, at));
                self.state.set(standing.as_number());
            }
            Ok(Err(error)) => {
                tracing::warn!(lane = &*self.lane, %error, "lane could not be asked about");
            }
            Err(_) => tracing::warn!(lane = &*self.lane, "store does not say how the lane stands"),
        }
    }

    fn judge(&self, now: Instant, detached: bool, may_look: bool) -> Judgement {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let since_look = view.looked_at.map(|at| now.saturating_duration_since(at));
        let Some(seen) = view.fresh(now) else {
            // A store that could not tell is not asked again by every caller.
            let again = since_look.is_none_or(|since| since >= LANE_REFRESH);
            return if may_look && again { Judgement::Look } else { Judgement::LetIn };
        };
        let standing = if detached { Standing::Up } else { self.standing_of(seen, now) };
        let refresh = self.breaker.as_ref().map_or(LANE_REFRESH, |options| options.refresh);
        match standing {
            Standing::Down { retry_after } => {
                let left = retry_after.saturating_sub(now.saturating_duration_since(seen.at));
                return Judgement::Down { retry_after: left.max(refresh) };
            }
            // A worker that starts is seen with the next look.
            Standing::Unserved => return Judgement::Unserved { retry_after: refresh },
            Standing::Up | Standing::Trial => {}
        }
        let since = self.entering.load(Relaxed).saturating_add(self.added.load(Relaxed));
        let waiting = seen.waiting.saturating_add(since);
        if waiting >= self.limits.waiting {
            // Many of those let in since may have been answered: that is worth a question, unless
            // the lane was full already, or it was asked about just now.
            let worthwhile = seen.waiting < self.limits.waiting
                && since_look.is_none_or(|since| since >= EARLY_LOOK);
            return if may_look && worthwhile {
                Judgement::Look
            } else {
                Judgement::Full { waiting }
            };
        }
        if let Some(oldest_ready) = seen.oldest_ready
            && !detached
            && self.limits.age.is_some_and(|limit| oldest_ready > limit)
        {
            return Judgement::Old { oldest_ready };
        }
        if standing == Standing::Trial && self.tried.swap(true, Relaxed) {
            return Judgement::Down { retry_after: refresh };
        }
        Judgement::LetIn
    }

    fn standing_of(&self, seen: &Seen, now: Instant) -> Standing {
        let Some(options) = &self.breaker else { return Standing::Up };
        let used_for = now.saturating_duration_since(self.first_used);
        if seen.standing == Standing::Unserved && used_for < options.start_grace {
            return Standing::Up;
        }
        seen.standing
    }
}

/// A call on its way into the store. To be held until the store has answered.
pub(crate) struct Admitted<'a>(&'a Gate);

impl<'a> Admitted<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.entering.fetch_add(1, Relaxed);
        Self(gate)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.added.fetch_add(1, Relaxed);
        self.0.entering.fetch_sub(1, Relaxed);
    }
}

impl View {
    /// What the store said, unless it is too old to act on.
    fn fresh(&self, now: Instant) -> Option<&Seen> {
        self.seen.as_ref().filter(|seen| now.saturating_duration_since(seen.at) < HEALTH_FRESH)
    }
}

impl Seen {
    fn new(backlog: &Backlog, at: Instant) -> Self {
        Self {
            at,
            standing: Standing::of(&backlog.workers),
            waiting: backlog.waiting,
            oldest_ready: backlog.oldest_ready,
        }
    }
}

fn unavailable(message: String, retry_after: Duration) -> Status {
    outcome::come_again(Code::Unavailable, message, retry_after)
}

fn exhausted(message: String) -> Status {
    outcome::come_again(Code::ResourceExhausted, message, FULL_PUSHBACK)
}

#[cfg(test)]
mod tests;
