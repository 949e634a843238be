//! Canonical addresses: one person is one canonical address.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// The longest local part, in bytes (RFC 5321).
const LOCAL_MAX_BYTES: usize = 64;

/// Longer input than any address can be is refused before it is looked at: 64 bytes, an `@`, a
/// domain of 253 bytes whose Unicode form may take four times as much, and some white space.
const INPUT_MAX_BYTES: usize = 2_048;

/// The domains of Google's mail, where dots do not tell mailboxes apart. The first is the canonical
/// one.
const GMAIL: [&str; 2] = ["gmail.com", "googlemail.com"];

/// An email address in the one form under which a person is counted: trimmed; the domain lowercased
/// and in its ASCII form (IDNA); the local part lowercased and without its `+tag`; for Gmail also
/// without dots. It is compared and hashed; mail goes to the address as it was given, because only
/// some servers read tags and dots like this.
///
/// Spellings that Unicode calls equivalent are one address: text is brought into NFC first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalAddress(String);

/// Why a text is not an email address. Never tells more of it than one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing but white space.
    #[error("the address is empty")]
    Empty,
    /// Longer than any address.
    #[error("the address is too long")]
    TooLong,
    /// Not of the form local@domain.
    #[error("the address has no @")]
    NoAt,
    /// Not of the form local@domain.
    #[error("the address has more than one @")]
    ManyAts,
    /// A character that is not seen, or that turns the reading direction around: such addresses are
    /// made to look like others.
    #[error("the address has an invisible or bidirectional control character")]
    Hidden,
    /// Nothing before the `@`, or nothing but a tag.
    #[error("the part before the @ is empty")]
    NoLocal,
    /// More than 64 bytes before the `@`.
    #[error("the part before the @ has more than {LOCAL_MAX_BYTES} bytes")]
    LocalTooLong,
    /// A dot at the beginning or the end, or two in a row.
    #[error("a dot before the @ does not stand between two other characters")]
    Dots,
    /// A character that no atom of RFC 5322 has.
    #[error("the part before the @ has the character {0:?}")]
    Character(char),
    /// Nothing after the `@`.
    #[error("the part after the @ is empty")]
    NoDomain,
    /// Not a domain under IDNA.
    #[error("the part after the @ is not a domain")]
    Domain,
}

/// An address somebody gave: whom it counts for, and where mail for it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// The person.
    pub canonical: CanonicalAddress,
    /// The local part exactly as given, at the domain in its ASCII form, which mail servers take.
    pub mailbox: String,
}

impl Address {
    /// Reads an address as somebody wrote it.
    ///
    /// # Errors
    /// The first thing that keeps it from being an address.
    pub fn of(given: &str) -> Result<Self, Malformed> {
        let given = given.trim();
        if given.is_empty() {
            return Err(Malformed::Empty);
        }
        if given.len() > INPUT_MAX_BYTES {
            return Err(Malformed::TooLong);
        }
        if given.chars().any(is_hidden) {
            return Err(Malformed::Hidden);
        }
        let (local, domain) = given.split_once('@').ok_or(Malformed::NoAt)?;
        if domain.contains('@') {
            return Err(Malformed::ManyAts);
        }
        let local: String = local.nfc().collect();
        check_local(&local)?;
        let domain = ascii_domain(domain)?;
        let canonical = CanonicalAddress(canonical(&local, &domain)?);
        Ok(Self { canonical, mailbox: format!("{local}@{domain}") })
    }
}

impl CanonicalAddress {
    /// The canonical form of an address as somebody wrote it.
    ///
    /// # Errors
    /// As [`Address::of`].
    pub fn of(given: &str) -> Result<Self, Malformed> {
        Address::of(given).map(|address| address.canonical)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address is personal data and has no place in a log.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

impl fmt::Debug for CanonicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanonicalAddress(…)")
    }
}

fn ascii_domain(domain: &str) -> Result<String, Malformed> {
    if domain.is_empty() {
        return Err(Malformed::NoDomain);
    }
    // Strict: only letters, digits and hyphens in ASCII, lengths as DNS has them.
    idna::domain_to_ascii_strict(domain).map_err(|_| Malformed::Domain)
}

fn canonical(local: &str, domain: &str) -> Result<String, Malformed> {
    let gmail = GMAIL.contains(&domain);
    let lower: String = local.to_lowercase().nfc().collect();
    let mailbox = lower.split_once('+').map_or(lower.as_str(), |(mailbox, _tag)| mailbox);
    let mailbox = if gmail { mailbox.replace('.', "") } else { mailbox.to_owned() };
    // Lowercase letters may take more bytes, and a tag may have followed a dot.
    check_local(&mailbox)?;
    Ok(format!("{mailbox}@{}", if gmail { GMAIL[0] } else { domain }))
}

/// Atoms of RFC 5322 joined by single dots, with the letters and digits of all scripts.
fn check_local(local: &str) -> Result<(), Malformed> {
    if local.is_empty() {
        return Err(Malformed::NoLocal);
    }
    if local.len() > LOCAL_MAX_BYTES {
        return Err(Malformed::LocalTooLong);
    }
    let mut previous = '.';
    for character in local.chars() {
        if character == '.' && previous == '.' {
            return Err(Malformed::Dots);
        }
        // The lowercase form of İ is an i with a combining dot, which alone is no letter.
        let dotted_i = previous == 'i' && character == '\u{307}';
        if character != '.' && !is_atom_text(character) && !dotted_i {
            return Err(Malformed::Character(character));
        }
        previous = character;
    }
    if previous == '.' { Err(Malformed::Dots) } else { Ok(()) }
}

fn is_atom_text(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// Controls, and the format characters that reorder or hide text.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_have_one_canonical_form() {
        fn check(given: &str, expected: &str) {
            let canonical =
                CanonicalAddress::of(given).unwrap_or_else(|e| panic!("{given:?}: {e}"));
            assert_eq!(canonical.as_str(), expected, "{given:?}");
        }
        check("anna@example.org", "anna@example.org");
        check(" \tAnna@EXAMPLE.org\u{a0}\r\n", "anna@example.org");
        check("anna+win@example.org", "anna@example.org");
        check("anna+win+more@example.org", "anna@example.org");
        check("anna.b@example.org", "anna.b@example.org");
        check("a.n.n.a+x@Gmail.com", "anna@gmail.com");
        check("An.Na@googlemail.com", "anna@gmail.com");
        check("anna.+x@gmail.com", "anna@gmail.com");
        check("anna@bücher.example", "anna@xn--bcher-kva.example");
        check("anna@XN--BCHER-KVA.EXAMPLE", "anna@xn--bcher-kva.example");
        check("anna@BÜCHER.example", "anna@xn--bcher-kva.example");
        check("!#$%&'*-/=?^_`{|}~@example.org", "!#$%&'*-/=?^_`{|}~@example.org");
        check("ÄNNE@example.org", "änne@example.org");
        check("A\u{308}NNE@example.org", "änne@example.org");
        check("山口2@example.org", "山口2@example.org");
        check("İpek@example.org", "i\u{307}pek@example.org");
        check("i\u{307}pek@example.org", "i\u{307}pek@example.org");
        check("anna@localhost", "anna@localhost");
        let longest = "a".repeat(64);
        check(&format!("{longest}@example.org"), &format!("{longest}@example.org"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        fn check(given: &str, expected: Malformed) {
            assert_eq!(CanonicalAddress::of(given), Err(expected), "{given:?}");
        }
        check("", Malformed::Empty);
        check(" \t ", Malformed::Empty);
        check("example.org", Malformed::NoAt);
        check("two@@example.org", Malformed::ManyAts);
        check("a@b@example.org", Malformed::ManyAts);
        check("@example.org", Malformed::NoLocal);
        check("+tag@example.org", Malformed::NoLocal);
        check("anna@", Malformed::NoDomain);
        check(".anna@example.org", Malformed::Dots);
        check("anna.@example.org", Malformed::Dots);
        check("an..na@example.org", Malformed::Dots);
        check("anna.+tag@example.org", Malformed::Dots);
        check("...@gmail.com", Malformed::Dots);
        check("an na@example.org", Malformed::Character(' '));
        check("\"anna\"@example.org", Malformed::Character('"'));
        check("anna(x)@example.org", Malformed::Character('('));
        check("=HYPERLINK(\"http://evil.example\")@example.org", Malformed::Character('('));
        check("anna<b>@example.org", Malformed::Character('<'));
        check("an,na@example.org", Malformed::Character(','));
        check("an\u{301}3\u{301}@example.org", Malformed::Character('\u{301}'));
        check("\u{202e}anna@example.org", Malformed::Hidden);
        check("an\u{200d}na@example.org", Malformed::Hidden);
        check("an\u{0}na@example.org", Malformed::Hidden);
        check("anna\n@example.org", Malformed::Hidden);
        check("anna@exam ple.org", Malformed::Domain);
        check("anna@exam_ple.org", Malformed::Domain);
        check("anna@-example.org", Malformed::Domain);
        check("anna@example..org", Malformed::Domain);
        check("anna@.example.org", Malformed::Domain);
        check("anna@[127.0.0.1]", Malformed::Domain);
        check("anna@xn--a.example", Malformed::Domain);
        check(&format!("anna@{}.example", "a".repeat(64)), Malformed::Domain);
        check(&format!("{}@example.org", "a".repeat(65)), Malformed::LocalTooLong);
        check(&format!("{}@example.org", "ä".repeat(33)), Malformed::LocalTooLong);
        check(&format!("a@{}", "a.".repeat(2_000)), Malformed::TooLong);
    }

    #[test]
    fn mail_goes_to_the_mailbox_as_it_was_given() {
        let address = Address::of(" Anna.B+Win@BÜCHER.example ").unwrap();
        assert_eq!(address.mailbox, "Anna.B+Win@xn--bcher-kva.example");
        assert_eq!(Address::of("a.b@GoogleMail.com").unwrap().mailbox, "a.b@googlemail.com");
    }

    #[test]
    fn an_address_is_not_shown_in_debug_output() {
        let address = CanonicalAddress::of("anna@example.org").unwrap();
        assert!(!format!("{address:?}").contains("anna"));
    }

    proptest! {
        #[test]
        fn the_canonical_form_of_a_canonical_form_is_itself(given in r"[\PC]{1,20}@[\PC]{1,12}") {
            if let Ok(canonical) = CanonicalAddress::of(&given) {
                prop_assert_eq!(CanonicalAddress::of(canonical.as_str()), Ok(canonical));
            }
        }

        #[test]
        fn tags_capitals_and_space_make_no_other_person(
            local in "[a-z0-9]{1,10}(\\.[a-z0-9]{1,10}){0,2}", tag in "[a-z0-9]{0,8}",
        ) {
            let plain = CanonicalAddress::of(&format!("{local}@example.org"));
            let loud = format!(" {}+{tag}@Example.ORG\t", local.to_uppercase());
            prop_assert_eq!(CanonicalAddress::of(&loud), plain);
        }
    }
}
