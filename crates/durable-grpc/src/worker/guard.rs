//! Keeps a worker from a target in trouble: parks the lane, looks at the target, lets one call try.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, header::AUTHORIZATION};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    breaker::{BreakerOptions, Entered, Phase, Probe, SharedBreaker},
    metrics::LaneMetrics,
    store::TargetHealth,
};

/// The breaker of one lane of a worker, around a target elsewhere.
pub(super) struct LaneGuard {
    channel: Channel,
    credential: Option<HeaderValue>,
    breaker: Arc<SharedBreaker>,
    changed: Arc<Notify>,
    probe_every: Duration,
}

/// How many calls may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// As many as there are slots.
    Any,
    /// One, to try the target with.
    One,
}

impl LaneGuard {
    /// `report` is rung when the state has changed, so that everyone hears of it.
    pub(super) fn new(
        lane: Arc<str>,
        channel: Channel,
        credential: Option<HeaderValue>,
        options: &BreakerOptions,
        metrics: &LaneMetrics,
        report: Arc<Notify>,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let listeners = vec![changed.clone(), report];
        let state = metrics.breaker_state("worker");
        let breaker = SharedBreaker::new(lane, "worker", state, options.clone(), listeners);
        Self {
            channel,
            credential,
            breaker: Arc::new(breaker),
            changed,
            probe_every: options.probe,
        }
    }

    /// Waits until calls may be claimed. Until then the lane is parked: its calls wait, and spend no
    /// attempts.
    pub(super) async fn allowance(&self) -> Allowance {
        loop {
            let (phase, wants_trial) = self.breaker.update(|breaker, now| {
                breaker.tick(now);
                (breaker.phase(), breaker.wants_trial())
            });
            match phase {
                Phase::Closed => return Allowance::Any,
                Phase::HalfOpen if wants_trial => return Allowance::One,
                // The call that tries is on its way.
                Phase::HalfOpen => self.changed.notified().await,
                Phase::Open => {
                    sleep(self.probe_every).await;
                    let probe = self.probe().await;
                    self.breaker.update(|breaker, now| breaker.probed(probe, now));
                }
            }
        }
    }

    /// The right to execute a call that was claimed; `None` when the target is in trouble by now.
    pub(super) fn enter(&self) -> Option<Entered> {
        self.breaker.enter()
    }

    /// Whether the last look at the target found anybody.
    pub(super) fn is_reached(&self) -> bool {
        self.breaker.update(|breaker, _| breaker.is_reached())
    }

    /// How the target is to be reported.
    pub(super) fn health(&self) -> TargetHealth {
        let (phase, retry_after) =
            self.breaker.update(|breaker, now| (breaker.phase(), breaker.retry_after(now)));
        match phase {
            Phase::Closed => TargetHealth::Up,
            // No wait: whoever reads this may send the one call that tries. A lane whose callers are
            // all refused would otherwise never have one.
            Phase::HalfOpen => TargetHealth::Down { retry_after: Duration::ZERO },
            Phase::Open => TargetHealth::Down { retry_after: whole_millis(retry_after) },
        }
    }

    async fn probe(&self) -> Probe {
        let mut request = Request::new(HealthCheckRequest::default());
        if let Some(credential) = &self.credential {
            request.metadata_mut().as_mut().insert(AUTHORIZATION, credential.clone());
        }
        let mut client = HealthClient::new(self.channel.clone());
        match timeout(self.probe_every, client.check(request)).await {
            Ok(Ok(response)) if response.get_ref().status() == ServingStatus::Serving => {
                Probe::Serving
            }
            Ok(Ok(_)) => Probe::NotServing,
            // So says the client when there is no connection, and a proxy that has no server.
            Ok(Err(status)) if status.code() == Code::Unavailable => Probe::Silent,
            // No health service there, or none for us: whoever says so is alive.
            Ok(Err(_)) => Probe::Reached,
            Err(_) => Probe::Silent,
        }
    }
}

/// Rounded up: stores may keep no more, and nothing left means something else.
fn whole_millis(duration: Duration) -> Duration {
    let millis = duration.as_nanos().div_ceil(1_000_000).max(1);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
