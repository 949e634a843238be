//! What went wrong, for people.

use askama::Template;
use axum::response::Response;
use platform::http::Problem;

use super::page;
use crate::error::Error;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    message: String,
    errors: Vec<String>,
    /// Whether asking for a fresh link can help; with the old one, if there is one.
    resend: Option<String>,
}

/// A page that tells what went wrong.
pub(super) fn problem(error: Error) -> Response {
    with_resend(error, None)
}

/// The same, with a button that asks for a fresh link if the old one has done its work.
pub(super) fn with_resend(error: Error, token: Option<&str>) -> Response {
    let is_spent = matches!(&error, Error::Gone { code, .. } if code.starts_with("link_"));
    let errors = match &error {
        Error::Invalid(errors) => errors
            .iter()
            .map(|error| {
                let field = error.pointer.trim_start_matches('/').replace('_', " ");
                format!("{field}: {}", error.detail)
            })
            .collect(),
        _ => Vec::new(),
    };
    let problem = Problem::from(error);
    let message = match errors.is_empty() {
        true => capitalised(problem.message()),
        false => "Please look at these again:".to_owned(),
    };
    let resend = token.filter(|_| is_spent).map(ToOwned::to_owned);
    page(problem.status(), &ProblemPage { message, errors, resend })
}

/// Messages are written lowercase and without a full stop; a page shows a sentence.
fn capitalised(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
