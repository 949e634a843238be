//! Executes the calls of its lanes.

mod guard;
mod lane;

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::{sync::Notify, task::JoinHandle, time::interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{guard::LaneGuard, lane::LaneLoop};
use crate::{
    calls::Calls,
    limits::{DEFAULT_SLOTS, HEARTBEAT, SHUTDOWN_GRACE},
    metrics::LaneMetrics,
    store::{Owner, TargetHealth},
    target::{Target, TargetService},
};

/// Claims calls and executes them, with as many slots for each lane as it was given.
///
/// A handler of a lane never awaits a durable call, nor holds a database transaction while it makes
/// one: nested waits use up the slots.
#[derive(Debug)]
pub struct Worker;

impl Worker {
    /// Puts a worker together for the store behind `calls`.
    pub fn builder(calls: &Calls) -> WorkerBuilder {
        WorkerBuilder {
            calls: calls.clone(),
            lanes: Vec::new(),
            slots: DEFAULT_SLOTS,
            credential: None,
            grace: SHUTDOWN_GRACE,
        }
    }
}

/// Collects what a [`Worker`] needs.
#[derive(Debug)]
#[must_use]
pub struct WorkerBuilder {
    calls: Calls,
    lanes: Vec<(Arc<str>, Target)>,
    slots: usize,
    credential: Option<HeaderValue>,
    grace: Duration,
}

impl WorkerBuilder {
    /// Executes the calls of this lane at this target.
    pub fn lane(mut self, lane: &str, target: Target) -> Self {
        self.lanes.push((lane.into(), target));
        self
    }

    /// How many calls each lane executes at a time. The default is 256.
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots.max(1);
        self
    }

    /// Sends this value as `authorization` with every attempt, so that callees can tell the worker
    /// from anyone else who reaches their port. It is never stored.
    pub fn credential(mut self, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.credential = Some(value);
        self
    }

    /// How long a shutdown waits for running attempts. The default is 10 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts to work. Must be called within a tokio runtime.
    pub fn spawn(self) -> WorkerHandle {
        let owner = Owner::generate();
        let stopping = CancellationToken::new();
        let attempts = TaskTracker::new();
        let report = Arc::new(Notify::new());
        let (mut loops, mut served) = (Vec::new(), Vec::new());
        for (lane, target) in &self.lanes {
            let gate = self.calls.inner.gates.of(lane);
            let guard = self.guard(lane, target, &gate.metrics, &report).map(Arc::new);
            served.push((lane.clone(), guard.clone()));
            let lane_loop = LaneLoop {
                calls: self.calls.clone(),
                owner,
                lane: lane.clone(),
                target: target.clone(),
                slots: self.slots,
                credential: self.credential.clone(),
                guard,
                gate,
                stopping: stopping.clone(),
                attempts: attempts.clone(),
            };
            loops.push(tokio::spawn(lane_loop.run()));
        }
        let heartbeat = tokio::spawn(beat(self.calls.clone(), owner, served, report));
        let running = Spawned { calls: self.calls, owner, stopping, attempts, loops, heartbeat };
        WorkerHandle { running: Some(running), grace: self.grace }
    }

    /// The breaker around a target elsewhere. What runs in this process is always up.
    fn guard(
        &self,
        lane: &Arc<str>,
        target: &Target,
        metrics: &LaneMetrics,
        report: &Arc<Notify>,
    ) -> Option<LaneGuard> {
        let options = self.calls.inner.gates.breaker.as_ref()?;
        let TargetService::Remote(channel) = &target.service else { return None };
        let (channel, credential) = (channel.clone(), self.credential.clone());
        Some(LaneGuard::new(lane.clone(), channel, credential, options, metrics, report.clone()))
    }
}

/// A running worker. Dropping the handle stops it at once, as a crash would: what it was executing
/// is taken over when its lease has lapsed. [`shutdown`](Self::shutdown) is the polite way.
#[must_use = "dropping the handle stops the worker"]
#[derive(Debug)]
pub struct WorkerHandle {
    running: Option<Spawned>,
    grace: Duration,
}

#[derive(Debug)]
struct Spawned {
    calls: Calls,
    owner: Owner,
    stopping: CancellationToken,
    attempts: TaskTracker,
    loops: Vec<JoinHandle<()>>,
    heartbeat: JoinHandle<()>,
}

impl WorkerHandle {
    /// Stops claiming, lets running attempts finish within the grace, gives up those that do not,
    /// and returns their calls to the lanes.
    pub async fn shutdown(mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.stopping.cancel();
        for lane in running.loops.drain(..) {
            _ = lane.await;
        }
        running.attempts.close();
        if tokio::time::timeout(self.grace, running.attempts.wait()).await.is_err() {
            tracing::warn!(count = running.attempts.len(), "attempts outlast the shutdown");
            running.calls.inner.running.abandon(running.owner);
            running.attempts.wait().await;
        }
        running.heartbeat.abort();
        // A beat that came after the release would announce a worker that is gone.
        _ = running.heartbeat.await;
        if let Err(error) = running.calls.inner.store.release(running.owner).await {
            tracing::warn!(%error, "claims could not be given back; they will be taken over");
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.stopping.cancel();
            running.heartbeat.abort();
            for lane in &running.loops {
                lane.abort();
            }
            running.calls.inner.running.abandon(running.owner);
        }
    }
}

/// Says that the worker is alive and how it sees its targets: regularly, and at once when a view has
/// changed.
async fn beat(
    calls: Calls,
    owner: Owner,
    lanes: Vec<(Arc<str>, Option<Arc<LaneGuard>>)>,
    report: Arc<Notify>,
) {
    let mut beats = interval(HEARTBEAT);
    loop {
        tokio::select! {
            _ = beats.tick() => {}
            () = report.notified() => {}
        }
        let health = |guard: &Option<Arc<LaneGuard>>| {
            guard.as_ref().map_or(TargetHealth::Up, |guard| guard.health())
        };
        let lanes: Vec<_> =
            lanes.iter().map(|(lane, guard)| (lane.clone(), health(guard))).collect();
        if let Err(error) = calls.inner.store.heartbeat(owner, &lanes).await {
            tracing::warn!(%error, "heartbeat was not recorded");
        }
    }
}
