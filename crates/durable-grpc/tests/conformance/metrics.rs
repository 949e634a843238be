//! What is counted. On one thread: a recorder of a test's own is one of its thread.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use durable_grpc::RequestExt as _;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tonic::{Request, Status};

use crate::{
    callee::Step,
    harness::{Rig, SqliteStores, eventually, keyed, order},
};

/// Counts, by the name of the metric and the values of its labels.
#[derive(Default)]
struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counts {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels = key.labels().map(|label| format!(" {}", label.value()));
        let name = key.name().to_owned() + &labels.collect::<String>();
        self.0.lock().unwrap().entry(name).or_default().clone()
    }

    fn get(&self, name: &str) -> u64 {
        let name = format!("durable_{name}");
        self.0.lock().unwrap().get(&name).map_or(0, |count| count.load(SeqCst))
    }
}

/// Counts how often something was measured.
struct Measured(Arc<AtomicU64>);

impl HistogramFn for Measured {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "seconds");
        self.0.fetch_add(1, SeqCst);
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Measured(self.cell(key))))
    }
}

#[tokio::test]
async fn what_happens_to_calls_is_counted() {
    let counts = Counts::default();
    let _recording = metrics::set_default_local_recorder(&counts);
    let rig = Rig::new(&SqliteStores::default()).await;
    let worker = rig.worker();
    rig.callee.plan("tea", [Step::Refuse(Status::unavailable("busy"))]);
    rig.callee.plan("dead", [Step::Refuse(Status::unavailable("closed"))]);
    let release = rig.callee.hold("held");

    rig.client().reserve(keyed("tea", "tea")).await.unwrap();
    rig.client().reserve(keyed("tea", "tea")).await.unwrap();
    let mut request = Request::new(order("dead"));
    request.durable().max_attempts(1);
    rig.client().reserve(request).await.unwrap_err();
    let callers = [rig.client(), rig.client()].map(|mut client| {
        tokio::spawn(async move { client.reserve(keyed("held", "held")).await.unwrap() })
    });
    eventually("both callers wait", async || {
        (f64::from_bits(counts.get("waiting")) >= 2.0).then_some(())
    })
    .await;
    release.notify_one();
    for caller in callers {
        caller.await.unwrap();
    }
    worker.shutdown().await;

    for (name, expected) in [
        ("submitted_total till", 3),
        ("attached_total till", 1),
        ("replayed_total till", 1),
        ("attempts_total till answered", 4),
        ("attempts_total till no_answer", 0),
        ("retries_total till", 1),
        ("dead_letters_total till", 1),
        ("expired_total till", 0),
        ("claim_seconds till", 3),
        ("reply_seconds till /shop.v1.Till/Reserve", 4),
        ("attempt_seconds till /shop.v1.Till/Reserve", 4),
    ] {
        assert_eq!(counts.get(name), expected, "{name}");
    }
}
