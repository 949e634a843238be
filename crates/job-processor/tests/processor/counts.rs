//! Counters per giveaway.

use contracts::{
    processor::{
        Count, GetCountsRequest, RecordCountsRequest,
        analytics_service_client::AnalyticsServiceClient,
    },
    refusal::Refusal,
};
use job_processor::Config;
use tonic::Status;

use crate::{Processor, databases};

fn count(giveaway: &str, label: &str, n: i64) -> Count {
    Count {
        giveaway_id: giveaway.into(),
        name: "entries.country".into(),
        label: label.into(),
        hour: 1_800_000_000,
        n,
    }
}

impl Processor {
    async fn record(&self, batch_id: &str, counts: Vec<Count>) -> Result<(), Status> {
        let request = RecordCountsRequest { batch_id: batch_id.into(), counts };
        AnalyticsServiceClient::new(self.target().channel()).record_counts(request).await?;
        Ok(())
    }

    async fn counts(&self, giveaway_id: &str) -> Vec<Count> {
        let request = GetCountsRequest { giveaway_id: giveaway_id.into() };
        let mut client = AnalyticsServiceClient::new(self.target().channel());
        client.get_counts(request).await.unwrap().into_inner().counts
    }
}

#[tokio::test]
async fn a_batch_counts_once_however_often_it_comes() {
    for db in databases().await {
        let processor = Processor::start(Config::default(), &db);
        let batch =
            || vec![count("gvw_1", "FR", 2), count("gvw_1", "FR", 1), count("gvw_2", "DE", 5)];
        let (one, two, three) = tokio::join!(
            processor.record("batch-1", batch()),
            processor.record("batch-1", batch()),
            processor.record("batch-2", batch()),
        );
        for outcome in [one, two, three] {
            outcome.unwrap();
        }
        assert_eq!(processor.counts("gvw_1").await, [count("gvw_1", "FR", 6)], "{db}");
        assert_eq!(processor.counts("gvw_2").await, [count("gvw_2", "DE", 10)], "{db}");
        assert!(processor.counts("gvw_3").await.is_empty(), "{db}");
    }
}

#[tokio::test]
async fn a_full_batch_fits_and_a_larger_one_is_refused_whole() {
    for db in databases().await {
        let processor = Processor::start(Config::default(), &db);
        let mut counts: Vec<Count> =
            (0..1_000).map(|n| count("gvw_1", &format!("L{n:04}"), 1)).collect();
        processor.record("full", counts.clone()).await.unwrap();
        assert_eq!(processor.counts("gvw_1").await, counts, "{db}");
        counts.push(count("gvw_1", "more", 1));
        let refused = processor.record("larger", counts).await.unwrap_err();
        assert_eq!(Refusal::of(&refused).unwrap().reason, "too_many_counts");
        assert_eq!(processor.counts("gvw_1").await.len(), 1_000, "{db}");
        assert!(Refusal::of(&processor.record("", Vec::new()).await.unwrap_err()).is_some());
    }
}
