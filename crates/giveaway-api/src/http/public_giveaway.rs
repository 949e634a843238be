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

/// The giveaway from its publication on, with our clock for counting down.
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    Id(giveaway): Id<GiveawayId>,
) -> Result<Json<PublicGiveaway>, Problem> {
    Ok(Json(public_giveaway(&service, giveaway).await?))
}
