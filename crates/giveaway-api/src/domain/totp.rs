//! Codes of an authenticator application: RFC 6238 with SHA-1, six digits and thirty seconds, which is
//! what every such application can do.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha1::Sha1;
use zeroize::Zeroizing;

/// Bytes of a secret: what RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;

const STEP_SECONDS: i64 = 30;

/// Clocks of telephones are off, and typing takes time: one step before and one after are taken.
const DRIFT_STEPS: i64 = 1;

/// What application and installation share. Not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be sealed.
    pub fn reveal(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// As a person types it into an application.
    pub fn typed(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0[..]))
    }

    /// As an application reads it from a picture. The account is an address, of which `@` and dots and
    /// what else is plain stays as it is.
    pub fn uri(&self, account: &str) -> Zeroizing<String> {
        let mut label = String::new();
        for byte in account.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'@' | b'.' | b'-' | b'_' => {
                    label.push(char::from(byte));
                }
                byte => label.push_str(&format!("%{byte:02X}")),
            }
        }
        Zeroizing::new(format!(
            "otpauth://totp/Handsel:{label}?secret={}&issuer=Handsel",
            *self.typed()
        ))
    }

    /// The code of a step.
    fn code(&self, step: i64) -> u32 {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0[..]).expect("HMAC takes any key");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[digest.len() - 1] & 0x0f);
        let four = [digest[offset], digest[offset + 1], digest[offset + 2], digest[offset + 3]];
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    }

    /// The step whose code this is, if it is one of about now and later than `last`: a code that was
    /// used, and any before it, is never taken again.
    pub fn step_of(&self, given: &str, now: Timestamp, last: i64) -> Option<i64> {
        let digits: String = given.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let given: u32 = digits.parse().ok()?;
        let present = now.as_second().div_euclid(STEP_SECONDS);
        let mut steps = (present - DRIFT_STEPS)..=(present + DRIFT_STEPS);
        steps.find(|step| *step > last && self.code(*step) == given)
    }

    /// The code of this moment, as an application shows it.
    pub fn code_at(&self, now: Timestamp) -> String {
        format!("{:06}", self.code(now.as_second().div_euclid(STEP_SECONDS)))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238, appendix B, of whose eight digits the last six are ours.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::new(*b"12345678901234567890");
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code_at(at(second)), code);
        }
    }

    #[test]
    fn a_code_counts_for_a_moment_and_once() {
        let secret = Secret::new(*b"12345678901234567890");
        let check = |given: &str, second: i64, last: i64, expected: Option<i64>| {
            assert_eq!(
                secret.step_of(given, at(second), last),
                expected,
                "{given} {second} {last}"
            );
        };
        check("287082", 59, 0, Some(1));
        check(" 287 082 ", 59, 0, Some(1));
        check("287082", 89, 0, Some(1));
        check("287082", 90, 0, None);
        check("287082", 29, 0, Some(1));
        check("287082", 59, 1, None);
        check("287082", 59, 2, None);
        check("28708", 59, 0, None);
        check("2870822", 59, 0, None);
        check("28708a", 59, 0, None);
        check("+28708", 59, 0, None);
        check("", 59, 0, None);
    }

    #[test]
    fn an_application_reads_it_and_a_log_does_not() {
        let secret = Secret::new(*b"12345678901234567890");
        let uri = secret.uri("anna+x@example.org");
        assert_eq!(
            *uri,
            "otpauth://totp/Handsel:anna%2Bx@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Handsel"
        );
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
