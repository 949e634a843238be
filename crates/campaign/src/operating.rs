//! What an operator does about what nothing else ends, each with a note. It acts on what it was shown a
//! moment ago, so a refusal because things have gone on is an answer too.

use anyhow::Context as _;
use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    alive::ADMIN,
    cast::{fresh, text},
    life::{Life, get, post},
};

/// Ends attempts of settlements that are stuck. None is left, unless the provider shows it by now.
pub(crate) async fn resolve_attempts(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    for alert in listed(life, "/giftcard/v1/admin/alerts").await? {
        if alert["kind"] == "attempt_stuck" {
            let path = format!("/giftcard/v1/admin/attempts/{}/resolve", text(&alert, "subject")?);
            noted(life, path, json!({ "reason": "the provider shows nothing" }), rng).await?;
        }
    }
    Ok(())
}

/// Ends withdrawals that are stuck. None is left, unless the provider shows it by now.
pub(crate) async fn resolve_withdrawals(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    for stuck in listed(life, "/giveaway/v1/admin/withdrawals").await? {
        if stuck["needs_operator"] == true {
            let path = format!("/giveaway/v1/admin/withdrawals/{}/resolve", text(&stuck, "id")?);
            noted(life, path, json!({ "reason": "the provider shows nothing" }), rng).await?;
        }
    }
    Ok(())
}

/// Gives up some settlements that have failed; their lines wait for the next.
pub(crate) async fn cancel_settlements(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    for settlement in listed(life, "/giftcard/v1/admin/settlements").await? {
        if settlement["state"] == "failed" && rng.random_bool(0.5) {
            let id = text(&settlement, "id")?;
            let path = format!("/giftcard/v1/admin/settlements/{id}/cancel");
            noted(life, path, json!({ "note": "given up" }), rng).await?;
        }
    }
    Ok(())
}

/// Gives payments that nobody asked for to a host.
pub(crate) async fn assign_payments(
    life: &Life,
    host: &str,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    let me = life.done(&get("/giveaway/v1/hosts/me", host)).await?;
    for unexplained in listed(life, "/giveaway/v1/admin/suspense").await? {
        if unexplained["kind"] == "payment" {
            let id = text(&unexplained, "provider_id")?;
            let path = format!("/giveaway/v1/admin/suspense/{id}/assign");
            noted(life, path, json!({ "host_id": me["id"], "note": "it is theirs" }), rng).await?;
        }
    }
    Ok(())
}

/// Aborts sagas that have not decided.
pub(crate) async fn abort_sagas(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    for saga in listed(life, "/giveaway/v1/admin/sagas").await? {
        if saga["state"] == "reserving" {
            let path = format!("/giveaway/v1/admin/sagas/{}/abort", text(&saga, "id")?);
            noted(life, path, json!({ "note": "it takes too long" }), rng).await?;
        }
    }
    Ok(())
}

async fn listed(life: &Life, path: &str) -> anyhow::Result<Vec<Value>> {
    let shown = life.done(&get(path, ADMIN)).await?;
    Ok(shown["items"].as_array().with_context(|| format!("{path} is no list"))?.clone())
}

/// Something that may have become unnecessary.
async fn noted(life: &Life, path: String, body: Value, rng: &mut StdRng) -> anyhow::Result<()> {
    let answer = life.ask(&post(path.as_str(), ADMIN, &fresh(rng), body)).await?;
    let is_late = answer.status == http::StatusCode::CONFLICT;
    anyhow::ensure!(answer.status.is_success() || is_late, "{path}: {answer:?}");
    Ok(())
}
