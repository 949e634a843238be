//! Delivers events to the webhook endpoints: signed, in order while all goes well, and again with
//! growing pauses until each is accepted. What waits is rows, so a restart goes on with it.

use std::time::Duration;

use axum::http::header;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::bank::Bank;
use crate::plans::{STORE_PAUSE, wait_for_work, wait_until};
use crate::signature::{SIGNATURE_HEADER, sign};
use crate::store::events::{self, Delivery};

/// How long an endpoint may take to answer. The others of the same endpoint wait behind it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE_MS: u32 = 250;

/// The longest pause, so that an endpoint which comes back is noticed within a minute.
const MAX_PAUSE_MS: u32 = 60_000;

/// How long an event is tried, as large providers do. What is lost then, a listing finds.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(72);

/// How much of a failure is kept for whoever looks into the file.
const MAX_ERROR_CHARS: usize = 200;

/// Delivers until `shutdown`; each endpoint on its own, so a dead one holds up no other.
pub(crate) async fn deliver(bank: Bank, shutdown: CancellationToken) {
    let client = reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "sandbox bank has no http client and delivers no webhooks");
            return;
        }
    };
    let endpoints = bank.config().webhook_urls.clone();
    join_all((0_u32..).zip(endpoints).map(|(endpoint, url)| {
        let (bank, client, shutdown) = (bank.clone(), client.clone(), shutdown.clone());
        async move { deliver_to(&bank, &client, endpoint, &url, &shutdown).await }
    }))
    .await;
}

async fn deliver_to(
    bank: &Bank,
    client: &reqwest::Client,
    endpoint: u32,
    url: &str,
    shutdown: &CancellationToken,
) {
    let mut changes = bank.store().changes();
    while !shutdown.is_cancelled() {
        changes.borrow_and_update();
        let next = bank.store().read(move |tx| events::next(tx, endpoint)).await;
        let wait = match next {
            Ok(None) => None,
            Ok(Some(delivery)) if delivery.due_at > bank.now() => {
                Some(wait_until(delivery.due_at, bank.now()))
            }
            Ok(Some(delivery)) => {
                // An unfinished attempt is simply made again after a restart.
                let attempt = attempt(bank, client, endpoint, url, delivery);
                match shutdown.run_until_cancelled(attempt).await {
                    None | Some(Ok(())) => continue,
                    Some(Err(error)) => Some(pause_of_file(&error)),
                }
            }
            Err(error) => Some(pause_of_file(&error)),
        };
        wait_for_work(wait, &mut changes, shutdown).await;
    }
}

/// Sends one delivery and writes down what came of it.
async fn attempt(
    bank: &Bank,
    client: &reqwest::Client,
    endpoint: u32,
    url: &str,
    delivery: Delivery,
) -> rusqlite::Result<()> {
    let id = delivery.id;
    let signature = sign(&bank.config().webhook_secret, &delivery.body, bank.now());
    let sent = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(SIGNATURE_HEADER, signature)
        .body(delivery.body)
        .send()
        .await;
    let now = bank.now();
    let failure = match sent {
        Ok(answer) if answer.status().is_success() => {
            return bank.store().write(move |tx| events::delivered(tx, id, endpoint, now)).await;
        }
        Ok(answer) => format!("status {}", answer.status().as_u16()),
        Err(error) => error.without_url().to_string().chars().take(MAX_ERROR_CHARS).collect(),
    };
    let again_at = next_attempt(now, delivery.event_created_at, delivery.attempts);
    tracing::debug!(endpoint, failure, gave_up = again_at.is_none(), "webhook was not accepted");
    bank.store().write(move |tx| events::failed(tx, id, again_at, &failure)).await
}

/// When to try again after `attempts` earlier failures and this one; `None` gives up.
fn next_attempt(now: Timestamp, created_at: Timestamp, attempts: u32) -> Option<Timestamp> {
    let pause_ms = FIRST_PAUSE_MS.saturating_mul(2_u32.saturating_pow(attempts)).min(MAX_PAUSE_MS);
    let too_old = now.duration_since(created_at) >= GIVE_UP_AFTER;
    (!too_old).then(|| crate::domain::later(now, pause_ms))
}

fn pause_of_file(error: &rusqlite::Error) -> Duration {
    tracing::error!(%error, "sandbox bank could not read or write its deliveries");
    STORE_PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_for_three_days() {
        let created_at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let pause_ms = |attempts| {
            let again_at = next_attempt(created_at, created_at, attempts).unwrap();
            again_at.as_millisecond() - created_at.as_millisecond()
        };
        let pauses_ms: Vec<_> = [0, 1, 2, 7, 8, 9, 1000].map(pause_ms).into();
        assert_eq!(pauses_ms, [250, 500, 1_000, 32_000, 60_000, 60_000, 60_000]);
        let last = created_at + SignedDuration::from_hours(72);
        assert!(next_attempt(last - SignedDuration::from_secs(1), created_at, 9).is_some());
        assert_eq!(next_attempt(last, created_at, 9), None);
    }
}
