//! Amounts, states and their transitions, faults: pure.

pub(crate) mod checkout;
pub(crate) mod fault;
pub(crate) mod payment;
pub(crate) mod plan;
pub(crate) mod transfer;

use jiff::{SignedDuration, Timestamp};

/// The largest amount of one request. Far above any test, and a million of them still add up
/// without leaving 64 bits.
pub(crate) const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;

/// An id with the prefix of its kind. Time-ordered, and too random to guess: the link to a pay
/// page is all that a customer needs to know.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

/// Whether a browser or a client can be sent there.
pub(crate) fn is_http_url(url: &str) -> bool {
    reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// `now` and `ms` milliseconds, or the end of time.
pub(crate) fn later(now: Timestamp, ms: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_millis(i64::from(ms))).unwrap_or(Timestamp::MAX)
}
