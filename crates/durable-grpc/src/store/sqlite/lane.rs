//! One lane in memory: what is ready, and what is later.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use tokio::sync::Notify;

use crate::{id::CallId, store::StoredCall};

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

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: Arc<str>,
    ready: VecDeque<Waiting>,
    later: BTreeMap<(i64, i64), Waiting>,
    loading: bool,
    pub(super) waiting_bytes: u64,
    pub(super) running: u64,
    pub(super) answered: u64,
    pub(super) expired: u64,
    /// Rings whenever something arrives.
    pub(super) arrivals: Arc<Notify>,
}

impl Lane {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            loading: false,
            waiting_bytes: 0,
            running: 0,
            answered: 0,
            expired: 0,
            arrivals: Arc::default(),
        }
    }

    pub(super) fn push(&mut self, waiting: Waiting, now_ms: i64) {
        self.waiting_bytes += u64::from(waiting.bytes);
        if waiting.due_ms <= now_ms {
            self.ready.push_back(waiting);
        } else {
            self.later.insert((waiting.due_ms, waiting.seq), waiting);
        }
        // A later call rings too: whoever sleeps until the next due time has to sleep shorter.
        self.arrivals.notify_one();
    }

    /// Moves what has become due behind what already was.
    pub(super) fn promote(&mut self, now_ms: i64) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now_ms
        {
            self.ready.push_back(entry.remove());
        }
    }

    /// The next ready call, if its message is in memory.
    pub(super) fn pop(&mut self) -> Option<(Waiting, Arc<StoredCall>)> {
        let call = self.ready.front_mut()?.call.take()?;
        let waiting = self.ready.pop_front()?;
        self.waiting_bytes -= u64::from(waiting.bytes);
        Some((waiting, call))
    }

    /// Calls at the head whose messages have to be read before anything can be claimed. Each is
    /// asked for once.
    pub(super) fn load_ahead(&mut self) -> Vec<i64> {
        if self.loading || self.ready.front().is_none_or(|front| front.call.is_some()) {
            return Vec::new();
        }
        self.loading = true;
        let ahead = self.ready.iter().take(LOAD_AHEAD).filter(|waiting| waiting.call.is_none());
        ahead.map(|waiting| waiting.seq).collect()
    }

    /// Wakes one more worker when this one could not take everything that is ready.
    pub(super) fn ring_if_more(&self) {
        if self.ready.front().is_some_and(|front| front.call.is_some()) {
            self.arrivals.notify_one();
        }
    }

    /// Puts messages to the calls that wait for them, and gives the bytes that are now in memory. A
    /// call whose row is gone leaves the lane.
    pub(super) fn fill(
        &mut self,
        asked: &[i64],
        mut loaded: HashMap<i64, Arc<StoredCall>>,
    ) -> usize {
        self.loading = false;
        let asked: HashSet<i64> = asked.iter().copied().collect();
        let (mut cached, mut gone) = (0, 0);
        for waiting in self.ready.iter_mut().take(LOAD_AHEAD) {
            if waiting.call.is_none() && asked.contains(&waiting.seq) {
                waiting.call = loaded.remove(&waiting.seq);
                if waiting.call.is_some() {
                    cached += waiting.bytes as usize;
                } else {
                    gone += u64::from(waiting.bytes);
                }
            }
        }
        if gone > 0 {
            self.waiting_bytes -= gone;
            self.ready.retain(|waiting| waiting.call.is_some() || !asked.contains(&waiting.seq));
        }
        self.arrivals.notify_one();
        cached
    }

    /// Reading failed; the next claim asks again.
    pub(super) const fn load_failed(&mut self) {
        self.loading = false;
    }

    pub(super) fn remove(&mut self, seq: i64) -> Option<Waiting> {
        let removed = match self.ready.iter().position(|waiting| waiting.seq == seq) {
            Some(position) => self.ready.remove(position),
            None => {
                let key = self.later.values().find(|waiting| waiting.seq == seq);
                let key = key.map(|waiting| (waiting.due_ms, seq));
                key.and_then(|key| self.later.remove(&key))
            }
        }?;
        self.waiting_bytes -= u64::from(removed.bytes);
        Some(removed)
    }

    pub(super) fn next_due_ms(&self) -> Option<i64> {
        self.later.first_key_value().map(|((due, _), _)| *due)
    }

    /// How many calls are due, and how many are not yet.
    pub(super) fn depth(&self, now_ms: i64) -> (u64, u64) {
        let due_by_now = self.later.keys().take_while(|(due, _)| *due <= now_ms).count();
        ((self.ready.len() + due_by_now) as u64, (self.later.len() - due_by_now) as u64)
    }

    /// Since when the oldest due call has been due. The head of the line is nearly the oldest:
    /// retries behind it may have been due a little earlier.
    pub(super) fn oldest_due_ms(&self, now_ms: i64) -> Option<i64> {
        let later = self.next_due_ms().filter(|due| *due <= now_ms);
        self.ready.front().map(|waiting| waiting.due_ms).into_iter().chain(later).min()
    }
}

/// The length of a message as the lanes count it. Messages are at most 4 MiB.
pub(super) fn message_bytes(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
