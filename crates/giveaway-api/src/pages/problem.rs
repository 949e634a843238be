//! The page that says why there is no page.

use axum::response::{IntoResponse, Response};
use platform::{http::Problem, pages::problem_page};

use crate::error::Error;

/// A request that got no page, with the reason. Boxed, since it travels in every result.
#[derive(Debug)]
pub(super) struct Failure(Box<Problem>);

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
        problem_page(&self.0, Some(("/", "To the start")))
    }
}
