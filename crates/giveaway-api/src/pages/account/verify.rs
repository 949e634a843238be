//! `/verify-address`: the link in the mail to a new account.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use platform::http::ClientAddress;
use serde::Deserialize;

use super::{
    super::{
        frame::Token,
        limit::Admitted,
        problem::Failure,
        session::{Before, LANDING, OpenForm, go_with},
    },
    form::{Field, FormPage},
};
use crate::{
    actions::account::verify_address::{look_at_verification, verify_address},
    error::Error,
    service::Service,
};

#[derive(Deserialize)]
pub(in crate::pages) struct Given {
    #[serde(default)]
    t: String,
    #[serde(default)]
    password: String,
}

/// `GET /verify-address?t=…`: asks. Mail programs that follow links on their own confirm nothing.
pub(in crate::pages) async fn ask(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Failure> {
    look_at_verification(&service, &token).await?;
    Ok(form(token).answer())
}

/// `POST /verify-address`: the address is proven, and the person signed in.
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    Before(before): Before,
    OpenForm(given): OpenForm<Given>,
) -> Result<Response, Failure> {
    let Given { t, password } = given;
    let from = client.network();
    match verify_address(&service, from, &t, &password, before.as_ref()).await {
        Ok(opened) => Ok(go_with(&service, &opened, LANDING)),
        Err(Error::Invalid(errors)) => Ok(form(t).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

fn form(token: String) -> FormPage {
    let fields = vec![Field::password()];
    FormPage::new("Confirm your address", "/verify-address", fields, "Confirm and sign in")
        .lead("Please type the password that you chose with this address.")
        .lead("If you chose none here, somebody else used your address: close this page, and nothing happens.")
        .hidden("t", token)
}
