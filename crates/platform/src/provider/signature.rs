//! The check of a webhook's signature: `t=<unix seconds>,v1=<hex>` in a header of the provider's,
//! where the hex is HMAC-SHA256 under a webhook secret over `t`, a full stop and the raw body.
//! Stripe defined the scheme, and the sandbox bank signs the same way under another header.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;

use crate::provider::WebhookError;

/// How far the signing time may lie from now: long enough for a slow delivery and clocks that
/// differ, short enough that a recorded request is soon worthless. Each delivery is signed anew.
const TOLERANCE_S: i64 = 5 * 60;

/// More signatures than rotations of secrets within a day need are not worth a hash each.
const MAX_SIGNATURES: usize = 8;

/// Accepts the body when one of the signatures under `header` is of one of our secrets, and recent.
/// Several signatures are allowed, because a provider that rotates a secret signs with the old and
/// the new for a while; several secrets, because a provider may give each endpoint one of its own.
pub(super) fn verify<S: AsRef<[u8]>>(
    header: &str,
    headers: &HeaderMap,
    raw_body: &[u8],
    secrets: &[S],
    now: Timestamp,
) -> Result<(), WebhookError> {
    let header = headers.get(header).ok_or(WebhookError::SignatureMissing)?;
    let header = header.to_str().map_err(|_| WebhookError::SignatureMalformed)?;
    let (signed_at_s, signatures) = parse(header).ok_or(WebhookError::SignatureMalformed)?;

    if signed_at_s.abs_diff(now.as_second()) > TOLERANCE_S.unsigned_abs() {
        return Err(WebhookError::OutsideTolerance { tolerance_s: TOLERANCE_S });
    }
    let matches = secrets.iter().any(|secret| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_ref()) else { return false };
        mac.update(signed_at_s.to_string().as_bytes());
        mac.update(b".");
        mac.update(raw_body);
        // Compares in constant time.
        signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    if matches { Ok(()) } else { Err(WebhookError::SignatureMismatch) }
}

fn parse(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    let mut signed_at_s = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", value) if signed_at_s.is_none() => signed_at_s = Some(value.parse().ok()?),
            ("t", _) => return None,
            ("v1", value) => signatures.push(hex::decode(value).ok()?),
            // Schemes that we do not know may stand beside the one that we do.
            _ => {}
        }
    }
    let usable = !signatures.is_empty() && signatures.len() <= MAX_SIGNATURES;
    usable.then_some((signed_at_s?, signatures))
}
