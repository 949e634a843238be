//! What was typed becomes a draft, or everything that is wrong with it at once.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use ledger::{Currency, Money};

use super::{
    super::{amounts::shown, wrong::Wrongs},
    given::{Given, RowGiven},
};
use crate::{
    actions::products::ProductView,
    domain::{
        amount::amount,
        draft::{
            Form,
            form::{EligibilityForm, MoneyForm, PrizeForm},
        },
    },
};

/// Between the freeze and the draw: time for everybody to keep a copy of what was committed to.
const LEAD_SECONDS: u32 = 900;

/// A form without mistakes.
#[derive(Debug)]
pub(super) struct Read(pub(super) Form);

/// Reads the form. What a mistake leaves open is filled in, so that the other fields are looked at as well.
pub(super) fn read(
    given: &Given,
    products: &[ProductView],
    is_live: bool,
    now: Timestamp,
) -> Result<Read, Wrongs> {
    let mut wrongs = Wrongs::default();
    let rows = given.rows.iter().enumerate();
    let prizes: Vec<PrizeForm> =
        rows.filter_map(|(index, row)| prize(index, row, products, &mut wrongs)).collect();
    let opens_at = match given.opens_at.trim() {
        "" => None,
        text => time(text, "opens_at", &mut wrongs),
    };
    let closes_at = time(&given.closes_at, "closes_at", &mut wrongs)
        .unwrap_or(now + SignedDuration::from_hours(24));
    let countries: Vec<String> = given.countries.iter().cloned().collect();
    let (allowed_countries, excluded_countries) = match given.who.as_str() {
        "only" => (Some(countries), Vec::new()),
        "except" => (None, countries),
        _ => (None, Vec::new()),
    };
    let born_until_year = match given.born.trim() {
        "" => None,
        year => year.parse().ok().or_else(|| {
            wrongs.add("born", "must be a year such as 2008");
            None
        }),
    };
    let units: u32 = prizes.iter().fold(0, |sum, prize| sum.saturating_add(prize.count));
    let currency = prizes.first().map_or("EUR".to_owned(), |prize| prize.value.currency.clone());
    let seconds = |text: &str| text.parse().unwrap_or(86_400);
    let form = Form {
        title: given.title.clone(),
        description: given.description.clone(),
        currency,
        prizes,
        // One for every prize: who does not claim does not cost the others a prize.
        alternates: units,
        eligibility: EligibilityForm { born_until_year, allowed_countries, excluded_countries },
        opens_at,
        closes_at,
        review_seconds: seconds(&given.review),
        lead_seconds: LEAD_SECONDS,
        claim_seconds: seconds(&given.claim),
        disqualification_reasons: Vec::new(),
    };
    let has_prize_wrongs = !wrongs.is_empty();
    if let Err(errors) = form.clone().check(is_live, now) {
        for error in errors {
            // Rows that could not be read are missing in what was looked at here.
            if !(has_prize_wrongs && error.pointer.starts_with("/prizes")) {
                wrongs.add(field_of(&error.pointer), words(&error.pointer, &error.detail));
            }
        }
    }
    if wrongs.is_empty() {
        return Ok(Read(form));
    }
    wrongs.0.sort_by_key(|wrong| place(&wrong.field));
    Err(wrongs)
}

/// The field of the form that a field of a draft is typed into.
pub(super) fn field_of(pointer: &str) -> String {
    let mut parts = pointer.trim_start_matches('/').split('/');
    let (first, index, field) = (parts.next(), parts.next(), parts.next());
    let name = match (first.unwrap_or_default(), index, field) {
        ("prizes", Some(index), Some(field)) => {
            let field = if field == "product_id" { "product" } else { field };
            return format!("{field}-{index}");
        }
        ("prizes", ..) => "product-0",
        ("eligibility", Some("born_until_year"), _) => "born",
        ("eligibility", ..) => "countries",
        ("review_seconds", ..) => "review",
        ("claim_seconds", ..) => "claim",
        ("title" | "description" | "opens_at" | "closes_at", ..) => {
            return first.unwrap_or_default().to_owned();
        }
        _ => "",
    };
    name.to_owned()
}

/// What programs are told in their words is told people in theirs.
fn words<'a>(pointer: &str, detail: &'a str) -> &'a str {
    match (pointer, detail) {
        ("/title", "must not be empty") => "give it a title",
        ("/prizes", "must not be empty") => "choose at least one prize",
        ("/opens_at", "must be before closes_at") => "it must open before it closes",
        ("/eligibility/allowed_countries", _) => {
            "choose at least one country, or let everybody win"
        }
        (_, detail) => detail,
    }
}

/// In which order the fields are on the page.
fn place(field: &str) -> usize {
    const ORDER: [&str; 10] = [
        "title",
        "description",
        "product",
        "value",
        "count",
        "opens_at",
        "closes_at",
        "review",
        "claim",
        "born",
    ];
    let name = field.split('-').next().unwrap_or_default();
    ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len())
}

fn prize(
    index: usize,
    row: &RowGiven,
    products: &[ProductView],
    wrongs: &mut Wrongs,
) -> Option<PrizeForm> {
    let count = row.count.trim().parse::<u32>().ok().filter(|count| *count > 0);
    if count.is_none() {
        wrongs.add(format!("count-{index}"), "must be a whole number, at least 1");
    }
    let Some(product) = products.iter().find(|product| product.id == row.product) else {
        wrongs.add(format!("product-{index}"), "choose a gift card");
        return None;
    };
    let currency: Currency = product.currency.parse().ok()?;
    let value = match amount(&row.value, currency) {
        Ok(value) if (product.min.minor..=product.max.minor).contains(&value.minor) => value,
        Ok(_) => {
            let bound = |minor| shown(Money::new(minor, currency));
            let (least, most) = (bound(product.min.minor), bound(product.max.minor));
            wrongs.add(format!("value-{index}"), &format!("must be from {least} to {most}"));
            return None;
        }
        Err(reason) => {
            wrongs.add(format!("value-{index}"), &reason.to_string());
            return None;
        }
    };
    Some(PrizeForm {
        product_id: product.id.clone(),
        value: MoneyForm { minor: value.minor, currency: product.currency.clone() },
        count: count?,
    })
}

/// A time as a field of the browser has it, in UTC.
fn time(text: &str, field: &str, wrongs: &mut Wrongs) -> Option<Timestamp> {
    let read = text.trim().parse::<DateTime>().ok().and_then(|at| at.to_zoned(TimeZone::UTC).ok());
    if read.is_none() {
        wrongs.add(field, "must be a date and a time, such as 2027-01-31T18:00");
    }
    read.map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::products::MoneyView;

    fn now() -> Timestamp {
        "2026-11-28T12:00:00Z".parse().unwrap()
    }

    fn product(id: &str, currency: &str) -> ProductView {
        let money = |minor| MoneyView { minor, currency: currency.to_owned() };
        ProductView {
            id: id.to_owned(),
            merchant_name: "Beans".to_owned(),
            name: "Coffee".to_owned(),
            currency: currency.to_owned(),
            min: money(500),
            max: money(5_000),
        }
    }

    fn row(product: &str, value: &str, count: &str) -> RowGiven {
        let [product, value, count] = [product, value, count].map(ToOwned::to_owned);
        RowGiven { product, value, count }
    }

    const COFFEE: &str = "prd_0198c0c0c0c070008000000000000000";

    fn given(rows: Vec<RowGiven>) -> Given {
        Given { title: "Winter".to_owned(), rows, ..Given::fresh(now()) }
    }

    #[test]
    fn what_is_typed_becomes_a_draft() {
        let rows = vec![row(COFFEE, "25,50", "2"), row(COFFEE, "5", "1")];
        let Read(form) = read(&given(rows), &[product(COFFEE, "EUR")], true, now()).ok().unwrap();
        let values: Vec<_> =
            form.prizes.iter().map(|prize| (prize.value.minor, prize.count)).collect();
        assert_eq!(values, [(2_550, 2), (500, 1)]);
        assert_eq!((form.currency.as_str(), form.alternates), ("EUR", 3));
        assert_eq!(form.closes_at.to_string(), "2026-12-05T13:00:00Z");
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_beside_its_field() {
        let check = |given: &Given, expected: &[&str]| {
            let products = [product(COFFEE, "EUR")];
            let wrongs = read(given, &products, true, now()).err().unwrap_or_default();
            let fields: Vec<_> = wrongs.0.iter().map(|wrong| wrong.field.as_str()).collect();
            assert_eq!(fields, expected);
        };
        let good = given(vec![row(COFFEE, "25", "1")]);
        check(&good, &[]);
        let rows = vec![row(COFFEE, "25", "1"), row("", "7", "1"), row(COFFEE, "1,000", "0")];
        let bad = Given { title: " ".to_owned(), closes_at: "soon".to_owned(), ..given(rows) };
        check(&bad, &["title", "product-1", "value-2", "count-2", "closes_at"]);
        check(&given(vec![row(COFFEE, "60", "1")]), &["value-0"]);
        let past = Given { closes_at: "2026-11-28T11:59".to_owned(), ..good.clone() };
        check(&past, &["closes_at"]);
        let late = Given { opens_at: "2027-01-01T00:00".to_owned(), ..good.clone() };
        check(&late, &["opens_at"]);
        let nobody = Given { who: "only".to_owned(), ..good.clone() };
        check(&nobody, &["countries"]);
        check(&Given { born: "young".to_owned(), ..good }, &["born"]);
    }
}
