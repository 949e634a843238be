//! `/account`: what somebody sees of their own account.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    super::{
        frame::Frame,
        session::{HOME, SIGN_IN, SessionForm, SignedIn, Turned, go_without},
        wording::Time,
    },
    form::account_page,
};
use crate::{
    actions::account::{
        manage_keys::KeyView,
        revoke_sessions::{revoke_all_sessions, revoke_session},
        show_account::{AccountView, show_account},
    },
    error::Error,
    service::Service,
};

#[derive(Template)]
#[template(path = "account/overview.html")]
struct Overview {
    frame: Frame,
    account: AccountView,
    csrf: String,
    is_host: bool,
    is_merchant: bool,
    is_admin: bool,
    sessions: Vec<SessionRow>,
    keys: Vec<KeyRow>,
    entries: Vec<EntryRow>,
}

struct SessionRow {
    id: String,
    since: Time,
    seen: Time,
    is_this: bool,
}

/// A key as a row of a table.
pub(super) struct KeyRow {
    id: String,
    name: String,
    scopes: String,
    used: String,
    ends: String,
}

struct EntryRow {
    at: Time,
    what: String,
    subject: String,
}

/// `GET /account`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    known: SignedIn,
) -> Result<Response, Turned> {
    let account = show_account(&service, known.account, &known.roles, known.session).await?;
    let sessions = account.sessions.iter().map(|session| SessionRow {
        id: session.id.to_string(),
        since: session.created_at.into(),
        seen: session.last_seen_at.into(),
        is_this: session.is_this,
    });
    let entries = account.entries.iter().map(|entry| EntryRow {
        at: entry.at.into(),
        what: entry.action.replace('_', " "),
        subject: entry.subject.clone(),
    });
    let page = Overview {
        frame: Frame::default(),
        csrf: known.form_token,
        is_host: known.roles.host.is_some(),
        is_merchant: known.roles.merchant.is_some(),
        is_admin: known.roles.is_admin,
        sessions: sessions.collect(),
        keys: account.keys.iter().map(KeyRow::from).collect(),
        entries: entries.collect(),
        account,
    };
    Ok(account_page(StatusCode::OK, &page))
}

#[derive(Deserialize)]
pub(in crate::pages) struct Which {
    #[serde(default)]
    id: String,
}

/// `POST /account/sessions/revoke`
pub(in crate::pages) async fn revoke(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    SessionForm(Which { id }): SessionForm<Which>,
) -> Result<Response, Turned> {
    let id = id.parse().map_err(|_| Error::NotFound("session"))?;
    revoke_session(&service, known.account, id).await?;
    if id == known.session {
        return Ok(go_without(&service, SIGN_IN));
    }
    Ok(Redirect::to(HOME).into_response())
}

#[derive(Deserialize)]
pub(in crate::pages) struct Nothing {}

/// `POST /account/sessions/revoke-all`
pub(in crate::pages) async fn revoke_all(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    revoke_all_sessions(&service, known.account).await?;
    Ok(go_without(&service, SIGN_IN))
}

impl From<&KeyView> for KeyRow {
    fn from(key: &KeyView) -> Self {
        let text = |time| Time::from(time).text;
        let scopes = key.scopes.as_ref().map_or_else(
            || "everything".to_owned(),
            |scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
        );
        let name = if key.name.is_empty() { "issued by the administrator" } else { &key.name };
        Self {
            id: key.id.to_string(),
            name: name.to_owned(),
            scopes,
            used: key
                .last_used_at
                .map_or_else(|| "never used".to_owned(), |at| format!("last used {}", text(at))),
            ends: key
                .expires_at
                .map_or_else(|| "does not end".to_owned(), |at| format!("ends {}", text(at))),
        }
    }
}
