//! Counters: what happened here is reported to the job processor, which keeps them.

use std::collections::BTreeMap;

use contracts::{
    lane, method,
    processor::{
        Count, GetCountsRequest, RecordCountsRequest,
        analytics_service_client::AnalyticsServiceClient,
    },
};
use platform::outbox::{self, NewCall};
use prost::Message as _;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    ids::{GiveawayId, HostId},
    service::Service,
    store::{counter_delta, giveaway},
};

/// Deltas in one report, and so the most counts in it: the most that the job processor takes.
const DELTAS_PER_REPORT: u64 = 1_000;

/// One counter in one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counter {
    /// What is counted: `entries`, `entries.country`, `entries.source`, `verified`, `claims`.
    pub name: String,
    /// Which of them: a country, a source; empty for a plain total.
    pub label: String,
    /// The beginning of the hour.
    pub hour: jiff::Timestamp,
    /// How many.
    pub n: i64,
}

/// Moves what was counted since the last time into one call: the rows go and the call comes in one
/// transaction, so everything is reported once.
///
/// # Errors
/// When the database fails.
pub async fn report_counts(service: &Service) -> Result<()> {
    if counter_delta::is_empty(service.db.read()).await? {
        return Ok(());
    }
    let tx = service.db.begin("report_counts").await?;
    let deltas = counter_delta::lock_oldest(&tx, DELTAS_PER_REPORT).await?;
    if deltas.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = deltas.iter().map(|delta| delta.id).collect();
    let mut sums: BTreeMap<(Uuid, String, String, i64), i64> = BTreeMap::new();
    for delta in deltas {
        let counter = (delta.giveaway_id, delta.name, delta.label, delta.hour);
        *sums.entry(counter).or_default() += delta.n;
    }
    let count = |((giveaway, name, label, hour), n)| Count {
        giveaway_id: GiveawayId(giveaway).to_string(),
        name,
        label,
        hour,
        n,
    };
    let batch = Uuid::now_v7();
    let request = RecordCountsRequest {
        batch_id: batch.to_string(),
        counts: sums.into_iter().map(count).collect(),
    };
    let call = NewCall {
        lane: lane::PROCESSOR,
        method: method::RECORD_COUNTS,
        key: format!("counts:{}", batch.simple()),
        subject: batch,
        payload: request.encode_to_vec(),
        not_before_ms: 0,
    };
    outbox::enqueue(&tx, call, service.clock.now_ms()).await?;
    counter_delta::remove(&tx, ids).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}

/// The counters of a giveaway, as the job processor has them.
///
/// # Errors
/// When the giveaway is not this host's, or the job processor does not answer.
pub async fn read_counts(service: &Service, host: HostId, id: GiveawayId) -> Result<Vec<Counter>> {
    giveaway::find(service.db.read(), id)
        .await?
        .filter(|giveaway| giveaway.host_id == host.0)
        .ok_or(Error::NotFound("giveaway"))?;
    let mut analytics = AnalyticsServiceClient::new(service.processor.clone());
    let request = GetCountsRequest { giveaway_id: id.to_string() };
    let answer = analytics.get_counts(request).await.map_err(|status| {
        tracing::warn!(code = ?status.code(), "the job processor does not tell its counters");
        Error::Unavailable("the counters cannot be read at this moment".into())
    })?;
    let counter = |count: Count| Counter {
        name: count.name,
        label: count.label,
        hour: jiff::Timestamp::from_second(count.hour).unwrap_or_default(),
        n: count.n,
    };
    Ok(answer.into_inner().counts.into_iter().map(counter).collect())
}
