//! The page that says why there is no page.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use platform::http::Problem;

use super::{
    frame::{Frame, Keep, page},
    wording::sentence,
};
use crate::error::Error;

/// A request that got no page, with the reason. Boxed, since it travels in every result.
#[derive(Debug)]
pub(super) struct Failure(Box<Problem>);

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    heading: &'static str,
    reason: String,
    is_missing: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Box::new(error.into()))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = problem.status();
        let reason = sentence(problem.message());
        let answer = ProblemPage {
            frame: Frame::default(),
            heading: heading(status),
            reason,
            is_missing: status == StatusCode::NOT_FOUND,
        };
        let mut response = page(status, Keep::Nothing, &answer);
        if let Some(wait) = problem.into_response().headers().get(header::RETRY_AFTER) {
            response.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        response
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
