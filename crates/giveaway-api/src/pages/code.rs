//! The code from the confirmation mail, typed on the page that asked to look for it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use platform::http::ClientAddress;
use serde::Deserialize;

use super::{
    confirm::receipt_page,
    enter::CheckMailPage,
    frame::{Fields, Keep, of, page},
    giveaway::named,
    limit::Admitted,
    problem::Failure,
    wording::sentence,
};
use crate::{
    actions::{confirm_by_code::confirm_by_code, present_giveaway::present_giveaway},
    error::Error,
    service::Service,
};

/// What somebody typed, for which address.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Typed {
    email: String,
    code: String,
}

/// `POST /g/{giveaway}/code`: verifies the address and shows the receipt, as the link does.
pub(super) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Path(giveaway): Path<String>,
    address: ClientAddress,
    Fields(Typed { email, code }): Fields<Typed>,
) -> Result<Response, Failure> {
    let id = named(&giveaway)?;
    match confirm_by_code(&service, id, &email, &code, address.network()).await {
        Ok(token) => receipt_page(&service, token).await,
        Err(Error::Invalid(errors)) => {
            let wrong = errors.first().map(|error| sentence(&error.detail));
            let title = present_giveaway(&service, id).await?.giveaway.title;
            let again = CheckMailPage {
                frame: of(&service),
                title,
                path: format!("/g/{id}"),
                address: email.trim().to_owned(),
                wrong,
            };
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, Keep::Nothing, &again))
        }
        Err(error) => Err(error.into()),
    }
}
