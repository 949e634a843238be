//! In memory: what is ready, what is later, and who has claimed what.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use tokio::sync::Notify;

use super::since_ms;
use crate::{
    id::CallId,
    limits::LEASE,
    store::{Claim, LaneStats, Owner, Receipt, StoredCall},
};

/// How many calls are read ahead of their turn when their messages are not in memory.
const LOAD_AHEAD: usize = 256;

/// A call that waits. Its message may have been left on disk.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) seq: i64,
    pub(super) id: CallId,
    pub(super) due_ms: i64,
    pub(super) expires_ms: i64,
    pub(super) bytes: u32,
    /// Claims of this call that were lost with their owner.
    pub(super) lost: u32,
    pub(super) call: Option<Arc<StoredCall>>,
}

/// A call in the hands of a worker.
#[derive(Debug)]
struct Held {
    owner: Owner,
    delivery: u64,
    started: bool,
    lane: Arc<str>,
    waiting: Waiting,
    call: Arc<StoredCall>,
}

/// What the writer has to know about a claim to record its end.
#[derive(Debug, Clone)]
pub(super) struct HeldCall {
    pub(super) seq: i64,
    pub(super) expires_ms: i64,
    pub(super) call: Arc<StoredCall>,
}

#[derive(Debug, Default)]
struct Lane {
    ready: VecDeque<Waiting>,
    later: BTreeMap<(i64, i64), Waiting>,
    waiting_bytes: u64,
    running: u64,
    answered: u64,
    expired: u64,
    loading: bool,
    arrivals: Arc<Notify>,
}

/// All lanes of the store.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: HashMap<Arc<str>, Lane>,
    claims: HashMap<CallId, Held>,
    owners: HashMap<Owner, Instant>,
    next_delivery: u64,
    cached_bytes: usize,
    cache_limit: usize,
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

/// A claim that was given up.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// Back in its lane.
    Requeued,
    /// It had been marked as started: it has ended as ambiguous.
    Ambiguous(CallId),
}

impl Lanes {
    pub(super) fn new(cache_limit: usize) -> Self {
        Self {
            lanes: HashMap::new(),
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

    pub(super) fn waiting_bytes(&self, lane: &str) -> u64 {
        self.lanes.get(lane).map_or(0, |lane| lane.waiting_bytes)
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
        let lane = self.lane(lane);
        lane.waiting_bytes += u64::from(waiting.bytes);
        if waiting.due_ms <= now_ms {
            lane.ready.push_back(waiting);
        } else {
            lane.later.insert((waiting.due_ms, waiting.seq), waiting);
        }
        // A later call rings too: whoever sleeps until the next due time has to sleep shorter.
        lane.arrivals.notify_one();
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
        self.lane(name);
        let Some(name) = self.lanes.get_key_value(name).map(|(name, _)| name.clone()) else {
            return Turn::default();
        };
        let Some(lane) = self.lanes.get_mut(&name) else { return Turn::default() };
        lane.promote(now_ms);
        let mut turn = Turn::default();
        while turn.claims.len() < limit {
            let Some(mut call) = lane.ready.front_mut().and_then(|front| front.call.take()) else {
                break;
            };
            let Some(waiting) = lane.ready.pop_front() else { break };
            lane.waiting_bytes -= u64::from(waiting.bytes);
            lane.running += 1;
            self.cached_bytes -= waiting.bytes as usize;
            if call.lost != waiting.lost {
                Arc::make_mut(&mut call).lost = waiting.lost;
            }
            let delivery = self.next_delivery;
            self.next_delivery += 1;
            let receipt = Receipt { id: waiting.id, lane: name.clone(), owner, delivery };
            let time_left = since_ms(now_ms, waiting.expires_ms);
            turn.claims.push(Claim { receipt, call: call.clone(), time_left });
            let held = Held { owner, delivery, started: false, lane: name.clone(), waiting, call };
            self.claims.insert(held.waiting.id, held);
        }
        let missing = lane.ready.front().is_some_and(|front| front.call.is_none());
        if missing && !lane.loading {
            lane.loading = true;
            let ahead = lane.ready.iter().take(LOAD_AHEAD).filter(|waiting| waiting.call.is_none());
            turn.to_load = ahead.map(|waiting| waiting.seq).collect();
        } else if !missing && !lane.ready.is_empty() {
            // Another worker may be asleep while there is more than this one could take.
            lane.arrivals.notify_one();
        }
        turn.next_due_ms = lane.later.first_key_value().map(|((due, _), _)| *due);
        turn
    }

    /// Puts messages that were read from disk to the calls that wait for them. A call whose row is
    /// gone leaves the lane.
    pub(super) fn fill(
        &mut self,
        lane: &str,
        asked: &[i64],
        mut loaded: HashMap<i64, Arc<StoredCall>>,
    ) {
        let asked: HashSet<i64> = asked.iter().copied().collect();
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        lane.loading = false;
        let mut gone = 0;
        let cached = &mut self.cached_bytes;
        let head = lane.ready.len().min(LOAD_AHEAD * 2);
        for waiting in lane.ready.iter_mut().take(head) {
            if waiting.call.is_none() && asked.contains(&waiting.seq) {
                waiting.call = loaded.remove(&waiting.seq);
                if waiting.call.is_some() {
                    *cached += waiting.bytes as usize;
                } else {
                    gone += u64::from(waiting.bytes);
                }
            }
        }
        if gone > 0 {
            lane.waiting_bytes -= gone;
            lane.ready.retain(|waiting| waiting.call.is_some() || !asked.contains(&waiting.seq));
        }
        lane.arrivals.notify_one();
    }

    /// Reading failed; the next claim asks again.
    pub(super) fn load_failed(&mut self, lane: &str) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.loading = false;
        }
    }

    /// The claimed call, if this very claim still holds it.
    pub(super) fn held(&self, receipt: &Receipt) -> Option<HeldCall> {
        let held = self.claims.get(&receipt.id)?;
        let valid = held.owner == receipt.owner && held.delivery == receipt.delivery;
        valid.then(|| HeldCall {
            seq: held.waiting.seq,
            expires_ms: held.waiting.expires_ms,
            call: held.call.clone(),
        })
    }

    pub(super) fn is_claimed(&self, id: CallId) -> bool {
        self.claims.contains_key(&id)
    }

    pub(super) fn mark_started(&mut self, id: CallId) {
        if let Some(held) = self.claims.get_mut(&id) {
            held.started = true;
        }
    }

    /// Takes a claimed call out of the hands of its worker, for good or to wait again.
    pub(super) fn unclaim(&mut self, id: CallId) {
        if let Some(held) = self.claims.remove(&id)
            && let Some(lane) = self.lanes.get_mut(&held.lane)
        {
            lane.running -= 1;
        }
    }

    pub(super) fn count_end(&mut self, lane: &str, answered: bool, expired: bool) {
        let lane = self.lane(lane);
        lane.answered += u64::from(answered);
        lane.expired += u64::from(expired);
    }

    /// Takes a waiting call out of its lane.
    pub(super) fn remove(&mut self, lane: &str, seq: i64) -> Option<Waiting> {
        let lane = self.lanes.get_mut(lane)?;
        let removed = match lane.ready.iter().position(|waiting| waiting.seq == seq) {
            Some(position) => lane.ready.remove(position),
            None => {
                let key = lane.later.values().find(|waiting| waiting.seq == seq);
                let key = key.map(|waiting| (waiting.due_ms, seq));
                key.and_then(|key| lane.later.remove(&key))
            }
        }?;
        lane.waiting_bytes -= u64::from(removed.bytes);
        if removed.call.is_some() {
            self.cached_bytes -= removed.bytes as usize;
        }
        Some(removed)
    }

    pub(super) fn beat(&mut self, owner: Owner, now: Instant) {
        self.owners.insert(owner, now);
    }

    /// The owners whose lease has lapsed.
    pub(super) fn silent_owners(&self, now: Instant) -> Vec<Owner> {
        let silent = self.owners.iter().filter(|(_, beat)| now.duration_since(**beat) >= LEASE);
        silent.map(|(owner, _)| *owner).collect()
    }

    /// What these owners had marked as started.
    pub(super) fn started_by(&self, owners: &[Owner]) -> Vec<(CallId, i64, Arc<StoredCall>)> {
        self.claims
            .iter()
            .filter(|(_, held)| held.started && owners.contains(&held.owner))
            .map(|(id, held)| (*id, held.waiting.seq, held.call.clone()))
            .collect()
    }

    /// How many claims these owners hold.
    pub(super) fn count_held(&self, owners: &[Owner]) -> usize {
        self.claims.values().filter(|held| owners.contains(&held.owner)).count()
    }

    /// Takes everything from these owners.
    pub(super) fn give_up(&mut self, owners: &[Owner], now_ms: i64) -> Vec<GivenUp> {
        for owner in owners {
            self.owners.remove(owner);
        }
        let taken: Vec<_> =
            self.claims.extract_if(|_, held| owners.contains(&held.owner)).collect();
        let mut given_up = Vec::with_capacity(taken.len());
        for (id, held) in taken {
            self.lane(&held.lane).running -= 1;
            if held.started {
                given_up.push(GivenUp::Ambiguous(id));
            } else {
                let waiting = Waiting {
                    lost: held.waiting.lost.saturating_add(1),
                    due_ms: now_ms,
                    call: Some(held.call),
                    ..held.waiting
                };
                self.push(&held.lane, waiting, now_ms);
                given_up.push(GivenUp::Requeued);
            }
        }
        given_up
    }

    pub(super) fn stats(&self, dead: &HashMap<Arc<str>, u64>, now_ms: i64) -> Vec<LaneStats> {
        let names: HashSet<&Arc<str>> = self.lanes.keys().chain(dead.keys()).collect();
        let idle = Lane::default();
        let mut stats: Vec<_> = names
            .into_iter()
            .map(|name| {
                let lane = self.lanes.get(name).unwrap_or(&idle);
                let due = |(due, _): &&(i64, i64)| *due <= now_ms;
                let due_by_now = lane.later.keys().take_while(due).count() as u64;
                LaneStats {
                    lane: name.to_string(),
                    ready: lane.ready.len() as u64 + due_by_now,
                    later: lane.later.len() as u64 - due_by_now,
                    running: lane.running,
                    dead: dead.get(name).copied().unwrap_or_default(),
                    waiting_bytes: lane.waiting_bytes,
                    oldest_ready: lane.oldest_due_ms(now_ms).map(|due| since_ms(due, now_ms)),
                    expired: lane.expired,
                    answered: lane.answered,
                }
            })
            .collect();
        stats.sort_by(|a: &LaneStats, b| a.lane.cmp(&b.lane));
        stats
    }

    fn lane(&mut self, name: &str) -> &mut Lane {
        if !self.lanes.contains_key(name) {
            self.lanes.insert(name.into(), Lane::default());
        }
        // Just inserted if it was missing.
        self.lanes.entry(name.into()).or_default()
    }
}

impl Lane {
    /// Moves what has become due behind what already was.
    fn promote(&mut self, now_ms: i64) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now_ms
        {
            self.ready.push_back(entry.remove());
        }
    }

    fn oldest_due_ms(&self, now_ms: i64) -> Option<i64> {
        let later = self.later.keys().next().map(|(due, _)| *due).filter(|due| *due <= now_ms);
        // The head of the line is nearly the oldest; retries may have been due a little earlier.
        self.ready.front().map(|waiting| waiting.due_ms).into_iter().chain(later).min()
    }
}

/// The length of a message as the lanes count it. Messages are at most 4 MiB.
pub(super) fn message_bytes(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
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
}
