//! `/admin/calls`: calls between the applications, and those that died. Never what a call carries.

use std::{sync::Arc, time::SystemTime};

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use durable_grpc::{
    CallId, DeadLetterFilter, StoreError,
    store::{CallState, CallView},
};
use jiff::Timestamp;
use platform::pages::office::{Act, Cell, Table, Tables};
use serde::Deserialize;

use super::{
    super::{
        frame,
        session::{Recent, SessionForm, Turned},
    },
    Nothing, Office, SHOWN, asked, done, next, parse, shown,
};
use crate::{
    error::{Error, Result},
    service::Service,
};

const AT: &str = "/admin/calls";

/// How the lanes stand, and how many dead letters all of them have.
pub(super) struct Lanes {
    pub(super) table: Table,
    pub(super) dead: u64,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    after: Option<String>,
}

/// `GET /admin/calls`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Turned> {
    let after = asked(query)?.after.map(|after| parse(&after, "page")).transpose()?;
    let limit = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    let filter = DeadLetterFilter { lane: None, after, limit };
    let found = service.calls.dead_letters(filter).await.map_err(unexpected)?;
    let next = next(&found, AT, |letter| letter.call.id.to_string());
    let rows = found.iter().map(|letter| {
        let id = letter.call.id;
        let links = [("", "Look"), ("/replay", "Replay"), ("/discard", "Discard")];
        let links = links.map(|(way, text)| (format!("{AT}/{id}{way}"), text));
        vec![
            Cell::Text(letter.call.lane.to_string()),
            Cell::Text(letter.call.method.to_string()),
            Cell::Text(why(&letter.call)),
            Cell::Number(letter.call.attempts.to_string()),
            Cell::Time(time(letter.died_at)),
            Cell::Links(links.into(), id.to_string()),
        ]
    });
    let letters = Table {
        name: "Dead letters",
        columns: vec!["Lane", "Method", "Why", "Attempts", "Died", "Actions"],
        rows: rows.collect(),
        empty: "No call has died.",
        next,
    };
    let page = Tables::new(frame::of(&service), AT, "Calls");
    Ok(shown(&page.table(letters).table(lanes(&service).await?.table)))
}

/// How the lanes stand.
pub(super) async fn lanes(service: &Service) -> Result<Lanes> {
    let mut stats = service.calls.stats().await.map_err(unexpected)?;
    stats.sort_by(|one, other| one.lane.cmp(&other.lane));
    let number = |number: u64| Cell::Number(number.to_string());
    let dead = stats.iter().map(|lane| lane.dead).sum();
    let rows = stats.into_iter().map(|lane| {
        let oldest = lane.oldest_ready.map(|oldest| format!("{} s", oldest.as_secs()));
        vec![
            Cell::Text(lane.lane),
            number(lane.ready),
            number(lane.later),
            number(lane.running),
            number(lane.dead),
            Cell::maybe(oldest),
            number(lane.answered),
            number(lane.expired),
        ]
    });
    let table = Table {
        name: "Lanes",
        columns: vec![
            "Lane",
            "Due",
            "Later",
            "Running",
            "Dead",
            "Longest due",
            "Answered",
            "Expired",
        ],
        rows: rows.collect(),
        empty: "No call was made yet.",
        next: None,
    };
    Ok(Lanes { table, dead })
}

/// `GET /admin/calls/{id}`
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    _: Office,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    let call = known(&service, parse(&id, "call")?).await?;
    let fact = |name: &str, value: Cell| vec![Cell::Text(name.to_owned()), value];
    let rows = vec![
        fact("Number", Cell::Code(call.id.to_string())),
        fact("Lane", Cell::Text(call.lane.to_string())),
        fact("Method", Cell::Text(call.method.to_string())),
        fact(
            "Key",
            call.key
                .as_deref()
                .map_or_else(|| Cell::maybe(None::<String>), |key| Cell::Code(key.to_owned())),
        ),
        fact("State", Cell::Text(state(&call).to_owned())),
        fact("Why", Cell::Text(why(&call))),
        fact("May have been executed", Cell::Text(may_have(&call).to_owned())),
        fact("Attempts", Cell::Number(call.attempts.to_string())),
        fact("Lost with their worker", Cell::Number(call.lost.to_string())),
        fact("Submitted", Cell::Time(time(call.submitted_at))),
    ];
    let table =
        Table { name: "About it", columns: vec!["What", "Value"], rows, empty: "", next: None };
    let page = Tables::new(frame::of(&service), AT, "Call").link(AT, "All dead letters");
    Ok(shown(&page.table(table)))
}

/// `GET /admin/calls/{id}/replay`
pub(super) async fn ask_replay(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    let call = known(&service, parse(&id, "call")?).await?;
    Ok(shown(&replay_form(&service, &office, &call)))
}

/// `POST /admin/calls/{id}/replay`
pub(super) async fn replay(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    let call = known(&service, parse(&id, "call")?).await?;
    let outcome = service.calls.replay(call.id).await.map_err(unexpected)?;
    if outcome {
        tracing::info!(call = %call.id, by = %office.admin, "the administrator replayed a dead letter");
    }
    done(was_dead(outcome), AT, || replay_form(&service, &office, &call))
}

/// `GET /admin/calls/{id}/discard`
pub(super) async fn ask_discard(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    let call = known(&service, parse(&id, "call")?).await?;
    Ok(shown(&discard_form(&service, &office, &call)))
}

/// `POST /admin/calls/{id}/discard`
pub(super) async fn discard(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    let call = known(&service, parse(&id, "call")?).await?;
    let outcome = service.calls.discard(call.id).await.map_err(unexpected)?;
    if outcome {
        tracing::info!(call = %call.id, by = %office.admin, "the administrator discarded a dead letter");
    }
    done(was_dead(outcome), AT, || discard_form(&service, &office, &call))
}

async fn known(service: &Service, id: CallId) -> Result<CallView> {
    let found = service.calls.lookup(id).await.map_err(unexpected)?;
    found.ok_or(Error::NotFound("call, or no longer"))
}

fn was_dead(was: bool) -> Result<()> {
    if was { Ok(()) } else { Err(Error::state("not_a_dead_letter", "the call is no dead letter")) }
}

fn replay_form(service: &Service, office: &Office, call: &CallView) -> Act {
    let action = format!("{AT}/{}/replay", call.id);
    Act::new(frame::of(service), AT, "Run this call again?", action, &office.csrf)
        .lead(format!("{} {}: {}", call.lane, call.method, why(call)))
        .lead("It runs under the same number and key, so that what was done is not done twice.")
        .button("Replay it")
}

fn discard_form(service: &Service, office: &Office, call: &CallView) -> Act {
    let action = format!("{AT}/{}/discard", call.id);
    Act::new(frame::of(service), AT, "End this call for good?", action, &office.csrf)
        .lead(format!("{} {}: {}", call.lane, call.method, why(call)))
        .lead("Whoever waits for its effect waits in vain.")
        .danger("Discard it")
}

fn state(call: &CallView) -> &'static str {
    match &call.state {
        CallState::Waiting => "waiting",
        CallState::Running => "running",
        CallState::Ended(ended) => ended.kind.name(),
    }
}

fn why(call: &CallView) -> String {
    match &call.state {
        CallState::Ended(ended) if !ended.reason.is_empty() => ended.reason.clone(),
        _ => "–".to_owned(),
    }
}

fn may_have(call: &CallView) -> &'static str {
    match &call.state {
        CallState::Ended(ended) if ended.may_have_executed => "yes",
        CallState::Ended(_) => "no",
        CallState::Waiting | CallState::Running => "not known yet",
    }
}

/// A time that the calendar has no room for is shown as its end.
fn time(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

fn unexpected(error: StoreError) -> Error {
    anyhow::Error::from(error).into()
}
