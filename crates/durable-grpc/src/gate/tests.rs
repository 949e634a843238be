//! Judgements about a lane, from what the store is given to say.

use super::*;
use crate::store::TargetHealth;

const SECOND: Duration = Duration::from_secs(1);
const DOWN: TargetHealth = TargetHealth::Down { retry_after: Duration::from_secs(5) };
const READY_TO_TRY: TargetHealth = TargetHealth::Down { retry_after: Duration::ZERO };

/// A gate after its start-up grace that has heard this from the store `age` ago.
fn gate(workers: &[TargetHealth], waiting: u64, oldest_ready: Option<Duration>) -> Gate {
    let limits = LaneLimits { waiting: 10, age: Some(Duration::from_mins(1)) };
    let options = BreakerOptions::default().start_grace(Duration::ZERO);
    let gate = Gate::new("lane".into(), Some(options), limits);
    let backlog = Backlog { workers: workers.to_vec(), waiting, oldest_ready };
    gate.hear(&backlog);
    gate
}

impl Gate {
    fn hear(&self, backlog: &Backlog) {
        let at = self.first_used;
        *self.view.write().unwrap() =
            View { looked_at: Some(at), seen: Some(Seen::new(backlog, at)) };
    }

    fn awaited(&self, after: Duration) -> Judgement {
        self.judge(self.first_used + after, false, true)
    }

    fn detached(&self, after: Duration) -> Judgement {
        self.judge(self.first_used + after, true, true)
    }
}

#[test]
fn a_lane_that_is_down_keeps_out_only_those_who_wait() {
    let gate = gate(&[DOWN], 0, None);
    let left = |retry_after| Judgement::Down { retry_after };
    assert_eq!(gate.awaited(Duration::ZERO), left(Duration::from_secs(5)));
    assert_eq!(gate.awaited(SECOND * 3), left(Duration::from_secs(2)));
    assert_eq!(gate.awaited(SECOND * 9), left(SECOND), "never less than the next look");
    assert_eq!(gate.detached(SECOND), Judgement::LetIn);
}

#[test]
fn one_call_in_each_look_may_try() {
    let gate = gate(&[READY_TO_TRY], 0, None);
    assert_eq!(gate.awaited(SECOND), Judgement::LetIn);
    assert_eq!(gate.awaited(SECOND), Judgement::Down { retry_after: SECOND });
    assert_eq!(gate.detached(SECOND), Judgement::LetIn);
}

#[test]
fn no_live_worker_is_forgiven_only_at_the_start() {
    let mut gate = gate(&[], 0, None);
    assert_eq!(gate.awaited(SECOND), Judgement::Unserved { retry_after: SECOND });
    gate.breaker = Some(BreakerOptions::default().start_grace(SECOND * 5));
    assert_eq!(gate.awaited(SECOND * 4), Judgement::LetIn);
    assert_eq!(gate.awaited(SECOND * 5), Judgement::Unserved { retry_after: SECOND });
    gate.breaker = None;
    assert_eq!(gate.awaited(SECOND * 5), Judgement::LetIn, "there is no breaker");
}

#[test]
fn old_news_lead_to_a_question_and_then_to_no_verdict() {
    let gate = gate(&[DOWN], 0, None);
    assert_eq!(gate.awaited(HEALTH_FRESH), Judgement::Look);
    let judged = gate.judge(gate.first_used + HEALTH_FRESH, false, false);
    assert_eq!(judged, Judgement::LetIn, "a store that is away says so itself");
}

#[test]
fn a_full_lane_keeps_everyone_out() {
    let gate = gate(&[TargetHealth::Up], 10, None);
    assert_eq!(gate.awaited(SECOND), Judgement::Full { waiting: 10 });
    assert_eq!(gate.detached(SECOND), Judgement::Full { waiting: 10 });
}

#[test]
fn calls_since_the_last_look_count_but_are_asked_about_first() {
    let gate = gate(&[TargetHealth::Up], 9, None);
    assert_eq!(gate.detached(SECOND), Judgement::LetIn);
    gate.added.fetch_add(1, Relaxed);
    assert_eq!(gate.detached(SECOND), Judgement::Look);
    assert_eq!(gate.detached(EARLY_LOOK / 2), Judgement::Full { waiting: 10 });
    let judged = gate.judge(gate.first_used + SECOND, true, false);
    assert_eq!(judged, Judgement::Full { waiting: 10 });
}

#[test]
fn a_late_lane_keeps_out_only_those_who_wait() {
    let (limit, beyond) = (Duration::from_mins(1), Duration::from_secs(61));
    assert_eq!(gate(&[TargetHealth::Up], 1, Some(limit)).awaited(SECOND), Judgement::LetIn);
    let late = gate(&[TargetHealth::Up], 1, Some(beyond));
    assert_eq!(late.awaited(SECOND), Judgement::Old { oldest_ready: beyond });
    assert_eq!(late.detached(SECOND), Judgement::LetIn);
}
