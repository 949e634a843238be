//! `/invitation`: somebody takes a role.

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
    actions::account::accept_invitation::{
        Acceptance, Offer, accept_invitation, look_at_invitation,
    },
    domain::role::Role,
    error::Error,
    service::Service,
};

/// Where merchants stand, at the other application.
const TILL: &str = "/till";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    t: String,
    email: String,
    name: String,
    password: String,
    code: String,
}

/// `GET /invitation?t=…`
pub(in crate::pages) async fn ask(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Failure> {
    let offer = look_at_invitation(&service, &token).await?;
    Ok(form(&offer, &Given { t: token, ..Given::default() }).answer())
}

/// `POST /invitation`
pub(in crate::pages) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    client: ClientAddress,
    Before(before): Before,
    OpenForm(given): OpenForm<Given>,
) -> Result<Response, Failure> {
    let offer = look_at_invitation(&service, &given.t).await?;
    let acceptance = Acceptance {
        token: &given.t,
        email: &given.email,
        name: &given.name,
        password: &given.password,
        code: &given.code,
    };
    match accept_invitation(&service, client.network(), &acceptance, before.as_ref()).await {
        Ok(opened) => {
            let place = if offer.role == Role::Merchant { TILL } else { LANDING };
            Ok(go_with(&service, &opened, place))
        }
        Err(Error::Invalid(errors)) => Ok(form(&offer, &given).wrong(&errors).answer()),
        Err(error) => Err(error.into()),
    }
}

fn form(offer: &Offer, given: &Given) -> FormPage {
    let mut fields = Vec::new();
    if offer.asks_address {
        fields.push(Field::email(&given.email));
    }
    if offer.has_account {
        fields.push(Field::password());
    } else {
        fields.push(Field::text("name", "Your name", &given.name));
        fields.push(Field::new_password("password"));
    }
    if offer.asks_code {
        fields.push(Field::code());
    }
    let lead = match offer.role {
        Role::Admin => "You are invited to look after this installation.",
        Role::Merchant => "You are invited to a merchant’s till.",
        Role::Host => "You are invited to run giveaways.",
    };
    let how = if offer.has_account {
        "Accept with the password of your account."
    } else if offer.asks_address {
        "Choose a password, or use the one of the account that you have."
    } else {
        "Choose a password to accept."
    };
    FormPage::new("You are invited", "/invitation", fields, "Accept")
        .lead(lead)
        .lead(how)
        .hidden("t", given.t.clone())
}
