//! `/sign-in` and `/sign-out`

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use platform::http::ClientAddress;
use serde::Deserialize;

use super::{
    super::{
        limit::Admitted,
        problem::Failure,
        session::{
            Before, OpenForm, SIGN_IN, SessionForm, SignedIn, Turned, Visitor, go_with, go_without,
            onwards, with_next,
        },
    },
    form::{Field, FormPage, notice},
};
use crate::{
    actions::account::sign_in::{CodeToken, Step, sign_in, sign_in_with_code, sign_out},
    error::Error,
    service::Service,
};

#[derive(Deserialize)]
pub(in crate::pages) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    email: String,
    password: String,
    next: String,
}

#[derive(Deserialize)]
pub(in crate::pages) struct GivenCode {
    #[serde(default)]
    t: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in?next=…`
pub(in crate::pages) async fn ask(
    _: Admitted,
    Visitor(known): Visitor,
    Query(Next { next }): Query<Next>,
) -> Response {
    match known {
        Some(_) => Redirect::to(onwards(&next)).into_response(),
        None => form(&Given { next, ..Given::default() }).answer(),
    }
}

/// `POST /sign-in`
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    Before(before): Before,
    OpenForm(given): OpenForm<Given>,
) -> Result<Response, Failure> {
    let from = client.network();
    match sign_in(&service, from, &given.email, &given.password, before.as_ref()).await {
        Ok(Step::Done(opened)) => Ok(go_with(&service, &opened, onwards(&given.next))),
        Ok(Step::Code(token)) => Ok(code_form(token.0, &given.next).answer()),
        Ok(Step::Unverified) => Ok(notice(
            "Confirm your address first",
            &[
                "We have written to you again: follow the link in the mail.",
                "No mail after a few minutes? Look into the spam folder.",
            ],
            Vec::new(),
        )),
        Err(Error::Invalid(errors)) => Ok(form(&given).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

/// `POST /sign-in/code`
pub(in crate::pages) async fn code(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    Before(before): Before,
    OpenForm(given): OpenForm<GivenCode>,
) -> Result<Response, Failure> {
    let GivenCode { t, code, next } = given;
    let token = CodeToken(t);
    match sign_in_with_code(&service, client.network(), &token, &code, before.as_ref()).await {
        Ok(opened) => Ok(go_with(&service, &opened, onwards(&next))),
        Err(Error::Invalid(errors)) => Ok(code_form(token.0, &next).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

/// `GET /sign-out`: asks, since following a link changes nothing.
pub(in crate::pages) async fn ask_out(known: SignedIn) -> Response {
    FormPage::new("Sign out", "/sign-out", Vec::new(), "Sign out")
        .lead(format!("You are signed in as {}.", known.name))
        .hidden("csrf", known.form_token)
        .answer()
}

#[derive(Deserialize)]
pub(in crate::pages) struct Nothing {}

/// `POST /sign-out`
pub(in crate::pages) async fn out(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    sign_out(&service, &known.hash).await?;
    Ok(go_without(&service, SIGN_IN))
}

fn form(given: &Given) -> FormPage {
    let fields = vec![Field::email(&given.email), Field::password()];
    FormPage::new("Sign in", "/sign-in", fields, "Sign in")
        .hidden("next", onwards(&given.next))
        .link("/forgot-password", "I have forgotten my password")
        .link("/register", "I have no account")
}

fn code_form(token: String, next: &str) -> FormPage {
    FormPage::new("Your second step", "/sign-in/code", vec![Field::code()], "Sign in")
        .hidden("t", token)
        .hidden("next", onwards(next))
        .link(with_next(SIGN_IN, onwards(next)), "Begin again")
}
