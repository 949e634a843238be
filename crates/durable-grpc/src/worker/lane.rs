//! The loop of one lane: claim as many calls as there are free slots, execute, record.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        oneshot::{self, error::TryRecvError},
    },
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::guard::{Allowance, LaneGuard};
use crate::{
    attempt::attempt,
    breaker::{Entered, is_trouble},
    calls::{Calls, RunningGuard, Stop},
    decide::{self, decide},
    gate::Gate,
    limits::{CLAIM_WAIT, MAX_CLAIM, STORE_RETRY_BASE, STORE_RETRY_CAP},
    store::{Claim, Disposition, Ended, Finish, Owner, Recorded, StoreError},
    target::Target,
};

pub(super) struct LaneLoop {
    pub(super) calls: Calls,
    pub(super) owner: Owner,
    pub(super) lane: Arc<str>,
    pub(super) target: Target,
    pub(super) slots: usize,
    pub(super) credential: Option<HeaderValue>,
    /// The breaker, when the target is elsewhere.
    pub(super) guard: Option<Arc<LaneGuard>>,
    /// For its metrics: a lane has one set of them in a process.
    pub(super) gate: Arc<Gate>,
    pub(super) stopping: CancellationToken,
    pub(super) attempts: TaskTracker,
}

impl LaneLoop {
    pub(super) async fn run(self) {
        let slots = Arc::new(Semaphore::new(self.slots));
        let lane = Arc::new(self);
        let mut pause = STORE_RETRY_BASE;
        loop {
            let claimed = tokio::select! {
                biased;
                () = lane.stopping.cancelled() => return,
                claimed = lane.claim(&slots) => claimed,
            };
            match claimed {
                Ok(claims) => {
                    pause = STORE_RETRY_BASE;
                    for (claim, slot) in claims {
                        lane.gate.metrics.claimed(&claim);
                        let listed = lane.calls.inner.running.enter(&claim);
                        let admission = lane.admit();
                        lane.attempts.spawn(lane.clone().execute(claim, slot, listed, admission));
                    }
                }
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(lane = &*lane.lane, %error, "calls could not be claimed");
                    tokio::select! {
                        () = lane.stopping.cancelled() => return,
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(STORE_RETRY_CAP);
                }
            }
        }
    }

    /// Waits for a free slot, for a target that takes calls, and for due calls; each call comes with
    /// its slot.
    async fn claim(
        &self,
        slots: &Arc<Semaphore>,
    ) -> Result<Vec<(Claim, OwnedSemaphorePermit)>, StoreError> {
        // Asked before as well: a target in trouble is looked at even while every slot is taken.
        self.allowance().await;
        let Ok(mut free) = slots.clone().acquire_owned().await else {
            return Err(StoreError::Closed);
        };
        let allowance = self.allowance().await;
        let more = slots.available_permits().min(MAX_CLAIM - 1);
        if more > 0
            && allowance == Allowance::Any
            && let Ok(more) = slots.clone().try_acquire_many_owned(to_permits(more))
        {
            free.merge(more);
        }
        let store = &self.calls.inner.store;
        let claims = store.claim(self.owner, &self.lane, free.num_permits(), CLAIM_WAIT).await?;
        // A store never gives more than it was asked for, so each claim finds its slot.
        Ok(claims.into_iter().map_while(|claim| Some((claim, free.split(1)?))).collect())
    }

    async fn allowance(&self) -> Allowance {
        match &self.guard {
            Some(guard) => guard.allowance().await,
            None => Allowance::Any,
        }
    }

    /// Whether a call may be executed that has just been claimed. The breaker may have opened while
    /// the claim waited for work.
    fn admit(&self) -> Admission {
        match &self.guard {
            None => Admission::Unguarded,
            Some(guard) => guard.enter().map_or(Admission::Parked, Admission::Entered),
        }
    }

    async fn execute(
        self: Arc<Self>,
        claim: Claim,
        _slot: OwnedSemaphorePermit,
        (_listed, stopped): (RunningGuard, oneshot::Receiver<Stop>),
        admission: Admission,
    ) {
        if let Some(disposition) = self.outcome(&claim, stopped, admission).await {
            self.record(Finish { receipt: claim.receipt, disposition }).await;
        }
    }

    /// What becomes of a claimed call; `None` when it is no longer ours.
    async fn outcome(
        &self,
        claim: &Claim,
        mut stopped: oneshot::Receiver<Stop>,
        admission: Admission,
    ) -> Option<Disposition> {
        let claimed_at = Instant::now();
        let call = &claim.call;
        if claim.time_left.is_zero() {
            let ended = Arc::new(decide::expired(call, false, ""));
            return Some(Disposition::End { ended, sent: false });
        }
        let mut entered = match self.enter(claim, admission) {
            Ok(entered) => entered,
            Err(instead) => return Some(instead),
        };
        if !call.policy.idempotent
            && let Some(instead) = self.mark_started(claim).await
        {
            return instead;
        }
        match stopped.try_recv() {
            Ok(Stop::Cancelled) => {
                let ended = Arc::new(Ended::cancelled(call.may_have_executed()));
                return Some(Disposition::End { ended, sent: false });
            }
            // A later delivery of the call has taken this one's place.
            Ok(Stop::Abandoned) | Err(TryRecvError::Closed) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let started_at = Instant::now();
        if let Some(entered) = &mut entered {
            // What the store took for the mark is not the target's time.
            entered.restart();
        }
        let attempted = tokio::select! {
            biased;
            attempted = attempt(&self.target, claim, self.credential.as_ref()) => attempted,
            Ok(stop) = &mut stopped => return match stop {
                Stop::Cancelled => {
                    Some(Disposition::End { ended: Arc::new(Ended::cancelled(true)), sent: true })
                }
                Stop::Abandoned => None,
            },
        };
        if let Some(entered) = entered {
            entered.settle(is_trouble(&attempted));
        }
        self.gate.metrics.attempted(&call.method, &attempted, started_at.elapsed());
        let time_left = claim.time_left.saturating_sub(claimed_at.elapsed());
        Some(decide(call, attempted, time_left, rand::random()))
    }

    /// The call's pass, or what becomes of a call that is not to be sent now.
    fn enter(&self, claim: &Claim, admission: Admission) -> Result<Option<Entered>, Disposition> {
        let entered = match admission {
            Admission::Unguarded => return Ok(None),
            Admission::Entered(entered) => entered,
            // Back to the lane at once: another worker may have a better way to the target.
            Admission::Parked => {
                return Err(Disposition::Retry { after: Duration::ZERO, sent: false });
            }
        };
        // A call that must not be sent twice is no probe. It tries only when somebody is known to be
        // there; otherwise the target has failed its trial without it.
        let is_safe = claim.call.policy.idempotent
            || !entered.is_trial()
            || self.guard.as_ref().is_none_or(|guard| guard.is_reached());
        if is_safe {
            return Ok(Some(entered));
        }
        entered.settle(true);
        let after = decide::backoff(claim.call.unsent.saturating_add(1), rand::random());
        Err(Disposition::Retry { after, sent: false })
    }

    /// The mark that makes a lost call ambiguous instead of repeated. `Some` means: do not send.
    async fn mark_started(&self, claim: &Claim) -> Option<Option<Disposition>> {
        match self.calls.inner.store.started(vec![claim.receipt.clone()]).await.pop() {
            Some(Ok(Recorded::Done)) => None,
            Some(Ok(Recorded::Fenced)) | None => Some(None),
            Some(Err(error)) => {
                tracing::warn!(call = %claim.call.id, %error, "call could not be marked as started");
                let tries = claim.call.unsent.saturating_add(1);
                let after = decide::backoff(tries, rand::random());
                Some(Some(Disposition::Retry { after, sent: false }))
            }
        }
    }

    /// Records the disposition. An answer is too precious to lose over a store that has trouble, so
    /// this goes on, holding the slot, until the store has heard it or the worker is gone.
    async fn record(&self, finish: Finish) {
        let mut pause = STORE_RETRY_BASE;
        loop {
            let recorded = self.calls.inner.store.finish(vec![finish.clone()]).await.pop();
            let call = finish.receipt.id;
            match recorded {
                Some(Ok(Recorded::Done)) => {
                    self.gate.metrics.decided(&finish.disposition);
                    return;
                }
                Some(Ok(Recorded::Fenced)) => {
                    tracing::info!(%call, "claim was taken over before its end was recorded");
                    return;
                }
                Some(Err(StoreError::Closed)) | None => return,
                Some(Err(error)) => {
                    tracing::warn!(%call, %error, "end of a call could not be recorded yet");
                }
            }
            if self.stopping.is_cancelled() {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(STORE_RETRY_CAP);
        }
    }
}

/// Whether a claimed call may be executed.
enum Admission {
    /// There is no breaker.
    Unguarded,
    /// The breaker has let it in, and wants to hear what comes of it.
    Entered(Entered),
    /// The breaker keeps it out.
    Parked,
}

/// At most [`MAX_CLAIM`] slots are taken at a time.
fn to_permits(slots: usize) -> u32 {
    u32::try_from(slots).unwrap_or(u32::MAX)
}
