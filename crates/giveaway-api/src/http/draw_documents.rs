//! `GET /giveaways/{id}/manifest` and `/transcript`: what a stranger needs to check a draw.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, response::IntoResponse};
use http::header;
use platform::http::{Json, Problem};

use super::{
    draw_schemas::{CommitmentSchema, TranscriptSchema},
    page::Id,
};
use crate::{
    actions::draw_documents::{Commitment, read_commitment, read_transcript},
    ids::GiveawayId,
    service::Service,
};

/// Shows the commitment of a draw.
///
/// From the freeze on. Whoever keeps its hash can show later what was committed to.
#[utoipa::path(
    get, path = "/giveaways/{id}/manifest", tag = "Draw", operation_id = "showManifest",
    extensions(("x-who" = json!("anyone"))),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "The commitment", body = CommitmentSchema),
    )
)]
pub(crate) async fn manifest(
    State(service): State<Arc<Service>>,
    Id(giveaway): Id<GiveawayId>,
) -> Result<Json<Commitment>, Problem> {
    Ok(Json(read_commitment(&service, giveaway).await?))
}

/// Shows everything that is needed to check a draw.
///
/// From the draw on, with what happened to the winners since. `handsel verify` checks it offline.
#[utoipa::path(
    get, path = "/giveaways/{id}/transcript", tag = "Draw", operation_id = "showTranscript",
    extensions(("x-who" = json!("anyone"))),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "The transcript", body = TranscriptSchema),
    )
)]
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
