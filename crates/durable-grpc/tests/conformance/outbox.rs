//! The relay over an outbox in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use durable_grpc::{
    Answer, MAX_MESSAGE_BYTES, OutboxRow, OutboxSource, Outcome, RawCall, Relay, SourceError,
    outcome,
};
use prost::Message as _;
use tonic::{Code, Status};

use crate::{
    callee::Step,
    harness::{CHARGE, LANE, RESERVE, Rig, Stores, eventually, keyed, order},
    shop::Receipt,
};

/// Rows, and what was heard about them.
#[derive(Default)]
pub(crate) struct Outbox {
    rows: Mutex<BTreeMap<String, OutboxRow>>,
    answers: Mutex<BTreeMap<String, Answer>>,
    deferrals: Mutex<Vec<(String, String)>>,
    /// How many answers cannot be recorded.
    broken: Mutex<usize>,
}

impl Outbox {
    pub(crate) fn add(&self, id: &str, method: &str, name: &str) {
        let row = OutboxRow {
            id: id.to_owned(),
            lane: LANE.to_owned(),
            method: method.to_owned(),
            key: format!("row:{id}"),
            payload: order(name).encode_to_vec().into(),
        };
        self.rows.lock().unwrap().insert(row.id.clone(), row);
    }

    pub(crate) fn deferrals(&self) -> usize {
        self.deferrals.lock().unwrap().len()
    }

    fn answer(&self, id: &str) -> Option<Answer> {
        self.answers.lock().unwrap().get(id).cloned()
    }

    pub(crate) async fn answered(&self, id: &str) -> Answer {
        eventually("the row is answered", async || self.answer(id)).await
    }
}

#[async_trait]
impl OutboxSource for Outbox {
    async fn due(&self, limit: usize, excluding: &[String]) -> Result<Vec<OutboxRow>, SourceError> {
        let rows = self.rows.lock().unwrap();
        Ok(rows.values().filter(|row| !excluding.contains(&row.id)).take(limit).cloned().collect())
    }

    async fn answered(&self, row: &OutboxRow, answer: Answer) -> Result<(), SourceError> {
        let mut broken = self.broken.lock().unwrap();
        if *broken > 0 {
            *broken -= 1;
            return Err("the database is away".into());
        }
        self.rows.lock().unwrap().remove(&row.id).expect("answered once");
        self.answers.lock().unwrap().insert(row.id.clone(), answer);
        Ok(())
    }

    async fn deferred(&self, row: &OutboxRow, reason: &str) {
        self.deferrals.lock().unwrap().push((row.id.clone(), reason.to_owned()));
    }
}

pub(crate) fn reply_text(answer: Answer) -> String {
    let Answer::Reply(bytes) = answer else { panic!("not a reply: {answer:?}") };
    Receipt::decode(bytes).unwrap().text
}

pub(crate) async fn rows_are_submitted_until_they_are_answered(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let outbox = Arc::new(Outbox::default());
    // More rows than go at a time, some of them with trouble on the way.
    for number in 0..50 {
        let name = format!("{number:02}");
        outbox.add(&name, RESERVE, &name);
        if number % 7 == 0 {
            rig.callee.plan(&name, [Step::Refuse(Status::unavailable("busy"))]);
        }
    }
    let relay = Relay::builder(&rig.calls, outbox.clone()).concurrency(8).spawn();

    for number in 0..50 {
        let name = format!("{number:02}");
        let text = reply_text(outbox.answered(&name).await);
        assert_eq!(text, format!("{name} {}", if number % 7 == 0 { 2 } else { 1 }));
    }
    // A row that is written later goes out when the relay is woken.
    outbox.add("late", RESERVE, "late");
    relay.wake();
    assert_eq!(reply_text(outbox.answered("late").await), "late 1");
    relay.shutdown().await;
    relay.shutdown().await;
    worker.shutdown().await;
}

pub(crate) async fn bytes_are_checked_before_they_are_submitted(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let sized = |bytes: usize| RawCall::new(LANE, RESERVE, vec![7; bytes]);
    let of_method = |method: &str| RawCall::new(LANE, method, Bytes::new());
    let too_large = sized(MAX_MESSAGE_BYTES + 1);
    for (call, code) in [
        (too_large, Code::OutOfRange),
        (of_method(""), Code::InvalidArgument),
        (of_method("shop.v1.Till/Reserve"), Code::InvalidArgument),
        (of_method("/shop.v1.Till"), Code::InvalidArgument),
        (of_method("/shop.v1.Till/"), Code::InvalidArgument),
        (of_method("//Reserve"), Code::InvalidArgument),
        (of_method("/shop.v1.Till/Re serve"), Code::InvalidArgument),
    ] {
        let status = rig.calls.submit_raw(call.clone()).await.unwrap_err();
        assert_eq!((status.code(), outcome(&status)), (code, Some(Outcome::NotAccepted)));
        let status = rig.calls.call_raw(call).await.unwrap_err();
        assert_eq!((status.code(), outcome(&status)), (code, Some(Outcome::NotAccepted)));
    }
    assert!(rig.calls.stats().await.unwrap().is_empty());

    rig.calls.submit_raw(sized(MAX_MESSAGE_BYTES)).await.unwrap();

    let stats = rig.calls.stats().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.waiting_bytes), (1, MAX_MESSAGE_BYTES as u64));
}

pub(crate) async fn a_refused_row_holds_nobody_up(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let outbox = Arc::new(Outbox::default());
    let release = rig.callee.hold("a-stuck");
    rig.callee.plan("b-refused", [Step::Refuse(Status::failed_precondition("spent"))]);
    for name in ["a-stuck", "b-refused", "c-fine"] {
        outbox.add(name, RESERVE, name);
    }
    let relay = Relay::builder(&rig.calls, outbox.clone()).concurrency(2).spawn();

    assert_eq!(reply_text(outbox.answered("c-fine").await), "c-fine 1");
    let Answer::Refused(status) = outbox.answered("b-refused").await else { panic!("refused") };
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "spent"));
    assert!(outbox.answer("a-stuck").is_none());
    release.notify_one();
    assert_eq!(reply_text(outbox.answered("a-stuck").await), "a-stuck 1");
    relay.shutdown().await;
    worker.shutdown().await;
}

pub(crate) async fn every_end_is_told_apart(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let outbox = Arc::new(Outbox::default());
    rig.callee.plan("ambiguous", [Step::Panic]);
    outbox.add("ambiguous", CHARGE, "ambiguous");
    rig.callee.plan("dead", [Step::Large(durable_grpc::MAX_MESSAGE_BYTES + 1)]);
    outbox.add("dead", RESERVE, "dead");
    rig.client().reserve(keyed("something else", "row:mismatch")).await.unwrap();
    outbox.add("mismatch", RESERVE, "mismatch");
    outbox.add("streaming", "/shop.v1.Till/Watch", "streaming");
    let relay = Relay::builder(&rig.calls, outbox.clone()).spawn();

    assert!(matches!(outbox.answered("ambiguous").await, Answer::Ambiguous(_)));
    assert!(matches!(outbox.answered("dead").await, Answer::Dead(_)));
    assert!(matches!(outbox.answered("mismatch").await, Answer::Mismatch(_)));
    assert!(matches!(outbox.answered("streaming").await, Answer::Dead(_)));
    relay.shutdown().await;
    worker.shutdown().await;
}

pub(crate) async fn an_answer_that_was_not_recorded_is_replayed(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let outbox = Arc::new(Outbox::default());
    *outbox.broken.lock().unwrap() = 1;
    outbox.add("tea", RESERVE, "tea");
    let relay = Relay::builder(&rig.calls, outbox.clone()).spawn();

    assert_eq!(reply_text(outbox.answered("tea").await), "tea 1");
    assert_eq!(rig.callee.count("tea"), 1, "the answer is replayed, not made again");
    let deferrals = outbox.deferrals.lock().unwrap().clone();
    assert_eq!(deferrals.len(), 1);
    assert!(deferrals[0].1.contains("the database is away"), "{deferrals:?}");
    relay.shutdown().await;
    worker.shutdown().await;
}

pub(crate) async fn a_row_without_an_answer_is_deferred_and_tried_again(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let outbox = Arc::new(Outbox::default());
    outbox.add("tea", RESERVE, "tea");
    let wait = Duration::from_millis(20);
    let relay = Relay::builder(&rig.calls, outbox.clone()).wait(wait).spawn();
    let (row, reason) = eventually("the row is deferred", async || {
        outbox.deferrals.lock().unwrap().first().cloned()
    })
    .await;
    assert_eq!(row, "tea");
    assert!(reason.starts_with("DeadlineExceeded"), "{reason}");

    let worker = rig.worker();

    assert_eq!(reply_text(outbox.answered("tea").await), "tea 1");
    relay.shutdown().await;
    worker.shutdown().await;
}

pub(crate) async fn the_next_relay_goes_on_where_one_stopped(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let outbox = Arc::new(Outbox::default());
    outbox.add("tea", RESERVE, "tea");
    let wait = Duration::from_secs(1);
    let relay = Relay::builder(&rig.calls, outbox.clone()).wait(wait).spawn();
    let submitted = eventually("the row is submitted", async || {
        rig.calls.lookup_key(LANE, RESERVE, "row:tea").await.unwrap()
    })
    .await;
    relay.shutdown().await;
    assert!(outbox.answer("tea").is_none());

    let worker = rig.worker();
    let relay = Relay::builder(&rig.calls, outbox.clone()).spawn();

    assert_eq!(reply_text(outbox.answered("tea").await), "tea 1");
    let view = rig.calls.lookup_key(LANE, RESERVE, "row:tea").await.unwrap().unwrap();
    assert_eq!(view.id, submitted.id, "still one call");
    relay.shutdown().await;
    worker.shutdown().await;
}
