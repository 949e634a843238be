//! Short codes: countries, currencies, and the grounds for disqualification.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `N` capital letters from A to Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capitals<const N: usize>([u8; N]);

/// A country, as in ISO 3166-1 alpha-2.
pub type Country = Capitals<2>;
/// A currency, as in ISO 4217.
pub type Currency = Capitals<3>;

/// One reason for which a winner may be disqualified, as the rules list it: a lowercase word such
/// as `employee` or `automated_entry`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ground(String);

/// The longest [`Ground`], in bytes: it is a code for programs and a table column, not a text.
const GROUND_MAX_BYTES: usize = 64;

/// Why a text is not such a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not exactly as many capitals as needed.
    #[error("expected {0} capital letters")]
    Capitals(usize),
    /// Not a ground.
    #[error("expected 1 to 64 lowercase letters, digits and underscores, starting with a letter")]
    Ground,
}

impl<const N: usize> Capitals<N> {
    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("capitals are ascii")
    }
}

impl<const N: usize> FromStr for Capitals<N> {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let letters: [u8; N] = text.as_bytes().try_into().map_err(|_| CodeError::Capitals(N))?;
        if letters.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(letters))
        } else {
            Err(CodeError::Capitals(N))
        }
    }
}

impl<const N: usize> TryFrom<String> for Capitals<N> {
    type Error = CodeError;

    fn try_from(text: String) -> Result<Self, CodeError> {
        text.parse()
    }
}

impl<const N: usize> From<Capitals<N>> for String {
    fn from(code: Capitals<N>) -> Self {
        code.as_str().to_owned()
    }
}

impl<const N: usize> fmt::Display for Capitals<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Capitals<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Ground {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ground {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let starts = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        let continues = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if starts && continues && text.len() <= GROUND_MAX_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(CodeError::Ground)
        }
    }
}

impl TryFrom<String> for Ground {
    type Error = CodeError;

    fn try_from(text: String) -> Result<Self, CodeError> {
        text.parse()
    }
}

impl From<Ground> for String {
    fn from(ground: Ground) -> Self {
        ground.0
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_capitals() {
        fn check(text: &str, accepted: bool) {
            assert_eq!(text.parse::<Country>().is_ok(), accepted, "{text:?}");
        }
        check("CN", true);
        check("cn", false);
        check("CHN", false);
        check("C1", false);
        check("Ä", false);
        check("", false);
    }

    #[test]
    fn grounds_are_lowercase_words() {
        fn check(text: &str, accepted: bool) {
            assert_eq!(text.parse::<Ground>().is_ok(), accepted, "{text:?}");
        }
        check("employee", true);
        check("automated_entry2", true);
        check("_employee", false);
        check("2nd", false);
        check("an employee", false);
        check("Employee", false);
        check("", false);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
    }
}
