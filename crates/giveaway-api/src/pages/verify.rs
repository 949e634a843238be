//! `GET /verify`: the verifier in the browser.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::frame::{Frame, Keep, of, page};
use crate::{http::PREFIX, ids::GiveawayId, service::Service};

/// Which draw is checked, unless a file is.
#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    giveaway: String,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    frame: Frame,
    transcript: Option<String>,
}

/// `GET /verify?giveaway=…`. What is no id is not asked for.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Query(which): Query<Which>,
) -> Response {
    let giveaway: Option<GiveawayId> = which.giveaway.parse().ok();
    let transcript = giveaway.map(|id| format!("{PREFIX}/giveaways/{id}/transcript"));
    page(StatusCode::OK, Keep::Public, &VerifyPage { frame: of(&service), transcript })
}
