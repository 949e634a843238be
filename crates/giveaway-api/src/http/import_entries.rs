//! `POST /giveaways/{id}/entries/import`: a host's file of entrants.

use std::{io, sync::Arc};

use axum::{
    BoxError,
    extract::{Request, State},
};
use futures::TryStreamExt as _;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use platform::http::{Json, Problem};
use tokio_util::io::StreamReader;

use super::{auth::HostAuth, page::Id};
use crate::{
    actions::import_entries::{Imported, import_entries},
    ids::GiveawayId,
    service::Service,
};

/// The largest file in one request: about half a million entrants. More come in parts.
const FILE_LIMIT: usize = 64 * 1024 * 1024;

/// Imports a file of entrants.
///
/// The columns are `entered_at,email,name,country,birth_year,ip,verified,referred_by`. A wrong
/// header stops the import before anything is written; malformed rows are listed with line and
/// reason and skipped; the same file a second time adds nothing. A file has at most 64 MiB: more
/// come in parts.
#[utoipa::path(
    post, path = "/giveaways/{id}/entries/import", tag = "Entries", operation_id = "importEntries",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    request_body(content = String, content_type = "text/csv", description = "The file", example = json!("entered_at,email,name,country,birth_year,ip,verified,referred_by\n1795348800,ada@example.org,Ada,DE,1990,,true,\n")),
    responses(
        (status = 200, description = "What the file amounts to", body = Imported),
        (status = 409, description = "`giveaway_closed`: it takes no entries any more. `giveaway_cancelled`: its host has called it off. `giveaway_not_open`: it takes no entries yet"),
        (status = 415, description = "`csv_expected`: the body is not marked as `text/csv`"),
        (status = 422, description = "`invalid_input`: the header is not as it should be, the file is too large, or it broke off"),
    )
)]
pub(crate) async fn post(
    State(service): State<Arc<Service>>,
    host: HostAuth,
    Id(giveaway): Id<GiveawayId>,
    request: Request,
) -> Result<Json<Imported>, Problem> {
    let is_csv = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv"));
    if !is_csv {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "csv_expected")
            .detail("the body must be a file, with Content-Type: text/csv"));
    }
    let file = Limited::new(request.into_body(), FILE_LIMIT).into_data_stream().map_err(broken);
    Ok(Json(import_entries(&service, host.0, giveaway, StreamReader::new(file)).await?))
}

/// Tells a file that is too large from one that broke off.
fn broken(error: BoxError) -> io::Error {
    match error.downcast::<LengthLimitError>() {
        Ok(_) => io::Error::from(io::ErrorKind::FileTooLarge),
        Err(error) => io::Error::other(error),
    }
}
