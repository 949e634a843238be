//! What happened is reported to the job processor once.

use std::collections::BTreeMap;

use contracts::processor::RecordCountsRequest;
use giveaway_api::{actions::report_counts::report_counts, ids::GiveawayId, store::counter_delta};
use platform::outbox;
use prost::Message as _;
use sea_orm::EntityTrait as _;

use crate::support::{Bed, Plan, START};

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
