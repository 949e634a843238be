//! What goes through the channel, and what does not.

use bytes::Bytes;
use durable_grpc::{MAX_MESSAGE_BYTES, Outcome, RequestExt as _, outcome};
use http_body_util::Full;
use tonic::{
    Code, Request, Status, body::Body, codec::CompressionEncoding, metadata::MetadataMap,
    metadata::MetadataValue,
};
use tower::ServiceExt as _;

use crate::{
    callee::Step,
    harness::{LANE, RESERVE, Rig, Stores, keyed, order},
    shop::Order,
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
    let target = durable_grpc::Target::in_process(tonic::service::Routes::new(till));
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
