//! `/admin/people`: who can sign in.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use platform::{
    clock::from_millis,
    pages::office::{Act, Cell, Entry, Table, Tables},
};
use serde::Deserialize;

use super::{
    super::{
        frame,
        session::{Recent, SessionForm, Turned},
    },
    After, Nothing, Office, SHOWN, asked, done, next, parse, shown,
};
use crate::{
    actions::account::disable_account::disable_account,
    domain::address::Address,
    error::{Error, Result},
    ids::AccountId,
    service::Service,
    store::{account, account_role},
};

const AT: &str = "/admin/people";
const FIND: &str = "/admin/people/find";

/// `GET /admin/people`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
    query: Result<Query<After<AccountId>>, QueryRejection>,
) -> Result<Response, Turned> {
    let found =
        account::page(service.db.read(), asked(query)?.after, SHOWN).await.map_err(Error::from)?;
    let next = next(&found, AT, |row| row.account_id().to_string());
    let page = Tables::new(frame::of(&service), AT, "People")
        .link(FIND, "Find somebody by their address")
        .link("/account/invite", "Invite somebody");
    Ok(shown(&page.table(Table { next, ..table(&service, found).await? })))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    email: String,
}

/// `GET /admin/people/find`
pub(super) async fn ask_find(State(service): State<Arc<Service>>, office: Office) -> Response {
    shown(&find_form(&service, &office, ""))
}

/// `POST /admin/people/find`: a form, because an address has no place in the address of a page.
pub(super) async fn find(
    State(service): State<Arc<Service>>,
    office: Office,
    SessionForm(wanted): SessionForm<Wanted>,
) -> Result<Response, Turned> {
    let Ok(address) = Address::of(&wanted.email) else {
        let wrong = Err::<(), _>(Error::field("/address", "is none that could get mail"));
        return done(wrong, AT, || find_form(&service, &office, &wanted.email));
    };
    let found = account::of_person(service.db.read(), address.canonical.as_str())
        .await
        .map_err(Error::from)?;
    let found = found.into_iter().collect();
    let page = Tables::new(frame::of(&service), AT, "People").link(AT, "Everybody");
    Ok(shown(&page.table(table(&service, found).await?)))
}

fn find_form(service: &Service, office: &Office, email: &str) -> Act {
    Act::new(frame::of(service), AT, "Find somebody", FIND, &office.csrf)
        .entry(Entry::line("email", "Their email address", email).help("Exactly as it is."))
        .button("Find them")
}

/// `GET /admin/people/{id}/disable`
pub(super) async fn ask_disable(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    Ok(shown(&disable_form(&service, &office, parse(&id, "account")?).await?))
}

/// `POST /admin/people/{id}/disable`
pub(super) async fn disable(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    let id = parse(&id, "account")?;
    let form = disable_form(&service, &office, id).await?;
    done(disable_account(&service, Some(office.admin), id).await, AT, || form)
}

async fn disable_form(service: &Service, office: &Office, id: AccountId) -> Result<Act> {
    let found = account::find(service.db.read(), id).await?.ok_or(Error::NotFound("account"))?;
    let action = format!("/admin/people/{id}/disable");
    Ok(Act::new(frame::of(service), AT, "Disable this account?", action, &office.csrf)
        .lead(format!("{}, {}", found.name, found.mailbox))
        .lead("Its sessions end at once, and the keys that it made are revoked. Nobody signs in with it any more, and there is no way back.")
        .danger("Disable it"))
}

async fn table(service: &Service, found: Vec<account::Model>) -> Result<Table> {
    let ids = found.iter().map(account::Model::account_id).collect();
    let roles = account_role::of_many(service.db.read(), ids).await?;
    let rows = found.into_iter().map(|row| {
        let mut own: Vec<&str> = roles
            .iter()
            .filter(|role| role.account_id == row.id)
            .map(|role| role.role.as_str())
            .collect();
        own.sort_unstable();
        let id = row.account_id();
        let standing = match (row.disabled_at, row.verified_at) {
            (Some(_), _) => "disabled",
            (None, None) => "not verified",
            (None, Some(_)) => "active",
        };
        let act = match row.disabled_at {
            Some(_) => Cell::maybe(None::<String>),
            None => Cell::link(format!("/admin/people/{id}/disable"), "Disable", row.name.clone()),
        };
        vec![
            Cell::Text(row.name),
            Cell::Text(row.mailbox),
            Cell::Text(own.join(", ")),
            Cell::Text(standing.to_owned()),
            Cell::Time(from_millis(row.created_at)),
            act,
        ]
    });
    Ok(Table {
        name: "People",
        columns: vec!["Name", "Address", "May be", "State", "Since", "Action"],
        rows: rows.collect(),
        empty: "Nobody has an account like that.",
        next: None,
    })
}
