//! The paths that every call takes, each by itself and through the public API.
//!
//! `cargo bench -p durable-grpc`, or one of them: `cargo bench -p durable-grpc -- submit`.
//!
//! These are for comparing one change with the next on one machine. What a whole call costs, with
//! processes and a network, is measured by `handsel bench calls`.

mod stub;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use divan::{Bencher, black_box, counter::ItemsCount};
use durable_grpc::{
    CallId, CallStore, Calls, DurableChannel, SqliteStore,
    store::{
        Claim, Disposition, EndKind, Ended, Finish, NewCall, Owner, Policy, StoredAnswer,
        decode_metadata, encode_metadata,
    },
};
use http::{HeaderMap, HeaderValue};
use tokio::runtime::Runtime;
use tonic::Request;

use self::{
    shop::{Order, till_client::TillClient},
    stub::{Answers, StubStore},
};

/// Generated from `proto/shop.proto`.
#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod shop {
    include!("../../proto/shop.v1.rs");
}

const DESCRIPTORS: &[u8] = include_bytes!("../../proto/shop.bin");
const LANE: &str = "till";
const RESERVE: &str = "/shop.v1.Till/Reserve";
/// The payload of the figures in the README.
const PAYLOAD_BYTES: usize = 200;
/// A lone call, some callers, and as many as one script or claim takes.
const BATCHES: [usize; 3] = [1, 16, 128];
/// Calls are due at once; waiting for one would be a fault.
const CLAIM_WAIT: Duration = Duration::from_secs(1);

fn main() {
    divan::main();
}

/// Everything between a generated client and the store, and back: frame, hash, checks, answer.
#[divan::bench(args = [0, PAYLOAD_BYTES, 65_536])]
fn channel_with_the_answer_at_hand(bencher: Bencher<'_, '_>, bytes: usize) {
    call_through(bencher, Answers::AtOnce, bytes);
}

/// The same, and a waiter that is registered, and woken by a hint.
#[divan::bench(args = [0, PAYLOAD_BYTES, 65_536])]
fn channel_with_a_waiter_woken(bencher: Bencher<'_, '_>, bytes: usize) {
    call_through(bencher, Answers::ByHint, bytes);
}

fn call_through(bencher: Bencher<'_, '_>, answers: Answers, bytes: usize) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut client = runtime.block_on(async {
        let store = StubStore::new(answers, ended(bytes));
        let calls = Calls::builder(store).descriptors(DESCRIPTORS).build();
        TillClient::<DurableChannel>::new(calls.expect("the descriptors are good").channel(LANE))
    });
    let order = Order { name: "tea".to_owned(), note: vec![7; bytes].into() };
    bencher.bench_local(|| {
        runtime
            .block_on(client.reserve(Request::new(order.clone())))
            .expect("the stub answers every call")
    });
}

/// From submission to recorded answer in a real file, synced twice, with nothing executed between.
#[divan::bench(args = BATCHES)]
fn submit_claim_and_finish(bencher: Bencher<'_, '_>, batch: usize) {
    let runtime = Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("there is room for a file");
    let store = SqliteStore::open(folder.path().join("calls.db")).expect("the file is new");
    let (owner, ended) = (Owner::generate(), Arc::new(ended(PAYLOAD_BYTES)));
    bencher
        .counter(ItemsCount::new(batch))
        .with_inputs(|| (0..batch).map(|_| new_call()).collect())
        .bench_local_values(|calls: Vec<NewCall>| {
            runtime.block_on(async {
                assert!(store.submit(calls).await.iter().all(Result::is_ok));
                let mut left = batch;
                while left > 0 {
                    let claims = store.claim(owner, LANE, left, CLAIM_WAIT).await;
                    let claims = claims.expect("calls are due");
                    left -= claims.len();
                    let items = claims.into_iter().map(|claim| finish(claim, &ended)).collect();
                    assert!(store.finish(items).await.iter().all(Result::is_ok));
                }
            });
        });
}

#[divan::bench(args = [0, PAYLOAD_BYTES, 65_536])]
fn encode_an_answer(bencher: Bencher<'_, '_>, bytes: usize) {
    let ended = ended(bytes);
    bencher.bench_local(|| black_box(&ended).encode());
}

#[divan::bench(args = [0, PAYLOAD_BYTES, 65_536])]
fn decode_an_answer(bencher: Bencher<'_, '_>, bytes: usize) {
    let encoded = ended(bytes).encode();
    bencher.bench_local(|| Ended::decode(black_box(&encoded)));
}

#[divan::bench]
fn encode_and_decode_metadata(bencher: Bencher<'_, '_>) {
    let mut metadata = HeaderMap::new();
    let trace = HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    metadata.insert("traceparent", trace);
    bencher.bench_local(|| decode_metadata(&encode_metadata(black_box(&metadata))));
}

fn new_call() -> NewCall {
    NewCall {
        id: CallId::generate(),
        lane: LANE.into(),
        method: RESERVE.into(),
        key: None,
        hash: [7; 32],
        metadata: HeaderMap::new(),
        payload: Bytes::from_static(&[7; PAYLOAD_BYTES]),
        policy: Policy {
            idempotent: true,
            detached: false,
            attempt_timeout: Duration::from_secs(10),
            expires_in: Duration::from_secs(30),
            max_attempts: None,
        },
        not_before: None,
    }
}

/// An OK answer of so many bytes.
fn ended(bytes: usize) -> Ended {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let receipt = shop::Receipt { text: String::new(), note: vec![7; bytes].into() };
    let message = prost::Message::encode_to_vec(&receipt).into();
    let answer = StoredAnswer { headers: HeaderMap::new(), message: Some(message), trailers };
    Ended {
        kind: EndKind::Answered,
        answer: Some(answer),
        reason: String::new(),
        may_have_executed: true,
    }
}

fn finish(claim: Claim, ended: &Arc<Ended>) -> Finish {
    let disposition = Disposition::End { ended: ended.clone(), sent: true };
    Finish { receipt: claim.receipt, disposition }
}
