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

/// `GET /admin/sagas`: those that have not ended, the oldest first.
pub(crate) async fn sagas(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<SagaView>>, Problem> {
    Ok(Json(Page::with_next(list_sagas(&service, SHOWN).await?, None)))
}

/// A call that was not answered.
#[derive(Serialize)]
pub(crate) struct CallView {
    lane: String,
    method: String,
    key: String,
    attempts: i32,
    /// Why it was put off last.
    note: Option<String>,
    created_at: Timestamp,
}

/// `GET /admin/outbox`: the oldest calls that were not answered.
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disqualification {
    /// One of the grounds in the rules.
    reason: String,
    /// SHA-256 of the evidence, in hexadecimal digits.
    evidence_digest: String,
}

/// `POST /giveaways/{id}/winners/{winner}/disqualify`
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
