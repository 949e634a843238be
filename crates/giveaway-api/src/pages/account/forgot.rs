//! `/forgot-password` and `/reset-password`

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use platform::http::ClientAddress;
use serde::Deserialize;

use super::{
    super::{frame::Token, limit::Admitted, problem::Failure, session::OpenForm},
    form::{Field, FormPage, notice},
};
use crate::{
    actions::account::reset_password::{forgot_password, look_at_reset, reset_password},
    error::Error,
    service::Service,
};

#[derive(Deserialize)]
pub(in crate::pages) struct Given {
    #[serde(default)]
    email: String,
}

#[derive(Deserialize)]
pub(in crate::pages) struct GivenNew {
    #[serde(default)]
    t: String,
    #[serde(default)]
    password: String,
}

/// `GET /forgot-password`
pub(in crate::pages) async fn ask(_: Admitted) -> Response {
    form("").answer()
}

/// `POST /forgot-password`. The answer is the same for an address without an account.
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    OpenForm(Given { email }): OpenForm<Given>,
) -> Result<Response, Failure> {
    match forgot_password(&service, client.network(), &email).await {
        Ok(()) => {
            let written = format!("If {} has an account, we have written to it.", email.trim());
            let lead = [
                written.as_str(),
                "The link in the mail works once, for an hour.",
                "No mail after a few minutes? Look into the spam folder, and check the address above.",
            ];
            Ok(notice("Check your mail", &lead, vec![("/sign-in".to_owned(), "Sign in")]))
        }
        Err(Error::Invalid(errors)) => Ok(form(&email).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

/// `GET /reset-password?t=…`
pub(in crate::pages) async fn ask_new(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Failure> {
    look_at_reset(&service, &token).await?;
    Ok(new_form(token).answer())
}

/// `POST /reset-password`
pub(in crate::pages) async fn set(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    OpenForm(GivenNew { t, password }): OpenForm<GivenNew>,
) -> Result<Response, Failure> {
    match reset_password(&service, client.network(), &t, &password).await {
        Ok(()) => {
            let lead = ["Your password is the new one, and every browser was signed out."];
            let links = vec![("/sign-in".to_owned(), "Sign in")];
            Ok(notice("Your password was changed", &lead, links))
        }
        Err(Error::Invalid(errors)) => Ok(new_form(t).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

fn form(email: &str) -> FormPage {
    let fields = vec![Field::email(email)];
    FormPage::new("Forgotten password", "/forgot-password", fields, "Send me a link")
        .lead("We write to your address with a link that lets you choose a new password.")
        .link("/sign-in", "Back to sign in")
}

fn new_form(token: String) -> FormPage {
    let fields = vec![Field::new_password("password")];
    FormPage::new("Choose a new password", "/reset-password", fields, "Set my password")
        .lead("Everybody who is signed in with your account is signed out by this.")
        .hidden("t", token)
}
