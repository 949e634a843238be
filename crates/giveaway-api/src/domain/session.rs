//! How long somebody stays signed in.

use jiff::{SignedDuration, Timestamp};

/// A session ends after so long without a request: a working day and the evening after it, so that a
/// computer left behind is no open door the next morning.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);

/// A session ends after so long whatever happens: a cookie that was stolen unnoticed is good for a week
/// at most, and nobody types a password more than once a week.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Money moves, and destinations and keys change, only so soon after somebody showed who they are.
pub const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// A session's last request is written down at most so often: a page with ten requests is one write.
pub const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The times of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the person last showed who they are.
    pub authenticated_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

impl Times {
    /// Whether the session still counts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at && now < self.last_seen_at + IDLE
    }

    /// Whether the person showed a moment ago who they are.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now <= self.authenticated_at + RECENT
    }

    /// Whether this request is to be written down.
    pub fn is_news(&self, now: Timestamp) -> bool {
        now >= self.last_seen_at + SEEN_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_silence_by_age_and_by_hand() {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        let times = |seen_hours: i64, revoked: bool| Times {
            authenticated_at: start,
            last_seen_at: start + SignedDuration::from_hours(seen_hours),
            expires_at: start + ABSOLUTE,
            revoked_at: revoked.then_some(start),
        };
        let check = |seen: i64, revoked: bool, now: i64, expected: bool| {
            let now = start + SignedDuration::from_hours(now);
            assert_eq!(times(seen, revoked).is_alive(now), expected, "{seen} {revoked} {now}");
        };
        check(0, false, 11, true);
        check(0, false, 12, false);
        check(10, false, 21, true);
        check(160, false, 167, true);
        check(160, false, 168, false);
        check(0, true, 0, false);
    }

    #[test]
    fn who_showed_themselves_long_ago_is_asked_again() {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        let times = Times {
            authenticated_at: start,
            last_seen_at: start,
            expires_at: start + ABSOLUTE,
            revoked_at: None,
        };
        assert!(times.is_recent(start + RECENT));
        assert!(!times.is_recent(start + RECENT + SignedDuration::from_millis(1)));
        assert!(!times.is_news(start + SignedDuration::from_secs(59)));
        assert!(times.is_news(start + SEEN_EVERY));
    }
}
