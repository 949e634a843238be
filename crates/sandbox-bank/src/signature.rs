//! The signature of a webhook: HMAC-SHA256 over the signing time, a full stop and the raw body.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// The header that carries the signature.
pub(crate) const SIGNATURE_HEADER: &str = "bank-signature";

/// The value of the header: `t=<unix seconds>,v1=<hex>`. Each delivery is signed anew, so that one
/// which is repeated after an hour is still inside the receiver's tolerance.
pub(crate) fn sign(secret: &str, raw_body: &str, now: Timestamp) -> String {
    let signed_at_s = now.as_second();
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(signed_at_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(raw_body.as_bytes());
    format!("t={signed_at_s},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recomputed with another implementation:
    /// `printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn known_answer() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(
            sign("whsec_test", r#"{"id":"evt_1"}"#, now),
            "t=1700000000,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"
        );
    }
}
