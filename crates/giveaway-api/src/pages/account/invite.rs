//! `/account/invite`: an administrator invites somebody.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;

use super::{
    super::{
        limit::Admitted,
        session::{AdminSession, HOME, Recent, SessionForm, SignedIn, Turned},
    },
    form::{Field, FormPage, notice},
};
use crate::{
    actions::account::invite::{NewInvitation, invite},
    error::Error,
    service::Service,
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    email: String,
    merchant_id: String,
}

/// `GET /account/invite?merchant_id=`
pub(in crate::pages) async fn ask(
    _: AdminSession,
    _: Recent,
    known: SignedIn,
    given: Result<Query<Given>, QueryRejection>,
) -> Response {
    let Query(given) = given.unwrap_or_default();
    // An address has no place in the address of a page.
    form(&known, &Given { email: String::new(), ..given }).answer()
}

/// `POST /account/invite`
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    AdminSession(admin): AdminSession,
    _: Recent,
    known: SignedIn,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    match read(&given) {
        Ok(new) => match invite(&service, Some(admin), &new).await {
            Ok(_) => {
                let written = format!("We have written to {}.", given.email.trim());
                let lead = [written.as_str(), "The link in the mail works once, for a week."];
                let links = vec![(HOME.to_owned(), "Back to your account")];
                Ok(notice("The invitation is on its way", &lead, links))
            }
            Err(Error::Invalid(errors)) => Ok(form(&known, &given).wrong(&errors).answer()),
            Err(error) => Err(error.into()),
        },
        Err(Error::Invalid(errors)) => Ok(form(&known, &given).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

fn read(given: &Given) -> Result<NewInvitation, Error> {
    let merchant = given.merchant_id.trim();
    let merchant_id = if merchant.is_empty() {
        None
    } else {
        let id = merchant.parse();
        Some(id.map_err(|_| Error::field("/merchant_id", "must begin with mer_, or be empty"))?)
    };
    Ok(NewInvitation { email: given.email.clone(), merchant_id })
}

fn form(known: &SignedIn, given: &Given) -> FormPage {
    let fields = vec![
        Field::somebodys_email(&given.email),
        Field::text(
            "merchant_id",
            "Merchant’s id (empty for an administrator)",
            &given.merchant_id,
        ),
    ];
    FormPage::new("Invite somebody", "/account/invite", fields, "Send the invitation")
        .lead("With a merchant’s id they stand at its till. Without one they look after this installation, as you do.")
        .hidden("csrf", known.form_token.clone())
        .link(HOME, "Back to your account")
}
