//! What the library counts, through the `metrics` facade.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `durable_submitted_total` | counter | lane | calls accepted from this process |
//! | `durable_attached_total` | counter | lane | submissions whose key named a call that waits or runs |
//! | `durable_replayed_total` | counter | lane | submissions whose key named a call that had ended |
//! | `durable_refused_total` | counter | lane, reason | calls not let into the lane: `down`, `unserved`, `full`, `old` |
//! | `durable_waiting` | gauge | | callers of this process that wait for an answer |
//! | `durable_claim_seconds` | histogram | lane | from the time a call was due to its first claim |
//! | `durable_reply_seconds` | histogram | lane, method | from the call to the end, for those who waited |
//! | `durable_attempt_seconds` | histogram | lane, method | the time of one attempt |
//! | `durable_attempts_total` | counter | lane, result | attempts: `answered`, `not_sent`, `no_answer`, `unusable`, `unverified` |
//! | `durable_retries_total` | counter | lane | times a call was put back to be tried again |
//! | `durable_dead_letters_total` | counter | lane | calls that this process's workers gave up, ambiguous ones too |
//! | `durable_expired_total` | counter | lane | calls that expired unseen |
//! | `durable_breaker_state` | gauge | lane, side | 0 closed, 1 half-open, 2 open; side: `worker`, `channel`, `query` |
//! | `durable_lane_depth` | gauge | lane | calls that wait, for lanes this process calls through |
//! | `durable_lane_oldest_seconds` | gauge | lane | how long the oldest due call has been due |
//!
//! Handles are kept for each lane, so that counting costs a few nanoseconds. A recorder has to be
//! installed before [`Calls`](crate::Calls) are built: handles belong to the recorder of their time.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::{
    attempt::Attempt,
    limits::MAX_METRIC_METHODS,
    store::{Claim, Disposition, EndKind, Submitted},
};

/// The method label of methods beyond the limit.
const OTHER: &str = "other";

/// The handles of one lane.
pub(crate) struct LaneMetrics {
    lane: Arc<str>,
    submitted: Counter,
    attached: Counter,
    replayed: Counter,
    claim_seconds: Histogram,
    answered: Counter,
    not_sent: Counter,
    no_answer: Counter,
    unusable: Counter,
    unverified: Counter,
    retries: Counter,
    dead_letters: Counter,
    expired: Counter,
    depth: Gauge,
    oldest_seconds: Gauge,
    methods: RwLock<HashMap<Arc<str>, MethodMetrics>>,
}

#[derive(Clone)]
struct MethodMetrics {
    reply_seconds: Histogram,
    attempt_seconds: Histogram,
}

impl LaneMetrics {
    pub(crate) fn new(lane: Arc<str>) -> Self {
        let attempts = |result: &'static str| counter!("durable_attempts_total", "lane" => lane.clone(), "result" => result);
        Self {
            submitted: counter!("durable_submitted_total", "lane" => lane.clone()),
            attached: counter!("durable_attached_total", "lane" => lane.clone()),
            replayed: counter!("durable_replayed_total", "lane" => lane.clone()),
            claim_seconds: histogram!("durable_claim_seconds", "lane" => lane.clone()),
            answered: attempts("answered"),
            not_sent: attempts("not_sent"),
            no_answer: attempts("no_answer"),
            unusable: attempts("unusable"),
            unverified: attempts("unverified"),
            retries: counter!("durable_retries_total", "lane" => lane.clone()),
            dead_letters: counter!("durable_dead_letters_total", "lane" => lane.clone()),
            expired: counter!("durable_expired_total", "lane" => lane.clone()),
            depth: gauge!("durable_lane_depth", "lane" => lane.clone()),
            oldest_seconds: gauge!("durable_lane_oldest_seconds", "lane" => lane.clone()),
            methods: RwLock::default(),
            lane,
        }
    }

    pub(crate) fn submitted(&self, submitted: &Submitted) {
        match submitted {
            Submitted::Accepted(_) => self.submitted.increment(1),
            Submitted::Attached(_) => self.attached.increment(1),
            Submitted::Ended(..) => self.replayed.increment(1),
            Submitted::Mismatch(_) => {}
        }
    }

    /// Rare by nature, so the handle is looked up each time.
    pub(crate) fn refused(&self, reason: &'static str) {
        counter!("durable_refused_total", "lane" => self.lane.clone(), "reason" => reason)
            .increment(1);
    }

    pub(crate) fn claimed(&self, claim: &Claim) {
        let call = &claim.call;
        // The expiry counts from the time the call was due, both by the store's clock. A later try
        // has been waiting on purpose.
        if call.attempts == 0 && call.unsent == 0 && call.lost == 0 && !claim.time_left.is_zero() {
            self.claim_seconds.record(call.policy.expires_in.saturating_sub(claim.time_left));
        }
    }

    pub(crate) fn attempted(&self, method: &Arc<str>, attempt: &Attempt, took: Duration) {
        match attempt {
            Attempt::Answered(_) => self.answered.increment(1),
            Attempt::NotSent(_) => self.not_sent.increment(1),
            Attempt::NoAnswer(_) => self.no_answer.increment(1),
            Attempt::Unusable(_) => self.unusable.increment(1),
            Attempt::Unverified(_) => self.unverified.increment(1),
        }
        self.of_method(method, |metrics| metrics.attempt_seconds.record(took));
    }

    pub(crate) fn decided(&self, disposition: &Disposition) {
        match disposition {
            Disposition::Retry { .. } => self.retries.increment(1),
            Disposition::End { ended, .. } if ended.kind.is_dead_letter() => {
                self.dead_letters.increment(1);
            }
            Disposition::End { ended, .. } if ended.kind == EndKind::Expired => {
                self.expired.increment(1);
            }
            Disposition::End { .. } => {}
        }
    }

    pub(crate) fn replied(&self, method: &Arc<str>, took: Duration) {
        self.of_method(method, |metrics| metrics.reply_seconds.record(took));
    }

    pub(crate) fn stands(&self, waiting: u64, oldest_ready: Option<Duration>) {
        // A gauge is a float; beyond 2^53 calls the last digits do not matter.
        self.depth.set(waiting as f64);
        self.oldest_seconds.set(oldest_ready.unwrap_or_default());
    }

    pub(crate) fn breaker_state(&self, side: &'static str) -> Gauge {
        gauge!("durable_breaker_state", "lane" => self.lane.clone(), "side" => side)
    }

    fn of_method(&self, method: &Arc<str>, record: impl FnOnce(&MethodMetrics)) {
        {
            let methods = self.methods.read().unwrap_or_else(PoisonError::into_inner);
            let known = methods.get(&**method);
            let found = known.or_else(|| methods.get(OTHER).filter(|_| is_full(&methods)));
            if let Some(metrics) = found {
                return record(metrics);
            }
        }
        let mut methods = self.methods.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = if is_full(&methods) { OTHER.into() } else { method.clone() };
        let metrics = methods.entry(name.clone()).or_insert_with(|| MethodMetrics {
            reply_seconds: histogram!(
                "durable_reply_seconds", "lane" => self.lane.clone(), "method" => name.clone()
            ),
            attempt_seconds: histogram!(
                "durable_attempt_seconds", "lane" => self.lane.clone(), "method" => name
            ),
        });
        record(metrics);
    }
}

fn is_full(methods: &HashMap<Arc<str>, MethodMetrics>) -> bool {
    methods.len() >= MAX_METRIC_METHODS
}

/// Callers of this process that wait. Set once a second: counting each of them in and out would cost
/// more than the figure is worth.
pub(crate) fn waiting(count: usize) {
    gauge!("durable_waiting").set(count as f64);
}
