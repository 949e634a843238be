//! The metadata names that the library reads and writes.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};

/// Names the durable call: on every answer, on every status the library makes, and on what the
/// callee receives.
pub const CALL_ID: &str = "durable-call-id";
/// Why a status was made by the library: `not-accepted`, `unknown` or `mismatch`.
pub const OUTCOME: &str = "durable-outcome";
/// How a call ended that was not answered: `expired`, `dead`, `ambiguous`, `cancelled`, `discarded`.
pub const END: &str = "durable-end";
/// Tells the callee which attempt this is, counted from 1. Lost attempts count.
pub const ATTEMPT: &str = "durable-attempt";
/// Tells the callee how many milliseconds the call has left before it expires.
pub const TIME_LEFT_MS: &str = "durable-time-left-ms";
/// Tells the callee the lane that the call came through.
pub const LANE: &str = "durable-lane";
/// Tells the callee the key, if the call has one. Bytes that metadata cannot hold are written as
/// `%XX`; [`DurableCall`](crate::server::DurableCall) reads it.
pub const KEY: &str = "durable-key";
/// The caller's seal, see [`MacKey`](crate::MacKey). Stored with the call.
pub const MAC: &str = "durable-mac";
/// Tells the worker what a callee's verification refused: `mac` or `credential`. Whatever it was, the
/// handler has not seen the call.
pub(crate) const REFUSED: &str = "durable-refused";

/// Every name with this prefix belongs to the library: it is taken out of what callers and callees
/// send, so that neither can speak in the library's name.
const RESERVED_PREFIX: &str = "durable-";

pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub(crate) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_STATUS_DETAILS: HeaderName =
    HeaderName::from_static("grpc-status-details-bin");
pub(crate) const RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with(RESERVED_PREFIX)
}

/// A key or a lane as metadata can hold it: visible ASCII stays as it is. Spaces do not, because
/// whoever passes headers on may trim them.
pub(crate) fn text_value(key: &str) -> HeaderValue {
    const ENCODED: AsciiSet = percent_encoding::CONTROLS.add(b' ').add(b'%');

    HeaderValue::try_from(utf8_percent_encode(key, &ENCODED).to_string())
        .unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// What [`text_value`] wrote.
pub(crate) fn read_text(value: &HeaderValue) -> Option<String> {
    percent_decode_str(value.to_str().ok()?).decode_utf8().ok().map(Into::into)
}

/// The size of metadata as HTTP/2 counts it: names, values, and 32 bytes for each entry.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// What an answer may carry on to whoever waits for it: everything except what belongs to this one
/// hop (framing, connection) or to the library.
pub(crate) fn keep_for_answer(headers: HeaderMap) -> HeaderMap {
    if headers.is_empty() {
        return headers;
    }
    let mut kept = HeaderMap::new();
    let mut last = None;
    for (name, value) in headers {
        // `HeaderMap` names only the first of several equal entries.
        last = name.or(last);
        if let Some(name) = &last
            && !is_of_one_hop(name)
            && !is_reserved(name)
        {
            kept.append(name.clone(), value);
        }
    }
    kept
}

fn is_of_one_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "content-type"
            | "content-length"
            | "transfer-encoding"
            | "connection"
            | "date"
            | "te"
            | "trailer"
            | "grpc-encoding"
            | "grpc-accept-encoding"
            | "grpc-timeout"
    )
}

/// Parses `grpc-timeout`: at most eight digits and a unit.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Option<std::time::Duration> {
    use std::time::Duration;

    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Writes `grpc-timeout` in milliseconds, or in seconds when eight digits do not suffice.
pub(crate) fn grpc_timeout_value(timeout: std::time::Duration) -> http::HeaderValue {
    const EIGHT_DIGITS: u128 = 99_999_999;

    let millis = timeout.as_millis();
    let text = if millis <= EIGHT_DIGITS {
        format!("{millis}m")
    } else {
        format!("{}S", u128::from(timeout.as_secs()).min(EIGHT_DIGITS))
    };
    http::HeaderValue::try_from(text).unwrap_or_else(|_| http::HeaderValue::from_static("1S"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timeouts_are_read_and_written() {
        fn check(text: &'static str, expected: Option<Duration>) {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_TIMEOUT, http::HeaderValue::from_static(text));
            assert_eq!(grpc_timeout(&headers), expected, "{text}");
        }
        check("5S", Some(Duration::from_secs(5)));
        check("2M", Some(Duration::from_secs(120)));
        check("1H", Some(Duration::from_secs(3600)));
        check("30000000u", Some(Duration::from_secs(30)));
        check("7n", Some(Duration::from_nanos(7)));
        check("250m", Some(Duration::from_millis(250)));
        check("", None);
        check("S", None);
        check("-5S", None);
        check("123456789S", None);
        check("5x", None);

        assert_eq!(grpc_timeout_value(Duration::from_millis(1500)), "1500m");
        assert_eq!(grpc_timeout_value(Duration::from_hours(48)), "172800S");
    }

    #[test]
    fn any_text_travels_as_metadata() {
        fn check(key: &str, written: &str) {
            let value = text_value(key);
            assert_eq!(value.to_str().unwrap(), written);
            assert_eq!(read_text(&value).as_deref(), Some(key));
        }
        check("saga:0198/reserve?x=1#y+~", "saga:0198/reserve?x=1#y+~");
        check(" 100 % ", "%20100%20%25%20");
        check("a\r\nb\0\u{7f}", "a%0D%0Ab%00%7F");
        check("schlüssel", "schl%C3%BCssel");
        assert_eq!(read_text(&HeaderValue::from_static("%FF")), None);
    }

    #[test]
    fn answers_lose_what_belongs_to_the_hop_and_to_the_library() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("application/grpc"));
        headers.insert("durable-outcome", http::HeaderValue::from_static("unknown"));
        headers.append("x-colour", http::HeaderValue::from_static("red"));
        headers.append("x-colour", http::HeaderValue::from_static("blue"));

        let kept = keep_for_answer(headers);

        assert_eq!(kept.len(), 2);
        assert_eq!(kept.get_all("x-colour").iter().count(), 2);
    }
}
