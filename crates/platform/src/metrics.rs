//! `/metrics`: what is counted in this process, in the text format of Prometheus, for the
//! administrator.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context as _;
use axum::{Router, extract::State, routing::get};
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{
    Shutdown,
    http::{Admin, AdminTokenHash},
};

/// Upper ends of the buckets of everything that is measured in seconds: from a call that stays in the
/// process to one that a person would not wait for.
const SECONDS: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0];

/// How often what was recorded is put into its buckets when nobody reads.
const UPKEEP: Duration = Duration::from_secs(5);

/// A process has one recorder, whatever it starts.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Counts from now on. To be called before anything is built that counts.
///
/// # Errors
/// When something else counts in this process.
pub fn install(shutdown: &Shutdown) -> anyhow::Result<()> {
    if RECORDER.get().is_some() {
        return Ok(());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics cannot be recorded")?;
    let recorder = RECORDER.get_or_init(|| handle).clone();
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                () = stop.requested() => return,
                _ = ticks.tick() => recorder.run_upkeep(),
            }
        }
    });
    Ok(())
}

/// The route, for whoever holds the administrator's token.
pub fn router(admin: AdminTokenHash) -> Router {
    Router::new().route("/metrics", get(render)).with_state(admin)
}

async fn render(
    State(_): State<AdminTokenHash>,
    _: Admin,
) -> ([(http::HeaderName, &'static str); 1], String) {
    let text = RECORDER.get().map(PrometheusHandle::render).unwrap_or_default();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
