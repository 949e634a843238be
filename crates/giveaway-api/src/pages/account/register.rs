//! `/register`

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use platform::http::ClientAddress;
use serde::Deserialize;

use super::{
    super::{
        limit::Admitted,
        problem::Failure,
        session::{LANDING, OpenForm, Visitor},
    },
    form::{Field, FormPage, notice},
};
use crate::{
    actions::account::register::{Registration, register},
    error::Error,
    service::Service,
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    name: String,
    email: String,
    password: String,
}

/// `GET /register`
pub(in crate::pages) async fn ask(_: Admitted, Visitor(known): Visitor) -> Response {
    match known {
        Some(_) => Redirect::to(LANDING).into_response(),
        None => form(&Given::default()).answer(),
    }
}

/// `POST /register`. The answer is the same for an address that has an account.
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    OpenForm(given): OpenForm<Given>,
) -> Result<Response, Failure> {
    let Given { name, email, password } = &given;
    match register(&service, client.network(), &Registration { name, email, password }).await {
        Ok(()) => {
            let written = format!("We have written to {}.", email.trim());
            let lead = [
                written.as_str(),
                "Follow the link in the mail to confirm the address. It works for a day.",
                "No mail after a few minutes? Look into the spam folder, and check the address above.",
            ];
            Ok(notice("Check your mail", &lead, vec![("/sign-in".to_owned(), "Sign in")]))
        }
        Err(Error::Invalid(errors)) => Ok(form(&given).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

fn form(given: &Given) -> FormPage {
    let fields =
        vec![Field::name(&given.name), Field::email(&given.email), Field::new_password("password")];
    FormPage::new("Make an account", "/register", fields, "Make an account")
        .lead("With an account you run giveaways. Who only wants to enter one needs none.")
        .link("/sign-in", "I have an account")
}
