//! A settlement with all that it consists of and what became of its transfer, on pages and as a file.

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{Frame, When, fault::Fault, frame, page, session::AtTill, settlements::words, when};
use crate::{
    domain::ids::{RedemptionId, SettlementId},
    http::{
        no_store,
        settlement_statement::{of_merchant, sheet},
    },
    service::Shared,
    store::{
        attempt::{self, Attempt},
        line, money,
        settlement::Settlement,
        statement::{self, StatementLine},
    },
};

/// Lines on a page.
const SHOWN: u64 = 100;

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    frame: Frame,
    id: SettlementId,
    when: When,
    state: &'static str,
    total: String,
    lines_total: String,
    count: i64,
    lines: Vec<Line>,
    next: Option<Uuid>,
    attempts: Vec<Try>,
}

struct Line {
    when: When,
    kind: &'static str,
    external_id: Option<String>,
    redemption: Option<RedemptionId>,
    amount: String,
}

struct Try {
    number: i32,
    reference: String,
    provider_id: Option<String>,
    state: &'static str,
    failure: Option<String>,
    when: When,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<Uuid>,
}

/// GET /till/settlements/{id}
pub(crate) async fn show(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Path(id): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Fault> {
    let Query(asked) = asked.map_err(|_| Fault::not_found("page"))?;
    let found = of_merchant(&service, merchant, &id).await?;
    let conn = service.db.read();
    let mut lines = statement::lines(conn, found.id, asked.after, SHOWN + 1).await?;
    let shown = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    let has_more = lines.len() > shown;
    lines.truncate(shown);
    let next = lines.last().filter(|_| has_more).map(|line| line.id);
    let total = line::total_of(conn, found.id).await?;
    let attempts = attempt::of_settlement(conn, found.id).await?;
    let filled = fill(&found, lines, total.minor, attempts).map_err(Fault::unexpected)?;
    page(&StatementPage { frame: frame(&service), next, ..filled })
}

/// GET /till/settlements/{id}/statement.csv
pub(crate) async fn download(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let found = of_merchant(&service, merchant, &id).await?;
    Ok(no_store(sheet(&service, &found).await?).into_response())
}

fn fill(
    found: &Settlement,
    lines: Vec<StatementLine>,
    lines_minor: i64,
    attempts: Vec<Attempt>,
) -> anyhow::Result<StatementPage> {
    let lines = lines.into_iter().map(|row| Line::new(row, &found.currency));
    Ok(StatementPage {
        frame: Frame::default(),
        id: found.id,
        when: when(found.created_at),
        state: words(found.state),
        total: found.total()?.to_string(),
        lines_total: money(lines_minor, &found.currency)?.to_string(),
        count: found.lines_count,
        lines: lines.collect::<anyhow::Result<_>>()?,
        next: None,
        attempts: attempts.into_iter().map(Try::new).collect(),
    })
}

impl Line {
    fn new(row: StatementLine, currency: &str) -> anyhow::Result<Self> {
        Ok(Self {
            when: when(row.created_at),
            kind: match row.kind.as_str() {
                "redemption" => "redeemed",
                "reversal" => "taken back",
                _ => "came back",
            },
            external_id: row.external_id,
            redemption: row.redemption_id.map(RedemptionId),
            amount: money(row.amount_minor, currency)?.to_string(),
        })
    }
}

impl Try {
    fn new(row: Attempt) -> Self {
        Self {
            number: row.number,
            reference: row.provider_ref,
            provider_id: row.provider_id,
            state: words(row.state.of_settlement()),
            failure: row.failure_code,
            when: when(row.changed_at),
        }
    }
}
