//! `POST /giveaways/{id}/entries`: somebody enters.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::Id;
use crate::{
    actions::enter::enter,
    domain::entry::Form,
    ids::{EntryId, GiveawayId},
    service::Service,
};

/// Who enters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEntry)]
pub(crate) struct Body {
    #[schema(format = "email", max_length = 2048, example = "ada@example.org")]
    email: String,
    #[serde(default)]
    #[schema(max_length = 200)]
    name: Option<String>,
    #[schema(pattern = "^[A-Za-z]{2}$", example = "DE")]
    country: String,
    #[schema(minimum = 1900, maximum = 2100, example = 1990)]
    birth_year: i32,
    /// The address of whoever told them of the giveaway.
    #[serde(default)]
    #[schema(max_length = 2048)]
    referred_by: Option<String>,
}

/// The same for everybody, whether they had entered before or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    id: EntryId,
    #[schema(pattern = "^confirm_address$")]
    status: &'static str,
}

/// Enters a giveaway.
///
/// The entry counts once its address is confirmed, for which a link is mailed. The answer is the
/// same whether somebody had entered before or not.
#[utoipa::path(
    post, path = "/giveaways/{id}/entries", tag = "Public", operation_id = "enter",
    extensions(("x-who" = json!("anyone"))),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    request_body = Body,
    responses(
        (status = 202, description = "A link is on its way", body = Accepted),
        (status = 409, description = "`giveaway_not_open`: it takes no entries yet. `giveaway_closed`: it takes no entries any more. `giveaway_cancelled`: its host has called it off"),
    )
)]
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
