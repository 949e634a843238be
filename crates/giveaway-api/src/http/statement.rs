//! `/wallet/statement`: what happened in a wallet, to look at and as a file.

use std::{str::FromStr, sync::Arc};

use axum::extract::{Query, State, rejection::QueryRejection};
use platform::http::{Cell, Json, Problem, Sheet};
use serde::Deserialize;

use super::{auth::HostAuth, page};
use crate::{
    actions::read_statement::{Movement, Period, WalletBalances, WalletStatement, read_statement},
    domain::statement::Cursor,
    service::Service,
};

/// Movements read at once for a file.
const BATCH: u32 = 500;

/// Movements in one file: more than a spreadsheet is opened for, and few enough for memory.
const MOVEMENTS_MAX: usize = 100_000;

const HEADER: [&str; 11] = [
    "id",
    "at",
    "account",
    "kind",
    "what",
    "amount_minor",
    "balance_minor",
    "currency",
    "giveaway_id",
    "giveaway_title",
    "withdrawal_id",
];

/// Which page of which statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    currency: String,
    from: Option<String>,
    to: Option<String>,
    limit: Option<u64>,
    after: Option<String>,
}

/// Which statement, as a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedFile {
    currency: String,
    from: Option<String>,
    to: Option<String>,
}

/// `GET /wallet/statement`
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<WalletStatement>, Problem> {
    let Query(asked) = query.map_err(unreadable)?;
    let period = period(&asked.currency, asked.from.as_deref(), asked.to.as_deref())?;
    let limit = u32::try_from(page::limit(asked.limit)?).map_err(Problem::unexpected)?;
    let after: Option<Cursor> = field("/after", asked.after.as_deref())?;
    Ok(Json(read_statement(&service, host, period, after, limit).await?))
}

/// `GET /wallet/statement.csv`: the whole period, or an error; never a part of it.
pub(crate) async fn download(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    query: Result<Query<AskedFile>, QueryRejection>,
) -> Result<Sheet, Problem> {
    let Query(asked) = query.map_err(unreadable)?;
    let period = period(&asked.currency, asked.from.as_deref(), asked.to.as_deref())?;
    let name = format!("wallet-{}", period.currency);
    let mut sheet = Sheet::new(&name, &HEADER).map_err(Problem::unexpected)?;
    let (mut cursor, mut movements) = (None, 0);
    loop {
        let page = read_statement(&service, host, period, cursor, BATCH).await?;
        if cursor.is_none() {
            balances(&mut sheet, "opening", &page.opening)?;
        }
        movements += page.items.len();
        if movements > MOVEMENTS_MAX {
            let detail = format!(
                "the period has more than {MOVEMENTS_MAX} movements; ask for a shorter one"
            );
            return Err(Problem::invalid_field("/from", detail));
        }
        for item in page.items {
            sheet.row(cells(item)).map_err(Problem::unexpected)?;
        }
        match page.next {
            Some(next) => cursor = Some(next.parse().map_err(Problem::unexpected)?),
            None => {
                balances(&mut sheet, "closing", &page.closing)?;
                return Ok(sheet);
            }
        }
    }
}

fn unreadable(error: QueryRejection) -> Problem {
    Problem::invalid_field("", error.body_text())
}

fn period(currency: &str, from: Option<&str>, to: Option<&str>) -> Result<Period, Problem> {
    let currency = currency.parse().map_err(|error: ledger::UnknownCurrency| {
        Problem::invalid_field("/currency", error.to_string())
    })?;
    Ok(Period { currency, from: field("/from", from)?, to: field("/to", to)? })
}

fn field<T>(pointer: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.map(str::parse)
        .transpose()
        .map_err(|error: T::Err| Problem::invalid_field(pointer, error.to_string()))
}

/// What each account holds, a row for each, so that the file adds up by itself.
fn balances(sheet: &mut Sheet, what: &str, balances: &WalletBalances) -> Result<(), Problem> {
    for (account, balance) in balances.each() {
        let cells = [
            Cell::Empty,
            Cell::Empty,
            Cell::Text(account),
            Cell::Text(what.to_owned()),
            Cell::Text(format!("{what} balance")),
            Cell::Empty,
            Cell::Number(balance.minor),
            Cell::Text(balance.currency.to_string()),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
        ];
        sheet.row(cells).map_err(Problem::unexpected)?;
    }
    Ok(())
}

fn cells(item: Movement) -> [Cell; 11] {
    let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::Text);
    [
        Cell::Number(item.id),
        Cell::Text(item.at.to_string()),
        Cell::Text(item.account),
        Cell::Text(item.kind),
        Cell::Text(item.what),
        Cell::Number(item.amount.minor),
        Cell::Number(item.balance_after.minor),
        Cell::Text(item.amount.currency.to_string()),
        text(item.giveaway_id.map(|id| id.to_string())),
        text(item.giveaway_title),
        text(item.withdrawal_id.map(|id| id.to_string())),
    ]
}
