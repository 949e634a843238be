//! `/wallet/statement`: what happened in a wallet, to look at and as a file.

use std::{str::FromStr, sync::Arc};

use axum::extract::{Query, State, rejection::QueryRejection};
use platform::http::{Cell, Json, Problem, Sheet};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{auth::HostAuth, page};
use crate::{
    actions::read_statement::{Movement, Period, WalletBalances, WalletStatement, read_statement},
    domain::statement::Cursor,
    ids::HostId,
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
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatementQuery {
    /// Of which currency.
    #[param(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    /// When the period begins; absent: with the wallet.
    #[param(format = DateTime)]
    from: Option<String>,
    /// When the period ends; absent: now.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Items on the page, at most.
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Which statement, as a file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatementFileQuery {
    /// Of which currency.
    #[param(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    /// When the period begins; absent: with the wallet.
    #[param(format = DateTime)]
    from: Option<String>,
    /// When the period ends; absent: now.
    #[param(format = DateTime)]
    to: Option<String>,
}

/// Shows what happened in a wallet.
///
/// Opening balances, each movement with the balance after it, and closing balances. Pages that
/// follow each other belong to one statement: what is posted after the first of them was asked for
/// is in none.
#[utoipa::path(
    get, path = "/wallet/statement", tag = "Wallet", operation_id = "showStatement",
    security(("host" = [])),
    params(StatementQuery),
    responses(
        (status = 200, description = "A page of the statement", body = WalletStatement),
    )
)]
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    query: Result<Query<StatementQuery>, QueryRejection>,
) -> Result<Json<WalletStatement>, Problem> {
    let Query(asked) = query.map_err(unreadable)?;
    let period = period(&asked.currency, asked.from.as_deref(), asked.to.as_deref())?;
    let limit = u32::try_from(page::limit(asked.limit)?).map_err(Problem::unexpected)?;
    let after: Option<Cursor> = field("/after", asked.after.as_deref())?;
    Ok(Json(read_statement(&service, host, period, after, limit).await?))
}

/// Downloads what happened in a wallet.
///
/// The whole period as one file, at most 100,000 movements; never a part of it.
#[utoipa::path(
    get, path = "/wallet/statement.csv", tag = "Wallet", operation_id = "downloadStatement",
    security(("host" = [])),
    params(StatementFileQuery),
    responses(
        (status = 200, description = "The statement", body = String, content_type = "text/csv"),
    )
)]
pub(crate) async fn download(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    query: Result<Query<StatementFileQuery>, QueryRejection>,
) -> Result<Sheet, Problem> {
    let Query(asked) = query.map_err(unreadable)?;
    let period = period(&asked.currency, asked.from.as_deref(), asked.to.as_deref())?;
    sheet(&service, host, period).await
}

/// A host's statement of a whole period as a file.
pub(crate) async fn sheet(
    service: &Service,
    host: HostId,
    period: Period,
) -> Result<Sheet, Problem> {
    let name = format!("wallet-{}", period.currency);
    let mut sheet = Sheet::new(&name, &HEADER).map_err(Problem::unexpected)?;
    let (mut cursor, mut movements) = (None, 0);
    loop {
        let page = read_statement(service, host, period, cursor, BATCH).await?;
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
