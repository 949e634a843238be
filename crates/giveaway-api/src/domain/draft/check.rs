//! What can be wrong with a draft. Every mistake is named with its field, and all of them at once.

use std::collections::BTreeSet;

use draw::{
    codes::{Country, Ground},
    rules::Eligibility,
    schedule::LIVE_LEAD_SECONDS,
};
use jiff::{SignedDuration, Timestamp};
use ledger::{Currency, Money};
use platform::http::FieldError;

use super::{
    Draft, PrizeLine,
    form::{EligibilityForm, Form, PrizeForm},
};

/// The longest title, in characters: one line on a page.
const TITLE_MAX_CHARS: usize = 120;
/// The longest description, in characters.
const DESCRIPTION_MAX_CHARS: usize = 4_000;
/// The most prizes of one giveaway, all counted: they are reserved by one saga, captured by one
/// posting and drawn at once.
const UNITS_MAX: i64 = 2_000;
/// The most lines that prizes are listed in.
const PRIZE_LINES_MAX: usize = 100;
/// The most alternates: some for every winner of the largest giveaway.
const ALTERNATES_MAX: u32 = 10_000;
/// The most grounds for disqualification; nobody reads more.
const GROUNDS_MAX: usize = 20;
/// The longest review of entries, and the longest lead before the draw: a month.
const MONTH_SECONDS: u32 = 31 * 24 * 60 * 60;
/// The longest time to claim: half a year.
const CLAIM_MAX_SECONDS: u32 = 183 * 24 * 60 * 60;
/// A giveaway ends within two years of now, so that no money lies idle for ever.
const HORIZON: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
/// Years of birth that a rule can name.
const BIRTH_YEARS: std::ops::RangeInclusive<u16> = 1900..=2100;

impl Form {
    /// The draft, or everything that is wrong with it. `is_live` tells whether the beacon is a
    /// public one, which needs a lead.
    ///
    /// # Errors
    /// One error per mistake, each with the pointer to its field.
    pub fn check(self, is_live: bool, now: Timestamp) -> Result<Draft, Vec<FieldError>> {
        let mut mistakes = Mistakes::default();
        let title = mistakes.text("/title", &self.title, 1, TITLE_MAX_CHARS);
        let description =
            mistakes.text("/description", &self.description, 0, DESCRIPTION_MAX_CHARS);
        let currency = mistakes.parse::<Currency>("/currency", &self.currency);
        let prizes = mistakes.prizes(&self.prizes, currency);
        mistakes.at_most("/alternates", self.alternates, ALTERNATES_MAX);
        let eligibility = mistakes.eligibility(&self.eligibility);
        let (opens_at, closes_at) = mistakes.dates(self.opens_at, self.closes_at, now);
        mistakes.at_most("/review_seconds", self.review_seconds, MONTH_SECONDS);
        mistakes.at_most("/lead_seconds", self.lead_seconds, MONTH_SECONDS);
        if is_live && self.lead_seconds < LIVE_LEAD_SECONDS {
            mistakes.add("/lead_seconds", format!("must be at least {LIVE_LEAD_SECONDS}"));
        }
        mistakes.at_most("/claim_seconds", self.claim_seconds, CLAIM_MAX_SECONDS);
        if self.claim_seconds == 0 {
            mistakes.add("/claim_seconds", "must be at least 1");
        }
        let grounds = mistakes.grounds(&self.disqualification_reasons);
        match currency {
            Some(currency) if mistakes.0.is_empty() => Ok(Draft {
                title,
                description,
                currency,
                prizes,
                alternates: self.alternates,
                eligibility,
                opens_at,
                closes_at,
                review_seconds: self.review_seconds,
                lead_seconds: self.lead_seconds,
                claim_seconds: self.claim_seconds,
                grounds,
            }),
            _ => Err(mistakes.0),
        }
    }
}

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Mistakes(pub(super) Vec<FieldError>);

impl Mistakes {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    fn at_most(&mut self, pointer: &str, value: u32, max: u32) {
        if value > max {
            self.add(pointer, format!("must be at most {max}"));
        }
    }

    fn parse<T: std::str::FromStr>(&mut self, pointer: &str, text: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        text.parse().inspect_err(|error: &T::Err| self.add(pointer, error.to_string())).ok()
    }

    fn text(&mut self, pointer: &str, text: &str, min: usize, max: usize) -> String {
        let text = text.trim();
        let chars = text.chars().count();
        if chars < min {
            self.add(pointer, "must not be empty");
        } else if chars > max {
            self.add(pointer, format!("must have at most {max} characters"));
        } else if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r') {
            self.add(pointer, "must not contain control characters");
        }
        text.to_owned()
    }

    fn prizes(&mut self, forms: &[PrizeForm], currency: Option<Currency>) -> Vec<PrizeLine> {
        if forms.is_empty() {
            self.add("/prizes", "must not be empty");
        }
        if forms.len() > PRIZE_LINES_MAX {
            self.add("/prizes", format!("must have at most {PRIZE_LINES_MAX} lines"));
            return Vec::new();
        }
        let units: i64 = forms.iter().map(|form| i64::from(form.count)).sum();
        if units > UNITS_MAX {
            self.add("/prizes", format!("{units} prizes are more than {UNITS_MAX}"));
        }
        let total = forms.iter().try_fold(0_i64, |sum, form| {
            sum.checked_add(form.value.minor.checked_mul(form.count.into())?)
        });
        if total.is_none() {
            self.add("/prizes", "are worth too much");
        }
        forms
            .iter()
            .enumerate()
            .filter_map(|(index, form)| self.prize(index, form, currency))
            .collect()
    }

    fn prize(
        &mut self,
        index: usize,
        form: &PrizeForm,
        currency: Option<Currency>,
    ) -> Option<PrizeLine> {
        let pointer = |field: &str| format!("/prizes/{index}/{field}");
        let product_id = self.parse(&pointer("product_id"), &form.product_id);
        let of = self.parse::<Currency>(&pointer("value/currency"), &form.value.currency);
        if let (Some(of), Some(currency)) = (of, currency)
            && of != currency
        {
            self.add(pointer("value/currency"), format!("the giveaway is in {currency}"));
        }
        if form.value.minor <= 0 {
            self.add(pointer("value/minor"), "must be positive");
        }
        if form.count == 0 {
            self.add(pointer("count"), "must be at least 1");
        }
        Some(PrizeLine {
            product_id: product_id?,
            value: Money::new(form.value.minor, of?),
            units: i32::try_from(form.count).ok()?,
        })
    }

    fn eligibility(&mut self, form: &EligibilityForm) -> Eligibility {
        if form.born_until_year.is_some_and(|year| !BIRTH_YEARS.contains(&year)) {
            let (first, last) = (BIRTH_YEARS.start(), BIRTH_YEARS.end());
            self.add("/eligibility/born_until_year", format!("must be from {first} to {last}"));
        }
        let allowed = form.allowed_countries.as_ref().map(|countries| {
            if countries.is_empty() {
                self.add("/eligibility/allowed_countries", "is empty, so nobody could win");
            }
            self.countries("/eligibility/allowed_countries", countries)
        });
        let excluded = self.countries("/eligibility/excluded_countries", &form.excluded_countries);
        Eligibility {
            birth_year_max: form.born_until_year,
            countries_allowed: allowed,
            countries_excluded: excluded,
        }
    }

    fn countries(&mut self, pointer: &str, codes: &[String]) -> Vec<Country> {
        let mut seen = BTreeSet::new();
        for (index, code) in codes.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            if let Some(country) = self.parse::<Country>(&pointer, code)
                && !seen.insert(country)
            {
                self.add(pointer, format!("{country} is listed twice"));
            }
        }
        seen.into_iter().collect()
    }

    fn grounds(&mut self, words: &[String]) -> Vec<Ground> {
        if words.len() > GROUNDS_MAX {
            self.add("/disqualification_reasons", format!("must be at most {GROUNDS_MAX}"));
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        for (index, word) in words.iter().enumerate() {
            let pointer = format!("/disqualification_reasons/{index}");
            if let Some(ground) = self.parse::<Ground>(&pointer, word)
                && !seen.insert(ground)
            {
                self.add(pointer, "is listed twice");
            }
        }
        seen.into_iter().collect()
    }

    /// Beacons count in whole seconds, so the dates do too.
    fn dates(
        &mut self,
        opens_at: Option<Timestamp>,
        closes_at: Timestamp,
        now: Timestamp,
    ) -> (Option<Timestamp>, Timestamp) {
        let (opens_at, closes_at) = (opens_at.map(whole_seconds), whole_seconds(closes_at));
        if closes_at <= now {
            self.add("/closes_at", "must be in the future");
        }
        if now.checked_add(HORIZON).is_ok_and(|horizon| closes_at > horizon) {
            self.add("/closes_at", "must be within two years from now");
        }
        if opens_at.is_some_and(|opens_at| opens_at >= closes_at) {
            self.add("/opens_at", "must be before closes_at");
        }
        (opens_at, closes_at)
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn form() -> Value {
        json!({
            "title": "Winter", "currency": "EUR",
            "prizes": [{
                "product_id": "prd_0198c0c0c0c070008000000000000000",
                "value": {"minor": 2500, "currency": "EUR"}, "count": 2
            }],
            "alternates": 3,
            "closes_at": "2026-12-01T12:00:00Z", "lead_seconds": 900, "claim_seconds": 86400,
        })
    }

    fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
        let mut form = form();
        change(&mut form);
        let form: Form = serde_json::from_value(form).unwrap();
        let pointers: Vec<String> = match form.check(true, now()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.pointer).collect(),
        };
        assert_eq!(pointers, expected);
    }

    #[test]
    fn every_mistake_is_named_with_its_field() {
        check(|_| {}, &[]);
        check(|form| form["title"] = json!("  "), &["/title"]);
        check(|form| form["title"] = json!("x".repeat(121)), &["/title"]);
        check(|form| form["currency"] = json!("EURO"), &["/currency"]);
        check(|form| form["currency"] = json!("USD"), &["/prizes/0/value/currency"]);
        check(|form| form["prizes"] = json!([]), &["/prizes"]);
        check(|form| form["prizes"][0]["count"] = json!(0), &["/prizes/0/count"]);
        check(|form| form["prizes"][0]["count"] = json!(2001), &["/prizes"]);
        check(|form| form["prizes"][0]["value"]["minor"] = json!(0), &["/prizes/0/value/minor"]);
        check(|form| form["prizes"][0]["value"]["minor"] = json!(i64::MAX), &["/prizes"]);
        check(|form| form["prizes"][0]["product_id"] = json!("x"), &["/prizes/0/product_id"]);
        check(|form| form["alternates"] = json!(10_001), &["/alternates"]);
        check(|form| form["closes_at"] = json!("2026-11-22T11:00:00Z"), &["/closes_at"]);
        check(|form| form["closes_at"] = json!("2029-11-22T11:00:00Z"), &["/closes_at"]);
        check(|form| form["opens_at"] = json!("2026-12-01T12:00:00Z"), &["/opens_at"]);
        check(|form| form["lead_seconds"] = json!(899), &["/lead_seconds"]);
        check(|form| form["claim_seconds"] = json!(0), &["/claim_seconds"]);
        check(|form| form["review_seconds"] = json!(u32::MAX), &["/review_seconds"]);
        let eligibility = |value: Value| move |form: &mut Value| form["eligibility"] = value;
        check(eligibility(json!({"born_until_year": 20})), &["/eligibility/born_until_year"]);
        check(eligibility(json!({"allowed_countries": []})), &["/eligibility/allowed_countries"]);
        check(
            eligibility(json!({"excluded_countries": ["CN", "de"]})),
            &["/eligibility/excluded_countries/1"],
        );
        check(
            eligibility(json!({"excluded_countries": ["CN", "CN"]})),
            &["/eligibility/excluded_countries/1"],
        );
        check(
            |form| form["disqualification_reasons"] = json!(["employee", "No!"]),
            &["/disqualification_reasons/1"],
        );
        let both =
            |form: &mut Value| (form["title"], form["claim_seconds"]) = (json!(""), json!(0));
        check(both, &["/title", "/claim_seconds"]);
    }
}
