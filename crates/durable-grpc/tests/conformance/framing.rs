//! What goes through the channel, and what does not.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::{BufMut as _, Bytes, BytesMut};
use durable_grpc::{MAX_MESSAGE_BYTES, Outcome, RequestExt as _, Target, outcome};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tonic::{
    Code, Request, Status, body::Body, codec::CompressionEncoding, metadata::MetadataMap,
    metadata::MetadataValue,
};
use tower::{ServiceExt as _, service_fn};

use crate::{
    callee::Step,
    harness::{LANE, RESERVE, Rig, Stores, keyed, order, raw},
    shop::{Order, Receipt},
};

pub(crate) async fn streaming_methods_are_refused(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let status = rig.client().watch(order("tea")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("streaming"), "{status}");
    assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
}

pub(crate) async fn oversize_requests_are_refused(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let mut large = order("large");
    large.note = Bytes::from(vec![7; MAX_MESSAGE_BYTES]);
    let status = rig.client().reserve(large.clone()).await.unwrap_err();
    assert_eq!((status.code(), outcome(&status)), (Code::OutOfRange, Some(Outcome::NotAccepted)));

    // Compression does not help: what counts is the message.
    let mut compressing = rig.client().send_compressed(CompressionEncoding::Gzip);
    let status = compressing.reserve(large).await.unwrap_err();
    assert_eq!((status.code(), outcome(&status)), (Code::OutOfRange, Some(Outcome::NotAccepted)));

    let mut chatty = Request::new(order("chatty"));
    chatty.metadata_mut().insert("x-tenant", "t".repeat(9000).parse().unwrap());
    let status = rig.client().reserve(chatty).await.unwrap_err();
    assert!(status.message().contains("metadata"), "{status}");
    assert_eq!((status.code(), outcome(&status)), (Code::OutOfRange, Some(Outcome::NotAccepted)));
}

pub(crate) async fn exactly_one_message_is_accepted(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let none: &[u8] = &[];
    let two: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half: &[u8] = &[0, 0, 0, 0, 9, 1];
    for (frames, expected) in
        [(none, Code::InvalidArgument), (two, Code::Unimplemented), (half, Code::InvalidArgument)]
    {
        let request = http::Request::post(RESERVE)
            .body(Body::new(Full::new(Bytes::from_static(frames))))
            .unwrap();
        let response = rig.calls.channel(LANE).oneshot(request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!((status.code(), outcome(&status)), (expected, Some(Outcome::NotAccepted)));
    }
}

pub(crate) async fn bad_keys_are_refused(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    for key in [String::new(), "k".repeat(513)] {
        let status = rig.client().reserve(keyed("tea", &key)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(outcome(&status), Some(Outcome::NotAccepted));
    }
}

pub(crate) async fn compressed_requests_are_accepted(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    // The callee compresses too, if one lets it: the worker asks for plain answers.
    let till = crate::shop::till_server::TillServer::new(rig.callee.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let target = Target::in_process(tonic::service::Routes::new(till));
    let worker = rig.worker_at(target);
    let mut compressing = rig
        .client()
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let note = Bytes::from("much the same ".repeat(1000));

    let reply =
        compressing.reserve(Order { name: "tea".to_owned(), note: note.clone() }).await.unwrap();

    assert_eq!(reply.get_ref().note, note);
    worker.shutdown().await;
}

pub(crate) async fn metadata_and_details_survive_as_they_are(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let worker = rig.worker();
    let binary = MetadataValue::from_bytes(&[0, 1, 254, 255]);
    let mut metadata = MetadataMap::new();
    metadata.append("x-colour", "red".parse().unwrap());
    metadata.append("x-colour", "blue".parse().unwrap());
    metadata.insert_bin("x-raw-bin", binary.clone());
    rig.callee.plan("tea", [Step::Metadata(metadata)]);
    let mut request = keyed("tea", "k");
    request.metadata_mut().insert_bin("x-raw-bin", binary.clone());
    request.durable().deadline(std::time::Duration::from_secs(10));

    rig.client().reserve(request).await.unwrap();
    let replayed = rig.client().reserve(keyed("tea", "k")).await.unwrap();

    let colours: Vec<_> = replayed.metadata().get_all("x-colour").iter().collect();
    assert_eq!(colours, ["red", "blue"]);
    assert_eq!(replayed.metadata().get_bin("x-raw-bin"), Some(&binary));
    let seen = rig.callee.seen("tea").remove(0);
    assert_eq!(seen.method, "reserve");
    assert_eq!(seen.metadata.get_bin("x-raw-bin"), Some(&binary));
    worker.shutdown().await;
}

/// A callee that puts the price of its work into the trailers of an OK answer.
fn pricing(count: Arc<AtomicU32>) -> Target {
    Target::in_process(service_fn(move |_: http::Request<Body>| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let message = Receipt { text: format!("tea {number}"), note: Bytes::new() };
        let mut frame = BytesMut::from(&[0][..]);
        frame.put_u32(u32::try_from(message.encoded_len()).unwrap());
        message.encode(&mut frame).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("x-cost", HeaderValue::from_static("7"));
        let body = Full::new(frame.freeze()).with_trailers(async move { Some(Ok(trailers)) });
        async move { Ok::<_, Infallible>(http::Response::new(Body::new(body))) }
    }))
}

pub(crate) async fn trailers_of_an_answer_are_kept(stores: impl Stores) {
    let rig = Rig::new(&stores).await;
    let count = Arc::new(AtomicU32::new(0));
    let worker = rig.worker_at(pricing(count.clone()));

    // The first is answered by the callee, the second from the record.
    for _ in 0..2 {
        let reply = rig.client().reserve(keyed("tea", "k")).await.unwrap();
        assert_eq!(reply.get_ref().text, "tea 1");
        assert_eq!(reply.metadata().get("x-cost").unwrap(), "7");
    }
    let mut call = raw(RESERVE, "tea");
    call.key = Some("k".to_owned());
    let reply = rig.calls.call_raw(call).await.unwrap();
    assert_eq!(reply.trailers.get("x-cost").unwrap(), "7");
    assert_eq!(reply.metadata.get("x-cost"), None, "it came after the message");
    let again = rig.calls.outcome::<Receipt>(reply.id).await.unwrap();
    assert_eq!(again.metadata().get("x-cost").unwrap(), "7");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    worker.shutdown().await;
}
