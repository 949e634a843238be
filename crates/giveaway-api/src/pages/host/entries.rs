//! `/host/giveaways/{id}/entries`: who has entered, to look at and as a file.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use draw::leaf::Reason;
use platform::http::{Cell, Problem, Sheet};
use serde::Deserialize;

use super::{
    super::{
        countries::name_of,
        frame::{self, Frame},
        session::{HostSession, SignedIn, Turned},
        wording::Time,
    },
    Top, host_page,
};
use crate::{
    actions::{
        list_entries::{EntryView, list_entries},
        show_giveaway::show_giveaway,
    },
    error::Error,
    http::page::Id,
    ids::{EntryId, GiveawayId},
    service::Service,
};

/// Entries on a page.
const SHOWN: usize = 50;

/// Entries read at once.
const BATCH: u64 = 500;

/// Entries looked at for one page, so that a filter that nobody passes ends.
const SCANNED_MAX: usize = 5_000;

/// Entries in one file: more than a spreadsheet is opened for, and few enough for memory.
const FILE_MAX: usize = 200_000;

const HEADER: [&str; 9] = [
    "entered_at",
    "email",
    "name",
    "country",
    "birth_year",
    "source",
    "referred_by",
    "verified_at",
    "takes_part",
];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Asked {
    after: String,
    show: String,
}

#[derive(Template)]
#[template(path = "host/entries.html")]
struct EntriesPage {
    frame: Frame,
    top: Top,
    path: String,
    title: String,
    filters: Vec<Filter>,
    show: &'static str,
    rows: Vec<Row>,
    next: Option<EntryId>,
}

struct Filter {
    name: &'static str,
    text: &'static str,
    is_chosen: bool,
}

struct Row {
    at: Time,
    email: String,
    name: String,
    country: String,
    source: &'static str,
    tone: &'static str,
    state: &'static str,
}

/// The filters: their names in the address, and on the page.
const FILTERS: [(&str, &str); 4] =
    [("all", "All"), ("part", "Can win"), ("open", "Not confirmed"), ("out", "Cannot win")];

fn passes(show: &str, reason: Reason) -> bool {
    match show {
        "part" => reason == Reason::None,
        "open" => reason == Reason::Unverified,
        "out" => !matches!(reason, Reason::None | Reason::Unverified),
        _ => true,
    }
}

/// `GET /host/giveaways/{id}/entries?show=&after=`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Turned> {
    let title = show_giveaway(&service, host, id).await?.draft.title;
    let known_filter = FILTERS.iter().find(|(name, _)| *name == asked.show);
    let show = known_filter.map_or("all", |(name, _)| name);
    let mut after = match asked.after.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::NotFound("page of entries"))?),
    };
    let (mut rows, mut scanned, mut next) = (Vec::new(), 0, None);
    'pages: loop {
        let entries = list_entries(&service, host, id, after, BATCH).await?;
        let is_last = (entries.len() as u64) < BATCH;
        for entry in entries {
            if rows.len() == SHOWN || scanned == SCANNED_MAX {
                next = after;
                break 'pages;
            }
            (after, scanned) = (Some(entry.id), scanned + 1);
            if passes(show, entry.reason) {
                rows.push(Row::from(entry));
            }
        }
        if is_last {
            break;
        }
    }
    let filter = |(name, text)| Filter { name, text, is_chosen: name == show };
    let page = EntriesPage {
        frame: frame::of(&service),
        top: known.into(),
        path: format!("/host/giveaways/{id}"),
        title,
        filters: FILTERS.into_iter().map(filter).collect(),
        show,
        rows,
        next,
    };
    Ok(host_page(&service, StatusCode::OK, &page))
}

/// `GET /host/giveaways/{id}/entries.csv`: all of them, or an error; never a part.
pub(in crate::pages) async fn download(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    let mut sheet = Sheet::new(&format!("entries-{id}"), &HEADER).map_err(Problem::unexpected)?;
    let (mut after, mut written) = (None, 0);
    loop {
        let entries = list_entries(&service, host, id, after, BATCH).await?;
        let is_last = (entries.len() as u64) < BATCH;
        written += entries.len();
        if written > FILE_MAX {
            let message = format!("there are more than {FILE_MAX} entries; read them by the API");
            return Err(Error::state("too_many_entries", message).into());
        }
        after = entries.last().map(|entry| entry.id);
        for entry in entries {
            sheet.row(cells(entry)).map_err(Problem::unexpected)?;
        }
        if is_last {
            return Ok(sheet.into_response());
        }
    }
}

fn cells(entry: EntryView) -> [Cell; 9] {
    let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::Text);
    let takes_part = match entry.reason {
        Reason::None => "yes".to_owned(),
        reason => reason.to_string(),
    };
    [
        Cell::Text(entry.created_at.to_string()),
        text(entry.email),
        text(entry.name),
        text(entry.country),
        entry.birth_year.map_or(Cell::Empty, |year| Cell::Number(year.into())),
        Cell::Text(entry.source),
        text(entry.referred_by),
        text(entry.verified_at.map(|at| at.to_string())),
        Cell::Text(takes_part),
    ]
}

impl From<EntryView> for Row {
    fn from(entry: EntryView) -> Self {
        let (tone, state) = match entry.reason {
            Reason::None => ("open", "Can win"),
            Reason::Unverified => ("wait", "Not confirmed"),
            Reason::BirthYear => ("over", "Too young, or no birth year"),
            Reason::Country => ("over", "Not from where people can win"),
            Reason::Disqualified => ("over", "Disqualified"),
        };
        Self {
            at: entry.created_at.into(),
            email: entry.email.unwrap_or_else(|| "erased".to_owned()),
            name: entry.name.unwrap_or_default(),
            country: entry.country.map(|code| name_of(&code).to_owned()).unwrap_or_default(),
            source: if entry.source == "import" { "Brought by you" } else { "Public page" },
            tone,
            state,
        }
    }
}
