//! What was redeemed: all of it or one day's, on pages and as a file.

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiff::civil::Date;
use platform::http::{Cell, Sheet};
use serde::Deserialize;

use super::{Frame, When, fault::Fault, frame, page, session::AtTill, when};
use crate::{
    domain::ids::{MerchantId, RedemptionId},
    http::no_store,
    service::{Service, Shared},
    store::redemption::{self, Redemption},
    views::rfc3339,
};

/// Redemptions on a page.
const SHOWN: u64 = 50;

/// Redemptions read at once for a file.
const BATCH: u64 = 500;

/// Redemptions in one file: more than a spreadsheet is opened for, and few enough for memory.
const ROWS_MAX: usize = 100_000;

/// The length of a day in milliseconds.
pub(super) const DAY_MS: i64 = 86_400_000;

const HEADER: [&str; 7] =
    ["id", "at", "external_id", "card_id", "amount_minor", "reversed_minor", "currency"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    day: String,
    after: String,
}

/// Which part of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    day: Option<Date>,
    after: Option<RedemptionId>,
}

#[derive(Template)]
#[template(path = "redemptions.html")]
struct RedemptionsPage {
    frame: Frame,
    /// The chosen day, as a field has it.
    day: String,
    rows: Vec<Row>,
    next: Option<RedemptionId>,
    is_first: bool,
}

/// A redemption as a row of a table.
pub(super) struct Row {
    pub(super) id: RedemptionId,
    pub(super) when: When,
    pub(super) amount: String,
    pub(super) reversed: Option<String>,
    pub(super) external_id: String,
}

/// GET /till/redemptions
pub(crate) async fn show(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Fault> {
    let wanted = Wanted::read(asked)?;
    let mut found = read(&service, merchant, wanted, SHOWN + 1).await?;
    let shown = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    found.truncate(shown);
    page(&RedemptionsPage {
        frame: frame(&service),
        day: wanted.day.map(|day| day.to_string()).unwrap_or_default(),
        next: found.last().filter(|_| has_more).map(|row| row.id),
        rows: rows(found)?,
        is_first: wanted.after.is_none(),
    })
}

/// GET /till/redemptions.csv: all, or an error; never a part of them.
pub(crate) async fn download(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Fault> {
    let mut wanted = Wanted { after: None, ..Wanted::read(asked)? };
    let name = wanted.day.map_or_else(|| "all".to_owned(), |day| day.to_string());
    let sheet = Sheet::new(&format!("redemptions-{name}"), &HEADER);
    let mut sheet = sheet.map_err(|error| Fault::unexpected(error.into()))?;
    let mut count = 0;
    loop {
        let batch = read(&service, merchant, wanted, BATCH).await?;
        count += batch.len();
        if count > ROWS_MAX {
            let words = format!("There are more than {ROWS_MAX} redemptions. Choose a day.");
            return Err(Fault::told(StatusCode::CONFLICT, words));
        }
        let Some(last) = batch.last() else { break };
        wanted.after = Some(last.id);
        for row in batch {
            sheet.row(cells(row)).map_err(|error| Fault::unexpected(error.into()))?;
        }
    }
    Ok(no_store(sheet).into_response())
}

impl Wanted {
    fn read(asked: Result<Query<Asked>, QueryRejection>) -> Result<Self, Fault> {
        let bad = |words| Fault::told(StatusCode::UNPROCESSABLE_ENTITY, words);
        let Query(asked) = asked.map_err(|_| bad("The address of this page is not complete."))?;
        let day = Some(asked.day.trim()).filter(|day| !day.is_empty());
        let day = day.map(str::parse).transpose();
        let after = Some(asked.after).filter(|after| !after.is_empty());
        let after = after.map(|after| after.parse()).transpose();
        Ok(Self {
            day: day.map_err(|_| bad("A day looks like 2027-03-31."))?,
            after: after.map_err(|_| Fault::not_found("page"))?,
        })
    }
}

async fn read(
    service: &Service,
    merchant: MerchantId,
    wanted: Wanted,
    limit: u64,
) -> Result<Vec<Redemption>, Fault> {
    let conn = service.db.read();
    let Some(day) = wanted.day else {
        return Ok(redemption::page(conn, merchant, wanted.after, limit).await?);
    };
    let from = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Fault::not_found("day"))?;
    let from = from.timestamp().as_millisecond();
    let span = (from, from.saturating_add(DAY_MS));
    Ok(redemption::page_between(conn, merchant, span, wanted.after, limit).await?)
}

/// Redemptions as rows of a table.
pub(super) fn rows(found: Vec<Redemption>) -> Result<Vec<Row>, Fault> {
    found.into_iter().map(row).collect::<anyhow::Result<_>>().map_err(Fault::unexpected)
}

fn row(redemption: Redemption) -> anyhow::Result<Row> {
    let reversed = redemption.reversed()?;
    Ok(Row {
        id: redemption.id,
        when: when(redemption.created_at),
        amount: redemption.amount()?.to_string(),
        reversed: reversed.is_positive().then(|| reversed.to_string()),
        external_id: redemption.external_id,
    })
}

fn cells(row: Redemption) -> [Cell; 7] {
    [
        Cell::Text(row.id.to_string()),
        Cell::Text(rfc3339(row.created_at)),
        Cell::Text(row.external_id),
        Cell::Text(row.card_id.to_string()),
        Cell::Number(row.amount_minor),
        Cell::Number(row.reversed_minor),
        Cell::Text(row.currency),
    ]
}
