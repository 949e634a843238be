//! Every route of the process: the applications', health, the movable clock.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use jiff::{SignedDuration, Timestamp};
use platform::{
    Clock, health,
    http::{FieldError, Json, Problem, edge},
};
use serde::{Deserialize, Serialize};

use super::applications::Applications;
use crate::{config::Config, reference};

/// The furthest that the clock is moved at once: ten years.
const MAX_ADVANCE_SECONDS: i64 = 10 * 366 * 24 * 3600;

/// Every route of the process.
pub(crate) fn router(config: &Config, clock: &Clock, applications: &Applications) -> Router {
    let mut router = applications
        .router()
        .merge(health::router(Arc::new(applications.clone())))
        .merge(reference::router());
    if config.demo && clock.is_movable() {
        let movable = Router::new().route("/dev/clock", get(show_clock).post(move_clock));
        router = router.merge(movable.with_state(clock.clone()));
    }
    edge(router)
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
