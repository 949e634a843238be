//! Which results speak against a target.

use tonic::Code;

use crate::attempt::Attempt;

/// Whether the result of an attempt speaks against the target: no connection, no answer, no answer
/// in time, or an answer that says "not now". Refusals never do, nor does anything else that the
/// callee has made up its mind about.
pub(crate) fn is_trouble(attempt: &Attempt) -> bool {
    match attempt {
        Attempt::NotSent(_) | Attempt::NoAnswer(_) => true,
        // It answered, only too much, or that it does not trust this very call.
        Attempt::Unusable(_) | Attempt::Unverified(_) => false,
        Attempt::Answered(answer) => is_trouble_code(answer.code()),
    }
}

/// Overload, in the callee's own words. DEADLINE_EXCEEDED and CANCELLED are not among them: a callee
/// passes them on from whomever it asked itself, and when it is the slow one, our own timer says so.
/// INTERNAL and UNKNOWN are faults of one method, which says nothing about the others.
pub(crate) const fn is_trouble_code(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::ResourceExhausted)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::store::StoredAnswer;

    #[test]
    fn only_the_transport_timeouts_and_overload_speak_against_a_target() {
        fn check(attempt: Attempt, expected: bool) {
            assert_eq!(is_trouble(&attempt), expected, "{attempt:?}");
        }
        check(Attempt::NotSent("no connection".to_owned()), true);
        check(Attempt::NoAnswer("no answer within 10s".to_owned()), true);
        check(Attempt::NoAnswer("answer has http status 502".to_owned()), true);
        check(Attempt::Unusable("too large".to_owned()), false);
        check(Attempt::Unverified("mac".to_owned()), false);
        for code in 0..=16 {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from(code));
            let answer = StoredAnswer { headers: HeaderMap::new(), message: None, trailers };
            let overloaded =
                matches!(Code::from(code), Code::Unavailable | Code::ResourceExhausted);
            check(Attempt::Answered(answer), overloaded);
        }
    }
}
