//! How the end of a request becomes an HTTP response.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::BankError;
use crate::operation::{Answer, Ending};
use crate::server;

/// The header that marks an answer stored by an earlier request.
const REPLAYED_HEADER: &str = "idempotent-replayed";

/// The response for an ending.
pub(crate) fn respond(ended: Result<Ending, BankError>) -> Response {
    match ended {
        Ok(Ending::Answered(answer)) => answer.into_response(),
        Ok(Ending::Cut) => server::cut(),
        Err(error) => error.into_response(),
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = HeaderValue::from_static("application/json");
        let mut response = (status, [(header::CONTENT_TYPE, json)], self.body).into_response();
        if self.is_replay {
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(REPLAYED_HEADER, yes);
        }
        response
    }
}

impl IntoResponse for BankError {
    fn into_response(self) -> Response {
        if let Self::Store(error) = &self {
            tracing::error!(%error, "sandbox bank's file failed");
        }
        Answer::new(self.status(), &self.body()).into_response()
    }
}
