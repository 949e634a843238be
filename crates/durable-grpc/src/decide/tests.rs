use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::{id::CallId, store::Policy};

const HOUR: Duration = Duration::from_hours(1);

fn call() -> StoredCall {
    StoredCall {
        id: CallId::generate(),
        lane: "lane".into(),
        method: "/test.Service/Method".into(),
        key: Some("key".into()),
        metadata: HeaderMap::new(),
        payload: Bytes::new(),
        policy: Policy {
            idempotent: true,
            detached: false,
            attempt_timeout: Duration::from_secs(10),
            expires_in: HOUR,
            max_attempts: None,
        },
        attempts: 0,
        unsent: 0,
        lost: 0,
        ran_before: false,
    }
}

fn answer(code: Code) -> StoredAnswer {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code as i32));
    let message = (code == Code::Ok).then(Bytes::new);
    StoredAnswer { headers: HeaderMap::new(), message, trailers }
}

fn check(call: &StoredCall, attempt: Attempt) -> Disposition {
    decide(call, attempt, HOUR, 0.5)
}

fn kind(disposition: Disposition) -> Option<EndKind> {
    match disposition {
        Disposition::End { ended, .. } => Some(ended.kind),
        Disposition::Retry { .. } => None,
    }
}

#[test]
fn refusals_are_answers_and_trouble_is_retried() {
    let idempotent = call();
    let mut once = call();
    once.policy.idempotent = false;
    for number in 0..=16 {
        let code = Code::from_i32(number);
        let refusal_or_ok = matches!(number, 0 | 3 | 5 | 6 | 7 | 9 | 11);
        let expected = refusal_or_ok.then_some(EndKind::Answered);
        assert_eq!(kind(check(&idempotent, Attempt::Answered(answer(code)))), expected, "{code:?}");
        // Whatever a callee answers to a method that is not idempotent is final.
        let once = kind(check(&once, Attempt::Answered(answer(code))));
        assert_eq!(once, Some(EndKind::Answered), "{code:?}");
    }
}

#[test]
fn a_lost_answer_is_retried_only_where_it_may_be() {
    let lost = || Attempt::NoAnswer("connection lost".to_owned());
    let unsent = || Attempt::NotSent("no connection".to_owned());
    let mut once = call();
    once.policy.idempotent = false;

    assert_eq!(kind(check(&call(), lost())), None);
    assert_eq!(kind(check(&once, lost())), Some(EndKind::Ambiguous));
    assert!(matches!(check(&once, unsent()), Disposition::Retry { sent: false, .. }));
    assert!(matches!(check(&call(), unsent()), Disposition::Retry { sent: false, .. }));
    let unusable = || Attempt::Unusable("too large".to_owned());
    assert_eq!(kind(check(&call(), unusable())), Some(EndKind::Dead));
    assert_eq!(kind(check(&once, unusable())), Some(EndKind::Ambiguous));
}

#[test]
fn a_call_that_is_not_believed_is_a_dead_letter_at_once() {
    let unverified = || Attempt::Unverified("mac".to_owned());
    for idempotent in [true, false] {
        let mut call = call();
        call.policy.idempotent = idempotent;
        for (lost, may_have_executed) in [(0, false), (1, true)] {
            call.lost = lost;
            let reason = "mac".to_owned();
            let ended = Ended::without_answer(EndKind::Dead, reason, may_have_executed);
            assert_eq!(check(&call, unverified()), end(ended, false));
        }
    }
}

#[test]
fn attempts_are_limited_only_on_request_and_only_by_those_that_were_sent() {
    let mut call = call();
    call.attempts = 1000;
    assert_eq!(kind(check(&call, Attempt::NoAnswer(String::new()))), None);

    call.policy.max_attempts = Some(2);
    call.attempts = 1;
    call.unsent = 50;
    assert_eq!(kind(check(&call, Attempt::NotSent(String::new()))), None);
    assert_eq!(kind(check(&call, Attempt::NoAnswer(String::new()))), Some(EndKind::Dead));
}

#[test]
fn the_kind_of_call_decides_what_its_expiry_is() {
    fn ended(call: &StoredCall) -> Ended {
        let attempt = Attempt::NotSent("no connection".to_owned());
        match decide(call, attempt, Duration::ZERO, 0.5) {
            Disposition::End { ended, .. } => Ended::clone(&ended),
            Disposition::Retry { .. } => panic!("nothing can happen any more"),
        }
    }
    let mut call = call();
    assert_eq!(ended(&call).kind, EndKind::Dead);
    call.key = None;
    assert_eq!(ended(&call).kind, EndKind::Expired);
    assert!(!ended(&call).may_have_executed);
    call.lost = 1;
    assert!(ended(&call).may_have_executed);
    call.policy.detached = true;
    assert_eq!(ended(&call).kind, EndKind::Dead);
}

#[test]
fn an_answer_that_was_lost_when_time_runs_out_may_have_been_given() {
    let ended = |call: &StoredCall, time_left: Duration| -> Option<(EndKind, bool)> {
        match decide(call, Attempt::NoAnswer("connection lost".to_owned()), time_left, 1.0) {
            Disposition::End { ended, sent } => Some((ended.kind, sent && ended.may_have_executed)),
            Disposition::Retry { .. } => None,
        }
    };
    let keyed = call();
    let unkeyed = StoredCall { key: None, ..call() };
    // The first backoff may take 100 ms, and expired is who cannot be tried again before.
    for time_left in [Duration::ZERO, Duration::from_millis(10), Duration::from_millis(100)] {
        assert_eq!(ended(&unkeyed, time_left), Some((EndKind::Expired, true)), "{time_left:?}");
        assert_eq!(ended(&keyed, time_left), Some((EndKind::Dead, true)), "{time_left:?}");
    }
    assert_eq!(ended(&unkeyed, Duration::from_millis(101)), None);
}

#[test]
fn lost_attempts_spend_none_of_those_that_are_allowed() {
    let mut call = call();
    call.lost = 50;
    call.policy.max_attempts = Some(2);
    assert_eq!(kind(check(&call, Attempt::NoAnswer(String::new()))), None);
}

#[test]
fn every_try_doubles_the_ceiling() {
    fn check(tries: u32, millis: u64) {
        let ceiling = Duration::from_millis(millis);
        assert_eq!(backoff(tries, 1.0), ceiling, "{tries}");
        assert_eq!(backoff(tries, 0.5), ceiling / 2, "{tries}");
    }
    check(1, 100);
    check(2, 200);
    check(3, 400);
    check(5, 1600);
    check(9, 25_600);
    check(10, 30_000);
    check(20, 30_000);

    let mut call = call();
    (call.attempts, call.unsent, call.lost) = (1, 1, 1);
    // Its fourth try, however the first three went.
    let disposition = decide(&call, Attempt::NoAnswer(String::new()), HOUR, 1.0);
    let after = Duration::from_millis(800);
    assert_eq!(disposition, Disposition::Retry { after, sent: true });
}

#[test]
fn a_detached_refusal_that_nobody_would_see_is_a_dead_letter() {
    let mut call = call();
    call.policy.detached = true;
    let refused = || Attempt::Answered(answer(Code::NotFound));
    assert_eq!(kind(check(&call, refused())), Some(EndKind::Answered));
    call.key = None;
    assert_eq!(kind(check(&call, refused())), Some(EndKind::Dead));
    assert_eq!(kind(check(&call, Attempt::Answered(answer(Code::Ok)))), Some(EndKind::Answered));
}

#[test]
fn pushback_is_honoured() {
    let mut busy = answer(Code::Unavailable);
    busy.trailers.insert(RETRY_PUSHBACK_MS, HeaderValue::from_static("1500"));
    let disposition = check(&call(), Attempt::Answered(busy.clone()));
    let after = Duration::from_millis(1500);
    assert_eq!(disposition, Disposition::Retry { after, sent: true });

    busy.trailers.insert(RETRY_PUSHBACK_MS, HeaderValue::from_static("-1"));
    assert_eq!(kind(check(&call(), Attempt::Answered(busy.clone()))), Some(EndKind::Dead));
    let once = StoredCall { policy: Policy { idempotent: false, ..call().policy }, ..call() };
    assert_eq!(kind(check(&once, Attempt::Answered(busy))), Some(EndKind::Answered));
}

proptest! {
    #[test]
    fn backoff_stays_below_its_ceiling(tries in 1u32..200, jitter in 0.0f64..1.0) {
        let ceiling = Duration::from_millis(100).saturating_mul(1 << (tries - 1).min(20));
        let delay = backoff(tries, jitter);
        prop_assert!(delay <= ceiling.min(Duration::from_secs(30)));
        prop_assert_eq!(backoff(tries, 0.0), Duration::ZERO);
    }
}
