//! What a handler learns of the call that it executes.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use crate::{
    headers::{ATTEMPT, CALL_ID, KEY, LANE, TIME_LEFT_MS, read_text},
    id::CallId,
};

/// A durable call, as its worker describes it. Believe it behind a
/// [`VerifyLayer`](super::VerifyLayer) only, and even there `attempt` and `time_left` are the worker's
/// word, not the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableCall {
    /// The call's id. It stays the same through all attempts, and when the call is run again.
    pub id: CallId,
    /// The lane that the call came through.
    pub lane: String,
    /// The caller's name for the effect. To be recorded in the transaction of that effect, within the
    /// scope of the method: see [`joining`](super::joining).
    pub key: Option<String>,
    /// Which attempt this is, counted from 1. It starts over when an operator replays the call, or
    /// the caller submits the key of a dead one again, so it tells nothing about earlier effects.
    pub attempt: u32,
    /// What was left until the call's expiry when the worker claimed it.
    pub time_left: Duration,
}

impl DurableCall {
    /// Reads the metadata of a request. `None` when it is no durable call, or not described by a
    /// worker of this library.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        Some(Self {
            id: text(CALL_ID)?.parse().ok()?,
            lane: read_text(headers.get(LANE)?)?,
            // A key that cannot be read is not the same as no key.
            key: headers.get(KEY).map(|value| read_text(value).ok_or(())).transpose().ok()?,
            attempt: text(ATTEMPT)?.parse().ok()?,
            time_left: Duration::from_millis(text(TIME_LEFT_MS)?.parse().ok()?),
        })
    }
}

/// Asks a request what call it belongs to.
pub trait CalledExt {
    /// The durable call that this request is an attempt of; `None` for an ordinary call.
    fn durable_call(&self) -> Option<DurableCall>;
}

impl<T> CalledExt for tonic::Request<T> {
    fn durable_call(&self) -> Option<DurableCall> {
        DurableCall::of(self.metadata().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CALL_ID, "0198c0de-0000-7000-8000-000000000001"),
            (LANE, "till"),
            (KEY, "order:1%20a"),
            (ATTEMPT, "3"),
            (TIME_LEFT_MS, "1500"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_handler_learns_of_its_call() {
        let mut headers = described();
        let call = DurableCall::of(&headers).unwrap();
        assert_eq!(call.id.to_string(), "0198c0de-0000-7000-8000-000000000001");
        assert_eq!((&*call.lane, call.key.as_deref()), ("till", Some("order:1 a")));
        assert_eq!((call.attempt, call.time_left), (3, Duration::from_millis(1500)));
        headers.remove(KEY);
        assert_eq!(DurableCall::of(&headers).unwrap().key, None);
    }

    #[test]
    fn half_a_description_is_none() {
        for name in [CALL_ID, LANE, ATTEMPT, TIME_LEFT_MS] {
            let mut headers = described();
            headers.remove(name);
            assert_eq!(DurableCall::of(&headers), None, "{name}");
        }
        for (name, value) in [(CALL_ID, "1"), (KEY, "%FF"), (ATTEMPT, "-1"), (TIME_LEFT_MS, "1s")] {
            let mut headers = described();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(DurableCall::of(&headers), None, "{name}: {value}");
        }
    }
}
