//! `/admin/settlements`: what merchants are paid, and what became of each attempt.

use axum::{
    extract::{Path, State},
    response::Response,
};
use platform::pages::office::{Act, Cell, Entry, Table, Tables};

use super::{
    super::{
        fault::{Fault, Form},
        frame,
    },
    Asked, Asking, Noted, Office, SHOWN, after, done, key, next, parse, shown,
};
use crate::{
    actions::{cancel_settlement::cancel_settlement, resolve_attempt::resolve_attempt},
    domain::refusal::Refusal,
    domain::{
        ids::SettlementId,
        settlement::{AttemptState, SettlementState},
    },
    error::{Error, Result as Done},
    service::{Service, Shared},
    store::{
        attempt::{self, Attempt},
        money,
        settlement::{self, Settlement},
        time,
    },
};

const AT: &str = "/admin/settlements";

/// GET /admin/settlements: on the first page those that failed come first.
pub(in crate::pages) async fn show(
    _: Office,
    State(service): State<Shared>,
    query: Asking<SettlementId>,
) -> Result<Response, Fault> {
    let after = after(query)?;
    let conn = service.db.read();
    let mut page = Tables::new(frame(&service), AT, "Settlements");
    if after.is_none() {
        let failed = settlement::failed(conn, SHOWN).await?;
        page = page.table(table("Failed", "None has failed.", failed, None)?);
    }
    let found = settlement::page(conn, None, after, SHOWN).await?;
    let next = next(&found, AT, |row| row.id.to_string());
    shown(&page.table(table("All", "None yet.", found, next)?))
}

fn table(
    name: &'static str,
    empty: &'static str,
    found: Vec<Settlement>,
    next: Option<String>,
) -> Result<Table, Fault> {
    let rows = found.into_iter().map(row).collect::<anyhow::Result<_>>();
    let columns = vec!["Number", "Merchant", "Total", "Lines", "State", "Requested", "Details"];
    Ok(Table { name, columns, rows: rows.map_err(Fault::unexpected)?, empty, next })
}

fn row(row: Settlement) -> anyhow::Result<Vec<Cell>> {
    Ok(vec![
        Cell::Code(row.id.to_string()),
        Cell::Code(row.merchant_id.to_string()),
        Cell::Number(row.total()?.to_string()),
        Cell::Number(row.lines_count.to_string()),
        Cell::Text(row.state.to_string()),
        Cell::Time(time(row.created_at)),
        Cell::link(format!("{AT}/{}", row.id), "Look", format!("at {}", row.id)),
    ])
}

/// GET /admin/settlements/{id}
pub(in crate::pages) async fn one(
    _: Office,
    State(service): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let found = known(&service, &id).await?;
    let attempts = attempt::of_settlement(service.db.read(), found.id).await?;
    let rows = attempts.into_iter().map(tried).collect::<anyhow::Result<_>>();
    let attempts = Table {
        name: "Attempts",
        columns: vec![
            "Number",
            "Reference",
            "With the provider",
            "Amount",
            "State",
            "Why",
            "Since",
            "Action",
        ],
        rows: rows.map_err(Fault::unexpected)?,
        empty: "None.",
        next: None,
    };
    let mut page = Tables::new(frame(&service), AT, "Settlement").link(AT, "All settlements");
    if found.state == SettlementState::Failed {
        page = page.link(format!("{AT}/{}/cancel", found.id), "Give it up");
    }
    shown(&page.table(table("About it", "", vec![found], None)?).table(attempts))
}

fn tried(row: Attempt) -> anyhow::Result<Vec<Cell>> {
    let is_live = AttemptState::LIVE.contains(&row.state);
    let act = if is_live {
        let place = format!("{AT}/attempts/{}/resolve", row.provider_ref);
        Cell::link(place, "Resolve", row.provider_ref.clone())
    } else {
        Cell::maybe(None::<String>)
    };
    Ok(vec![
        Cell::Number(row.number.to_string()),
        Cell::Code(row.provider_ref),
        Cell::maybe(row.provider_id),
        Cell::Number(money(row.amount_minor, &row.currency)?.to_string()),
        Cell::Text(row.state.to_string()),
        Cell::maybe(row.failure_code),
        Cell::Time(time(row.changed_at)),
        act,
    ])
}

async fn known(service: &Service, id: &str) -> Result<Settlement, Fault> {
    let found = settlement::find(service.db.read(), parse(id, "settlement")?).await?;
    let unknown = || Fault::from(Error::from(Refusal::NotFound { what: "settlement" }));
    found.ok_or_else(|| unknown().without_till())
}

/// GET /admin/settlements/{id}/cancel
pub(in crate::pages) async fn ask_cancel(
    Asked(office): Asked,
    State(service): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let found = known(&service, &id).await?;
    shown(&cancel_form(&service, &office, found.id, ""))
}

/// POST /admin/settlements/{id}/cancel
pub(in crate::pages) async fn cancel(
    Asked(office): Asked,
    State(service): State<Shared>,
    Path(id): Path<String>,
    Form(Noted { csrf, form, note }): Form<Noted>,
) -> Result<Response, Fault> {
    office.check(&csrf)?;
    let id: SettlementId = parse(&id, "settlement")?;
    let key = key(form, &[b"cancel_settlement", id.0.as_bytes(), note.as_bytes()]);
    let outcome = cancel_settlement(&service, id, &note, &key).await;
    done(outcome, &format!("{AT}/{id}"), || cancel_form(&service, &office, id, &note))
}

fn cancel_form(service: &Service, office: &Office, id: SettlementId, note: &str) -> Act {
    let action = format!("{AT}/{id}/cancel");
    Act::new(frame(service), AT, "Give this settlement up?", action, &office.csrf)
        .lead(id.to_string())
        .lead("Its lines are free for another settlement. One with an attempt that may still move money keeps them.")
        .entry(Entry::note("note", note))
        .danger("Give it up")
}

/// GET /admin/settlements/attempts/{reference}/resolve
pub(in crate::pages) async fn ask_resolve(
    Asked(office): Asked,
    State(service): State<Shared>,
    Path(reference): Path<String>,
) -> Result<Response, Fault> {
    attempted(&service, &reference).await.map_err(|error| Fault::from(error).without_till())?;
    shown(&resolve_form(&service, &office, &reference, ""))
}

/// POST /admin/settlements/attempts/{reference}/resolve
pub(in crate::pages) async fn resolve(
    Asked(office): Asked,
    State(service): State<Shared>,
    Path(reference): Path<String>,
    Form(Noted { csrf, form, note }): Form<Noted>,
) -> Result<Response, Fault> {
    office.check(&csrf)?;
    let key = key(form, &[b"resolve_attempt", reference.as_bytes(), note.as_bytes()]);
    let outcome = resolve_attempt(&service, &reference, &note, &key).await;
    done(outcome, AT, || resolve_form(&service, &office, &reference, &note))
}

async fn attempted(service: &Service, reference: &str) -> Done<Attempt> {
    let found = attempt::find(service.db.read(), reference).await?;
    Ok(found.ok_or(Refusal::NotFound { what: "attempt" })?)
}

fn resolve_form(service: &Service, office: &Office, reference: &str, note: &str) -> Act {
    let action = format!("{AT}/attempts/{reference}/resolve");
    Act::new(frame(service), AT, "Bring this attempt to an end?", action, &office.csrf)
        .lead(reference.to_owned())
        .lead("The provider is asked once more. What it shows is taken over. If it shows nothing and nothing may be sent any more, the attempt has failed.")
        .entry(Entry::note("note", note))
        .danger("Resolve it")
}
