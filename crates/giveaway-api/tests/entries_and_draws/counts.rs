//! What happened is reported to the job processor once.

use std::collections::BTreeMap;

use axum::{body::Body, http::StatusCode};
use contracts::processor::{
    Count, GetCountsRequest, GetCountsResponse, RecordCountsRequest, RecordCountsResponse,
    analytics_service_server::{AnalyticsService, AnalyticsServiceServer},
};
use durable_grpc::Target;
use giveaway_api::{actions::report_counts::report_counts, ids::GiveawayId, store::counter_delta};
use platform::outbox;
use prost::Message as _;
use sea_orm::EntityTrait as _;
use tonic::{Request, Response, Status, service::Routes};

use crate::support::{Bed, Outside, Plan, START};

/// Everything that was reported about a giveaway, added up by name and label.
async fn reported(bed: &Bed, id: GiveawayId) -> BTreeMap<(String, String), i64> {
    let mut sums = BTreeMap::new();
    for call in outbox::entity::Entity::find().all(bed.db.read()).await.unwrap() {
        if !call.method.ends_with("/RecordCounts") {
            continue;
        }
        let request = RecordCountsRequest::decode(&call.payload[..]).unwrap();
        assert_eq!(call.key, format!("counts:{}", request.batch_id.replace('-', "")));
        for count in request.counts {
            assert_eq!(count.giveaway_id, id.to_string());
            assert_eq!(count.hour, START.div_euclid(3_600) * 3_600);
            *sums.entry((count.name, count.label)).or_default() += count.n;
        }
    }
    sums
}

#[tokio::test]
async fn what_is_counted_is_reported_once() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        report_counts(bed.service()).await.unwrap();
        assert!(reported(&bed, id).await.is_empty(), "{}", bed.db);

        bed.enter_verified(id, 7).await;
        for country in ["FR", "DE", "FR"] {
            let email = format!("{country}{}@example.org", bed.mailed("confirm_entry").await);
            let body = serde_json::json!({"email": email, "country": country, "birth_year": 1990});
            bed.post(&format!("/giveaways/{id}/entries"), body).await;
        }
        report_counts(bed.service()).await.unwrap();
        let expected = [
            (("entries", ""), 10),
            (("entries.country", "DE"), 8),
            (("entries.country", "FR"), 2),
            (("entries.source", "form"), 3),
            (("entries.source", "import"), 7),
            (("verified", ""), 7),
        ];
        let expected: BTreeMap<_, _> =
            expected.map(|((name, label), n)| ((name.to_owned(), label.to_owned()), n)).into();
        assert_eq!(reported(&bed, id).await, expected, "{}", bed.db);
        assert!(counter_delta::is_empty(bed.db.read()).await.unwrap());
        report_counts(bed.service()).await.unwrap();
        assert_eq!(reported(&bed, id).await, expected);
    }
}

/// A job processor that has counted something about every giveaway.
struct Processor;

#[tonic::async_trait]
impl AnalyticsService for Processor {
    async fn record_counts(
        &self,
        _: Request<RecordCountsRequest>,
    ) -> Result<Response<RecordCountsResponse>, Status> {
        Ok(Response::new(RecordCountsResponse {}))
    }

    async fn get_counts(
        &self,
        request: Request<GetCountsRequest>,
    ) -> Result<Response<GetCountsResponse>, Status> {
        let count = Count {
            giveaway_id: request.into_inner().giveaway_id,
            name: "entries".to_owned(),
            label: String::new(),
            hour: START,
            n: 12,
        };
        Ok(Response::new(GetCountsResponse { counts: vec![count] }))
    }
}

#[tokio::test]
async fn a_host_reads_the_counters() {
    let service = Routes::new(AnalyticsServiceServer::new(Processor));
    let processor = Target::in_process(service).channel();
    for bed in Bed::all_in(Outside { processor, ..Outside::default() }).await {
        let id = bed.giveaway(Plan::default()).await;
        let path = format!("/giveaways/{id}/analytics");
        assert_eq!(bed.get(&path).await.status, StatusCode::UNAUTHORIZED, "{}", bed.db);
        let token = bed.host_token(id).await;
        let read = http::Request::get(format!("/api/giveaway/v1{path}"));
        let answer = bed.as_host(&token, read, Body::empty()).await;
        let counter = serde_json::json!(
            {"name": "entries", "label": "", "hour": "2027-01-15T08:00:00Z", "n": 12});
        assert_eq!(answer.body["counters"], serde_json::json!([counter]));
    }
}

#[tokio::test]
async fn a_job_processor_that_is_down_is_told() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let token = bed.host_token(id).await;
        let read = http::Request::get(format!("/api/giveaway/v1/giveaways/{id}/analytics"));
        let answer = bed.as_host(&token, read, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", bed.db);
    }
}
