//! How long a finished call is kept. Decided at its end, because only then is it known what it was.

use std::time::Duration;

use tonic::Code;

use super::types::{EndKind, Ended};
use crate::limits::{KEYED_RETENTION, UNKEYED_RETENTION};

/// How long a record stays after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It is removed with the end itself.
    None,
    /// It goes after this time; the payload is already replaced by its hash.
    For(Duration),
    /// It stays, with its payload, until an operator has dealt with it.
    UntilHandled,
}

/// The retention of a call that has just ended.
#[must_use]
pub fn retention(ended: &Ended, keyed: bool, detached: bool) -> Retention {
    let ok = ended.kind == EndKind::Answered
        && ended.answer.as_ref().is_some_and(|answer| answer.code() == Code::Ok);
    if ended.kind.is_dead_letter() {
        Retention::UntilHandled
    } else if keyed {
        Retention::For(KEYED_RETENTION)
    } else if detached && ok {
        Retention::None
    } else {
        Retention::For(UNKEYED_RETENTION)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{super::types::StoredAnswer, *};

    fn check(kind: EndKind, code: Option<&'static str>, keyed: bool, detached: bool) -> Retention {
        let answer = code.map(|code| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(code));
            StoredAnswer { headers: HeaderMap::new(), message: None, trailers }
        });
        let ended = Ended { kind, answer, reason: String::new(), may_have_executed: true };
        retention(&ended, keyed, detached)
    }

    #[test]
    fn the_end_decides_how_long_a_record_is_kept() {
        use Retention::{For, UntilHandled};
        let day = For(Duration::from_hours(24));
        let minute = For(Duration::from_secs(60));

        assert_eq!(check(EndKind::Answered, Some("0"), false, false), minute);
        assert_eq!(check(EndKind::Answered, Some("9"), false, false), minute);
        assert_eq!(check(EndKind::Answered, Some("0"), false, true), Retention::None);
        assert_eq!(check(EndKind::Answered, Some("9"), false, true), minute);
        assert_eq!(check(EndKind::Answered, Some("0"), true, false), day);
        assert_eq!(check(EndKind::Answered, Some("0"), true, true), day);
        assert_eq!(check(EndKind::Expired, None, false, false), minute);
        assert_eq!(check(EndKind::Cancelled, None, true, false), day);
        assert_eq!(check(EndKind::Discarded, None, true, false), day);
        assert_eq!(check(EndKind::Dead, None, false, true), UntilHandled);
        assert_eq!(check(EndKind::Ambiguous, None, true, false), UntilHandled);
    }
}
