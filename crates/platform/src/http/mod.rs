//! The HTTP edge that both APIs share.

mod address;
mod admin;
mod assets;
mod bearer;
mod body;
mod browser;
mod headers;
mod object;
mod problem;
mod rate_limit;
mod request_id;
mod serve;
mod sheet;

pub use address::{ClientAddress, TrustedProxies};
pub use admin::{Admin, AdminTokenHash};
pub use assets::asset_url;
pub use bearer::Bearer;
pub use body::{BODY_LIMIT, IdempotencyKey, Idempotent, Json};
pub use browser::{Sender, cookie, sender};
pub use headers::{allow_framing, allow_gateway, security_headers};
pub use object::{object, object_or_null};
pub use problem::{FieldError, Problem};
pub use rate_limit::meter;
pub(crate) use request_id::current as current_request_id;
pub use request_id::request_id;
pub use serve::serve;
pub use sheet::{Cell, Sheet};

use axum::Router;

use crate::pages::for_people;

/// Finishes an application's router: the assets of its pages are served, unknown paths and wrong methods
/// answer with a problem, every answer carries a request id and the security headers, and a panic becomes a
/// 500 without details. Who asked for a page gets these as one.
pub fn edge(router: Router) -> Router {
    router
        .merge(assets::router())
        .fallback(|| async { Problem::not_found("no such page or endpoint") })
        .method_not_allowed_fallback(|| async {
            Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
                .detail("this endpoint does not take that method")
        })
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| {
                tracing::error!("a request handler panicked");
                axum::response::IntoResponse::into_response(Problem::internal())
            },
        ))
        .layer(axum::middleware::from_fn(for_people))
        .layer(axum::middleware::from_fn(security_headers))
        .layer(axum::middleware::from_fn(request_id))
}
