//! The gRPC service: translate, call an action, translate back.

mod rooms;

use std::{collections::HashMap, str::FromStr};

use contracts::{
    giftcard::{
        CancelEscrowsRequest, CancelEscrowsResponse, Card, ConfirmEscrowsRequest,
        ConfirmEscrowsResponse, CountMattersRequest, CountMattersResponse, EscrowItem,
        GetCardsRequest, GetCardsResponse, IssueCardRequest, IssueCardResponse,
        ListProductsRequest, ListProductsResponse, MintRevealTokenRequest, MintRevealTokenResponse,
        Product, ReserveEscrowsRequest, ReserveEscrowsResponse, ReturnEscrowRequest,
        ReturnEscrowResponse, giftcard_service_server::GiftcardService,
        return_escrow_response::Outcome,
    },
    types,
};
use ledger::Money;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    actions::{
        cancel_escrows::cancel_escrows,
        confirm_escrows::confirm_escrows,
        count_matters::count_matters,
        issue_card::issue_card,
        mint_reveal::mint_reveal,
        reserve_escrows::{Item, Reserve, reserve_escrows},
        return_escrow::{Returned, return_escrow},
    },
    domain::{
        ids::{CardId, EscrowId, MerchantId, ProductId},
        product::ProductState,
        refusal::Refusal,
        state::Machine as _,
    },
    error::{Error, Result},
    service::{Service, Shared},
    store::{card, merchant, product},
};

/// Items of a query's answer at most, and unless fewer are asked for.
const MAX_LISTED: usize = 100;

/// Ids of a query at most.
const MAX_IDS: usize = 1_000;

/// The service, for a gRPC server or for callers in this process.
pub(crate) struct Rpc(pub(crate) Shared);

#[async_trait]
impl GiftcardService for Rpc {
    async fn reserve_escrows(
        &self,
        request: Request<ReserveEscrowsRequest>,
    ) -> Result<Response<ReserveEscrowsResponse>, Status> {
        let request = request.into_inner();
        // The encoding is stable, because commands have no maps.
        let hash = Sha256::digest(request.encode_to_vec()).into();
        let reserve = Reserve {
            saga: id(&request.saga_id, "/saga_id")?,
            batch: request.batch,
            items: request.items.iter().map(item).collect::<Result<_>>()?,
            hash,
        };
        reserve_escrows(&self.0, reserve).await?;
        Ok(Response::new(ReserveEscrowsResponse {}))
    }

    async fn confirm_escrows(
        &self,
        request: Request<ConfirmEscrowsRequest>,
    ) -> Result<Response<ConfirmEscrowsResponse>, Status> {
        let request = request.into_inner();
        let saga = id(&request.saga_id, "/saga_id")?;
        confirm_escrows(&self.0, saga, ids(&request.escrow_ids, "/escrow_ids")?).await?;
        Ok(Response::new(ConfirmEscrowsResponse {}))
    }

    async fn cancel_escrows(
        &self,
        request: Request<CancelEscrowsRequest>,
    ) -> Result<Response<CancelEscrowsResponse>, Status> {
        let request = request.into_inner();
        let saga = id(&request.saga_id, "/saga_id")?;
        cancel_escrows(&self.0, saga, ids(&request.escrow_ids, "/escrow_ids")?).await?;
        Ok(Response::new(CancelEscrowsResponse {}))
    }

    async fn issue_card(
        &self,
        request: Request<IssueCardRequest>,
    ) -> Result<Response<IssueCardResponse>, Status> {
        let request = request.into_inner();
        let escrow = id(&request.escrow_id, "/escrow_id")?;
        let card = issue_card(&self.0, escrow, id(&request.winner_id, "/winner_id")?).await?;
        Ok(Response::new(IssueCardResponse { card_id: card.to_string() }))
    }

    async fn return_escrow(
        &self,
        request: Request<ReturnEscrowRequest>,
    ) -> Result<Response<ReturnEscrowResponse>, Status> {
        let escrow: EscrowId = id(&request.get_ref().escrow_id, "/escrow_id")?;
        let outcome = match return_escrow(&self.0, escrow).await? {
            Returned::Returned => Outcome::Returned,
            Returned::Issued => Outcome::Issued,
        };
        Ok(Response::new(ReturnEscrowResponse { outcome: outcome.into() }))
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        Ok(Response::new(list_products(&self.0, request.into_inner()).await?))
    }

    async fn get_cards(
        &self,
        request: Request<GetCardsRequest>,
    ) -> Result<Response<GetCardsResponse>, Status> {
        let wanted = known_ids(&request.get_ref().ids)?;
        Ok(Response::new(GetCardsResponse { cards: get_cards(&self.0, wanted).await? }))
    }

    async fn count_matters(
        &self,
        _: Request<CountMattersRequest>,
    ) -> Result<Response<CountMattersResponse>, Status> {
        let matters = count_matters(&self.0).await?;
        Ok(Response::new(CountMattersResponse {
            alerts: matters.alerts,
            failed_settlements: matters.failed_settlements,
            unexplained_transfers: matters.unexplained_transfers,
        }))
    }

    async fn mint_reveal_token(
        &self,
        request: Request<MintRevealTokenRequest>,
    ) -> Result<Response<MintRevealTokenResponse>, Status> {
        let card: CardId = id(&request.get_ref().card_id, "/card_id")?;
        let minted = mint_reveal(&self.0, card).await?;
        Ok(Response::new(MintRevealTokenResponse {
            token: minted.token,
            expires_at_ms: minted.expires_at.as_millisecond(),
        }))
    }
}

async fn list_products(
    service: &Service,
    request: ListProductsRequest,
) -> Result<ListProductsResponse> {
    let conn = service.db.read();
    let (products, next) = if request.ids.is_empty() {
        let limit = match usize::try_from(request.limit).unwrap_or(MAX_LISTED) {
            0 => MAX_LISTED,
            given => given.min(MAX_LISTED),
        };
        let after = match request.after.as_str() {
            "" => None,
            after => Some(id::<ProductId>(after, "/after")?),
        };
        let mut rows = product::page(conn, None, after, limit as u64 + 1).await?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(|row| row.id.to_string());
        (rows, next)
    } else {
        (product::find_many(conn, known_ids::<ProductId>(&request.ids)?).await?, None)
    };
    let names = merchant_names(service, products.iter().map(|product| product.merchant_id)).await?;
    let products = products
        .into_iter()
        .map(|product| Product {
            id: product.id.to_string(),
            merchant_id: product.merchant_id.to_string(),
            merchant_name: names.get(&product.merchant_id).cloned().unwrap_or_default(),
            name: product.name,
            currency: product.currency,
            min_minor: product.min_minor,
            max_minor: product.max_minor,
            active: product.state == ProductState::Active,
        })
        .collect();
    Ok(ListProductsResponse { products, next: next.unwrap_or_default() })
}

async fn get_cards(service: &Service, wanted: Vec<CardId>) -> Result<Vec<Card>> {
    let conn = service.db.read();
    let cards = card::find_many(conn, wanted).await?;
    let names = merchant_names(service, cards.iter().map(|card| card.merchant_id)).await?;
    let products: HashMap<_, _> =
        product::find_many(conn, cards.iter().map(|card| card.product_id))
            .await?
            .into_iter()
            .map(|product| (product.id, product.name))
            .collect();
    cards
        .into_iter()
        .map(|card| {
            Ok(Card {
                id: card.id.to_string(),
                state: card.state.as_str().to_owned(),
                value: Some(proto_money(card.value()?)),
                available: Some(proto_money(card.available()?)),
                merchant_name: names.get(&card.merchant_id).cloned().unwrap_or_default(),
                product_name: products.get(&card.product_id).cloned().unwrap_or_default(),
                revealed: card.revealed_at.is_some(),
            })
        })
        .collect()
}

async fn merchant_names(
    service: &Service,
    ids: impl Iterator<Item = MerchantId>,
) -> Result<HashMap<MerchantId, String>> {
    let merchants = merchant::find_many(service.db.read(), ids).await?;
    Ok(merchants.into_iter().map(|merchant| (merchant.id, merchant.name)).collect())
}

fn item(item: &EscrowItem) -> Result<Item> {
    let value = item.value.as_ref();
    let value = value.ok_or_else(|| Refusal::invalid("/items/value", "is missing"))?;
    let currency = value.currency.parse().map_err(|error: ledger::UnknownCurrency| {
        Refusal::invalid("/items/value/currency", error.to_string())
    })?;
    Ok(Item {
        escrow: id(&item.escrow_id, "/items/escrow_id")?,
        product: id(&item.product_id, "/items/product_id")?,
        value: Money::new(value.minor, currency),
    })
}

fn id<T: FromStr<Err = platform::id::BadId>>(text: &str, pointer: &'static str) -> Result<T> {
    text.parse()
        .map_err(|bad: platform::id::BadId| Error::from(Refusal::invalid(pointer, bad.to_string())))
}

fn ids(texts: &[String], pointer: &'static str) -> Result<Vec<EscrowId>> {
    texts.iter().map(|text| id(text, pointer)).collect()
}

/// The ids of a query. What is no id names nothing, and unknown things are left out.
fn known_ids<T: FromStr>(texts: &[String]) -> Result<Vec<T>> {
    if texts.len() > MAX_IDS {
        return Err(Refusal::invalid("/ids", format!("must be at most {MAX_IDS}")).into());
    }
    Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
}

fn proto_money(money: Money) -> types::Money {
    types::Money { minor: money.minor, currency: money.currency.to_string() }
}
