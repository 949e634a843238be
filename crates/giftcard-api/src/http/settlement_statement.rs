//! GET /settlements/{id}/statement.csv: a settlement's lines, to check against the till's own books.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::{
    clock::from_millis,
    http::{Cell, Problem, Sheet},
};

use super::{Handled, auth::MerchantAuth, id, no_store};
use crate::{
    domain::ids::CardId,
    error::Error,
    service::Shared,
    store::{settlement, statement},
};

/// Lines read at once.
const PAGE: u32 = 500;

/// Lines in one file: few enough for memory. A settlement that has more is read in pages.
const LINES_MAX: usize = 100_000;

pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(settlement): Path<String>,
) -> Handled<impl IntoResponse> {
    let conn = service.db.read();
    let found = settlement::find(conn, id(&settlement, "settlement")?)
        .await
        .map_err(Error::from)?
        .filter(|found| found.merchant_id == merchant)
        .ok_or_else(|| Problem::not_found("there is no such settlement"))?;
    let header = ["kind", "id", "at", "till_reference", "card_id", "amount_minor", "currency"];
    let mut sheet = Sheet::new(&found.id.to_string(), &header).map_err(Problem::unexpected)?;
    let (mut after, mut total, mut lines) = (None, 0_i64, 0);
    loop {
        let page = statement::lines(conn, found.id, after, PAGE).await.map_err(Error::from)?;
        let is_last = page.len() < PAGE as usize;
        lines += page.len();
        if lines > LINES_MAX {
            let detail = format!("the settlement has more than {LINES_MAX} lines; read its pages");
            return Err(Problem::conflict("statement_too_long", detail));
        }
        after = page.last().map(|line| line.id).or(after);
        for line in page {
            total = total.saturating_add(line.amount_minor);
            let card = line.card_id.map_or(Cell::Empty, |id| Cell::Text(CardId(id).to_string()));
            sheet
                .row([
                    Cell::Text(line.kind),
                    Cell::Text(line.id.to_string()),
                    Cell::Text(from_millis(line.created_at).to_string()),
                    line.external_id.map_or(Cell::Empty, Cell::Text),
                    card,
                    Cell::Number(line.amount_minor),
                    Cell::Text(found.currency.clone()),
                ])
                .map_err(Problem::unexpected)?;
        }
        if is_last {
            break;
        }
    }
    sheet
        .row([
            Cell::Text("total".to_owned()),
            Cell::Text(found.id.to_string()),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Number(total),
            Cell::Text(found.currency.clone()),
        ])
        .map_err(Problem::unexpected)?;
    Ok(no_store(sheet))
}
