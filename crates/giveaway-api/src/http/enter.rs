//! `POST /giveaways/{id}/entries`: somebody enters.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Json, Problem};
use serde::{Deserialize, Serialize};

use super::page::Id;
use crate::{
    actions::enter::enter,
    domain::entry::Form,
    ids::{EntryId, GiveawayId},
    service::Service,
};

/// Who enters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    email: String,
    #[serde(default)]
    name: Option<String>,
    country: String,
    birth_year: i32,
    /// The address of whoever told them of the giveaway.
    #[serde(default)]
    referred_by: Option<String>,
}

/// The same for everybody, whether they had entered before or not.
#[derive(Serialize)]
pub(crate) struct Accepted {
    id: EntryId,
    status: &'static str,
}

/// Takes an entry, which counts once the address is confirmed.
pub(crate) async fn post(
    State(service): State<Arc<Service>>,
    Id(giveaway): Id<GiveawayId>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let birth_year = body.birth_year.to_string();
    let form = Form {
        email: &body.email,
        name: body.name.as_deref().unwrap_or_default(),
        country: &body.country,
        birth_year: &birth_year,
        referred_by: body.referred_by.as_deref().unwrap_or_default(),
    };
    let id = enter(&service, giveaway, &form).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id, status: "confirm_address" })))
}
