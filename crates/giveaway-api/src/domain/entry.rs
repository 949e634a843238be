//! What is known about somebody who enters, checked before anything is stored.

use std::ops::RangeInclusive;

use draw::codes::Country;

use super::{
    address::{Address, CanonicalAddress},
    states::State,
};

/// The longest name, in characters: enough for any person, short enough for a page.
const NAME_MAX_CHARS: usize = 200;

/// Nobody alive was born before; a year after the present one is a slip of the pen.
const FIRST_BIRTH_YEAR: u16 = 1900;

/// Somebody who enters a giveaway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The address.
    pub address: Address,
    /// The name, for greetings only.
    pub name: Option<String>,
    /// The country, where given.
    pub country: Option<Country>,
    /// The year of birth, where given.
    pub birth_year: Option<u16>,
    /// Who told them of the giveaway.
    pub referred_by: Option<CanonicalAddress>,
}

/// How an entry came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody entered themselves.
    Form,
    /// The host had their entry in a file.
    Import,
}

/// What somebody wrote into the form, or into a row of a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'a> {
    /// The address.
    pub email: &'a str,
    /// The name, or nothing.
    pub name: &'a str,
    /// Two letters, or nothing.
    pub country: &'a str,
    /// Four digits, or nothing.
    pub birth_year: &'a str,
    /// The address of another entrant, or nothing.
    pub referred_by: &'a str,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct BadField {
    /// The field's name, as in [`Form`].
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Source {
    /// As stored and as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Import => "import",
        }
    }
}

impl State for Source {
    fn names() -> Vec<&'static str> {
        [Self::Form, Self::Import].map(Self::as_str).to_vec()
    }
}

impl Applicant {
    /// Checks all fields; `this_year` bounds the year of birth.
    ///
    /// # Errors
    /// Every field that is wrong, the address first.
    pub fn check(form: &Form<'_>, this_year: u16) -> Result<Self, Vec<BadField>> {
        let mut errors = Vec::new();
        let mut refuse = |field, reason: String| errors.push(BadField { field, reason });
        let address = Address::of(form.email)
            .map_err(|malformed| refuse("email", malformed.to_string()))
            .ok();
        let name = name(form.name).map_err(|reason| refuse("name", reason)).ok().flatten();
        let country =
            country(form.country).map_err(|reason| refuse("country", reason)).ok().flatten();
        let birth_year = birth_year(form.birth_year, FIRST_BIRTH_YEAR..=this_year)
            .map_err(|reason| refuse("birth_year", reason))
            .ok()
            .flatten();
        match address {
            Some(address) if errors.is_empty() => Ok(Self {
                // A referral is a hint: one that names nobody is dropped, not held against the
                // person who was referred, and nobody refers themselves.
                referred_by: CanonicalAddress::of(form.referred_by)
                    .ok()
                    .filter(|referrer| *referrer != address.canonical),
                address,
                name,
                country,
                birth_year,
            }),
            _ => Err(errors),
        }
    }
}

fn name(given: &str) -> Result<Option<String>, String> {
    // Controls have no place in a name, and line breaks in one could forge a line of a mail.
    let name: String =
        given.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let name = name.trim();
    if name.chars().count() > NAME_MAX_CHARS {
        return Err(format!("the name has more than {NAME_MAX_CHARS} characters"));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

fn country(given: &str) -> Result<Option<Country>, String> {
    let code = given.trim();
    if code.is_empty() {
        return Ok(None);
    }
    code.to_ascii_uppercase()
        .parse()
        .map(Some)
        .map_err(|_| "the country is not a code of two letters".to_owned())
}

fn birth_year(given: &str, possible: RangeInclusive<u16>) -> Result<Option<u16>, String> {
    let year = given.trim();
    if year.is_empty() {
        return Ok(None);
    }
    year.parse().ok().filter(|year| possible.contains(year)).map(Some).ok_or_else(|| {
        format!("the birth year is not a year from {} to {}", possible.start(), possible.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form<'static> = Form {
        email: "anna@example.org",
        name: "Anna",
        country: "DE",
        birth_year: "1990",
        referred_by: "",
    };

    #[test]
    fn fields_are_tidied() {
        let given = Form {
            name: " Anna\r\nBcc: x ",
            country: " de ",
            birth_year: " 1990 ",
            referred_by: "Ben+x@Example.org",
            ..FORM
        };
        let applicant = Applicant::check(&given, 2026).unwrap();
        assert_eq!(applicant.name.as_deref(), Some("Anna  Bcc: x"));
        assert_eq!(applicant.country.unwrap().as_str(), "DE");
        assert_eq!(applicant.birth_year, Some(1990));
        assert_eq!(applicant.referred_by.unwrap().as_str(), "ben@example.org");
    }

    #[test]
    fn only_the_address_is_needed() {
        let given = Form { email: "anna@example.org", ..Form::default() };
        let applicant = Applicant::check(&given, 2026).unwrap();
        assert_eq!((applicant.name, applicant.country, applicant.birth_year), (None, None, None));
    }

    #[test]
    fn every_wrong_field_is_named() {
        fn check(form: Form<'_>, expected: &[&str]) {
            let errors = Applicant::check(&form, 2026).unwrap_err();
            let fields: Vec<&str> = errors.iter().map(|error| error.field).collect();
            assert_eq!(fields, expected, "{form:?}");
        }
        check(Form { email: "anna", ..FORM }, &["email"]);
        check(Form { name: &"x".repeat(201), ..FORM }, &["name"]);
        check(Form { country: "DEU", ..FORM }, &["country"]);
        check(Form { country: "D1", ..FORM }, &["country"]);
        check(Form { birth_year: "1899", ..FORM }, &["birth_year"]);
        check(Form { birth_year: "2027", ..FORM }, &["birth_year"]);
        check(Form { birth_year: "90s", ..FORM }, &["birth_year"]);
        check(
            Form { email: "", country: "?", birth_year: "-1", ..FORM },
            &["email", "country", "birth_year"],
        );
    }

    #[test]
    fn a_referral_is_only_a_hint() {
        let check = |referred_by| {
            Applicant::check(&Form { referred_by, ..FORM }, 2026).unwrap().referred_by
        };
        assert_eq!(check("nobody"), None);
        assert_eq!(check("ANNA+me@example.org"), None);
    }
}
