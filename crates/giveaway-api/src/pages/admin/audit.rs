//! `/admin/audit`: how the invariants are checked.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use platform::pages::office::Tables;

use super::{super::frame, Office, shown};
use crate::service::Service;

/// `GET /admin/audit`
pub(super) async fn show(State(service): State<Arc<Service>>, _: Office) -> Response {
    let page = Tables::new(frame::of(&service), "/admin/audit", "Audit")
        .lead("The invariants of money reach over the databases of all applications, and no application may read those of another. A command beside the server checks them: handsel audit.")
        .lead("It reads, changes nothing, and may run while the server does. It prints every violation with the rows that it is about, and ends with an error when there is one.")
        .lead("This page does not show a result: none is kept. Run it from a timer, and let the timer tell you.");
    shown(&page)
}
