//! Which rows the relay holds, and when a deferred one may be tried again.

use std::{collections::HashMap, time::Duration};

use tokio::{
    task::{Id, JoinError},
    time::Instant,
};

use super::Settled;
use crate::gate::Standing;

/// The ceiling of the first backoff of a row, doubled with each deferral.
const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// The ceiling of every backoff: the answer of a recovered callee is fetched within a minute.
const BACKOFF_CAP: Duration = Duration::from_mins(1);
/// How long the number of deferrals of a row is remembered once its backoff is over.
const FORGET_AFTER: Duration = Duration::from_mins(5);

#[derive(Debug, Default)]
pub(super) struct Pending {
    rows: HashMap<String, Row>,
    tasks: HashMap<Id, String>,
    had_more: bool,
}

#[derive(Debug)]
struct Row {
    deferrals: u32,
    /// The lane that did not take it. When the lane does, the row need not wait any longer.
    shut_out_of: Option<String>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InFlight,
    BackingOff(Instant),
    /// May be sent again; only the number of deferrals is remembered.
    Due(Instant),
}

impl Pending {
    /// Takes a row in flight. `false` when it is held already: the source did not exclude it.
    pub(super) fn admit(&mut self, id: &str) -> bool {
        let row = self.rows.entry(id.to_owned()).or_insert_with(Row::new);
        let free = matches!(row.state, State::Due(_));
        if free {
            row.state = State::InFlight;
            row.shut_out_of = None;
        }
        free
    }

    pub(super) fn spawned(&mut self, task: Id, row: String) {
        self.tasks.insert(task, row);
    }

    /// Records whether the source may have more rows than it was allowed to give.
    pub(super) const fn taken(&mut self, more: bool) {
        self.had_more = more;
    }

    pub(super) const fn had_more(&self) -> bool {
        self.had_more
    }

    /// Records the end of a row's turn. A row whose turn panicked is deferred.
    pub(super) fn settle(
        &mut self,
        finished: Result<(Id, Settled), JoinError>,
        now: Instant,
        jitter: f64,
    ) {
        let (task, settled) = match finished {
            Ok((task, settled)) => (task, Some(settled)),
            Err(error) => (error.id(), None),
        };
        let Some(id) = self.tasks.remove(&task) else { return };
        let settled = settled.unwrap_or_else(|| {
            tracing::error!(row = id, "the turn of an outbox row panicked");
            Settled::Deferred
        });
        self.settle_row(&id, settled, now, jitter);
    }

    fn settle_row(&mut self, id: &str, settled: Settled, now: Instant, jitter: f64) {
        let shut_out_of = match settled {
            Settled::Answered => {
                self.rows.remove(id);
                return;
            }
            Settled::Deferred => None,
            Settled::Shut { lane } => Some(lane),
        };
        if let Some(row) = self.rows.get_mut(id) {
            row.state = State::BackingOff(now + backoff(row.deferrals, jitter));
            row.deferrals = row.deferrals.saturating_add(1);
            row.shut_out_of = shut_out_of;
        }
    }

    /// Lets go of rows whose backoff is over, or whose lane takes calls again.
    pub(super) fn release(&mut self, now: Instant, mut standing: impl FnMut(&str) -> Standing) {
        let mut lanes: HashMap<String, Standing> = HashMap::new();
        self.rows.retain(|_, row| {
            if let State::BackingOff(until) = row.state {
                let opened = row.shut_out_of.as_ref().is_some_and(|lane| {
                    let standing = lanes.entry(lane.clone()).or_insert_with(|| standing(lane));
                    match *standing {
                        Standing::Up => true,
                        // One row is enough to try with.
                        Standing::Trial => {
                            *standing = Standing::Unserved;
                            true
                        }
                        Standing::Down { .. } | Standing::Unserved => false,
                    }
                });
                if opened {
                    // What kept it waiting was not its own fault.
                    row.deferrals = 0;
                }
                if opened || until <= now {
                    row.state = State::Due(now);
                }
            }
            !matches!(row.state, State::Due(since) if now.duration_since(since) > FORGET_AFTER)
        });
    }

    /// The rows that are in flight or back off.
    pub(super) fn held(&self) -> Vec<String> {
        let held = self.rows.iter().filter(|(_, row)| !matches!(row.state, State::Due(_)));
        held.map(|(id, _)| id.clone()).collect()
    }
}

impl Row {
    fn new() -> Self {
        Self { deferrals: 0, shut_out_of: None, state: State::Due(Instant::now()) }
    }
}

fn backoff(deferrals: u32, jitter: f64) -> Duration {
    let ceiling = BACKOFF_BASE.saturating_mul(1 << deferrals.min(16)).min(BACKOFF_CAP);
    // At least half of it, so that a source in trouble is not asked again at once.
    ceiling.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(_: &str) -> Standing {
        Standing::Up
    }

    #[test]
    fn a_deferred_row_backs_off_and_an_answered_one_is_forgotten() {
        let mut pending = Pending::default();
        let start = Instant::now();
        assert!(pending.admit("a"));
        assert!(!pending.admit("a"), "a row in flight is not sent twice");
        pending.admit("b");

        pending.settle_row("a", Settled::Deferred, start, 1.0);
        pending.settle_row("b", Settled::Answered, start, 1.0);
        assert_eq!(pending.held(), ["a"]);

        pending.release(start + Duration::from_millis(999), up);
        assert_eq!(pending.held(), ["a"]);
        pending.release(start + Duration::from_secs(1), up);
        assert!(pending.held().is_empty());

        assert!(pending.admit("a"));
        pending.settle_row("a", Settled::Deferred, start, 1.0);
        pending.release(start + Duration::from_millis(1999), up);
        assert_eq!(pending.held(), ["a"], "the second backoff is twice as long");
    }

    #[test]
    fn rows_shut_out_go_as_soon_as_their_lane_takes_calls() {
        let down = |_: &str| Standing::Down { retry_after: Duration::from_secs(1) };
        let mut pending = Pending::default();
        let start = Instant::now();
        for id in ["a", "b", "c"] {
            pending.admit(id);
        }
        for (id, lane) in [("a", "till"), ("b", "till")] {
            pending.settle_row(id, Settled::Shut { lane: lane.to_owned() }, start, 1.0);
        }
        pending.settle_row("c", Settled::Deferred, start, 1.0);

        pending.release(start, down);
        assert_eq!(pending.held().len(), 3);
        pending.release(start, |_| Standing::Trial);
        assert_eq!(pending.held().len(), 2, "one is enough to try with");
        pending.release(start, up);
        assert_eq!(pending.held(), ["c"], "its backoff has nothing to do with the lane");

        // What was held up through no fault of its own starts with the first backoff again.
        pending.admit("a");
        pending.settle_row("a", Settled::Deferred, start, 1.0);
        pending.release(start + Duration::from_secs(1), down);
        assert!(pending.held().is_empty());
    }

    #[test]
    fn backoff_is_capped() {
        assert_eq!(backoff(40, 1.0), Duration::from_mins(1));
        assert_eq!(backoff(0, 0.0), Duration::from_millis(500));
    }
}
