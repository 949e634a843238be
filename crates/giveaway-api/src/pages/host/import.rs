//! `/host/giveaways/{id}/import`: a host brings entries that were collected elsewhere.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    super::{
        frame::{self, Frame},
        session::{HostSession, SessionForm, SignedIn, Turned},
        wording::grouped,
    },
    Top, host_page,
    wrong::Wrongs,
};
use crate::{
    actions::{
        import_entries::{Imported, import_entries},
        show_giveaway::show_giveaway,
    },
    domain::import::COLUMNS,
    http::page::Id,
    ids::{GiveawayId, HostId},
    service::Service,
};

/// The largest form here: some ten thousand entrants, which browsers send as text in a form that is up to
/// three times as long. What is larger is sent by the API, which reads files as they come.
pub(super) const FORM_LIMIT_BYTES: usize = 6 * 1024 * 1024;

/// Rows that are told about one by one.
const TOLD: usize = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    csv: String,
}

#[derive(Template)]
#[template(path = "host/import.html")]
struct ImportPage {
    frame: Frame,
    top: Top,
    path: String,
    title: String,
    header: String,
    csv: String,
    done: Option<Done>,
    wrongs: Wrongs,
}

/// What an import did, in words.
struct Done {
    rows: String,
    new: String,
    newly_confirmed: String,
    repeated: String,
    skipped: String,
    reasons: Vec<(u64, String)>,
}

/// `GET /host/giveaways/{id}/import`
pub(in crate::pages) async fn ask(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    page(&service, host, known, id, String::new(), None, Wrongs::default()).await
}

/// `POST /host/giveaways/{id}/import`. The same file again enters nobody twice.
pub(in crate::pages) async fn submit(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    let file = std::io::Cursor::new(given.csv.clone().into_bytes());
    match import_entries(&service, host, id, file).await {
        Ok(imported) => {
            let done = Some(Done::from(imported));
            page(&service, host, known, id, String::new(), done, Wrongs::default()).await
        }
        Err(error) => {
            let wrongs = Wrongs::of(error, |_| "csv".to_owned())?;
            page(&service, host, known, id, given.csv, None, wrongs).await
        }
    }
}

async fn page(
    service: &Service,
    host: HostId,
    known: SignedIn,
    id: GiveawayId,
    csv: String,
    done: Option<Done>,
    wrongs: Wrongs,
) -> Result<Response, Turned> {
    let page = ImportPage {
        frame: frame::of(service),
        top: known.into(),
        path: format!("/host/giveaways/{id}"),
        title: show_giveaway(service, host, id).await?.draft.title,
        header: COLUMNS.join(","),
        csv,
        done,
        wrongs,
    };
    Ok(host_page(service, page.wrongs.status(), &page))
}

impl From<Imported> for Done {
    fn from(imported: Imported) -> Self {
        let Imported { report, persons_new, persons_newly_verified } = imported;
        let reasons = report.malformed.into_iter().take(TOLD).map(|row| (row.line, row.reason));
        Self {
            rows: grouped(report.rows),
            new: grouped(persons_new),
            newly_confirmed: grouped(persons_newly_verified),
            repeated: grouped(report.duplicates),
            skipped: grouped(report.malformed_count),
            reasons: reasons.collect(),
        }
    }
}
