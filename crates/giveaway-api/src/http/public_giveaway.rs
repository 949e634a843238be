//! `GET /giveaways/{id}/public`: what everybody may know.

use std::sync::Arc;

use axum::extract::State;
use platform::http::{Json, Problem};

use super::page::Id;
use crate::{
    actions::public_giveaway::{PublicGiveaway, public_giveaway},
    ids::GiveawayId,
    service::Service,
};

/// Shows what everybody may know of a giveaway.
///
/// From its publication on, with the rules, and our clock for counting down. Nothing in it is
/// personal: winners are leaves of the commitment.
#[utoipa::path(
    get, path = "/giveaways/{id}/public", tag = "Public", operation_id = "showPublicGiveaway",
    extensions(("x-who" = json!("anyone"))),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "The giveaway", body = PublicGiveaway),
    )
)]
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    Id(giveaway): Id<GiveawayId>,
) -> Result<Json<PublicGiveaway>, Problem> {
    Ok(Json(public_giveaway(&service, giveaway).await?))
}
