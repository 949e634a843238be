//! `/confirm-it-is-you`: before money moves, or a destination or a key changes.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    super::{
        limit::Admitted,
        session::{SessionForm, SignedIn, Turned, go_with, onwards},
    },
    form::{Field, FormPage},
};
use crate::{
    actions::account::{confirm_identity::confirm_identity, two_step::has_two_step},
    error::Error,
    service::Service,
};

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(in crate::pages) struct Given {
    password: String,
    code: String,
    next: String,
}

/// `GET /confirm-it-is-you?next=…`
pub(in crate::pages) async fn ask(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    Query(given): Query<Given>,
) -> Result<Response, Turned> {
    Ok(form(&service, &known, &given.next).await?.answer())
}

/// `POST /confirm-it-is-you`
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    known: SignedIn,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    let Given { password, code, next } = &given;
    match confirm_identity(&service, known.account, &known.hash, password, code).await {
        Ok(opened) => Ok(go_with(&service, &opened, onwards(next))),
        Err(Error::Invalid(errors)) => {
            Ok(form(&service, &known, next).await?.wrong(&errors).answer())
        }
        Err(error) => Err(error.into()),
    }
}

async fn form(service: &Service, known: &SignedIn, next: &str) -> Result<FormPage, Turned> {
    let mut fields = vec![Field::password()];
    if has_two_step(service, known.account).await? {
        fields.push(Field::code());
    }
    let page = FormPage::new("Confirm that it is you", "/confirm-it-is-you", fields, "Go on")
        .lead("What comes next moves money or changes who may. You are asked again after ten minutes.")
        .hidden("csrf", known.form_token.clone())
        .hidden("next", onwards(next));
    Ok(page)
}
