//! What a merchant lets hosts give away.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use ledger::Currency;
use serde::Deserialize;

use super::{
    Frame,
    fault::{Fault, Form, sentence},
    frame, page,
    session::AtMerchant,
};
use crate::{
    actions::{close_product::close_product, create_product::create_product},
    domain::{
        amount::parse_decimal,
        ids::ProductId,
        product::{ProductState, Terms},
        refusal::Refusal,
    },
    error::Error,
    service::{Service, Shared},
    store::{
        money,
        product::{self, Product},
    },
};

/// Products shown: a merchant has a handful.
const SHOWN: u64 = 100;

/// Days of a year, leap days rounded up: what is valid for five years is valid for 1,826 days.
const YEAR_DAYS: (i32, i32) = (1_461, 4);

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fields {
    csrf: String,
    name: String,
    currency: String,
    min: String,
    max: String,
    years: String,
}

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage {
    frame: Frame,
    csrf: String,
    problem: Option<Problem>,
    fields: Fields,
    products: Vec<Row>,
}

/// What is wrong with which field.
struct Problem {
    field: &'static str,
    words: String,
}

struct Row {
    id: ProductId,
    name: String,
    range: String,
    valid: String,
    is_active: bool,
}

impl ProductsPage {
    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == field)
    }
}

/// GET /till/products
pub(crate) async fn show(at: AtMerchant, State(service): State<Shared>) -> Result<Response, Fault> {
    list(&service, at, Fields::default(), None).await
}

/// POST /till/products
pub(crate) async fn create(
    at: AtMerchant,
    State(service): State<Shared>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    at.check(&fields.csrf)?;
    let made = match read(&fields) {
        Ok(terms) => create_product(&service, at.merchant, &fields.name, terms).await,
        Err(refusal) => Err(refusal.into()),
    };
    match made {
        Ok(_) => Ok(Redirect::to("/till/products").into_response()),
        Err(Error::Refused(Refusal::Invalid { pointer, detail })) => {
            let field = match &*pointer {
                "/currency" => "currency",
                "/min_minor" => "min",
                "/max_minor" => "max",
                "/validity_days" => "years",
                _ => "name",
            };
            let words = sentence(&format!("{} {detail}", label(field)));
            let page = list(&service, at, fields, Some(Problem { field, words })).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "close_product.html")]
struct ClosePage {
    frame: Frame,
    csrf: String,
    id: ProductId,
    name: String,
}

/// GET /till/products/{id}/close
pub(crate) async fn ask_close(
    at: AtMerchant,
    State(service): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let id = parse(&id)?;
    let found = product::find(service.db.read(), id).await?;
    let found = found.filter(|product| product.merchant_id == at.merchant);
    let found = found.ok_or_else(|| Fault::not_found("product"))?;
    page(&ClosePage { frame: frame(&service), csrf: at.csrf, id, name: found.name })
}

#[derive(Deserialize)]
pub(crate) struct Confirmed {
    #[serde(default)]
    csrf: String,
}

/// POST /till/products/{id}/close
pub(crate) async fn close(
    at: AtMerchant,
    State(service): State<Shared>,
    Path(id): Path<String>,
    Form(Confirmed { csrf }): Form<Confirmed>,
) -> Result<Response, Fault> {
    at.check(&csrf)?;
    close_product(&service, at.merchant, parse(&id)?).await?;
    Ok(Redirect::to("/till/products").into_response())
}

fn parse(id: &str) -> Result<ProductId, Fault> {
    id.parse().map_err(|_| Fault::not_found("product"))
}

/// How a message calls a field.
fn label(field: &str) -> &'static str {
    match field {
        "currency" => "the currency",
        "min" => "the smallest value",
        "max" => "the largest value",
        "years" => "the validity",
        _ => "the name",
    }
}

fn read(fields: &Fields) -> Result<Terms, Refusal> {
    let currency: Currency = fields
        .currency
        .trim()
        .to_ascii_uppercase()
        .parse()
        .map_err(|_| Refusal::invalid("/currency", "must be one such as EUR"))?;
    let amount = |pointer: &'static str, text: &str| match parse_decimal(text, currency) {
        Ok(amount) => Ok(amount.minor),
        Err(Refusal::Invalid { detail, .. }) => Err(Refusal::invalid(pointer, detail)),
        Err(other) => Err(other),
    };
    let years = Some(fields.years.trim()).filter(|years| !years.is_empty());
    let days = |years: &str| {
        let bad = || Refusal::invalid("/validity_days", "must be 5 to 100 years, or empty");
        let years: i32 = years.parse().map_err(|_| bad())?;
        if !(5..=100).contains(&years) {
            return Err(bad());
        }
        Ok((years * YEAR_DAYS.0).div_euclid(YEAR_DAYS.1))
    };
    Ok(Terms {
        currency,
        min_minor: amount("/min_minor", &fields.min)?,
        max_minor: amount("/max_minor", &fields.max)?,
        validity_days: years.map(days).transpose()?,
    })
}

async fn list(
    service: &Service,
    at: AtMerchant,
    fields: Fields,
    problem: Option<Problem>,
) -> Result<Response, Fault> {
    let found = product::page(service.db.read(), Some(at.merchant), None, SHOWN).await?;
    let rows = found.into_iter().map(row).collect::<anyhow::Result<_>>();
    let products = rows.map_err(Fault::unexpected)?;
    page(&ProductsPage { frame: frame(service), csrf: at.csrf, problem, fields, products })
}

fn row(product: Product) -> anyhow::Result<Row> {
    let least = money(product.min_minor, &product.currency)?;
    let most = money(product.max_minor, &product.currency)?;
    let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Ok(Row {
        id: product.id,
        name: product.name,
        range,
        valid: product
            .validity_days
            .map_or_else(|| "no end".to_owned(), |days| format!("{days} days")),
        is_active: product.state == ProductState::Active,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(min: &str, max: &str, years: &str) -> Fields {
        let text = ToOwned::to_owned;
        Fields {
            currency: text("eur"),
            min: text(min),
            max: text(max),
            years: text(years),
            ..Fields::default()
        }
    }

    #[test]
    fn what_is_typed_becomes_terms_that_may_be_offered() {
        let terms = read(&fields("5", "12,50", "5")).unwrap();
        assert_eq!((terms.min_minor, terms.max_minor), (500, 1_250));
        for years in ["5", "100"] {
            read(&fields("5", "12,50", years)).unwrap().check().unwrap();
        }
        assert_eq!(read(&fields("5", "5", " ")).unwrap().validity_days, None);
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        let wrong = |fields: Fields| match read(&fields) {
            Err(Refusal::Invalid { pointer, .. }) => pointer.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong(fields("x", "5", "")), "/min_minor");
        assert_eq!(wrong(fields("5", "1.234", "")), "/max_minor");
        assert_eq!(wrong(fields("5", "5", "4")), "/validity_days");
        assert_eq!(wrong(Fields::default()), "/currency");
    }
}
