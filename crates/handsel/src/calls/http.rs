//! `/api/calls/v1`: dead letters and lanes, for the administrator.
//!
//! One process owns the file of a queue, so `handsel calls` comes through here while a server runs.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    extract::{FromRef, Path, Query, State},
    middleware::from_fn_with_state,
};
use durable_grpc::{CallId, Calls};
use http::StatusCode;
use platform::{
    document::{self, About, Document},
    http::{Admin, AdminTokenHash, Json, Problem, meter},
    roles::Limits,
};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    actions::{self, PAGE, Refusal, Wanted},
    views::{Call, Lane, Page},
};

/// Where the routes are.
pub(super) const BASE: &str = "/api/calls/v1";

/// What this API says about itself.
const ABOUT: About = About {
    title: "Handsel calls",
    version: "v1",
    description: "The calls between the services, for whoever operates them. What `handsel calls` uses while a server runs. Of a call's message only the length and the SHA-256 are told, never the content.",
    tags: &[("Calls", "Lanes, calls, and those that were given up.")],
    bearers: &[(
        "operator",
        "The operator's token, from the file `admin-token` of the installation.",
    )],
    scoped: &[],
};

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
pub(crate) fn router(calls: Calls, admin: AdminTokenHash, limits: Arc<dyn Limits>) -> Router {
    Router::from(routes())
        .layer(from_fn_with_state(limits, meter))
        .merge(document::route(BASE, document))
        .with_state(Office { calls, admin })
}

fn routes() -> OpenApiRouter<Office> {
    let api = OpenApiRouter::default()
        .routes(routes!(lanes))
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(replay))
        .routes(routes!(discard));
    OpenApiRouter::default().nest(BASE, api)
}

/// The document of this API, made when it is asked for first.
pub(crate) fn document() -> &'static Document {
    static DOCUMENT: LazyLock<Document> =
        LazyLock::new(|| Document::new(routes().into_openapi(), &ABOUT));
    &DOCUMENT
}

/// `?lane=&limit=&after=`
#[derive(Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
    /// Calls on the page, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u16>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = "uuid")]
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

/// Shows how each lane stands.
///
/// Calls that are ready, wait for later, run, or were given up.
#[utoipa::path(
    get, path = "/lanes", tag = "Calls", operation_id = "listLanes",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The lanes", body = Vec<Lane>),
    )
)]
async fn lanes(State(office): State<Office>, _: Admin) -> Result<Json<Vec<Lane>>, Problem> {
    actions::stats(&office.calls).await.map(Json).map_err(problem)
}

/// Lists calls that were given up, the oldest first.
#[utoipa::path(
    get, path = "/dead-letters", tag = "Calls", operation_id = "listDeadLetters",
    security(("operator" = [])),
    params(Asked),
    responses(
        (status = 200, description = "A page of calls", body = Page),
    )
)]
async fn list(
    State(office): State<Office>,
    _: Admin,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(asked) = asked.map_err(|error| Problem::invalid_field("", error.body_text()))?;
    actions::list(&office.calls, &asked.try_into()?).await.map(Json).map_err(problem)
}

/// Shows a call, dead or not.
///
/// Never what it carries: of its message only the length and the SHA-256 are told.
#[utoipa::path(
    get, path = "/calls/{id}", tag = "Calls", operation_id = "showCall",
    security(("operator" = [])),
    params(("id" = String, Path, format = "uuid", description = "The call")),
    responses(
        (status = 200, description = "The call", body = Call),
    )
)]
async fn show(
    State(office): State<Office>,
    _: Admin,
    Path(id): Path<String>,
) -> Result<Json<Call>, Problem> {
    actions::show(&office.calls, parse(&id)?).await.map(Json).map_err(problem)
}

/// Runs a call again.
///
/// Under the same id and key.
#[utoipa::path(
    post, path = "/dead-letters/{id}/replay", tag = "Calls", operation_id = "replayDeadLetter",
    security(("operator" = [])),
    params(("id" = String, Path, format = "uuid", description = "The call")),
    responses(
        (status = 204, description = "It runs again"),
        (status = 409, description = "`not_a_dead_letter`: it was not given up; `detail` says how it stands"),
    )
)]
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

/// Ends a call for good.
///
/// Whoever waits for its effect waits in vain.
#[utoipa::path(
    post, path = "/dead-letters/{id}/discard", tag = "Calls", operation_id = "discardDeadLetter",
    security(("operator" = [])),
    params(("id" = String, Path, format = "uuid", description = "The call")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 409, description = "`not_a_dead_letter`: it was not given up; `detail` says how it stands"),
    )
)]
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
