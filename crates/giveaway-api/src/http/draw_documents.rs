//! `GET /giveaways/{id}/manifest` and `/transcript`: what a stranger needs to check a draw.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, response::IntoResponse};
use http::header;
use platform::http::{Json, Problem};

use super::page::Id;
use crate::{
    actions::draw_documents::{Commitment, read_commitment, read_transcript},
    ids::GiveawayId,
    service::Service,
};

/// The commitment, from the freeze on.
pub(crate) async fn manifest(
    State(service): State<Arc<Service>>,
    Id(giveaway): Id<GiveawayId>,
) -> Result<Json<Commitment>, Problem> {
    Ok(Json(read_commitment(&service, giveaway).await?))
}

/// The transcript, from the draw on, with what happened to the winners since.
pub(crate) async fn transcript(
    State(service): State<Arc<Service>>,
    Id(giveaway): Id<GiveawayId>,
) -> Result<impl IntoResponse, Problem> {
    let transcript = read_transcript(&service, giveaway).await?;
    // Writing millions of leaves would keep everybody else's requests waiting.
    let json = tokio::task::spawn_blocking(move || transcript.to_json())
        .await
        .map_err(Problem::unexpected)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], Bytes::from(json)))
}
