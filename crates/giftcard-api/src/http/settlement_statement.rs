//! GET /settlements/{id}/statement, and the same as a file: what a settlement consists of and what became
//! of its transfer, to check against the till's own books.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use ledger::Money;
use platform::{
    document::PageQuery,
    http::{Cell, Json, Problem, Sheet},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Handled, auth::MerchantAuth, id, list::List, no_store};
use crate::{
    domain::{
        ids::{AuthorisationId, CardId, MerchantId, RedemptionId, SettlementId},
        settlement::AttemptState,
    },
    error::Error,
    service::{Service, Shared},
    store::{
        attempt::{self, Attempt},
        line, money,
        settlement::{self, Settlement},
        statement::{self, StatementLine},
    },
    views::{Page, SettlementView, rfc3339},
};

/// Lines read at once for a file.
const BATCH: u64 = 500;

/// Lines in one file: more than a spreadsheet is opened for, and few enough for memory.
const LINES_MAX: usize = 100_000;

const HEADER: [&str; 11] = [
    "kind",
    "id",
    "at",
    "external_id",
    "redemption_id",
    "authorisation_id",
    "card_id",
    "state",
    "provider_id",
    "amount_minor",
    "currency",
];

/// A settlement, line by line.
#[derive(Serialize, ToSchema)]
#[schema(as = SettlementStatement)]
struct Shown {
    #[serde(flatten)]
    settlement: SettlementView,
    /// What its lines come to now: the total, or nothing once they were set free.
    lines_total: Money,
    /// Each attempt to pay it.
    attempts: Vec<AttemptView>,
    /// A page of its lines.
    lines: Page<LineView>,
}

/// An attempt to pay a settlement.
#[derive(Serialize, ToSchema)]
struct AttemptView {
    /// From 1 on.
    number: i32,
    /// The reference that the provider was given.
    provider_ref: String,
    /// Where it stands.
    state: AttemptState,
    /// How much.
    amount: Money,
    /// The provider's own name for the transfer, once it showed one.
    provider_id: Option<String>,
    /// Why it failed.
    failure_code: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its state changed last.
    #[schema(format = DateTime)]
    changed_at: String,
}

/// A line of a statement.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementLine)]
struct LineView {
    /// Its number.
    id: Uuid,
    /// What it stands for: `redemption`, `reversal` or `adjustment`.
    kind: String,
    /// What it comes to.
    amount: Money,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The till's own name for it.
    external_id: Option<String>,
    /// The redemption, of which a reversal is too.
    redemption_id: Option<RedemptionId>,
    /// The authorisation that was captured.
    authorisation_id: Option<AuthorisationId>,
    /// The card.
    card_id: Option<CardId>,
}

/// Shows what a settlement consists of, and what became of its transfer.
///
/// Each line with the till's own name for it, to check against its books.
#[utoipa::path(
    get, path = "/settlements/{id}/statement", tag = "Settlements", operation_id = "showSettlementStatement",
    security(("merchant" = [])),
    params(("id" = SettlementId, Path, description = "The settlement"), PageQuery),
    responses(
        (status = 200, description = "A page of the statement", body = Shown),
    )
)]
pub(crate) async fn show(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(settlement): Path<String>,
    list: List,
) -> Handled<impl IntoResponse> {
    let found = of_merchant(&service, merchant, &settlement).await?;
    let conn = service.db.read();
    let lines = statement::lines(conn, found.id, list.after()?, list.limit + 1)
        .await
        .map_err(Error::from)?;
    let currency = found.currency.clone();
    let view = |row: StatementLine| Ok(LineView::new(row, &currency)?);
    let lines = Page::of(lines, list.limit, |row| row.id.to_string(), view)?;
    let total = line::total_of(conn, found.id).await.map_err(Error::from)?;
    let lines_total = money(total.minor, &found.currency).map_err(Problem::unexpected)?;
    let attempts = attempt::of_settlement(conn, found.id).await.map_err(Error::from)?;
    let attempts = attempts
        .into_iter()
        .map(AttemptView::new)
        .collect::<anyhow::Result<_>>()
        .map_err(Problem::unexpected)?;
    let settlement = SettlementView::new(found)?;
    Ok(no_store(Json(Shown { settlement, lines_total, attempts, lines })))
}

/// Downloads what a settlement consists of.
///
/// All of it as one file, at most 100,000 lines; never a part of it.
#[utoipa::path(
    get, path = "/settlements/{id}/statement.csv", tag = "Settlements", operation_id = "downloadSettlementStatement",
    security(("merchant" = [])),
    params(("id" = SettlementId, Path, description = "The settlement")),
    responses(
        (status = 200, description = "The statement", body = String, content_type = "text/csv"),
        (status = 409, description = "`statement_too_long`: read it page by page"),
    )
)]
pub(crate) async fn download(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(settlement): Path<String>,
) -> Handled<impl IntoResponse> {
    let found = of_merchant(&service, merchant, &settlement).await?;
    Ok(no_store(sheet(&service, &found).await?))
}

/// All lines and attempts, or an error; never a part of them.
pub(crate) async fn sheet(service: &Service, found: &Settlement) -> Handled<Sheet> {
    let conn = service.db.read();
    let mut sheet = Sheet::new(&found.id.to_string(), &HEADER).map_err(Problem::unexpected)?;
    let (mut after, mut total_minor, mut count) = (None, 0_i64, 0);
    loop {
        let batch = statement::lines(conn, found.id, after, BATCH).await.map_err(Error::from)?;
        count += batch.len();
        if count > LINES_MAX {
            let detail = format!(
                "the settlement has more than {LINES_MAX} lines; read the pages of its statement"
            );
            return Err(Problem::conflict("statement_too_long", detail));
        }
        let Some(last) = batch.last() else { break };
        after = Some(last.id);
        for row in batch {
            total_minor = total_minor
                .checked_add(row.amount_minor)
                .ok_or_else(|| Problem::unexpected(anyhow::anyhow!("{}: its lines", found.id)))?;
            sheet.row(line_cells(row, &found.currency)).map_err(Problem::unexpected)?;
        }
    }
    sheet.row(total_cells(found, total_minor)).map_err(Problem::unexpected)?;
    for attempt in attempt::of_settlement(conn, found.id).await.map_err(Error::from)? {
        sheet.row(attempt_cells(attempt)).map_err(Problem::unexpected)?;
    }
    Ok(sheet)
}

pub(crate) async fn of_merchant(
    service: &Service,
    merchant: MerchantId,
    settlement: &str,
) -> Handled<Settlement> {
    settlement::find(service.db.read(), id(settlement, "settlement")?)
        .await
        .map_err(Error::from)?
        .filter(|found| found.merchant_id == merchant)
        .ok_or_else(|| Problem::not_found("there is no such settlement"))
}

impl LineView {
    fn new(row: StatementLine, currency: &str) -> anyhow::Result<Self> {
        Ok(Self {
            id: row.id,
            kind: row.kind,
            amount: money(row.amount_minor, currency)?,
            at: rfc3339(row.created_at),
            external_id: row.external_id,
            redemption_id: row.redemption_id.map(RedemptionId),
            authorisation_id: row.authorisation_id.map(AuthorisationId),
            card_id: row.card_id.map(CardId),
        })
    }
}

impl AttemptView {
    fn new(attempt: Attempt) -> anyhow::Result<Self> {
        Ok(Self {
            number: attempt.number,
            state: attempt.state,
            amount: money(attempt.amount_minor, &attempt.currency)?,
            provider_ref: attempt.provider_ref,
            provider_id: attempt.provider_id,
            failure_code: attempt.failure_code,
            created_at: rfc3339(attempt.created_at),
            changed_at: rfc3339(attempt.changed_at),
        })
    }
}

fn text(text: Option<String>) -> Cell {
    text.map_or(Cell::Empty, Cell::Text)
}

fn line_cells(row: StatementLine, currency: &str) -> [Cell; 11] {
    [
        Cell::Text(row.kind),
        Cell::Text(row.id.to_string()),
        Cell::Text(rfc3339(row.created_at)),
        text(row.external_id),
        text(row.redemption_id.map(|id| RedemptionId(id).to_string())),
        text(row.authorisation_id.map(|id| AuthorisationId(id).to_string())),
        text(row.card_id.map(|id| CardId(id).to_string())),
        Cell::Empty,
        Cell::Empty,
        Cell::Number(row.amount_minor),
        Cell::Text(currency.to_owned()),
    ]
}

fn total_cells(settlement: &Settlement, total_minor: i64) -> [Cell; 11] {
    [
        Cell::Text("total".to_owned()),
        Cell::Text(settlement.id.to_string()),
        Cell::Text(rfc3339(settlement.created_at)),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Text(settlement.state.to_string()),
        Cell::Empty,
        Cell::Number(total_minor),
        Cell::Text(settlement.currency.clone()),
    ]
}

/// An attempt moves the total; its row has no amount, so that nobody adds it up once more.
fn attempt_cells(attempt: Attempt) -> [Cell; 11] {
    [
        Cell::Text("attempt".to_owned()),
        Cell::Text(attempt.provider_ref),
        Cell::Text(rfc3339(attempt.changed_at)),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Text(attempt.state.to_string()),
        text(attempt.provider_id),
        Cell::Empty,
        Cell::Text(attempt.currency),
    ]
}
