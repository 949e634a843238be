//! `GET /giveaways/{id}/entries`: the host looks through them.

use std::sync::Arc;

use axum::extract::State;
use platform::{
    document::PageQuery,
    http::{Json, Problem},
};

use super::{
    auth::HostAuth,
    page::{Id, Page, Paging},
};
use crate::{
    actions::list_entries::{EntryView, list_entries},
    ids::{EntryId, GiveawayId},
    service::Service,
};

/// Lists entries, in the order in which they came in.
#[utoipa::path(
    get, path = "/giveaways/{id}/entries", tag = "Entries", operation_id = "listEntries",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway"), PageQuery),
    responses(
        (status = 200, description = "A page of entries", body = Page<EntryView>),
    )
)]
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    host: HostAuth,
    Id(giveaway): Id<GiveawayId>,
    paging: Paging<EntryId>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let Paging { limit, after } = paging;
    let items = list_entries(&service, host.0, giveaway, after, limit).await?;
    Ok(Json(Page::new(items, limit, |entry| entry.id)))
}
