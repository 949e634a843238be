//! Card codes: 26 Crockford base32 characters (130 bits of randomness) and one that checks them.
//!
//! The check character is Crockford's: the number modulo 37, written with five symbols beyond the
//! alphabet. It catches every single wrong character and every swap of neighbours, so that a typing
//! error is told apart from a wrong code without asking the database.

use std::fmt;

use zeroize::Zeroizing;

/// Characters of randomness, five bits each.
pub(crate) const RANDOM_CHARS: usize = 26;

/// Characters of a code, with the one that checks the others.
const CODE_CHARS: usize = RANDOM_CHARS + 1;

/// Characters between two hyphens when a code is shown.
const GROUP: usize = 4;

/// The alphabet, without I, L, O and U, and behind it the further check symbols.
const SYMBOLS: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

/// How many of the symbols are the alphabet.
const ALPHABET: u8 = 32;

/// What the number is taken modulo to get its check symbol.
const CHECK_MODULUS: u32 = 37;

/// A card code in its canonical form. Whoever has it can spend the card, so it is masked in debug
/// output, wiped when dropped, and has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code(Zeroizing<String>);

/// Why a text is no code: a typing error, which says nothing about which codes exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCode {
    #[error("a card code has {CODE_CHARS} characters")]
    Length,
    #[error("a character does not belong into a card code")]
    Character,
    #[error("a character is mistyped: the check character does not fit")]
    Check,
}

impl Code {
    /// A code from random bytes, of which five bits each are used.
    pub(crate) fn from_random(bytes: &[u8; RANDOM_CHARS]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(CODE_CHARS));
        let digits = bytes.map(|byte| byte % ALPHABET);
        text.extend(digits.iter().map(|digit| symbol(*digit)));
        text.push(check_symbol(&digits));
        Self(text)
    }

    /// Reads a code as typed: hyphens and spaces are skipped, case does not matter, and the letters
    /// that look like digits are taken for them.
    ///
    /// # Errors
    /// [`BadCode`].
    pub(crate) fn parse(text: &str) -> Result<Self, BadCode> {
        let mut canonical = Zeroizing::new(String::with_capacity(CODE_CHARS));
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            canonical.push(match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            });
            if canonical.len() > CODE_CHARS {
                return Err(BadCode::Length);
            }
        }
        let (check, body) = canonical.as_bytes().split_last().ok_or(BadCode::Length)?;
        let body: &[u8; RANDOM_CHARS] = body.try_into().map_err(|_| BadCode::Length)?;
        let mut digits = Zeroizing::new([0_u8; RANDOM_CHARS]);
        for (digit, byte) in digits.iter_mut().zip(body) {
            *digit = value(*byte).filter(|value| *value < ALPHABET).ok_or(BadCode::Character)?;
        }
        value(*check).ok_or(BadCode::Character)?;
        if check_symbol(&digits) != char::from(*check) {
            return Err(BadCode::Check);
        }
        Ok(Self(canonical))
    }

    /// The canonical form, to be used and not kept.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// As it is shown to the one person who may see it: `7K3M-0QWE-…`.
    pub(crate) fn grouped(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(CODE_CHARS + CODE_CHARS / GROUP));
        for (at, character) in self.0.chars().enumerate() {
            if at > 0 && at % GROUP == 0 {
                shown.push('-');
            }
            shown.push(character);
        }
        shown
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(********)")
    }
}

fn symbol(value: u8) -> char {
    char::from(SYMBOLS[usize::from(value)])
}

fn value(symbol: u8) -> Option<u8> {
    SYMBOLS.iter().position(|known| *known == symbol).and_then(|at| u8::try_from(at).ok())
}

/// The number has 130 bits, so its remainder is taken digit by digit.
fn check_symbol(digits: &[u8; RANDOM_CHARS]) -> char {
    let remainder = digits
        .iter()
        .fold(0_u32, |sum, digit| (sum * u32::from(ALPHABET) + u32::from(*digit)) % CHECK_MODULUS);
    symbol(u8::try_from(remainder).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = Code::from_random(&[0; RANDOM_CHARS]);
        assert_eq!(&*code.grouped(), "0000-0000-0000-0000-0000-0000-000");
        for typed in ["000000000000000000000000000", " oooo-OOOO 0000-0000-0000-0000-000\n"] {
            assert_eq!(Code::parse(typed), Ok(code.clone()), "{typed}");
        }
        let one = Code::from_random(&std::array::from_fn(|i| u8::from(i == RANDOM_CHARS - 1)));
        assert_eq!(Code::parse("0000-0000-0000-0000-0000-0000-0lI"), Ok(one));
        let check = |typed: &str, bad| assert_eq!(Code::parse(typed), Err(bad), "{typed:?}");
        check("", BadCode::Length);
        check("0000", BadCode::Length);
        check("0000000000000000000000000000", BadCode::Length);
        check("00000000000000000000000000U", BadCode::Check);
        check("U00000000000000000000000000", BadCode::Character);
        check("0000000000000000000000000!0", BadCode::Character);
        check("ÄÄÄÄÄÄÄÄÄÄÄÄÄ0", BadCode::Character);
    }

    #[test]
    fn debug_output_hides_the_code() {
        let code = Code::from_random(&[7; RANDOM_CHARS]);
        assert_eq!(format!("{code:?}"), "Code(********)");
    }

    proptest! {
        #[test]
        fn every_typing_error_is_caught(bytes: [u8; RANDOM_CHARS], at in 0..RANDOM_CHARS, other in 0_u8..ALPHABET) {
            let code = Code::from_random(&bytes);
            prop_assert_eq!(Code::parse(&code.grouped()), Ok(code.clone()));
            prop_assert_eq!(Code::parse(&code.reveal().to_lowercase()), Ok(code.clone()));
            let mut typed = code.reveal().as_bytes().to_vec();
            let original = typed[at];
            typed[at] = SYMBOLS[usize::from(other)];
            let changed = String::from_utf8(typed.clone()).unwrap();
            prop_assert_eq!(Code::parse(&changed).is_ok(), typed[at] == original);
            typed[at] = original;
            if at + 1 < RANDOM_CHARS && typed[at] != typed[at + 1] {
                typed.swap(at, at + 1);
                prop_assert_eq!(Code::parse(std::str::from_utf8(&typed).unwrap()), Err(BadCode::Check));
            }
        }
    }
}
