//! The page that says why there is no page.

use askama::Template;
use axum::{
    extract::Request,
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use super::{Frame, sentence};
use crate::http::{Problem, current_request_id};

/// Where to go from here: a path, and the words on the button.
pub type Way = (&'static str, &'static str);

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    label: String,
    heading: &'static str,
    reason: String,
    hint: Option<&'static str>,
    way: Option<Way>,
    request_id: Option<String>,
}

/// Tells a person what [`Problem`] tells a program, with the same status and the same wait.
pub fn problem_page(problem: &Problem, way: Option<Way>) -> Response {
    let status = problem.status();
    let page = ProblemPage {
        frame: Frame::default(),
        label: format!("Error {}", status.as_u16()),
        heading: heading(status),
        reason: sentence(problem.message()),
        hint: hint(status),
        way,
        request_id: current_request_id().filter(|_| status.is_server_error()),
    };
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = problem.clone().into_response().headers().get(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, wait.clone());
    }
    response
}

/// Middleware that shows a page to who asked for one and got a problem: where no handler answered, where one
/// panicked, where an extractor refused.
pub(crate) async fn for_people(request: Request, next: Next) -> Response {
    let accept = request.headers().get(header::ACCEPT);
    let is_person = accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
        && !request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    match response.extensions().get::<Problem>() {
        Some(problem) if is_person => problem_page(problem, Some(("/", "To the start"))),
        _ => response,
    }
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::GONE => "This is over",
        StatusCode::CONFLICT => "This is not possible now",
        StatusCode::TOO_MANY_REQUESTS => "Please wait a little",
        StatusCode::SERVICE_UNAVAILABLE => "Not right now",
        status if status.is_client_error() => "This did not work",
        _ => "Something went wrong on our side",
    }
}

fn hint(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::NOT_FOUND => {
            Some("Was the address copied completely? Some mail programs break long links in two.")
        }
        StatusCode::TOO_MANY_REQUESTS => Some(
            "Many requests came from your network at once. Nothing is lost: try again in a minute.",
        ),
        status if status.is_server_error() => Some(
            "It has been noted. Please try again in a moment: nothing that you did is done twice.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use axum::{Router, body::Body, routing::get};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        http::edge,
        roles::{Quota, UsedUp},
    };

    const BUSY: UsedUp = UsedUp {
        quota: Quota::new("test", NonZeroU32::MIN, Duration::from_secs(60)),
        wait: Duration::from_secs(7),
    };

    async fn ask(path: &str, accept: &str) -> (StatusCode, http::HeaderMap, String) {
        let router = Router::new()
            .route("/panic", get(async || panic!("a secret") as &str))
            .route("/busy", get(async || Problem::too_many(BUSY)))
            .route("/api/busy", get(async || Problem::too_many(BUSY)));
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty());
        let (parts, body) = edge(router).oneshot(request.unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn people_get_a_page_and_programs_a_problem() {
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        let check = async |path: &str, accept: &str, status: u16, kind: &str, words: &str| {
            let (found, headers, body) = ask(path, accept).await;
            assert_eq!(found.as_u16(), status, "{path}");
            assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with(kind), "{path}");
            assert!(body.contains(words) && !body.contains("a secret"), "{path}: {body}");
            assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
            headers
        };
        check("/nowhere", browser, 404, "text/html", "There is nothing here").await;
        check("/nowhere", "*/*", 404, "application/problem+json", "not_found").await;
        check("/panic", browser, 500, "text/html", "went wrong on our side").await;
        let headers = check("/busy", browser, 429, "text/html", "Please wait a little").await;
        assert_eq!(headers[header::RETRY_AFTER], "7");
        check("/api/busy", browser, 429, "application/problem+json", "too_many_requests").await;
    }
}
