//! The code of six digits in the confirmation mail, for who reads the mail on another device. It follows from
//! a key, the entry and the time, so that it is stored nowhere and a mail that is rendered again has the same.

use jiff::Timestamp;
use platform::{
    keys::Key,
    token::{hmac_sha256, same_secret},
};

use crate::ids::EntryId;

/// A code is that of a window of half an hour, and is taken in the next one too: so it works for half an hour
/// at least, and for an hour at most.
const WINDOW_SECONDS: i64 = 30 * 60;

/// How many codes there are.
const CODES: u64 = 1_000_000;

/// The code that a mail has which is rendered now.
pub fn code_at(key: &Key, entry: EntryId, now: Timestamp) -> String {
    of_window(key, entry, window(now))
}

/// Whether this is a code of the entry that still works. Spaces and hyphens do not matter.
pub fn is_code(key: &Key, entry: EntryId, given: &str, now: Timestamp) -> bool {
    let digits: String = given.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let window = window(now);
    let [present, before] = [window, window - 1]
        .map(|window| same_secret(of_window(key, entry, window).as_bytes(), digits.as_bytes()));
    present | before
}

fn window(now: Timestamp) -> i64 {
    now.as_second().div_euclid(WINDOW_SECONDS)
}

fn of_window(key: &Key, entry: EntryId, window: i64) -> String {
    let key = key.derive("entry-code");
    let mac = hmac_sha256(key.reveal(), &[entry.0.as_bytes(), &window.to_be_bytes()]);
    let (word, _) = mac.split_first_chunk::<8>().expect("a hash has 32 bytes");
    // 2⁶⁴ is no multiple of a million; that makes some codes likelier than others by less than 10⁻¹³.
    format!("{:06}", u64::from_be_bytes(*word) % CODES)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_code_works_for_half_an_hour_at_least_and_an_hour_at_most() {
        let (key, entry) = (Key::new([1; 32]), EntryId::new());
        let begin = Timestamp::from_second(1_800_000_000).unwrap();
        let after = |seconds| begin + SignedDuration::from_secs(seconds);
        for made in [0, 900, 1_799] {
            let code = code_at(&key, entry, after(made));
            assert_eq!(code.len(), 6);
            assert_eq!(code, code_at(&key, entry, begin), "a mail rendered again has the same");
            let check = |seconds, works| {
                assert_eq!(is_code(&key, entry, &code, after(seconds)), works, "{made} {seconds}");
            };
            check(made, true);
            check(made + 1_800, true);
            check(3_599, true);
            check(3_600, false);
        }
    }

    #[test]
    fn a_code_is_that_of_one_entry_and_one_key() {
        let (key, entry, now) = (Key::new([1; 32]), EntryId::new(), Timestamp::UNIX_EPOCH);
        let code = code_at(&key, entry, now);
        assert!(is_code(&key, entry, &format!(" {}-{} ", &code[..3], &code[3..]), now));
        assert!(!is_code(&Key::new([2; 32]), entry, &code, now));
        assert!(!is_code(&key, EntryId::new(), &code, now));
        for wrong in ["", "1", &code[..5], &format!("{code}0")] {
            assert!(!is_code(&key, entry, wrong, now), "{wrong}");
        }
    }
}
