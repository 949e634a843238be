//! Card products, as giftcard-api knows them: asked directly, never kept.

use std::time::Duration;

use contracts::giftcard::{
    ListProductsRequest, Product as Wire, giftcard_service_client::GiftcardServiceClient,
};
use serde::Serialize;
use tonic::Request;
use utoipa::ToSchema;

use crate::{
    domain::draft::{PrizeLine, Product},
    error::{Error, Result},
    ids::ProductId,
    service::Service,
};

/// A query that takes longer is better given up: a person is waiting.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

/// Products asked about at once, the most that the service answers.
const PAGE: usize = 100;

/// A product as hosts see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProductView {
    /// Its id.
    #[schema(pattern = "^prd_[0-9a-f]{32}$")]
    pub id: String,
    /// The merchant where its cards can be spent.
    pub merchant_name: String,
    /// Its name.
    pub name: String,
    /// Of its cards.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// The least value of a card.
    pub min: MoneyView,
    /// The greatest value of a card.
    pub max: MoneyView,
}

/// An amount in the currency of a product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MoneyView {
    /// Minor units.
    pub minor: i64,
    /// The currency.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
}

/// A page of the products that can be prizes, and where the next one begins.
///
/// # Errors
/// When giftcard-api does not answer.
pub async fn list_products(
    service: &Service,
    limit: u32,
    after: Option<ProductId>,
) -> Result<(Vec<ProductView>, Option<String>)> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let reply = ask(service, ListProductsRequest { ids: Vec::new(), limit, after }).await?;
    let money = |minor, product: &Wire| MoneyView { minor, currency: product.currency.clone() };
    let view = |product: Wire| ProductView {
        min: money(product.min_minor, &product),
        max: money(product.max_minor, &product),
        id: product.id,
        merchant_name: product.merchant_name,
        name: product.name,
        currency: product.currency,
    };
    let next = Some(reply.next).filter(|next| !next.is_empty());
    Ok((reply.products.into_iter().map(view).collect(), next))
}

/// The products of these prizes; those that do not exist are left out.
///
/// # Errors
/// When giftcard-api does not answer.
pub(crate) async fn of_prizes(service: &Service, lines: &[PrizeLine]) -> Result<Vec<Product>> {
    let mut ids: Vec<ProductId> = lines.iter().map(|line| line.product_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut products = Vec::with_capacity(ids.len());
    for ids in ids.chunks(PAGE) {
        let ids = ids.iter().map(ToString::to_string).collect();
        let request = ListProductsRequest { ids, limit: 0, after: String::new() };
        for product in ask(service, request).await?.products {
            products.push(known(product)?);
        }
    }
    Ok(products)
}

fn known(product: Wire) -> Result<Product> {
    Ok(Product {
        id: product.id.parse().map_err(anyhow::Error::from)?,
        name: product.name,
        merchant_name: product.merchant_name,
        currency: product.currency,
        min_minor: product.min_minor,
        max_minor: product.max_minor,
        is_active: product.active,
    })
}

async fn ask(
    service: &Service,
    request: ListProductsRequest,
) -> Result<contracts::giftcard::ListProductsResponse> {
    let mut request = Request::new(request);
    request.set_timeout(QUERY_TIMEOUT);
    let mut giftcard = GiftcardServiceClient::new(service.giftcard.clone());
    let reply = giftcard.list_products(request).await.map_err(|status| {
        tracing::warn!(code = ?status.code(), message = status.message(), "products could not be listed");
        Error::Unavailable("the card products cannot be read now; repeat the request".into())
    })?;
    Ok(reply.into_inner())
}
