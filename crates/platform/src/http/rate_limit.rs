//! How often one token may ask, and how that is told: `RateLimit` and `RateLimit-Policy`, as in the IETF draft
//! "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-10).

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Bearer, Problem};
use crate::roles::{Left, Limits, Quota};

/// Requests with one token: a thousand a second, and a minute's worth of them at once. Far more
/// than any till
/// or dashboard needs, and more than one database answers: it stops a loop that ran wild before
/// others feel it,
/// and nobody else. Who has no token, such as an entrant, is not counted here.
const REQUESTS: Quota =
    Quota::new("requests", NonZeroU32::new(60_000).expect("not zero"), Duration::from_secs(60));

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Middleware that counts requests by their token, good or not, before anything else looks at it.
pub async fn meter(
    State(limits): State<Arc<dyn Limits>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let token = Bearer::of(&parts).map(|bearer| hex::encode(bearer.hash()));
    let request = Request::from_parts(parts, body);
    let Some(token) = token else { return next.run(request).await };
    match limits.attempt(&REQUESTS, &token).await {
        Ok(left) => {
            let mut response = next.run(request).await;
            tell(response.headers_mut(), &REQUESTS, left);
            response
        }
        Err(used_up) => Problem::too_many(used_up).into_response(),
    }
}

/// Tells what is left. Another quota that was told before stays beside it.
pub(super) fn tell(headers: &mut HeaderMap, quota: &Quota, left: Left) {
    let name = quota.name;
    let rest = format!("\"{name}\";r={};t={}", left.attempts, whole_seconds(left.refilled_in));
    let policy = format!("\"{name}\";q={};w={}", quota.burst(), whole_seconds(quota.per()));
    for (header, value) in [(RATE_LIMIT, rest), (POLICY, policy)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(header, value);
        }
    }
}

/// Begun seconds count: whoever waits that long has waited long enough.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use http::{StatusCode, header};
    use tower::ServiceExt as _;

    use super::*;
    use crate::roles::embedded::EmbeddedLimits;

    #[tokio::test(start_paused = true)]
    async fn a_token_that_asks_too_often_waits_and_nobody_else_does() {
        let limits: Arc<dyn Limits> = Arc::new(EmbeddedLimits::default());
        let router: Router = Router::new()
            .route("/", get(|| async { "hello" }))
            .layer(from_fn_with_state(limits.clone(), meter));
        let ask = async |token: Option<&str>| {
            let mut request = Request::get("/").body(Body::empty()).unwrap();
            if let Some(token) = token {
                let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
                request.headers_mut().insert(header::AUTHORIZATION, value);
            }
            router.clone().oneshot(request).await.unwrap()
        };
        let first = ask(Some("busy")).await;
        assert_eq!(first.headers()[POLICY], "\"requests\";q=60000;w=60");
        assert_eq!(first.headers()[RATE_LIMIT], "\"requests\";r=59999;t=1");
        for _ in 1..REQUESTS.burst() {
            limits
                .attempt(&REQUESTS, &hex::encode(crate::token::hash_bearer("busy")))
                .await
                .unwrap();
        }
        let refused = ask(Some("busy")).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        assert_eq!(refused.headers()[RATE_LIMIT], "\"requests\";r=0;t=1");
        assert_eq!(refused.headers()[POLICY], "\"requests\";q=60000;w=60");
        assert_eq!(ask(Some("another")).await.status(), StatusCode::OK);
        let stranger = ask(None).await;
        assert_eq!(stranger.status(), StatusCode::OK);
        assert!(!stranger.headers().contains_key(RATE_LIMIT));
    }
}
