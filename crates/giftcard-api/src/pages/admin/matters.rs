//! `/admin/alerts` and `/admin/transfers`: what a person has to look at.

use axum::{
    extract::{Path, State},
    response::Response,
};
use platform::pages::office::{Act, Cell, Entry, Table, Tables};
use uuid::Uuid;

use super::{
    super::{
        fault::{Fault, Form},
        frame,
    },
    Asked, Asking, Noted, Office, SHOWN, after, done, key, next, shown,
};
use crate::{
    actions::accept_transfer::accept_transfer,
    domain::refusal::Refusal,
    error::Error,
    service::{Service, Shared},
    store::{
        alert, time,
        unmatched::{self, Unmatched},
    },
};

const ALERTS: &str = "/admin/alerts";
const TRANSFERS: &str = "/admin/transfers";
/// The part of the administration that the transfers belong to.
const MONEY: &str = "/admin/money";

/// GET /admin/alerts
pub(in crate::pages) async fn alerts(
    _: Office,
    State(service): State<Shared>,
    query: Asking<Uuid>,
) -> Result<Response, Fault> {
    let after = after(query)?;
    let found = alert::open(service.db.read(), after, SHOWN).await?;
    let next = next(&found, ALERTS, |row| row.id.to_string());
    let rows = found.into_iter().map(|row| {
        vec![
            Cell::Text(row.kind.replace('_', " ")),
            Cell::Code(row.subject),
            Cell::Text(row.detail),
            Cell::Time(time(row.raised_at)),
        ]
    });
    let table = Table {
        name: "Alerts",
        columns: vec!["What", "About", "In detail", "Since"],
        rows: rows.collect(),
        empty: "Nothing has to be looked at.",
        next,
    };
    let page = Tables::new(frame(&service), ALERTS, "Alerts")
        .lead("An alert goes away by itself once what raised it is over.");
    shown(&page.table(table))
}

/// GET /admin/transfers
pub(in crate::pages) async fn transfers(
    _: Office,
    State(service): State<Shared>,
    query: Asking<String>,
) -> Result<Response, Fault> {
    let after = after(query)?;
    let found = unmatched::open(service.db.read(), after, SHOWN).await?;
    let next = next(&found, TRANSFERS, |row| in_path(&row.provider_id));
    let rows = found.into_iter().map(row).collect::<anyhow::Result<_>>();
    let table = Table {
        name: "Transfers",
        columns: vec![
            "With the provider",
            "Reference",
            "Merchant",
            "Amount",
            "Why",
            "Found",
            "Came back",
            "Action",
        ],
        rows: rows.map_err(Fault::unexpected)?,
        empty: "Every transfer is explained.",
        next,
    };
    let page = Tables::new(frame(&service), MONEY, "Transfers to merchants that nothing explains")
        .link(MONEY, "Money");
    shown(&page.table(table))
}

fn row(row: Unmatched) -> anyhow::Result<Vec<Cell>> {
    let dash = || Cell::maybe(None::<String>);
    let place = format!("{TRANSFERS}/{}/accept", in_path(&row.provider_id));
    Ok(vec![
        Cell::Code(row.provider_id.clone()),
        Cell::Code(row.provider_ref.clone()),
        row.merchant_id.map_or_else(dash, |id| Cell::Code(id.to_string())),
        Cell::Number(row.amount()?.to_string()),
        Cell::Text(row.reason),
        Cell::Time(time(row.found_at)),
        row.reversed_at.map_or_else(dash, |at| Cell::Time(time(at))),
        Cell::link(place, "Accept", row.provider_id),
    ])
}

/// GET /admin/transfers/{id}/accept
pub(in crate::pages) async fn ask_accept(
    Asked(office): Asked,
    State(service): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let unknown = || Fault::from(Error::from(Refusal::NotFound { what: "transfer" }));
    let found = unmatched::find(service.db.read(), &id).await?;
    found.ok_or_else(|| unknown().without_till())?;
    shown(&form(&service, &office, &id, ""))
}

/// POST /admin/transfers/{id}/accept
pub(in crate::pages) async fn accept(
    Asked(office): Asked,
    State(service): State<Shared>,
    Path(id): Path<String>,
    Form(Noted { csrf, form: of, note }): Form<Noted>,
) -> Result<Response, Fault> {
    office.check(&csrf)?;
    let key = key(of, &[b"accept_transfer", id.as_bytes(), note.as_bytes()]);
    let outcome = accept_transfer(&service, &id, &note, &key).await;
    done(outcome, TRANSFERS, || form(&service, &office, &id, &note))
}

fn form(service: &Service, office: &Office, id: &str, note: &str) -> Act {
    let action = format!("{TRANSFERS}/{}/accept", in_path(id));
    Act::new(frame(service), MONEY, "Accept this transfer?", action, &office.csrf)
        .lead(id.to_owned())
        .lead(
            "You have looked into it. If nothing else is unexplained, its merchant is paid again.",
        )
        .entry(Entry::note("note", note))
        .danger("Accept it")
        .back(TRANSFERS)
}

/// Somebody else's id as a part of a path.
fn in_path(id: &str) -> String {
    let mut path = String::new();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte.into()),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}
