//! What a page says when it cannot do what was asked.

use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
pub(crate) use platform::pages::sentence;
use platform::{http::Problem, pages::problem_page};
use serde::de::DeserializeOwned;

use crate::{domain::refusal::Kind, error::Error};

/// Why there is no page.
pub(crate) enum Fault {
    /// The till's session is over: sign in and come back.
    SignedOut,
    /// First somewhere else.
    First(String),
    /// Something to be told.
    Told {
        /// The status of the page.
        status: StatusCode,
        /// What a person reads.
        words: String,
        /// Whether the page leads back to the till.
        to_till: bool,
    },
}

impl Fault {
    /// Something to be told.
    pub(crate) fn told(status: StatusCode, words: impl Into<String>) -> Self {
        Self::Told { status, words: words.into(), to_till: true }
    }

    /// The same for somebody who has no till.
    pub(crate) fn without_till(self) -> Self {
        match self {
            Self::Told { status, words, .. } => Self::Told { status, words, to_till: false },
            other => other,
        }
    }

    /// There is no such thing, or not for this merchant.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::told(StatusCode::NOT_FOUND, format!("There is no such {what}."))
    }

    /// Our fault: logged, and not told.
    pub(crate) fn unexpected(error: anyhow::Error) -> Self {
        let problem = Problem::unexpected(error);
        Self::told(problem.status(), "Something went wrong on our side. Please try again.")
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => {
                let status = match refusal.kind() {
                    Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
                    Kind::NotFound => StatusCode::NOT_FOUND,
                    Kind::State => StatusCode::CONFLICT,
                };
                Self::told(status, sentence(&refusal.to_string()))
            }
            Error::KeyReused => Self::told(
                StatusCode::CONFLICT,
                "This form was sent before with something else in it. Begin again.",
            ),
            Error::InProgress | Error::Later(_) => Self::told(
                StatusCode::SERVICE_UNAVAILABLE,
                "Something else happened at the same moment. Please send the form again.",
            ),
            Error::TooMany(used_up) => Self::told(
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "Too many codes were not found. Wait {} seconds.",
                    used_up.wait.as_secs() + 1
                ),
            ),
            Error::Unexpected(error) => Self::unexpected(error),
        }
    }
}

impl From<sea_orm::DbErr> for Fault {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::from(error).into()
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::told(problem.status(), sentence(problem.message()))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, words, to_till) = match self {
            Self::SignedOut => return Redirect::to("/till").into_response(),
            Self::First(place) => return Redirect::to(&place).into_response(),
            Self::Told { status, words, to_till } => (status, words, to_till),
        };
        let problem = Problem::new(status, "page").detail(words);
        problem_page(&problem, to_till.then_some(("/till", "To the till")))
    }
}

/// A form. What cannot be read is told on a page.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        axum::extract::Form::from_request(request, state)
            .await
            .map(|form: axum::extract::Form<T>| Self(form.0))
            .map_err(|_| Fault::told(StatusCode::BAD_REQUEST, "The form is not complete."))
    }
}
