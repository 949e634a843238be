use std::sync::atomic::{AtomicU32, Ordering};

use http_body_util::Full;
use tokio::sync::Semaphore;
use tower::{ServiceExt as _, service_fn};

use super::*;
use crate::{headers, id::CallId};

const KEEP: Duration = Duration::from_secs(60);

/// What the callee does, one after the other; afterwards it answers OK.
#[derive(Clone, Copy)]
enum Step {
    Ok,
    Code(Code),
    Panic,
    Http(u16),
    Broken,
    Large,
}

/// A callee that numbers its executions and does each when it is let.
#[derive(Clone)]
struct Callee {
    steps: Arc<[Step]>,
    runs: Arc<AtomicU32>,
    let_go: Arc<Semaphore>,
}

impl Callee {
    fn new(steps: &[Step]) -> Self {
        Self { steps: steps.into(), runs: Arc::default(), let_go: Arc::new(Semaphore::new(0)) }
    }

    /// One that never has to wait.
    fn at_once(steps: &[Step]) -> Self {
        let callee = Self::new(steps);
        callee.let_go.add_permits(1000);
        callee
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    async fn handle(self) -> Result<Response<Body>, BoxError> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        self.let_go.acquire().await?.forget();
        let step = self.steps.get(run as usize).copied().unwrap_or(Step::Ok);
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        let message = format!("run {run}");
        let mut response = Response::new(Body::new(OneFrame::reply(message.as_bytes(), trailers)));
        match step {
            Step::Ok => {}
            Step::Code(code) => return Ok(tonic::Status::new(code, message).into_http()),
            Step::Panic => panic!("the callee was told to panic"),
            Step::Http(status) => *response.status_mut() = StatusCode::from_u16(status)?,
            Step::Broken => {
                let pieces = [Ok(Frame::data(Bytes::from_static(&[0, 0]))), Err("cut")];
                *response.body_mut() = Body::new(StreamBody::new(stream::iter(pieces)));
            }
            Step::Large => {
                let large = Full::new(Bytes::from(vec![0; MAX_FRAME_BYTES + 1]));
                *response.body_mut() = Body::new(large);
            }
        }
        Ok(response)
    }

    fn behind(&self, layer: &DedupLayer) -> BoxService {
        let callee = self.clone();
        BoxService::new(layer.layer(service_fn(move |_: Request<()>| callee.clone().handle())))
    }
}

type BoxService = tower::util::BoxCloneSyncService<Request<()>, Response<Body>, BoxError>;

fn delivery(id: CallId, attempt: u32) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("/shop.Till/Reserve");
    let headers = request.headers_mut();
    headers.insert(headers::CALL_ID, id.header_value());
    headers.insert(headers::LANE, HeaderValue::from_static("till"));
    headers.insert(headers::ATTEMPT, attempt.into());
    headers.insert(headers::TIME_LEFT_MS, HeaderValue::from_static("1000"));
    request
}

async fn deliver(service: &BoxService, request: Request<()>) -> String {
    let Ok(response) = service.clone().oneshot(request).await else { return "error".to_owned() };
    if response.status() != StatusCode::OK {
        return format!("http {}", response.status().as_u16());
    }
    if let Some(status) = tonic::Status::from_header_map(response.headers()) {
        return format!("{:?} {}", status.code(), status.message());
    }
    match response.into_body().collect().await {
        Err(_) => "broken".to_owned(),
        Ok(whole) if whole.trailers().is_none() => format!("{} bytes", whole.to_bytes().len()),
        Ok(whole) => String::from_utf8_lossy(&whole.to_bytes()[5..]).into_owned(),
    }
}

/// Lets everything that can go on go on.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_answered_is_done_once() {
    let callee = Callee::at_once(&[]);
    let layer = DedupLayer::keeping(KEEP, 1 << 20);
    // Services made from one layer know of each other, as those of two connections must.
    let (one, two) = (callee.behind(&layer), callee.behind(&layer.clone()));
    let (id, other) = (CallId::generate(), CallId::generate());
    assert_eq!(deliver(&one, delivery(id, 1)).await, "run 0");
    assert_eq!(deliver(&two, delivery(id, 2)).await, "run 0");
    assert_eq!(deliver(&two, delivery(other, 1)).await, "run 1");
    // A call that is run again after its effect (its answer was lost) starts over with attempt 1.
    assert_eq!(deliver(&one, delivery(id, 1)).await, "run 0");
}

#[tokio::test]
async fn repeats_wait_for_the_first_and_get_its_answer() {
    for (step, expected) in
        [(Step::Ok, "run 0"), (Step::Code(Code::FailedPrecondition), "FailedPrecondition run 0")]
    {
        let callee = Callee::new(&[step]);
        let service = callee.behind(&DedupLayer::default());
        let id = CallId::generate();
        let waiting: Vec<_> = (1..=8)
            .map(|attempt| {
                let service = service.clone();
                tokio::spawn(async move { deliver(&service, delivery(id, attempt)).await })
            })
            .collect();
        settle().await;
        assert_eq!(callee.runs(), 1);
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "they wait");
        callee.let_go.add_permits(1);
        for answer in futures::future::join_all(waiting).await {
            assert_eq!(answer.unwrap(), expected);
        }
        assert_eq!(callee.runs(), 1);
    }
}

#[tokio::test]
async fn a_refusal_does_not_outlive_its_moment() {
    let callee = Callee::at_once(&[Step::Code(Code::NotFound)]);
    let service = callee.behind(&DedupLayer::default());
    let id = CallId::generate();
    assert_eq!(deliver(&service, delivery(id, 1)).await, "NotFound run 0");
    // An operator has put it right and replays the call: under its id, and from attempt 1.
    assert_eq!(deliver(&service, delivery(id, 1)).await, "run 1");
    assert_eq!(deliver(&service, delivery(id, 2)).await, "run 1");
}

#[tokio::test]
async fn whoever_has_no_answer_makes_room_for_the_next() {
    for (step, told) in [
        (Step::Code(Code::Unavailable), "Unavailable run 0"),
        (Step::Code(Code::Internal), "Internal run 0"),
        (Step::Http(502), "http 502"),
        (Step::Broken, "broken"),
        (Step::Large, "4194310 bytes"),
    ] {
        let callee = Callee::new(&[step]);
        let service = callee.behind(&DedupLayer::default());
        let id = CallId::generate();
        let deliver_once = |attempt| {
            let service = service.clone();
            tokio::spawn(async move { deliver(&service, delivery(id, attempt)).await })
        };
        let first = deliver_once(1);
        settle().await;
        let (second, third) = (deliver_once(2), deliver_once(3));
        settle().await;
        assert_eq!(callee.runs(), 1);
        callee.let_go.add_permits(2);
        assert_eq!(first.await.unwrap(), told);
        assert_eq!((second.await.unwrap(), third.await.unwrap()), ("run 1".into(), "run 1".into()));
        assert_eq!(callee.runs(), 2);
    }
}

#[tokio::test]
async fn a_first_that_is_dropped_or_panics_is_followed() {
    for dropped in [true, false] {
        let callee = Callee::new(&[Step::Panic]);
        let service = callee.behind(&DedupLayer::default());
        let id = CallId::generate();
        let deliver_once = |attempt| {
            let service = service.clone();
            tokio::spawn(async move { deliver(&service, delivery(id, attempt)).await })
        };
        let first = deliver_once(1);
        settle().await;
        let second = deliver_once(2);
        settle().await;
        if dropped {
            first.abort();
        } else {
            callee.let_go.add_permits(1);
        }
        assert!(first.await.is_err());
        callee.let_go.add_permits(1);
        assert_eq!(second.await.unwrap(), "run 1");
    }
}

#[tokio::test]
async fn a_repeat_agrees_in_more_than_the_id() {
    let callee = Callee::at_once(&[]);
    let service = callee.behind(&DedupLayer::default());
    let id = CallId::generate();
    let with = |change: &dyn Fn(&mut Request<()>)| {
        let mut request = delivery(id, 1);
        change(&mut request);
        request
    };
    let keyed = |key: &'static str, mac: &'static str| {
        with(&|request| {
            request.headers_mut().insert(headers::KEY, HeaderValue::from_static(key));
            request.headers_mut().insert(headers::MAC, HeaderValue::from_static(mac));
        })
    };
    let moved = with(&|request| *request.uri_mut() = http::Uri::from_static("/shop.Till/Charge"));
    assert_eq!(deliver(&service, delivery(id, 1)).await, "run 0");
    assert_eq!(deliver(&service, keyed("a", "x")).await, "run 1");
    assert_eq!(deliver(&service, keyed("b", "x")).await, "run 2");
    assert_eq!(deliver(&service, keyed("a", "y")).await, "run 3");
    assert_eq!(deliver(&service, moved).await, "run 4");
    assert_eq!(deliver(&service, keyed("a", "x")).await, "run 1");
    // What is no durable call is none of our business.
    let query = || with(&|request| _ = request.headers_mut().remove(headers::CALL_ID));
    assert_eq!(deliver(&service, query()).await, "run 5");
    assert_eq!(deliver(&service, query()).await, "run 6");
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_for_their_time() {
    let callee = Callee::at_once(&[]);
    let service = callee.behind(&DedupLayer::keeping(KEEP, 1 << 20));
    let id = CallId::generate();
    assert_eq!(deliver(&service, delivery(id, 1)).await, "run 0");
    tokio::time::advance(KEEP - Duration::from_millis(1)).await;
    assert_eq!(deliver(&service, delivery(id, 2)).await, "run 0");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(deliver(&service, delivery(id, 3)).await, "run 1");

    let service = callee.behind(&DedupLayer::keeping(Duration::ZERO, 1 << 20));
    assert_eq!(deliver(&service, delivery(id, 1)).await, "run 2");
    assert_eq!(deliver(&service, delivery(id, 2)).await, "run 3");
}

#[tokio::test]
async fn answers_are_kept_within_their_bytes() {
    let callee = Callee::at_once(&[]);
    let layer = DedupLayer::keeping(KEEP, 3 * 700);
    let service = callee.behind(&layer);
    let ids: Vec<_> = (0..10).map(|_| CallId::generate()).collect();
    for (run, id) in ids.iter().enumerate() {
        assert_eq!(deliver(&service, delivery(*id, 1)).await, format!("run {run}"));
    }
    // The latest are still there, the oldest are not.
    assert_eq!(deliver(&service, delivery(ids[9], 2)).await, "run 9");
    assert_eq!(deliver(&service, delivery(ids[8], 2)).await, "run 8");
    assert_eq!(deliver(&service, delivery(ids[0], 2)).await, "run 10");
    assert!(layer.answers.counted() <= 3, "{}", layer.answers.counted());
    // An answer that would push out all others is not kept at all.
    let service = callee.behind(&DedupLayer::keeping(KEEP, 100));
    assert_eq!(deliver(&service, delivery(ids[0], 1)).await, "run 11");
    assert_eq!(deliver(&service, delivery(ids[0], 2)).await, "run 12");
}
