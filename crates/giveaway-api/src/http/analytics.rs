//! `GET /giveaways/{id}/analytics`: what was counted about a giveaway.

use std::sync::Arc;

use axum::extract::State;
use platform::http::{Json, Problem};
use serde::Serialize;

use super::{auth::HostAuth, page::Id};
use crate::{
    actions::report_counts::{Counter, read_counts},
    ids::GiveawayId,
    service::Service,
};

/// The counters, hour by hour.
#[derive(Serialize)]
pub(crate) struct Analytics {
    counters: Vec<Counter>,
}

/// The counters as the job processor has them: about a second behind.
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    host: HostAuth,
    Id(giveaway): Id<GiveawayId>,
) -> Result<Json<Analytics>, Problem> {
    let counters = read_counts(&service, host.0, giveaway).await?;
    Ok(Json(Analytics { counters }))
}
