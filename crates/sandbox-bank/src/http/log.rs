//! `GET /v1/log`, `GET /v1/balances`, `GET /v1/account`: what really happened, and what follows
//! from it. No fault strikes here, because tests judge by it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::json;

use super::page::{PageQuery, page, page_limit, rows_for};
use crate::bank::Bank;
use crate::error::BankError;
use crate::operation::Answer;
use crate::store::effects;

/// A page of balances, or those of one destination.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceQuery {
    destination: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// Lists the log, oldest entry first.
pub(super) async fn list(
    State(bank): State<Bank>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Answer, BankError> {
    let Query(query) = query?;
    let (after, limit) = (query.after(), query.limit()?);
    let rows = bank.store().read(move |tx| effects::list(tx, after, rows_for(limit))).await?;
    Ok(page(rows, limit))
}

/// Lists what each destination has received, by destination and currency.
pub(super) async fn balances(
    State(bank): State<Bank>,
    query: Result<Query<BalanceQuery>, QueryRejection>,
) -> Result<Answer, BankError> {
    let Query(query) = query?;
    let limit = page_limit(query.limit)?;
    let rows = bank
        .store()
        .read(move |tx| {
            let cursor = query.after.unwrap_or_default();
            // A currency has no colon, so what stands before the first one is all of it.
            let (currency, destination) = cursor.split_once(':').unwrap_or_default();
            let after = (destination, currency);
            effects::balances(tx, query.destination.as_deref(), after, rows_for(limit))
        })
        .await?;
    let rows = rows
        .into_iter()
        .map(|balance| (format!("{}:{}", balance.currency, balance.destination), balance));
    Ok(page(rows.collect(), limit))
}

/// Shows the account of the bank's customer, by currency.
pub(super) async fn account(State(bank): State<Bank>) -> Result<Answer, BankError> {
    let account = bank.store().read(effects::account).await?;
    Ok(Answer::new(200, &json!({"items": account})))
}

impl From<QueryRejection> for BankError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Invalid { field: "query", reason: rejection.body_text() }
    }
}
