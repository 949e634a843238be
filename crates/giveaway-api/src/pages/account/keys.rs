//! `/account/keys`: keys of the API, made here and shown once.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use platform::http::FieldError;
use serde::Deserialize;

use super::{
    super::{
        frame::Frame,
        limit::Admitted,
        session::{HOME, Recent, SessionForm, SignedIn, Turned},
        wording::sentence,
    },
    form::account_page,
};
use crate::{
    actions::account::manage_keys::{DAYS, NewKey, make_key, owners, possible_scopes, revoke_key},
    domain::scope::Scope,
    error::Error,
    service::Service,
};

/// Days until a key ends, unless somebody chooses.
const DAYS_OFFERED: i64 = 90;

#[derive(Template)]
#[template(path = "account/keys.html")]
struct KeysPage {
    frame: Frame,
    csrf: String,
    name: String,
    scopes: Vec<ScopeRow>,
    lasts: Vec<Lasts>,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "account/key.html")]
struct KeyPage {
    frame: Frame,
    name: String,
    token: String,
}

struct ScopeRow {
    name: &'static str,
    meaning: &'static str,
    is_chosen: bool,
}

struct Lasts {
    value: String,
    text: String,
    is_chosen: bool,
}

/// A form with several fields of one name is read as pairs.
pub(in crate::pages) type Pairs = Vec<(String, String)>;

#[derive(Default)]
struct Given {
    name: String,
    scopes: BTreeSet<Scope>,
    days: Option<i64>,
    is_wrong: bool,
}

impl KeysPage {
    fn error(&self, field: &str) -> Option<&str> {
        let found = self.errors.iter().find(|(of, _)| of == field);
        found.map(|(_, reason)| reason.as_str())
    }

    fn is_first_wrong(&self, field: &str) -> bool {
        self.errors.first().is_some_and(|(of, _)| of == field)
    }
}

/// `GET /account/keys`
pub(in crate::pages) async fn ask(known: SignedIn, _: Recent) -> Result<Response, Turned> {
    form(known, Given { days: Some(DAYS_OFFERED), ..Given::default() }, &[])
}

/// `POST /account/keys`
pub(in crate::pages) async fn make(
    _: Admitted,
    State(service): State<Arc<Service>>,
    known: SignedIn,
    _: Recent,
    SessionForm(pairs): SessionForm<Pairs>,
) -> Result<Response, Turned> {
    let given = read(pairs);
    if given.is_wrong {
        return form(known, given, &[FieldError::new("/scopes", "must be some of those offered")]);
    }
    let new = NewKey { name: &given.name, scopes: given.scopes.clone(), days: given.days };
    match make_key(&service, known.account, &known.roles, &new).await {
        Ok(made) => {
            let page = KeyPage { frame: Frame::default(), name: made.view.name, token: made.token };
            Ok(account_page(StatusCode::OK, &page))
        }
        Err(Error::Invalid(errors)) => form(known, given, &errors),
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
pub(in crate::pages) struct Which {
    #[serde(default)]
    id: String,
}

/// `POST /account/keys/revoke`
pub(in crate::pages) async fn revoke(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    SessionForm(Which { id }): SessionForm<Which>,
) -> Result<Response, Turned> {
    let id = id.parse().map_err(|_| Error::NotFound("key"))?;
    let owners = owners(known.account, &known.roles);
    revoke_key(&service, Some(known.account), &owners, id).await?;
    Ok(Redirect::to(HOME).into_response())
}

fn read(pairs: Pairs) -> Given {
    let mut given = Given::default();
    for (field, value) in pairs {
        match field.as_str() {
            "name" => given.name = value,
            "scopes" => match Scope::named(&value) {
                Some(scope) => {
                    given.scopes.insert(scope);
                }
                None => given.is_wrong = true,
            },
            "days" => {
                given.days = if value == "never" { None } else { Some(value.parse().unwrap_or(0)) }
            }
            _ => {}
        }
    }
    given
}

fn form(known: SignedIn, given: Given, errors: &[FieldError]) -> Result<Response, Turned> {
    let possible = possible_scopes(&known.roles);
    if possible.is_empty() {
        return Err(Error::NotFound("page for this account").into());
    }
    let scopes = possible.into_iter().map(|scope| ScopeRow {
        name: scope.as_str(),
        meaning: scope.meaning(),
        is_chosen: given.scopes.contains(&scope),
    });
    let lasts = DAYS.into_iter().map(Some).chain([None]).map(|days| Lasts {
        value: days.map_or_else(|| "never".to_owned(), |days| days.to_string()),
        text: days.map_or_else(|| "Never".to_owned(), |days| format!("After {days} days")),
        is_chosen: days == given.days,
    });
    let errors: Vec<(String, String)> = errors
        .iter()
        .map(|error| (error.pointer.trim_start_matches('/').to_owned(), sentence(&error.detail)))
        .collect();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = KeysPage {
        frame: Frame::default(),
        csrf: known.form_token,
        scopes: scopes.collect(),
        lasts: lasts.collect(),
        name: given.name,
        errors,
    };
    Ok(account_page(status, &page))
}
