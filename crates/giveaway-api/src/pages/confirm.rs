//! `/confirm`: the mailed link asks, a button confirms. Mail programs that look at links ahead of
//! their owners confirm nothing.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form, Query, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use super::{page, problem::problem};
use crate::{actions::confirm_entry::confirm_entry, service::Service};

/// What the link carries.
#[derive(Deserialize)]
pub(super) struct Token {
    t: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct Ask<'a> {
    token: &'a str,
}

#[derive(Template)]
#[template(path = "confirmed.html")]
struct Confirmed {
    giveaway_url: String,
    leaf: String,
    receipt: String,
}

/// `GET /confirm?t=…`
pub(super) async fn ask(Query(token): Query<Token>) -> Response {
    page(StatusCode::OK, &Ask { token: &token.t })
}

/// `POST /confirm`
pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    Form(token): Form<Token>,
) -> Response {
    match confirm_entry(&service, &token.t).await {
        Ok(receipt) => {
            let giveaway = crate::ids::GiveawayId(receipt.draw_id.0);
            page(StatusCode::OK, &Confirmed {
                giveaway_url: format!("/g/{giveaway}"),
                leaf: receipt.leaf_id.to_string(),
                receipt: serde_json::to_string_pretty(&receipt).unwrap_or_default(),
            })
        }
        Err(error) => problem(error),
    }
}
