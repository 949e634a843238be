//! The one HTTP server: merged routes, health, the movable clock.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use platform::{
    Clock, Shutdown,
    http::{FieldError, Json, Problem, edge},
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::applications::Applications;
use crate::config::Config;

/// A part that does not answer in this time is not ready.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// The furthest that the clock is moved at once: ten years.
const MAX_ADVANCE_SECONDS: i64 = 10 * 366 * 24 * 3600;

/// Every route of the process.
pub(crate) fn router(config: &Config, clock: &Clock, applications: &Applications) -> Router {
    let health = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(applications.clone()));
    let mut router = applications.router().merge(health);
    if config.demo && clock.is_movable() {
        let movable = Router::new().route("/dev/clock", get(show_clock).post(move_clock));
        router = router.merge(movable.with_state(clock.clone()));
    }
    edge(router)
}

/// Serves until shutdown.
pub(crate) fn spawn(listener: TcpListener, router: Router, shutdown: &Shutdown) {
    let stop = shutdown.clone();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    shutdown.spawn(async move {
        let serving = axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.requested().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// What does not answer.
    problems: Vec<String>,
    /// What an operator should know although everything works.
    warnings: Vec<String>,
}

/// Whether requests can be answered now: every database and the call queue do.
async fn readyz(State(applications): State<Arc<Applications>>) -> Response {
    let checked = tokio::time::timeout(READY_LIMIT, applications.check()).await;
    let (problems, warnings) =
        checked.unwrap_or_else(|_| (vec!["the checks take too long".to_owned()], Vec::new()));
    let ready = problems.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, problems, warnings })).into_response()
}

#[derive(Serialize)]
struct Now {
    now: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

async fn show_clock(State(clock): State<Clock>) -> Json<Now> {
    Json(Now { now: clock.now() })
}

/// Moves the time of the whole process forward, in demo mode only.
async fn move_clock(
    State(clock): State<Clock>,
    Json(Advance { advance_seconds }): Json<Advance>,
) -> Result<Json<Now>, Problem> {
    if !(0..=MAX_ADVANCE_SECONDS).contains(&advance_seconds) {
        let detail = format!("must be from 0 to {MAX_ADVANCE_SECONDS}");
        return Err(Problem::invalid(vec![FieldError::new("/advance_seconds", detail)]));
    }
    clock.advance(SignedDuration::from_secs(advance_seconds)).map_err(Problem::unexpected)?;
    Ok(Json(Now { now: clock.now() }))
}
