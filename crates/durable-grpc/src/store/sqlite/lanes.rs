//! In memory: all lanes, and who has claimed what.

use std::{collections::HashMap, sync::Arc, time::Instant};

use tokio::sync::Notify;

use super::{
    lane::{Lane, Waiting},
    since_ms,
};
use crate::{
    id::CallId,
    limits::{HEALTH_FRESH, LEASE},
    store::{Backlog, Claim, EndKind, LaneStats, Owner, Receipt, StoredCall, TargetHealth},
};

/// All lanes of the store.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    by_name: HashMap<Arc<str>, usize>,
    claims: HashMap<CallId, Held>,
    owners: HashMap<Owner, Beat>,
    next_delivery: u64,
    cached_bytes: usize,
    cache_limit: usize,
}

/// The last that was heard of a worker.
#[derive(Debug)]
struct Beat {
    at: Instant,
    report: Option<Report>,
}

/// How a worker sees the targets of its lanes, and when it said so.
#[derive(Debug)]
struct Report {
    at: Instant,
    lanes: Vec<(Arc<str>, TargetHealth)>,
}

/// A call in the hands of a worker.
#[derive(Debug)]
struct Held {
    owner: Owner,
    delivery: u64,
    /// Someone asked to cancel it.
    cancelling: bool,
    /// It is being taken from its owner: the commit is on its way.
    leaving: bool,
    lane: usize,
    waiting: Waiting,
    call: Arc<StoredCall>,
}

/// What the writer has to know about a claim to record its end.
#[derive(Debug, Clone)]
pub(super) struct HeldCall {
    pub(super) seq: i64,
    pub(super) expires_ms: i64,
    pub(super) cancelling: bool,
    pub(super) call: Arc<StoredCall>,
}

/// What one look at a lane gave.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) claims: Vec<Claim>,
    /// Calls at the head of the lane whose messages have to be read first.
    pub(super) to_load: Vec<i64>,
    /// When the next later call is due.
    pub(super) next_due_ms: Option<i64>,
}

impl Held {
    fn as_held_call(&self) -> HeldCall {
        HeldCall {
            seq: self.waiting.seq,
            expires_ms: self.waiting.expires_ms,
            cancelling: self.cancelling,
            call: self.call.clone(),
        }
    }
}

impl Lanes {
    pub(super) fn new(cache_limit: usize) -> Self {
        Self {
            lanes: Vec::new(),
            by_name: HashMap::new(),
            claims: HashMap::new(),
            owners: HashMap::new(),
            next_delivery: 1,
            cached_bytes: 0,
            cache_limit,
        }
    }

    /// Rings whenever something arrives in the lane.
    pub(super) fn arrivals(&mut self, lane: &str) -> Arc<Notify> {
        self.lane(lane).arrivals.clone()
    }

    pub(super) fn waiting_bytes(&mut self, lane: &str) -> u64 {
        self.lane(lane).waiting_bytes
    }

    /// Lets a call wait in its lane. Beyond the cache limit its message stays on disk.
    pub(super) fn push(&mut self, lane: &str, mut waiting: Waiting, now_ms: i64) {
        if waiting.call.is_some() {
            if self.cached_bytes + waiting.bytes as usize > self.cache_limit {
                waiting.call = None;
            } else {
                self.cached_bytes += waiting.bytes as usize;
            }
        }
        self.lane(lane).push(waiting, now_ms);
    }

    /// Claims up to `limit` calls for an owner, in the order in which they became due.
    pub(super) fn claim(
        &mut self,
        owner: Owner,
        name: &str,
        limit: usize,
        now: Instant,
        now_ms: i64,
    ) -> Turn {
        self.beat(owner, now);
        let index = self.index(name);
        let lane = &mut self.lanes[index];
        lane.promote(now_ms);
        let mut claims = Vec::new();
        while claims.len() < limit
            && let Some((waiting, mut call)) = lane.pop()
        {
            lane.running += 1;
            self.cached_bytes -= waiting.bytes as usize;
            if call.lost != waiting.lost {
                Arc::make_mut(&mut call).lost = waiting.lost;
            }
            let delivery = self.next_delivery;
            self.next_delivery += 1;
            let receipt = Receipt { id: waiting.id, lane: lane.name.clone(), owner, delivery };
            let time_left = since_ms(now_ms, waiting.expires_ms);
            claims.push(Claim { receipt, call: call.clone(), time_left });
            let held = Held {
                owner,
                delivery,
                cancelling: false,
                leaving: false,
                lane: index,
                waiting,
                call,
            };
            self.claims.insert(held.waiting.id, held);
        }
        lane.ring_if_more();
        Turn { claims, to_load: lane.load_ahead(), next_due_ms: lane.next_due_ms() }
    }

    /// Puts messages that were read from disk to the calls that wait for them.
    pub(super) fn fill(
        &mut self,
        lane: &str,
        asked: &[i64],
        loaded: HashMap<i64, Arc<StoredCall>>,
    ) {
        self.cached_bytes += self.lane(lane).fill(asked, loaded);
    }

    pub(super) fn load_failed(&mut self, lane: &str) {
        self.lane(lane).load_failed();
    }

    /// The claimed call, if this very claim still holds it.
    pub(super) fn held(&self, receipt: &Receipt) -> Option<HeldCall> {
        let held = self.claims.get(&receipt.id)?;
        let valid = held.owner == receipt.owner && held.delivery == receipt.delivery;
        (valid && !held.leaving).then(|| held.as_held_call())
    }

    /// Everything that these owners have claimed. From now on they are not heard about it: what they
    /// still say would go into the same commit.
    pub(super) fn begin_give_up(&mut self, owners: &[Owner]) -> Vec<(CallId, HeldCall)> {
        let held = self.claims.iter_mut().filter(|(_, held)| owners.contains(&held.owner));
        held.map(|(id, held)| {
            held.leaving = true;
            (*id, held.as_held_call())
        })
        .collect()
    }

    /// The commit failed: everything is as it was.
    pub(super) fn abandon_give_up(&mut self, owners: &[Owner]) {
        for held in self.claims.values_mut().filter(|held| owners.contains(&held.owner)) {
            held.leaving = false;
        }
    }

    pub(super) fn is_claimed(&self, id: CallId) -> bool {
        self.claims.contains_key(&id)
    }

    pub(super) fn mark_cancelling(&mut self, id: CallId) {
        if let Some(held) = self.claims.get_mut(&id) {
            held.cancelling = true;
        }
    }

    /// Takes a claimed call out of the hands of its worker, to wait again.
    pub(super) fn requeue(&mut self, id: CallId, waiting: Waiting, now_ms: i64) {
        if let Some(held) = self.claims.remove(&id) {
            self.lanes[held.lane].running -= 1;
            let lane = self.lanes[held.lane].name.clone();
            self.push(&lane, waiting, now_ms);
        }
    }

    /// Takes a claimed call out of the hands of its worker, for good.
    pub(super) fn end(&mut self, id: CallId, kind: EndKind) {
        if let Some(held) = self.claims.remove(&id) {
            let lane = &mut self.lanes[held.lane];
            lane.running -= 1;
            lane.answered += u64::from(kind == EndKind::Answered);
            lane.expired += u64::from(kind == EndKind::Expired);
        }
    }

    /// Takes a waiting call out of its lane.
    pub(super) fn remove(&mut self, lane: &str, seq: i64) -> Option<Waiting> {
        let removed = self.lane(lane).remove(seq)?;
        if removed.call.is_some() {
            self.cached_bytes -= removed.bytes as usize;
        }
        Some(removed)
    }

    fn beat(&mut self, owner: Owner, now: Instant) {
        self.owners.entry(owner).or_insert(Beat { at: now, report: None }).at = now;
    }

    /// A beat that also tells how the worker sees the targets of its lanes.
    pub(super) fn report(
        &mut self,
        owner: Owner,
        lanes: &[(Arc<str>, TargetHealth)],
        now: Instant,
    ) {
        let report = Some(Report { at: now, lanes: lanes.to_vec() });
        self.owners.insert(owner, Beat { at: now, report });
    }

    /// What is known about a lane from outside.
    pub(super) fn backlog(&mut self, name: &str, now: Instant, now_ms: i64) -> Backlog {
        let lane = self.lane(name);
        let (ready, later) = lane.depth(now_ms);
        let oldest_ready = lane.oldest_due_ms(now_ms).map(|due| since_ms(due, now_ms));
        let reports = self.owners.values().filter_map(|beat| beat.report.as_ref());
        let of_lane = reports
            .filter(|report| now.saturating_duration_since(report.at) < HEALTH_FRESH)
            .flat_map(|report| &report.lanes)
            .filter(|(lane, _)| **lane == *name);
        let workers = of_lane.map(|(_, health)| *health).collect();
        Backlog { workers, waiting: ready + later, oldest_ready }
    }

    /// The owners whose lease has lapsed.
    pub(super) fn silent_owners(&self, now: Instant) -> Vec<Owner> {
        let silent = self.owners.iter().filter(|(_, beat)| now.duration_since(beat.at) >= LEASE);
        silent.map(|(owner, _)| *owner).collect()
    }

    /// Takes from these owners what they held when it began; what has not ended waits again. What they
    /// have claimed since is theirs.
    pub(super) fn give_up(
        &mut self,
        owners: &[Owner],
        has_ended: impl Fn(CallId) -> bool,
        now_ms: i64,
    ) {
        let taken: Vec<_> = self
            .claims
            .extract_if(|_, held| held.leaving && owners.contains(&held.owner))
            .collect();
        for owner in owners {
            if !self.claims.values().any(|held| held.owner == *owner) {
                self.owners.remove(owner);
            }
        }
        for (id, held) in taken {
            self.lanes[held.lane].running -= 1;
            if !has_ended(id) {
                let waiting = Waiting {
                    lost: held.waiting.lost.saturating_add(1),
                    due_ms: now_ms,
                    call: Some(held.call),
                    ..held.waiting
                };
                let lane = self.lanes[held.lane].name.clone();
                self.push(&lane, waiting, now_ms);
            }
        }
    }

    pub(super) fn stats(&mut self, dead: &HashMap<Arc<str>, u64>, now_ms: i64) -> Vec<LaneStats> {
        for lane in dead.keys() {
            self.lane(lane);
        }
        let stats = self.lanes.iter().map(|lane| {
            let (ready, later) = lane.depth(now_ms);
            LaneStats {
                lane: lane.name.to_string(),
                ready,
                later,
                running: lane.running,
                dead: dead.get(&lane.name).copied().unwrap_or_default(),
                waiting_bytes: lane.waiting_bytes,
                oldest_ready: lane.oldest_due_ms(now_ms).map(|due| since_ms(due, now_ms)),
                expired: lane.expired,
                answered: lane.answered,
            }
        });
        let mut stats: Vec<_> = stats.collect();
        stats.sort_by(|a, b| a.lane.cmp(&b.lane));
        stats
    }

    fn lane(&mut self, name: &str) -> &mut Lane {
        let index = self.index(name);
        &mut self.lanes[index]
    }

    fn index(&mut self, name: &str) -> usize {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let name: Arc<str> = name.into();
        self.lanes.push(Lane::new(name.clone()));
        self.by_name.insert(name, self.lanes.len() - 1);
        self.lanes.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lease_lapses_only_in_silence() {
        let mut lanes = Lanes::new(0);
        let (alive, silent) = (Owner::generate(), Owner::generate());
        let start = Instant::now();
        lanes.beat(alive, start);
        lanes.beat(silent, start);
        lanes.beat(alive, start + Duration::from_secs(10));
        assert!(lanes.silent_owners(start + LEASE - Duration::from_millis(1)).is_empty());
        assert_eq!(lanes.silent_owners(start + LEASE), [silent]);
    }

    #[test]
    fn a_report_is_of_its_lanes_and_does_not_stay_fresh_by_claiming() {
        let mut lanes = Lanes::new(0);
        let worker = Owner::generate();
        let start = Instant::now();
        let down = TargetHealth::Down { retry_after: Duration::from_secs(5) };
        lanes.report(worker, &[("a".into(), TargetHealth::Up), ("b".into(), down)], start);
        assert_eq!(lanes.backlog("a", start, 0).workers, [TargetHealth::Up]);
        assert_eq!(lanes.backlog("b", start, 0).workers, [down]);
        assert_eq!(lanes.backlog("c", start, 0), Backlog::default());
        lanes.beat(worker, start + HEALTH_FRESH);
        assert_eq!(lanes.backlog("a", start + HEALTH_FRESH, 0).workers, []);
    }
}
