//! What a host typed, as it was typed: a form that is shown again shows it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ledger::Money;

use super::Pairs;
use crate::domain::{
    amount::written,
    draft::{Form, form::PrizeForm},
};

/// How long a giveaway takes entries unless its host chooses: a week is long enough to tell people, and
/// short enough to be remembered.
const USUAL_HOURS: i64 = 7 * 24;

/// What a draft has unless its host chooses: a day to look at the entries, two weeks to claim.
const USUAL_REVIEW: &str = "86400";
const USUAL_CLAIM: &str = "1209600";

/// The form, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) rows: Vec<RowGiven>,
    pub(super) opens_at: String,
    pub(super) closes_at: String,
    pub(super) review: String,
    pub(super) claim: String,
    pub(super) born: String,
    pub(super) who: String,
    pub(super) countries: BTreeSet<String>,
    /// The row that was just added.
    pub(super) added: Option<usize>,
}

/// A line of prizes.
#[derive(Clone, Debug, Default)]
pub(super) struct RowGiven {
    pub(super) product: String,
    pub(super) value: String,
    pub(super) count: String,
}

/// Which button was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    Save,
    Add,
    Remove(usize),
}

impl RowGiven {
    pub(super) fn one() -> Self {
        Self { count: "1".to_owned(), ..Self::default() }
    }

    fn is_blank(&self) -> bool {
        self.product.is_empty() && self.value.trim().is_empty()
    }
}

impl Given {
    /// What the form says before anybody has typed.
    pub(super) fn fresh(now: Timestamp) -> Self {
        let closes_at = now + SignedDuration::from_hours(USUAL_HOURS);
        // The next full hour.
        let second = closes_at.as_second();
        let hour = Timestamp::from_second(second - second.rem_euclid(3_600) + 3_600);
        Self {
            rows: vec![RowGiven::one()],
            closes_at: time(hour.unwrap_or(closes_at)),
            review: USUAL_REVIEW.to_owned(),
            claim: USUAL_CLAIM.to_owned(),
            who: "all".to_owned(),
            ..Self::default()
        }
    }

    /// The fields of a form that was sent, and its button.
    pub(super) fn read(pairs: Pairs) -> (Self, Press) {
        let (mut given, mut press) = (Self::default(), Press::Save);
        for (field, value) in pairs {
            match field.as_str() {
                "title" => given.title = value,
                "description" => given.description = value,
                // The first field of each row.
                "product" => given.rows.push(RowGiven { product: value, ..RowGiven::default() }),
                "value" => given.row(|row| row.value = value),
                "count" => given.row(|row| row.count = value),
                "opens_at" => given.opens_at = value,
                "closes_at" => given.closes_at = value,
                "review" => given.review = value,
                "claim" => given.claim = value,
                "born" => given.born = value,
                "who" => given.who = value,
                "country" => {
                    given.countries.insert(value);
                }
                "add" => press = Press::Add,
                "remove" => press = value.parse().map_or(Press::Save, Press::Remove),
                _ => {}
            }
        }
        if press == Press::Add {
            given.added = Some(given.rows.len());
        }
        (given, press)
    }

    fn row(&mut self, change: impl FnOnce(&mut RowGiven)) {
        if let Some(row) = self.rows.last_mut() {
            change(row);
        }
    }

    /// Rows that somebody added and did not fill are no mistake.
    pub(super) fn drop_blank_rows(&mut self) {
        self.rows.retain(|row| !row.is_blank());
        self.keep_a_row();
    }

    pub(super) fn keep_a_row(&mut self) {
        if self.rows.is_empty() {
            self.rows.push(RowGiven::one());
        }
    }

    pub(super) fn has_country(&self, code: &str) -> bool {
        self.countries.contains(code)
    }
}

impl From<&Form> for Given {
    fn from(form: &Form) -> Self {
        let eligibility = &form.eligibility;
        let (who, countries) = match &eligibility.allowed_countries {
            Some(allowed) => ("only", allowed),
            None if eligibility.excluded_countries.is_empty() => ("all", &Vec::new()),
            None => ("except", &eligibility.excluded_countries),
        };
        let row = |line: &PrizeForm| RowGiven {
            product: line.product_id.clone(),
            value: line
                .value
                .currency
                .parse()
                .map(|currency| written(Money::new(line.value.minor, currency)))
                .unwrap_or_default(),
            count: line.count.to_string(),
        };
        Self {
            title: form.title.clone(),
            description: form.description.clone(),
            rows: form.prizes.iter().map(row).collect(),
            opens_at: form.opens_at.map(time).unwrap_or_default(),
            closes_at: time(form.closes_at),
            review: form.review_seconds.to_string(),
            claim: form.claim_seconds.to_string(),
            born: eligibility.born_until_year.map(|year| year.to_string()).unwrap_or_default(),
            who: who.to_owned(),
            countries: countries.iter().cloned().collect(),
            added: None,
        }
    }
}

/// A time as a field of the browser has it, in UTC.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}
