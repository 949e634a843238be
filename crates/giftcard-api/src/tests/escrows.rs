//! Commands about escrows, each delivered twice, out of order, and late.

use contracts::{
    giftcard::{
        CancelEscrowsRequest, GetCardsRequest, IssueCardRequest, ListProductsRequest,
        ReturnEscrowRequest, return_escrow_response::Outcome,
    },
    giveaway::{ResolveEscrowsResponse, resolve_escrows_response::Decision},
    refusal::Refusal,
};
use durable_grpc::Answer;
use jiff::SignedDuration;
use platform::outbox;
use prost::Message as _;
use sea_orm::EntityTrait as _;
use serde_json::json;
use tonic::{Code, Status};

use super::world::{Shop, World, confirm_request, reserve_request};
use crate::{
    actions::resolve_escrows::{self, Decisions},
    domain::ids::{EscrowId, SagaId, WinnerId},
};

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Status>, reason: &str) {
    let status = result.unwrap_err();
    assert_eq!(Refusal::of(&status).map(|r| r.reason).as_deref(), Some(reason), "{status}");
}

fn cancel(saga: SagaId, ids: &[EscrowId]) -> CancelEscrowsRequest {
    let escrow_ids = ids.iter().map(ToString::to_string).collect();
    CancelEscrowsRequest { saga_id: saga.to_string(), escrow_ids }
}

fn issue(escrow: EscrowId, winner: WinnerId) -> IssueCardRequest {
    IssueCardRequest { escrow_id: escrow.to_string(), winner_id: winner.to_string() }
}

async fn give_back(world: &World, escrow: EscrowId) -> Result<Outcome, Status> {
    let request = ReturnEscrowRequest { escrow_id: escrow.to_string() };
    world.rpc().return_escrow(request).await.map(|reply| reply.into_inner().outcome())
}

/// What escrow clearing holds for an escrow.
async fn clearing(world: &World, escrow: EscrowId) -> Option<i64> {
    let limits = crate::audit::Limits::default();
    let part = crate::audit::run(world.db.read(), world.clock.now(), &limits).await.unwrap();
    assert!(part.violations.is_empty(), "{:?}", part.violations);
    part.escrow_legs.iter().find(|leg| leg.reference == escrow.0).map(|leg| leg.total.minor)
}

#[tokio::test]
async fn every_command_delivered_twice_has_one_effect() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, ids) = (SagaId::new(), [EscrowId::new(), EscrowId::new()]);
        let winner = WinnerId::new();
        let mut cards = Vec::new();
        for _ in 0..2 {
            let request = reserve_request(&shop, saga, &ids, &[500, 700]);
            world.rpc().reserve_escrows(request).await.unwrap();
        }
        assert_eq!(clearing(&world, ids[0]).await, None, "a reserve posts nothing");
        for _ in 0..2 {
            world.rpc().confirm_escrows(confirm_request(saga, &ids)).await.unwrap();
            assert_eq!(clearing(&world, ids[0]).await, Some(-500));
        }
        for _ in 0..2 {
            let card = world.rpc().issue_card(issue(ids[0], winner)).await.unwrap();
            cards.push(card.into_inner().card_id);
        }
        assert_eq!(cards[0], cards[1]);
        refused(
            world.rpc().issue_card(issue(ids[0], WinnerId::new())).await,
            "escrow_issued_to_other",
        );
        for _ in 0..2 {
            assert_eq!(give_back(&world, ids[0]).await.unwrap(), Outcome::Issued);
            assert_eq!(give_back(&world, ids[1]).await.unwrap(), Outcome::Returned);
        }
        assert_eq!(clearing(&world, ids[0]).await, Some(-500));
        assert_eq!(clearing(&world, ids[1]).await, Some(0));
        refused(world.rpc().issue_card(issue(ids[1], winner)).await, "escrow_refunded");
        // The confirm comes once more, late.
        world.rpc().confirm_escrows(confirm_request(saga, &ids)).await.unwrap();
        assert_eq!(clearing(&world, ids[1]).await, Some(0));
        refused(world.rpc().cancel_escrows(cancel(saga, &ids)).await, "escrow_funded");
    }
}

#[tokio::test]
async fn a_batch_is_reserved_whole_or_not_at_all() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, ids) = (SagaId::new(), [EscrowId::new(), EscrowId::new()]);
        let reserve = async |change: &dyn Fn(&mut contracts::giftcard::ReserveEscrowsRequest)| {
            let mut request = reserve_request(&shop, saga, &ids, &[500, 700]);
            change(&mut request);
            world.rpc().reserve_escrows(request).await
        };
        let value =
            |request: &mut contracts::giftcard::ReserveEscrowsRequest, minor, currency: &str| {
                let money = contracts::types::Money { minor, currency: currency.to_owned() };
                request.items[1].value = Some(money);
            };
        refused(reserve(&|r| value(r, 99, "EUR")).await, "value_out_of_range");
        refused(reserve(&|r| value(r, 50_001, "EUR")).await, "value_out_of_range");
        refused(reserve(&|r| value(r, 500, "USD")).await, "currency_mismatch");
        refused(reserve(&|r| value(r, 500, "eur")).await, "invalid_input");
        refused(reserve(&|r| r.items[1].value = None).await, "invalid_input");
        refused(reserve(&|r| r.items.clear()).await, "invalid_input");
        refused(reserve(&|r| r.items[1] = r.items[0].clone()).await, "invalid_input");
        let unknown = crate::domain::ids::ProductId::new().to_string();
        refused(reserve(&|r| r.items[1].product_id = unknown.clone()).await, "product_unknown");
        // Nothing of this was kept: the same key takes the right request.
        reserve(&|_| {}).await.unwrap();
        world
            .post(&format!("/products/{}/close", shop.product), &shop.token, "", json!({}))
            .await
            .expect(http::StatusCode::OK);
        reserve(&|_| {}).await.unwrap();
        let other = reserve(&|r| {
            r.batch = 1;
            r.items[0].escrow_id = EscrowId::new().to_string();
            r.items[1].escrow_id = EscrowId::new().to_string();
        })
        .await;
        refused(other, "product_closed");
    }
}

#[tokio::test]
async fn other_bytes_under_a_known_key_are_not_taken_and_not_a_refusal() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, ids) = (SagaId::new(), [EscrowId::new()]);
        world.rpc().reserve_escrows(reserve_request(&shop, saga, &ids, &[500])).await.unwrap();
        let other = world.rpc().reserve_escrows(reserve_request(&shop, saga, &ids, &[600])).await;
        let status = other.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(Refusal::of(&status), None, "nobody may compensate because of it");
        assert_eq!(world.alerts().await, ["key_mismatch"]);
        world.confirm(saga, &ids).await;
        assert_eq!(clearing(&world, ids[0]).await, Some(-500));
    }
}

#[tokio::test]
async fn a_tombstone_refuses_a_late_reserve() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, ids) = (SagaId::new(), [EscrowId::new(), EscrowId::new()]);
        for _ in 0..2 {
            world.rpc().cancel_escrows(cancel(saga, &ids[..1])).await.unwrap();
        }
        let late =
            world.rpc().reserve_escrows(reserve_request(&shop, saga, &ids, &[500, 700])).await;
        refused(late, "escrow_cancelled");
        refused(
            world.rpc().confirm_escrows(confirm_request(saga, &ids[..1])).await,
            "escrow_cancelled",
        );
        refused(
            world.rpc().confirm_escrows(confirm_request(saga, &ids[1..])).await,
            "escrow_unknown",
        );
        // A reserve that was cancelled is not reserved by its repetition either.
        let (saga, ids) = world.reserve(&shop, &[500]).await;
        world.rpc().cancel_escrows(cancel(saga, &ids)).await.unwrap();
        let again = world.rpc().reserve_escrows(reserve_request(&shop, saga, &ids, &[500])).await;
        refused(again, "escrow_cancelled");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_return_or_an_issue_waits_for_the_confirm() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, ids) = world.reserve(&shop, &[500]).await;
        assert_eq!(give_back(&world, ids[0]).await.unwrap_err().code(), Code::Unavailable);
        let early = world.rpc().issue_card(issue(ids[0], WinnerId::new())).await;
        assert_eq!(early.unwrap_err().code(), Code::Unavailable);
        world.confirm(saga, &ids).await;
        assert_eq!(give_back(&world, ids[0]).await.unwrap(), Outcome::Returned);
        refused(give_back(&world, EscrowId::new()).await, "escrow_unknown");
    }
}

#[tokio::test]
async fn an_escrow_belongs_to_its_saga() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, ids) = world.reserve(&shop, &[500]).await;
        let stranger = SagaId::new();
        refused(
            world.rpc().reserve_escrows(reserve_request(&shop, stranger, &ids, &[500])).await,
            "escrow_of_other",
        );
        refused(
            world.rpc().confirm_escrows(confirm_request(stranger, &ids)).await,
            "escrow_of_other",
        );
        refused(world.rpc().cancel_escrows(cancel(stranger, &ids)).await, "escrow_of_other");
    }
}

#[tokio::test]
async fn concurrent_commands_end_in_one_terminal_state() {
    for world in World::each().await {
        let shop = world.shop().await;
        for _ in 0..5 {
            let (saga, ids) = world.reserve(&shop, &[500]).await;
            let winner = WinnerId::new();
            let [mut a, mut b, mut c, mut d] = std::array::from_fn(|_| world.rpc());
            let (confirmed, cancelled, issued, returned) = tokio::join!(
                a.confirm_escrows(confirm_request(saga, &ids)),
                b.cancel_escrows(cancel(saga, &ids)),
                c.issue_card(issue(ids[0], winner)),
                d.return_escrow(ReturnEscrowRequest { escrow_id: ids[0].to_string() }),
            );
            assert!(confirmed.is_ok() != cancelled.is_ok(), "{confirmed:?} {cancelled:?}");
            let gave = returned.is_ok_and(|r| r.into_inner().outcome() == Outcome::Returned);
            assert!(!(issued.is_ok() && gave));
        }
        // A contradicted confirm raises an alert; the books hold all the same.
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn old_reserved_escrows_are_asked_about_and_never_decided_alone() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (aborted, first) = world.reserve(&shop, &[500, 700]).await;
        let (committed, second) = world.reserve(&shop, &[900]).await;
        resolve_escrows::ask(world.service()).await.unwrap();
        assert_eq!(outbox::oldest(world.db.read(), 10).await.unwrap().len(), 0, "too early");
        world.pass(SignedDuration::from_secs(300));
        for _ in 0..2 {
            resolve_escrows::ask(world.service()).await.unwrap();
        }
        let calls = outbox::oldest(world.db.read(), 10).await.unwrap();
        assert_eq!(calls.len(), 2, "each saga is asked about once");
        assert_eq!(clearing(&world, first[0]).await, None);

        answer(&world, aborted, Decision::Aborted).await;
        answer(&world, committed, Decision::Committed).await;
        refused(
            world.rpc().confirm_escrows(confirm_request(aborted, &first)).await,
            "escrow_cancelled",
        );
        let late = reserve_with_batch(&shop, aborted, 7);
        refused(world.rpc().reserve_escrows(late).await, "escrow_cancelled");
        // A committed saga's confirm comes in its own time.
        world.confirm(committed, &second).await;
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn an_answer_that_decides_nothing_is_asked_again_and_alerted() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, ids) = world.reserve(&shop, &[500]).await;
        for round in 1..=3 {
            world.pass(SignedDuration::from_secs(300));
            resolve_escrows::ask(world.service()).await.unwrap();
            let calls = outbox::oldest(world.db.read(), 10).await.unwrap();
            assert_eq!(calls.len(), 1, "round {round}");
            answer(&world, saga, Decision::Unspecified).await;
        }
        assert_eq!(world.alerts().await, ["saga_unresolved"]);
        world.confirm(saga, &ids).await;
        world.pass(SignedDuration::from_secs(300));
        resolve_escrows::ask(world.service()).await.unwrap();
        assert!(outbox::oldest(world.db.read(), 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn queries_leave_out_what_is_unknown() {
    for world in World::each().await {
        let shop = world.shop().await;
        let card = world.card(&shop, 500).await;
        let ids = vec![card.clone(), crate::domain::ids::CardId::new().to_string(), "x".to_owned()];
        let cards =
            world.rpc().get_cards(GetCardsRequest { ids }).await.unwrap().into_inner().cards;
        assert_eq!(cards.len(), 1);
        assert_eq!((cards[0].id.as_str(), cards[0].state.as_str()), (card.as_str(), "active"));
        assert!(!cards[0].revealed);
        let all =
            world.rpc().list_products(ListProductsRequest::default()).await.unwrap().into_inner();
        assert_eq!((all.products.len(), all.next.as_str()), (1, ""));
        assert_eq!(all.products[0].merchant_name, "Café Sonne");
        let some = ListProductsRequest { ids: vec![shop.product.clone()], ..Default::default() };
        assert_eq!(world.rpc().list_products(some).await.unwrap().into_inner().products.len(), 1);
    }
}

fn reserve_with_batch(
    shop: &Shop,
    saga: SagaId,
    batch: u32,
) -> contracts::giftcard::ReserveEscrowsRequest {
    let mut request = reserve_request(shop, saga, &[EscrowId::new()], &[500]);
    request.batch = batch;
    request
}

/// What the relay does with giveaway-api's answer.
async fn answer(world: &World, saga: SagaId, decision: Decision) {
    let call = outbox::oldest(world.db.read(), 100)
        .await
        .unwrap()
        .into_iter()
        .find(|call| call.subject == saga.0)
        .unwrap();
    let reply = ResolveEscrowsResponse { decision: decision.into() }.encode_to_vec();
    let decisions = Decisions { clock: world.clock.clone(), ask_again_ms: 300_000 };
    let tx = world.db.begin("test").await.unwrap();
    decisions.apply(&tx, &call, &Answer::Reply(reply.into())).await.unwrap();
    outbox::entity::Entity::delete_by_id(call.id).exec(&tx).await.unwrap();
    tx.commit().await.unwrap();
}
