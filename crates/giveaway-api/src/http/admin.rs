//! What the administrator sees and does.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use platform::{
    clock::from_millis,
    http::{Json, Problem},
    outbox,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{auth::Admin, page::Page};
use crate::{
    actions::{
        depart::disqualify_winner,
        show_giveaway::{SagaView, list_sagas},
    },
    ids::{GiveawayId, WinnerId},
    service::Service,
};

/// What is shown of a list without pages: enough to see that something is stuck, and what.
const SHOWN: u64 = 100;

/// Lists attempts to publish that have not ended, the oldest first.
///
/// The oldest hundred: enough to see that something is stuck, and what.
#[utoipa::path(
    get, path = "/admin/sagas", tag = "Operation", operation_id = "listSagas",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The attempts", body = Page<SagaView>),
    )
)]
pub(crate) async fn sagas(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<SagaView>>, Problem> {
    Ok(Json(Page::with_next(list_sagas(&service, SHOWN).await?, None)))
}

/// A call that was not answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallView {
    lane: String,
    method: String,
    key: String,
    attempts: i32,
    /// Why it was put off last.
    note: Option<String>,
    created_at: Timestamp,
}

/// Lists calls that were not answered, the oldest first.
///
/// The oldest hundred.
#[utoipa::path(
    get, path = "/admin/outbox", tag = "Operation", operation_id = "listOutbox",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The calls", body = Page<CallView>),
    )
)]
pub(crate) async fn outbox(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<CallView>>, Problem> {
    let calls = outbox::oldest(service.db.read(), SHOWN).await.map_err(Problem::unexpected)?;
    let view = |call: outbox::Call| CallView {
        lane: call.lane,
        method: call.method,
        key: call.key,
        attempts: call.attempts,
        note: call.note,
        created_at: from_millis(call.created_ms),
    };
    Ok(Json(Page::with_next(calls.into_iter().map(view).collect(), None)))
}

/// Why somebody is disqualified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disqualification {
    /// One of the grounds in the rules.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$", example = "employee")]
    reason: String,
    /// SHA-256 of the evidence, in hexadecimal digits.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    evidence_digest: String,
}

/// Disqualifies a winner.
///
/// For a ground that the rules list. The prize passes on, and the transcript says why.
#[utoipa::path(
    post, path = "/giveaways/{id}/winners/{winner}/disqualify", tag = "Operation", operation_id = "disqualifyWinner",
    security(("operator" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway"), ("winner" = WinnerId, Path, description = "The winner")),
    request_body = Disqualification,
    responses(
        (status = 204, description = "The prize has passed on"),
        (status = 409, description = "`prize_claimed`: it was claimed already. `wrong_state`: the winner has left already"),
        (status = 410, description = "`prize_passed_on`: somebody else has the prize now"),
    )
)]
pub(crate) async fn disqualify(
    State(service): State<Arc<Service>>,
    _: Admin,
    Path((giveaway, winner)): Path<(String, String)>,
    Json(body): Json<Disqualification>,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::not_found("there is no such winner");
    let giveaway: GiveawayId = giveaway.parse().map_err(|_| unknown())?;
    let winner: WinnerId = winner.parse().map_err(|_| unknown())?;
    disqualify_winner(&service, giveaway, winner, &body.reason, &body.evidence_digest).await?;
    Ok(StatusCode::NO_CONTENT)
}
