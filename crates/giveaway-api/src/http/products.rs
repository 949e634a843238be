//! `GET /products`: the card products that can be prizes.

use std::sync::Arc;

use axum::extract::State;
use platform::{
    document::PageQuery,
    http::{Json, Problem},
};

use super::{
    auth::HostAuth,
    page::{Page, Paging},
};
use crate::{
    actions::products::{ProductView, list_products},
    ids::ProductId,
    service::Service,
};

/// Lists the gift cards that can be prizes.
#[utoipa::path(
    get, path = "/products", tag = "Giveaways", operation_id = "listProducts",
    security(("host" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of products", body = Page<ProductView>),
        (status = 503, description = "`unavailable`: giftcard-api does not answer"),
    )
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    _: HostAuth,
    paging: Paging<ProductId>,
) -> Result<Json<Page<ProductView>>, Problem> {
    let limit = u32::try_from(paging.limit).unwrap_or(u32::MAX);
    let (items, next) = list_products(&service, limit, paging.after).await?;
    Ok(Json(Page::with_next(items, next)))
}
