//! `/account/password`

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    super::{
        limit::Admitted,
        session::{HOME, SessionForm, SignedIn, Turned, go_with},
    },
    form::{Field, FormPage},
};
use crate::{actions::account::change_password::change_password, error::Error, service::Service};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    password: String,
    new_password: String,
}

/// `GET /account/password`
pub(in crate::pages) async fn ask(known: SignedIn) -> Response {
    form(known).answer()
}

/// `POST /account/password`
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    known: SignedIn,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    let changed =
        change_password(&service, known.account, &given.password, &given.new_password).await;
    match changed {
        Ok(opened) => Ok(go_with(&service, &opened, HOME)),
        Err(Error::Invalid(errors)) => Ok(form(known).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

fn form(known: SignedIn) -> FormPage {
    let fields = vec![Field::password(), Field::new_password("new_password")];
    FormPage::new("Change your password", "/account/password", fields, "Change it")
        .lead("Every other browser is signed out by this.")
        .hidden("csrf", known.form_token)
        .link(HOME, "Back to your account")
}
