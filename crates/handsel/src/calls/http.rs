//! `/api/calls/v1`: dead letters and lanes, for the administrator.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /lanes` | how each lane stands |
//! | `GET /dead-letters?lane=&limit=&after=` | dead letters, oldest first |
//! | `GET /calls/{id}` | one call: never what it carries |
//! | `POST /dead-letters/{id}/replay` | runs it again |
//! | `POST /dead-letters/{id}/discard` | ends it for good |
//!
//! One process owns the file of a queue, so `handsel calls` comes through here while a server runs.

use axum::{
    Router,
    extract::{FromRef, Path, Query, State},
    routing::{get, post},
};
use durable_grpc::{CallId, Calls};
use http::StatusCode;
use platform::http::{Admin, AdminTokenHash, Json, Problem};
use serde::{Deserialize, Serialize};

use super::{
    actions::{self, PAGE, Refusal, Wanted},
    views::{Call, Lane, Page},
};

/// Where the routes are.
pub(super) const BASE: &str = "/api/calls/v1";

/// What the endpoints work with.
#[derive(Clone, Debug)]
struct Office {
    calls: Calls,
    admin: AdminTokenHash,
}

impl FromRef<Office> for AdminTokenHash {
    fn from_ref(office: &Office) -> Self {
        office.admin
    }
}

/// The routes, for whoever holds the administrator's token.
pub(crate) fn router(calls: Calls, admin: AdminTokenHash) -> Router {
    let routes = Router::new()
        .route("/lanes", get(lanes))
        .route("/dead-letters", get(list))
        .route("/calls/{id}", get(show))
        .route("/dead-letters/{id}/replay", post(replay))
        .route("/dead-letters/{id}/discard", post(discard))
        .with_state(Office { calls, admin });
    Router::new().nest(BASE, routes)
}

/// `?lane=&limit=&after=`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl From<&Wanted> for Asked {
    fn from(wanted: &Wanted) -> Self {
        Self {
            lane: wanted.lane.clone(),
            limit: Some(wanted.limit),
            after: wanted.after.map(|id| id.to_string()),
        }
    }
}

impl TryFrom<Asked> for Wanted {
    type Error = Problem;

    fn try_from(asked: Asked) -> Result<Self, Problem> {
        let limit = asked.limit.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&limit) {
            return Err(Problem::invalid_field("/limit", format!("must be 1 to {PAGE}")));
        }
        let after = asked.after.map(|after| after.parse::<CallId>()).transpose();
        let after = after.map_err(|error| Problem::invalid_field("/after", error.to_string()))?;
        Ok(Self { lane: asked.lane, after, limit })
    }
}

async fn lanes(State(office): State<Office>, _: Admin) -> Result<Json<Vec<Lane>>, Problem> {
    actions::stats(&office.calls).await.map(Json).map_err(problem)
}

async fn list(
    State(office): State<Office>,
    _: Admin,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(asked) = asked.map_err(|error| Problem::invalid_field("", error.body_text()))?;
    actions::list(&office.calls, &asked.try_into()?).await.map(Json).map_err(problem)
}

async fn show(
    State(office): State<Office>,
    _: Admin,
    Path(id): Path<String>,
) -> Result<Json<Call>, Problem> {
    actions::show(&office.calls, parse(&id)?).await.map(Json).map_err(problem)
}

async fn replay(
    State(office): State<Office>,
    _: Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse(&id)?;
    actions::replay(&office.calls, id).await.map_err(problem)?;
    tracing::info!(call = %id, "the administrator replayed a dead letter");
    Ok(StatusCode::NO_CONTENT)
}

async fn discard(
    State(office): State<Office>,
    _: Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse(&id)?;
    actions::discard(&office.calls, id).await.map_err(problem)?;
    tracing::info!(call = %id, "the administrator discarded a dead letter");
    Ok(StatusCode::NO_CONTENT)
}

fn parse(id: &str) -> Result<CallId, Problem> {
    id.parse().map_err(|_| Problem::not_found("no call has an id like the one in the path"))
}

fn problem(error: anyhow::Error) -> Problem {
    match error.downcast::<Refusal>() {
        Ok(Refusal::NotFound(detail)) => Problem::not_found(detail),
        Ok(Refusal::NotDead(detail)) => Problem::conflict("not_a_dead_letter", detail),
        Err(error) => Problem::unexpected(error),
    }
}
