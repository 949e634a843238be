//! Security headers on every answer, after the OWASP Secure Headers Project.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue, header};

/// Scripts and styles are files of ours, never inline; nothing is asked of another origin, WebSockets
/// included; nobody shows a page of ours in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; object-src 'none'";

/// Headers of every answer unless the handler set its own. Links that are mailed carry tokens in
/// their query, so no referrer may leave.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
         fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), \
         microphone=(), midi=(), payment=(), screen-wake-lock=(), serial=(), usb=(), \
         xr-spatial-tracking=()",
    ),
];

/// Middleware that adds what a handler did not set itself.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let may_be_framed = response.extensions().get::<Framed>().is_some();
    for (name, value) in HEADERS {
        if may_be_framed && name == header::X_FRAME_OPTIONS {
            continue;
        }
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Marks an answer that other sites may show in a frame.
#[derive(Clone, Copy, Debug)]
struct Framed;

/// Lets any site show this answer in a frame. For pages on which nothing can be pressed that matters.
pub fn allow_framing(response: &mut Response) {
    amend(response, "frame-ancestors 'none'", "frame-ancestors *");
    let anyone = HeaderValue::from_static("cross-origin");
    response.headers_mut().insert("cross-origin-resource-policy", anyone);
    response.extensions_mut().insert(Framed);
}

/// Lets the scripts of this answer reach a gateway at another origin, such as `https://live.example.org`.
pub fn allow_gateway(response: &mut Response, origin: &str) {
    let socket = origin.replacen("http", "ws", 1);
    amend(response, "connect-src 'self'", &format!("connect-src 'self' {origin} {socket}"));
}

fn amend(response: &mut Response, from: &str, to: &str) {
    let headers = response.headers_mut();
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
    let policy = policy.unwrap_or(POLICY).replace(from, to);
    // What is no header value was refused with the configuration.
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, response::IntoResponse as _, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    async fn headers(page: fn() -> Response) -> http::HeaderMap {
        let router = Router::new().route("/", get(async move || page()));
        let router = router.layer(axum::middleware::from_fn(security_headers));
        let answer = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        answer.headers().clone()
    }

    #[tokio::test]
    async fn nothing_inline_and_nothing_from_elsewhere_is_the_rule() {
        let headers = headers(|| "page".into_response()).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
    }

    #[tokio::test]
    async fn a_page_may_be_framed_or_reach_a_gateway_if_it_says_so() {
        let headers = headers(|| {
            let mut page = "page".into_response();
            allow_framing(&mut page);
            allow_gateway(&mut page, "https://live.example.org");
            page
        })
        .await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors *"), "{policy}");
        let reach = "connect-src 'self' https://live.example.org wss://live.example.org;";
        assert!(policy.contains(reach), "{policy}");
        assert!(!headers.contains_key(header::X_FRAME_OPTIONS));
    }
}
