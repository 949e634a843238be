//! `/livez` and `/readyz`: whether a process runs, and whether it can work.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use durable_grpc::Calls;
use http::StatusCode;
use sea_orm::ConnectionTrait as _;
use serde::Serialize;

use crate::{Db, http::Json, quarantine};

/// Whoever asks for longer takes the process for dead.
const LIMIT: Duration = Duration::from_secs(2);

/// A part that does not answer in this time is not ready. Shorter, so that it can be named.
const PART_LIMIT: Duration = Duration::from_millis(900);

/// How a process stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What does not answer.
    pub problems: Vec<String>,
    /// What an operator should know although everything works.
    pub warnings: Vec<String>,
}

/// What can be asked how it stands. It may take its time: whoever asks stops waiting.
#[async_trait]
pub trait Checked: Send + Sync {
    /// Asks every part.
    async fn check(&self) -> Health;
}

impl Health {
    /// Everything answers.
    pub fn good() -> Self {
        Self::default()
    }

    /// Something does not answer. Why is logged, and not shown to whoever asks.
    pub fn problem(what: impl Into<String>) -> Self {
        Self { problems: vec![what.into()], ..Self::default() }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self.warnings.extend(other.warnings);
        self
    }

    /// Whether a service's database answers.
    pub async fn of_database(service: &str, db: &Db) -> Self {
        let asked = tokio::time::timeout(PART_LIMIT, db.read().execute_unprepared("SELECT 1"));
        let error = match asked.await {
            Ok(Ok(_)) => return Self::good(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it takes too long".to_owned(),
        };
        tracing::error!(service, error, "database does not answer");
        Self::problem(format!("the database of {service} does not answer"))
    }

    /// Whether a service may move money.
    pub async fn of_quarantine(service: &str, db: &Db) -> Self {
        match quarantine::find(db.read()).await {
            Ok(None) => Self::good(),
            Ok(Some(quarantine)) => {
                let warning = format!("{service} is in quarantine: {}", quarantine.reason);
                Self { warnings: vec![warning], ..Self::default() }
            }
            Err(error) => {
                tracing::error!(service, %error, "whether there is a quarantine is unknown");
                Self::problem(format!("the database of {service} does not answer"))
            }
        }
    }

    /// Whether the call queue answers, and what waits in it for an operator.
    pub async fn of_calls(calls: &Calls) -> Self {
        match calls.stats().await {
            Ok(lanes) => {
                let dead = lanes.into_iter().filter(|lane| lane.dead > 0);
                let warnings = dead.map(|lane| {
                    format!("{} calls of the lane {} wait for an operator", lane.dead, lane.lane)
                });
                Self { warnings: warnings.collect(), ..Self::default() }
            }
            Err(error) => {
                tracing::error!(%error, "call queue does not answer");
                Self::problem("the call queue does not answer")
            }
        }
    }
}

/// A service with a database that has money in it, and with calls.
#[derive(Clone, Debug)]
pub struct MoneyService {
    /// Its name.
    pub name: &'static str,
    /// Its database.
    pub db: Db,
    /// The queue of its calls.
    pub calls: Calls,
}

#[async_trait]
impl Checked for MoneyService {
    async fn check(&self) -> Health {
        Health::of_database(self.name, &self.db)
            .await
            .and(Health::of_quarantine(self.name, &self.db).await)
            .and(Health::of_calls(&self.calls).await)
    }
}

/// The routes.
pub fn router(checked: Arc<dyn Checked>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(checked)
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    problems: Vec<String>,
    warnings: Vec<String>,
}

/// Whether requests can be answered now.
async fn readyz(State(checked): State<Arc<dyn Checked>>) -> Response {
    let health = tokio::time::timeout(LIMIT, checked.check()).await;
    let Health { problems, warnings } =
        health.unwrap_or_else(|_| Health::problem("the checks take too long"));
    let ready = problems.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, problems, warnings })).into_response()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    struct Fixed(Option<Health>);

    #[async_trait]
    impl Checked for Fixed {
        async fn check(&self) -> Health {
            match &self.0 {
                Some(health) => health.clone(),
                None => std::future::pending().await,
            }
        }
    }

    async fn check(health: Option<Health>, status: StatusCode, expected: &str) {
        let request = Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
        let response = router(Arc::new(Fixed(health))).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_is_named() {
        let warning = Health { warnings: vec!["w".to_owned()], ..Health::default() };
        check(
            Some(warning.clone()),
            StatusCode::OK,
            r#"{"ready":true,"problems":[],"warnings":["w"]}"#,
        )
        .await;
        check(
            Some(Health::problem("p").and(warning)),
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"ready":false,"problems":["p"],"warnings":["w"]}"#,
        )
        .await;
        check(
            None,
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"ready":false,"problems":["the checks take too long"],"warnings":[]}"#,
        )
        .await;
    }
}
