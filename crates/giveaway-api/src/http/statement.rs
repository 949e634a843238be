//! `/wallet/statement`: what happened in a wallet, to look at and as a file.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use ledger::Currency;
use platform::http::{Cell, Json, Problem, Sheet};
use serde::Deserialize;

use super::auth::HostAuth;
use crate::{
    actions::state_wallet::{WalletAccount, WalletStatement, state_wallet},
    ids::HostId,
    service::Service,
};

/// Lines on a page, at most.
const LIMIT_MAX: u32 = 100;

/// Lines read at once for a file.
const PAGE: u32 = 500;

/// Lines in one file: more than a spreadsheet is opened for, and few enough for memory.
const LINES_MAX: usize = 100_000;

/// Which statement: `?currency=&account=&after=&limit=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    currency: String,
    #[serde(default)]
    account: WalletAccount,
    after: Option<i64>,
    limit: Option<u32>,
}

impl Asked {
    fn currency(&self) -> Result<Currency, Problem> {
        self.currency.parse().map_err(|error: ledger::UnknownCurrency| {
            Problem::invalid_field("/currency", error.to_string())
        })
    }
}

fn asked(query: Result<Query<Asked>, QueryRejection>) -> Result<(Asked, Currency), Problem> {
    let Query(asked) = query.map_err(|error| Problem::invalid_field("", error.body_text()))?;
    let currency = asked.currency()?;
    Ok((asked, currency))
}

/// `GET /wallet/statement`
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<WalletStatement>, Problem> {
    let (asked, currency) = asked(query)?;
    let limit = asked.limit.unwrap_or(LIMIT_MAX);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid_field("/limit", format!("must be 1 to {LIMIT_MAX}")));
    }
    let of = (asked.account, currency);
    Ok(Json(state_wallet(&service, host, of, asked.after, limit).await?))
}

/// `GET /wallet/statement.csv`: all lines, or those after one.
pub(crate) async fn download(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Sheet, Problem> {
    let (asked, currency) = asked(query)?;
    write(&service, host, (asked.account, currency), asked.after).await
}

async fn write(
    service: &Service,
    host: HostId,
    of: (WalletAccount, Currency),
    mut after: Option<i64>,
) -> Result<Sheet, Problem> {
    let (account, currency) = of;
    let name = format!("wallet-{}-{currency}", account.as_str());
    let mut sheet = Sheet::new(
        &name,
        &[
            "id",
            "at",
            "kind",
            "amount_minor",
            "balance_after_minor",
            "currency",
            "giveaway_id",
            "giveaway_title",
            "withdrawal_id",
        ],
    )
    .map_err(Problem::unexpected)?;
    let mut lines = 0;
    loop {
        let page = state_wallet(service, host, of, after, PAGE).await?;
        lines += page.items.len();
        if lines > LINES_MAX {
            let detail = format!(
                "the statement has more than {LINES_MAX} lines; ask for those after a later one"
            );
            return Err(Problem::invalid_field("/after", detail));
        }
        after = page.items.last().map(|line| line.id).or(after);
        for line in page.items {
            let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::Text);
            sheet
                .row([
                    Cell::Number(line.id),
                    Cell::Text(line.at.to_string()),
                    Cell::Text(line.kind),
                    Cell::Number(line.amount.minor),
                    Cell::Number(line.balance_after.minor),
                    Cell::Text(currency.to_string()),
                    text(line.giveaway_id),
                    text(line.giveaway_title),
                    text(line.withdrawal_id),
                ])
                .map_err(Problem::unexpected)?;
        }
        if page.next.is_none() {
            return Ok(sheet);
        }
    }
}
