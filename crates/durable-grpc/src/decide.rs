//! What the result of an attempt means for the call. Pure: facts in, disposition out.

use std::{sync::Arc, time::Duration};

use tonic::Code;

use crate::{
    attempt::Attempt,
    headers::RETRY_PUSHBACK_MS,
    limits::{BACKOFF_BASE, BACKOFF_CAP},
    store::{Disposition, EndKind, Ended, StoredAnswer, StoredCall},
};

/// Decides how a call goes on after an attempt. `time_left` is what remains until its expiry,
/// `jitter` is random in `0.0..1.0`.
pub(crate) fn decide(
    call: &StoredCall,
    attempt: Attempt,
    time_left: Duration,
    jitter: f64,
) -> Disposition {
    let retry = |sent, after, reason| try_again(call, sent, after, reason, time_left);
    match attempt {
        Attempt::Answered(answer) => {
            if !call.policy.idempotent || is_answer(answer.code()) {
                return end(answered(call, answer), true);
            }
            match Pushback::of(&answer) {
                Some(Pushback::After(after)) => retry(true, after, describe(&answer)),
                // Trouble is no refusal, whoever is asked not to come again: an earlier attempt may
                // have been executed, and whoever took this for a refusal would compensate.
                Some(Pushback::Never) => {
                    let reason = format!("callee wants no other try; {}", describe(&answer));
                    let ended = Ended::without_answer(EndKind::Dead, reason, true);
                    end(Ended { answer: Some(answer), ..ended }, true)
                }
                None => retry(true, backoff(tries(call), jitter), describe(&answer)),
            }
        }
        Attempt::NotSent(reason) => retry(false, backoff(tries(call), jitter), reason),
        Attempt::NoAnswer(reason) if call.policy.idempotent => {
            retry(true, backoff(tries(call), jitter), reason)
        }
        Attempt::Unusable(reason) if call.policy.idempotent => {
            end(Ended::without_answer(EndKind::Dead, reason, true), true)
        }
        // An answer that cannot be kept is as good as lost: under another end the key would run the
        // call a second time.
        Attempt::NoAnswer(reason) | Attempt::Unusable(reason) => {
            end(Ended::without_answer(EndKind::Ambiguous, reason, true), true)
        }
        // Not an answer: an earlier attempt may have been executed under a key that the callee no
        // longer accepts, and a caller that took this for a refusal would compensate. Not a retry
        // either: it would go on for a day, unseen. An operator sees a dead letter.
        Attempt::Unverified(reason) => {
            end(Ended::without_answer(EndKind::Dead, reason, call.may_have_executed()), false)
        }
    }
}

/// The end of a call that was claimed after its expiry, or cannot be tried again before it.
pub(crate) fn expired(call: &StoredCall, sent: bool, reason: &str) -> Ended {
    let awaited_unkeyed = call.key.is_none() && !call.policy.detached;
    let kind = if awaited_unkeyed { EndKind::Expired } else { EndKind::Dead };
    let attempts = call.attempts + u32::from(sent);
    let lost = if call.lost > 0 { " and possibly lost ones" } else { "" };
    let reason = match (attempts, reason.is_empty()) {
        (_, true) => format!("expired after {attempts} attempts{lost}"),
        (_, false) => format!("expired after {attempts} attempts{lost}; {reason}"),
    };
    Ended::without_answer(kind, reason, sent || call.may_have_executed())
}

/// Full jitter: anything between nothing and a ceiling that doubles with each try.
pub(crate) fn backoff(tries: u32, jitter: f64) -> Duration {
    let doublings = tries.saturating_sub(1).min(31);
    BACKOFF_BASE.saturating_mul(1 << doublings).min(BACKOFF_CAP).mul_f64(jitter.clamp(0.0, 1.0))
}

/// Codes that are the callee's considered answer. Every other code of an idempotent method may mean
/// trouble that passes.
pub(crate) const fn is_answer(code: Code) -> bool {
    matches!(
        code,
        Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::PermissionDenied
    )
}

fn answered(call: &StoredCall, answer: StoredAnswer) -> Ended {
    let unseen = answer.code() != Code::Ok && call.policy.detached && call.key.is_none();
    let (kind, reason) = if unseen {
        // Nobody waits and nobody can ask again by key: without an operator it would be lost.
        (EndKind::Dead, format!("refused: {}", describe(&answer)))
    } else {
        (EndKind::Answered, String::new())
    };
    Ended { kind, answer: Some(answer), reason, may_have_executed: true }
}

fn try_again(
    call: &StoredCall,
    sent: bool,
    after: Duration,
    reason: String,
    time_left: Duration,
) -> Disposition {
    let attempts = call.attempts + u32::from(sent);
    if let Some(most) = call.policy.max_attempts
        && attempts >= most
    {
        let reason = format!("all {most} attempts are spent; {reason}");
        let executed = sent || call.may_have_executed();
        return end(Ended::without_answer(EndKind::Dead, reason, executed), sent);
    }
    if after >= time_left {
        // Nothing can happen any more before the expiry, so whoever waits is told now.
        return end(expired(call, sent, &reason), sent);
    }
    Disposition::Retry { after, sent }
}

const fn tries(call: &StoredCall) -> u32 {
    call.attempts.saturating_add(call.unsent).saturating_add(call.lost).saturating_add(1)
}

fn end(ended: Ended, sent: bool) -> Disposition {
    Disposition::End { ended: Arc::new(ended), sent }
}

fn describe(answer: &StoredAnswer) -> String {
    answer.refusal().map_or_else(String::new, |status| {
        format!("callee answered {:?}: {}", status.code(), status.message())
    })
}

/// What `grpc-retry-pushback-ms` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pushback {
    After(Duration),
    Never,
}

impl Pushback {
    fn of(answer: &StoredAnswer) -> Option<Self> {
        let value = answer
            .trailers
            .get(RETRY_PUSHBACK_MS)
            .or_else(|| answer.headers.get(RETRY_PUSHBACK_MS))?;
        // A value that is negative or no number asks not to retry, as gRPC's retry design says.
        Some(match value.to_str().ok().and_then(|text| text.parse::<u32>().ok()) {
            Some(millis) => Self::After(Duration::from_millis(u64::from(millis))),
            None => Self::Never,
        })
    }
}

#[cfg(test)]
mod tests;
