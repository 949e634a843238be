//! Which passwords are taken: long ones that nobody guesses first. There are no rules about kinds of
//! characters, which make passwords worse (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5, 6.2).

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Characters of a password. Long ones may not keep a server busy.
pub const LENGTH: RangeInclusive<usize> = 12..=128;

/// Fewer different characters than this are a pattern, whatever it is.
const MIN_DIFFERENT: usize = 5;

/// A part of the person's address or name that is shorter says nothing.
const MIN_OWN: usize = 4;

/// So much has to be left when one's own address and name are taken away.
const MIN_BESIDE: usize = 8;

/// What people use first where long passwords are asked for, as letters alone: digits and signs around
/// them and in their place change nothing.
const WORN_OUT: [&str; 42] = [
    "password",
    "passwort",
    "passphrase",
    "motdepasse",
    "contrasena",
    "letmein",
    "welcome",
    "willkommen",
    "administrator",
    "admin",
    "iloveyou",
    "iloveyouforever",
    "qwerty",
    "qwertz",
    "azerty",
    "changeme",
    "changeit",
    "secret",
    "topsecret",
    "trustno",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "basketball",
    "superman",
    "batman",
    "starwars",
    "sunshine",
    "princess",
    "whatever",
    "hello",
    "helloworld",
    "master",
    "login",
    "user",
    "test",
    "testing",
    "default",
    "handsel",
    "giveaway",
    "correcthorsebatterystaple",
];

/// Rows of keyboards, and what else is counted off.
const ROWS: [&str; 7] = [
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
];

/// A password as it is compared: in NFC, so that the same keys on another computer are the same
/// password. Not shown in debug output, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too few characters.
    #[error("must have at least {} characters; a few words in a row are good", LENGTH.start())]
    Short,
    /// Too many characters.
    #[error("must have at most {} characters", LENGTH.end())]
    Long,
    /// One of those that are tried first.
    #[error("is one of those that are guessed first; choose another")]
    Common,
    /// The person's own address or name and little more.
    #[error("is too close to your address or your name; choose another")]
    Own,
}

impl Password {
    /// A password that somebody typed, to be compared.
    pub fn typed(given: &str) -> Self {
        // Longer ones are none, and are not worth the work of bringing them into NFC.
        let given = given.chars().take(LENGTH.end() + 1);
        Self(Zeroizing::new(given.nfc().collect()))
    }

    /// A password that somebody chooses.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn chosen(given: &str, own: &[&str]) -> Result<Self, Weak> {
        if given.chars().nth(*LENGTH.end()).is_some() {
            return Err(Weak::Long);
        }
        let password = Self::typed(given);
        let lower = Zeroizing::new(password.0.to_lowercase());
        if password.0.chars().count() < *LENGTH.start() {
            Err(Weak::Short)
        } else if is_common(&lower) {
            Err(Weak::Common)
        } else if is_own(&lower, own) {
            Err(Weak::Own)
        } else {
            Ok(password)
        }
    }

    /// The bytes, to be hashed.
    pub fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

fn is_common(lower: &str) -> bool {
    let different: std::collections::BTreeSet<char> = lower.chars().collect();
    different.len() < MIN_DIFFERENT || is_counted_off(lower) || is_worn_out(lower)
}

/// Whether nearly every character follows from the one before it.
fn is_counted_off(lower: &str) -> bool {
    let characters: Vec<char> = lower.chars().collect();
    let follows = |pair: &&[char]| {
        pair[0] == pair[1]
            || ROWS.iter().any(|row| {
                let forward: String = pair.iter().collect();
                let backward: String = pair.iter().rev().collect();
                row.contains(&forward) || row.contains(&backward)
            })
    };
    let steps = characters.windows(2).filter(follows).count();
    steps * 5 >= (characters.len() - 1) * 4
}

/// Whether it is a worn-out word, once or again and again, whatever digits and signs are around it or stand
/// for its letters.
fn is_worn_out(lower: &str) -> bool {
    let is_letter = |c: char| c.is_alphabetic();
    let inner = lower.trim_matches(|c| !is_letter(c));
    let plain: String = lower.chars().filter(|c| is_letter(*c)).collect();
    let texts = [plain, read(lower), read(inner), read(lower.trim_end_matches(|c| !is_letter(c)))];
    WORN_OUT.iter().any(|word| texts.iter().any(|text| is_repeated(text, word)))
}

/// The letters, and what is written in their place.
fn read(text: &str) -> String {
    let letter = |c: char| match c {
        '0' => Some('o'),
        '1' | '!' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        c => c.is_alphabetic().then_some(c),
    };
    text.chars().filter_map(letter).collect()
}

fn is_repeated(text: &str, word: &str) -> bool {
    !text.is_empty() && text.split(word).all(str::is_empty)
}

fn is_own(lower: &str, own: &[&str]) -> bool {
    let mut rest = lower.to_owned();
    let parts = own.iter().flat_map(|own| own.split(['@', ' ']));
    for own in own.iter().copied().chain(parts) {
        let own: String = own.to_lowercase().nfc().collect();
        if own.chars().count() >= MIN_OWN {
            rest = rest.replace(&own, "");
        }
    }
    rest != lower && rest.chars().count() < MIN_BESIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&str; 2] = ["marianne@example.org", "Marianne Möller"];

    #[test]
    fn long_passwords_that_nobody_guesses_are_taken() {
        fn check(given: &str, expected: Result<(), Weak>) {
            assert_eq!(Password::chosen(given, &OWN).map(drop), expected, "{given:?}");
        }
        check("correct horse 9 lake", Ok(()));
        check("vier Wände im Regen", Ok(()));
        check("            x y z q w e", Ok(()));
        check("山川草木花鳥風月雪雨雲星", Ok(()));
        check("hunter2hunter", Ok(()));
        check("marianne likes tulips", Ok(()));
        check(&"ab c9!".repeat(21), Ok(()));
        check("", Err(Weak::Short));
        check("elevenchars", Err(Weak::Short));
        // Twelve bytes and eleven characters.
        check("elevenchärs", Err(Weak::Short));
        check(&"ab c9!".repeat(22), Err(Weak::Long));
        check("passwordpassword", Err(Weak::Common));
        check("Password1234!", Err(Weak::Common));
        check("P@ssw0rd!2026", Err(Weak::Common));
        check("@dm1n@dm1n!!77", Err(Weak::Common));
        check("adminADMINadmin", Err(Weak::Common));
        check("correcthorsebatterystaple", Err(Weak::Common));
        check("123456789012", Err(Weak::Common));
        check("abcdefghijkl", Err(Weak::Common));
        check("qwertyuiop12", Err(Weak::Common));
        check("qwertzuiopasdf", Err(Weak::Common));
        check("zzzzzzzzzzzzzz", Err(Weak::Common));
        check("abababababab", Err(Weak::Common));
        check("marianne2026", Err(Weak::Own));
        check("MARIANNE@EXAMPLE.ORG", Err(Weak::Own));
        check("Marianne Möller 1", Err(Weak::Own));
    }

    #[test]
    fn equivalent_spellings_are_one_password() {
        assert_eq!(Password::typed("a\u{308}"), Password::typed("ä"));
        assert_ne!(Password::typed("ä"), Password::typed("Ä"));
        // What is typed is not trimmed: a space is a character.
        assert_ne!(Password::typed("x "), Password::typed("x"));
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", Password::typed("correct horse 9 lake")), "Password(…)");
    }
}
