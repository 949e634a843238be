//! `GET /giveaways/{id}/analytics`: what was counted about a giveaway.

use std::sync::Arc;

use axum::extract::State;
use platform::http::{Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{auth::HostAuth, page::Id};
use crate::{
    actions::report_counts::{Counter, read_counts},
    ids::GiveawayId,
    service::Service,
};

/// The counters, hour by hour.
#[derive(Serialize, ToSchema)]
pub(crate) struct Analytics {
    counters: Vec<Counter>,
}

/// Shows what was counted, hour by hour.
///
/// About a second behind.
#[utoipa::path(
    get, path = "/giveaways/{id}/analytics", tag = "Giveaways", operation_id = "showAnalytics",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "The counters", body = Analytics),
        (status = 503, description = "`unavailable`: the job processor does not answer"),
    )
)]
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    host: HostAuth,
    Id(giveaway): Id<GiveawayId>,
) -> Result<Json<Analytics>, Problem> {
    let counters = read_counts(&service, host.0, giveaway).await?;
    Ok(Json(Analytics { counters }))
}
