//! The state machine on a clock that is moved by hand.

use super::*;

const QUICK: Duration = Duration::from_millis(5);
const SLOW: Duration = Duration::from_millis(2001);
const SECOND: Duration = Duration::from_secs(1);

/// A breaker and its clock.
struct Rig {
    breaker: Breaker,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        Self { breaker: Breaker::new(BreakerOptions::default()), now: Instant::now() }
    }

    /// Sends calls at the current time, all with the same result.
    fn send(&mut self, count: u32, failed: bool, took: Duration) {
        for _ in 0..count {
            let pass = self.breaker.enter(self.now).expect("a call may go");
            self.breaker.record(pass, failed, took, self.now, 1.0);
        }
    }

    fn pass_time(&mut self, time: Duration) -> Phase {
        self.now += time;
        self.breaker.tick(self.now);
        self.breaker.phase()
    }

    fn opened() -> Self {
        let mut rig = Self::new();
        rig.send(20, true, QUICK);
        assert_eq!(rig.breaker.phase(), Phase::Open);
        rig
    }

    /// How long it stays open when nobody probes.
    fn time_until_trial(&mut self) -> Duration {
        let from = self.now;
        while self.pass_time(SECOND) == Phase::Open {}
        self.now - from
    }
}

#[test]
fn it_opens_by_share_and_number() {
    /// Good calls, failed calls, slow calls; then the phase.
    fn check(good: u32, failed: u32, slow: u32, expected: Phase) {
        let mut rig = Rig::new();
        rig.send(good, false, QUICK);
        rig.send(slow, false, SLOW);
        rig.send(failed, true, QUICK);
        assert_eq!(rig.breaker.phase(), expected, "{good} good, {failed} failed, {slow} slow");
    }
    check(0, 19, 0, Phase::Closed);
    check(0, 20, 0, Phase::Open);
    check(10, 10, 0, Phase::Open);
    check(11, 10, 0, Phase::Closed);
    check(0, 0, 19, Phase::Closed);
    check(0, 0, 20, Phase::Open);
    check(4, 0, 16, Phase::Open);
    check(5, 0, 16, Phase::Closed);
    check(1000, 0, 0, Phase::Closed);
    // Neither share is reached, however much trouble there is in all.
    check(10, 9, 6, Phase::Closed);
}

#[test]
fn two_seconds_are_not_slow_yet() {
    let mut rig = Rig::new();
    rig.send(100, false, Duration::from_secs(2));
    assert_eq!(rig.breaker.phase(), Phase::Closed);
}

#[test]
fn what_is_older_than_the_window_does_not_count() {
    let mut rig = Rig::new();
    rig.send(19, true, QUICK);
    rig.pass_time(Duration::from_secs(10));
    rig.send(1, true, QUICK);
    assert_eq!(rig.breaker.phase(), Phase::Closed);

    let mut rig = Rig::new();
    rig.send(19, true, QUICK);
    rig.pass_time(Duration::from_millis(9_900));
    rig.send(1, true, QUICK);
    assert_eq!(rig.breaker.phase(), Phase::Open);
}

#[test]
fn a_window_slides() {
    let mut rig = Rig::new();
    // Two failures a second are always 20 within ten seconds, but never more than that.
    for _ in 0..9 {
        rig.send(2, true, QUICK);
        rig.pass_time(SECOND);
    }
    assert_eq!(rig.breaker.phase(), Phase::Closed);
    rig.send(2, true, QUICK);
    assert_eq!(rig.breaker.phase(), Phase::Open);
}

#[test]
fn open_times_double_up_to_the_cap_and_start_over_after_success() {
    let mut rig = Rig::opened();
    for seconds in [5, 10, 20, 40, 60, 60] {
        assert_eq!(rig.time_until_trial(), Duration::from_secs(seconds));
        rig.send(1, true, QUICK);
        assert_eq!(rig.breaker.phase(), Phase::Open);
    }
    rig.time_until_trial();
    rig.send(1, false, QUICK);
    assert_eq!(rig.breaker.phase(), Phase::Closed);
    // What was counted before is forgotten, and so is the doubling.
    rig.send(19, true, QUICK);
    assert_eq!(rig.breaker.phase(), Phase::Closed);
    rig.send(1, true, QUICK);
    assert_eq!(rig.time_until_trial(), Duration::from_secs(5));
}

#[test]
fn jitter_takes_at_most_half_of_the_open_time() {
    for (jitter, millis) in [(0.0, 2500), (0.5, 3750), (1.0, 5000), (7.0, 5000)] {
        let now = Instant::now();
        let mut breaker = Breaker::new(BreakerOptions::default());
        for _ in 0..20 {
            let pass = breaker.enter(now).expect("a call may go");
            breaker.record(pass, true, QUICK, now, jitter);
        }
        assert_eq!(breaker.retry_after(now), Duration::from_millis(millis));
    }
}

#[test]
fn exactly_one_call_tries() {
    let mut rig = Rig::opened();
    assert_eq!(rig.breaker.enter(rig.now), None);
    rig.pass_time(Duration::from_secs(5));
    let trial = rig.breaker.enter(rig.now).expect("one call may try");
    assert!(trial.trial);
    assert_eq!(rig.breaker.enter(rig.now), None);
    // It went away without a result: another one may.
    assert!(rig.breaker.forget(trial));
    assert!(rig.breaker.wants_trial());
    rig.send(1, false, QUICK);
    assert_eq!(rig.breaker.phase(), Phase::Closed);
}

#[test]
fn late_results_say_nothing_about_a_later_state() {
    let mut rig = Rig::new();
    let late: Vec<_> = (0..3).map(|_| rig.breaker.enter(rig.now).expect("a call may go")).collect();
    rig.send(20, true, QUICK);
    rig.breaker.record(late[0], false, QUICK, rig.now, 1.0);
    assert_eq!(rig.breaker.phase(), Phase::Open, "a success from before does not close it");
    rig.pass_time(Duration::from_secs(5));
    rig.breaker.record(late[1], true, QUICK, rig.now, 1.0);
    assert_eq!(rig.breaker.phase(), Phase::HalfOpen, "nor does a failure reopen it");
    let trial = rig.breaker.enter(rig.now).expect("one call may try");
    assert!(!rig.breaker.forget(late[2]), "nor does an end of one of them free the trial");
    assert_eq!(rig.breaker.enter(rig.now), None);
    rig.breaker.record(trial, false, QUICK, rig.now, 1.0);
    assert_eq!(rig.breaker.phase(), Phase::Closed);
}

#[test]
fn a_slow_trial_fails_only_where_slowness_was_the_trouble() {
    let mut rig = Rig::opened();
    rig.time_until_trial();
    rig.send(1, false, SLOW);
    assert_eq!(rig.breaker.phase(), Phase::Closed);

    rig.send(20, false, SLOW);
    assert_eq!(rig.breaker.phase(), Phase::Open);
    rig.time_until_trial();
    rig.send(1, false, SLOW);
    assert_eq!(rig.breaker.phase(), Phase::Open);
}

#[test]
fn a_health_service_shortens_the_wait() {
    let mut rig = Rig::opened();
    rig.pass_time(SECOND);
    rig.breaker.probed(Probe::Serving, rig.now);
    assert!(rig.breaker.wants_trial());
}

#[test]
fn without_a_health_service_the_time_decides() {
    let mut rig = Rig::opened();
    rig.breaker.probed(Probe::Reached, rig.now);
    assert_eq!(rig.pass_time(Duration::from_millis(4_999)), Phase::Open);
    assert_eq!(rig.pass_time(Duration::from_millis(1)), Phase::HalfOpen);
    assert!(rig.breaker.is_reached());
}

#[test]
fn a_target_seen_to_be_away_is_not_tried_until_it_is_back_or_patience_ends() {
    for away in [Probe::Silent, Probe::NotServing] {
        let mut rig = Rig::opened();
        rig.breaker.probed(away, rig.now);
        assert_eq!(rig.pass_time(Duration::from_secs(30)), Phase::Open);
        assert_eq!(rig.breaker.retry_after(rig.now), SECOND, "the next probe decides");
        rig.breaker.probed(Probe::Reached, rig.now);
        assert_eq!(rig.breaker.phase(), Phase::HalfOpen, "its time had passed long ago");

        let mut rig = Rig::opened();
        rig.breaker.probed(away, rig.now);
        assert_eq!(rig.pass_time(Duration::from_secs(64)), Phase::Open);
        assert_eq!(rig.pass_time(SECOND), Phase::HalfOpen);
        assert_eq!(rig.breaker.is_reached(), away == Probe::NotServing);
    }
}

#[test]
fn a_health_service_that_was_wrong_is_not_believed_again_before_it_sees_the_trouble() {
    let mut rig = Rig::opened();
    rig.breaker.probed(Probe::Serving, rig.now);
    rig.send(1, true, QUICK);
    rig.breaker.probed(Probe::Serving, rig.now);
    assert_eq!(rig.breaker.phase(), Phase::Open, "overloaded, whatever the health service says");
    assert_eq!(rig.time_until_trial(), Duration::from_secs(10));
    rig.send(1, true, QUICK);

    rig.breaker.probed(Probe::NotServing, rig.now);
    rig.breaker.probed(Probe::Serving, rig.now);
    assert_eq!(rig.breaker.phase(), Phase::HalfOpen);
}
