//! A giftcard-api that keeps escrows as the real one does, and fails when it is told to.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use contracts::{
    giftcard::{
        CancelEscrowsRequest, CancelEscrowsResponse, Card, ConfirmEscrowsRequest,
        ConfirmEscrowsResponse, CountMattersRequest, CountMattersResponse, GetCardsRequest,
        GetCardsResponse, IssueCardRequest, IssueCardResponse, ListProductsRequest,
        ListProductsResponse, MintRevealTokenRequest, MintRevealTokenResponse, Product,
        ReserveEscrowsRequest, ReserveEscrowsResponse, ReturnEscrowRequest, ReturnEscrowResponse,
        giftcard_service_server::GiftcardService, return_escrow_response::Outcome,
    },
    refusal::{Kind, Refusal},
};
use giveaway_api::ids::{CardId, ProductId};
use tonic::{Request, Response, Status};

/// What happens to one call instead of what should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service decides against it.
    Refuse,
    /// Nothing happens, and the caller is told to try later.
    Unavailable,
    /// It happens, and nobody hears of it.
    LoseAnswer,
    /// Nothing happens, and no answer comes.
    Hang,
    /// It happens, and no answer comes.
    HangAfter,
    /// An error without our detail, as a proxy in between would make it.
    ProxyRefusal,
}

/// Where an escrow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escrow {
    Reserved,
    Funded,
    Issued,
    Returned,
    Cancelled,
}

#[derive(Default)]
struct State {
    escrows: HashMap<String, Escrow>,
    cards: HashMap<String, String>,
    revealed: Vec<String>,
    faults: HashMap<&'static str, VecDeque<Fault>>,
    calls: HashMap<&'static str, u32>,
}

/// The service; clones are the same one.
#[derive(Clone)]
pub(crate) struct Giftcard {
    state: Arc<Mutex<State>>,
    pub(crate) product: ProductId,
}

impl Giftcard {
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), product: ProductId::new() }
    }

    /// The next calls of a method fail like this, in order; then it works again.
    pub(crate) fn fail(&self, method: &'static str, faults: &[Fault]) {
        let mut state = self.state.lock().unwrap();
        state.faults.entry(method).or_default().extend(faults);
    }

    /// Nothing fails any more.
    pub(crate) fn heal(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// How often a method was called.
    pub(crate) fn calls(&self, method: &'static str) -> u32 {
        self.state.lock().unwrap().calls.get(method).copied().unwrap_or(0)
    }

    /// How many escrows stand there.
    pub(crate) fn count(&self, wanted: Escrow) -> usize {
        self.state.lock().unwrap().escrows.values().filter(|escrow| **escrow == wanted).count()
    }

    /// Somebody looked at a card's code.
    pub(crate) fn reveal(&self) {
        let mut state = self.state.lock().unwrap();
        let cards: Vec<String> = state.cards.values().cloned().collect();
        state.revealed.extend(cards);
    }

    async fn call<T>(
        &self,
        method: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, Status> + Send,
    ) -> Result<Response<T>, Status> {
        let fault = {
            let mut state = self.state.lock().unwrap();
            *state.calls.entry(method).or_default() += 1;
            state.faults.get_mut(method).and_then(VecDeque::pop_front)
        };
        match fault {
            Some(Fault::Refuse) => return Err(refused("told_to", "refused on purpose")),
            Some(Fault::Unavailable) => return Err(Status::unavailable("on purpose")),
            Some(Fault::ProxyRefusal) => return Err(Status::permission_denied("said a proxy")),
            Some(Fault::Hang) => std::future::pending::<()>().await,
            _ => {}
        }
        let done = effect(&mut self.state.lock().unwrap())?;
        match fault {
            Some(Fault::LoseAnswer) => Err(Status::unavailable("lost on purpose")),
            Some(Fault::HangAfter) => std::future::pending().await,
            _ => Ok(Response::new(done)),
        }
    }
}

fn refused(reason: &str, message: &str) -> Status {
    Refusal::new(Kind::State, reason, message).into()
}

#[tonic::async_trait]
impl GiftcardService for Giftcard {
    async fn reserve_escrows(
        &self,
        request: Request<ReserveEscrowsRequest>,
    ) -> Result<Response<ReserveEscrowsResponse>, Status> {
        let items = request.into_inner().items;
        self.call("reserve", |state| {
            if items
                .iter()
                .any(|item| state.escrows.get(&item.escrow_id) == Some(&Escrow::Cancelled))
            {
                return Err(refused("escrow_cancelled", "an escrow was cancelled"));
            }
            for item in items {
                state.escrows.entry(item.escrow_id).or_insert(Escrow::Reserved);
            }
            Ok(ReserveEscrowsResponse {})
        })
        .await
    }

    async fn confirm_escrows(
        &self,
        request: Request<ConfirmEscrowsRequest>,
    ) -> Result<Response<ConfirmEscrowsResponse>, Status> {
        let ids = request.into_inner().escrow_ids;
        self.call("confirm", |state| {
            for id in ids {
                match state.escrows.get_mut(&id) {
                    Some(escrow @ Escrow::Reserved) => *escrow = Escrow::Funded,
                    Some(Escrow::Funded | Escrow::Issued | Escrow::Returned) => {}
                    other => return Err(refused("escrow_not_reserved", &format!("{other:?}"))),
                }
            }
            Ok(ConfirmEscrowsResponse {})
        })
        .await
    }

    async fn cancel_escrows(
        &self,
        request: Request<CancelEscrowsRequest>,
    ) -> Result<Response<CancelEscrowsResponse>, Status> {
        let ids = request.into_inner().escrow_ids;
        self.call("cancel", |state| {
            for id in ids {
                let escrow = state.escrows.entry(id).or_insert(Escrow::Cancelled);
                if !matches!(escrow, Escrow::Reserved | Escrow::Cancelled) {
                    return Err(refused("escrow_funded", "an escrow is funded"));
                }
                *escrow = Escrow::Cancelled;
            }
            Ok(CancelEscrowsResponse {})
        })
        .await
    }

    async fn issue_card(
        &self,
        request: Request<IssueCardRequest>,
    ) -> Result<Response<IssueCardResponse>, Status> {
        let request = request.into_inner();
        self.call("issue", |state| {
            if let Some(card_id) = state.cards.get(&request.escrow_id) {
                return Ok(IssueCardResponse { card_id: card_id.clone() });
            }
            match state.escrows.get_mut(&request.escrow_id) {
                Some(escrow @ Escrow::Funded) => *escrow = Escrow::Issued,
                other => return Err(refused("escrow_not_funded", &format!("{other:?}"))),
            }
            let card_id = CardId::new().to_string();
            state.cards.insert(request.escrow_id, card_id.clone());
            Ok(IssueCardResponse { card_id })
        })
        .await
    }

    async fn return_escrow(
        &self,
        request: Request<ReturnEscrowRequest>,
    ) -> Result<Response<ReturnEscrowResponse>, Status> {
        let id = request.into_inner().escrow_id;
        self.call("return", |state| {
            let outcome = match state.escrows.get_mut(&id) {
                Some(escrow @ (Escrow::Funded | Escrow::Returned)) => {
                    *escrow = Escrow::Returned;
                    Outcome::Returned
                }
                Some(Escrow::Issued) => Outcome::Issued,
                Some(Escrow::Reserved) => return Err(Status::unavailable("not confirmed yet")),
                other => return Err(refused("escrow_gone", &format!("{other:?}"))),
            };
            Ok(ReturnEscrowResponse { outcome: outcome.into() })
        })
        .await
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let id = self.product.to_string();
        let ids = request.into_inner().ids;
        let product = Product {
            id: id.clone(),
            merchant_id: "mer_1".to_owned(),
            merchant_name: "Beans".to_owned(),
            name: "Coffee".to_owned(),
            currency: "EUR".to_owned(),
            min_minor: 500,
            max_minor: 10_000,
            active: true,
        };
        let known = ids.is_empty() || ids.contains(&id);
        let products = known.then_some(product).into_iter().collect();
        self.call("list", |_| Ok(ListProductsResponse { products, next: String::new() })).await
    }

    async fn get_cards(
        &self,
        request: Request<GetCardsRequest>,
    ) -> Result<Response<GetCardsResponse>, Status> {
        let ids = request.into_inner().ids;
        self.call("get_cards", |state| {
            let card = |id: String| Card {
                revealed: state.revealed.contains(&id),
                id,
                state: "active".to_owned(),
                ..Card::default()
            };
            Ok(GetCardsResponse { cards: ids.into_iter().map(card).collect() })
        })
        .await
    }

    async fn count_matters(
        &self,
        _: Request<CountMattersRequest>,
    ) -> Result<Response<CountMattersResponse>, Status> {
        self.call("count", |_| Ok(CountMattersResponse::default())).await
    }

    async fn mint_reveal_token(
        &self,
        request: Request<MintRevealTokenRequest>,
    ) -> Result<Response<MintRevealTokenResponse>, Status> {
        let token = format!("reveal-{}", request.into_inner().card_id);
        self.call("mint", |_| Ok(MintRevealTokenResponse { token, expires_at_ms: 1 })).await
    }
}
