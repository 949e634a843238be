//! The process dies between two steps of a settlement. Each step is called on its own, what comes
//! after it never happens, and the scans find what is left.

use jiff::SignedDuration;
use platform::provider::protocol::{Exchange, ask};
use sea_orm::EntityTrait as _;

use super::{
    bank::Next,
    world::{Shop, World, text},
};
use crate::{
    actions::send_settlement::{claim, write_down},
    store::attempt::{self, Attempt},
};

const LEASE: SignedDuration = SignedDuration::from_secs(30);

async fn only_attempt(world: &World) -> Attempt {
    attempt::entity::Entity::find().one(world.db.read()).await.unwrap().unwrap()
}

async fn claimed(world: &World) -> (Attempt, Exchange) {
    claim(world.service(), only_attempt(world).await).await.unwrap().unwrap()
}

async fn ends_paid_once(world: &World, shop: &Shop, id: &str) {
    world.pass(LEASE);
    world.send_due().await;
    assert_eq!(text(&world.settlement(shop, id).await, "state"), "paid", "{}", world.db);
    assert_eq!((world.bank.transfers().len(), world.bank.paid_minor()), (1, 700));
    world.sweep().await;
    world.assert_sound().await;
}

#[tokio::test]
async fn after_t1() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn after_t2() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        claimed(&world).await;
        world.send_due().await;
        assert!(world.bank.sends().is_empty(), "the lease protects the one who may be at it");
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn after_the_transfer_before_t3() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        let (attempt, exchange) = claimed(&world).await;
        ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
        ends_paid_once(&world, &shop, &id).await;
        assert_eq!(world.bank.sends().len(), 1, "looked up, not sent again");
    }
}

#[tokio::test]
async fn after_the_transfer_the_sweep_of_the_list_is_enough() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        let (attempt, exchange) = claimed(&world).await;
        ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
        world.sweep().await;
        assert_eq!(text(&world.settlement(&shop, &id).await, "state"), "paid");
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn after_t3_it_is_written_once_however_often_it_comes() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        let (attempt, exchange) = claimed(&world).await;
        let conclusion =
            ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
        for _ in 0..2 {
            write_down(world.service(), &attempt, conclusion.clone()).await.unwrap();
        }
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn a_refusal_that_was_not_written_is_not_believed_later() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::Refuse("insufficient_funds")]);
        let (attempt, exchange) = claimed(&world).await;
        let refused = ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
        // Another instance takes over after the lease, and its send is lost on the way.
        world.pass(LEASE);
        world.bank.script([Next::PayAndLoseAnswer]);
        world.send_due().await;
        // Now the first wakes up with its refusal. It was not the only send.
        write_down(world.service(), &attempt, refused).await.unwrap();
        assert_eq!(text(&world.settlement(&shop, &id).await, "state"), "sending");
        world.pass(LEASE);
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn a_send_that_never_left_is_no_matter_for_an_operator_however_late_it_is() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        world.bank.script([Next::Unreachable]);
        let (attempt, exchange) = claimed(&world).await;
        let unsent = ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
        // Longer than the provider remembers a key.
        world.pass(SignedDuration::from_hours(25));
        write_down(world.service(), &attempt, unsent).await.unwrap();
        assert_eq!(world.alerts().await, [""; 0], "{}", world.db);
        world.pass(LEASE);
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn two_instances_claim_an_attempt_once() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        let seen = only_attempt(&world).await;
        let (a, b) = tokio::join!(
            claim(world.service(), seen.clone()),
            claim(world.service(), seen.clone()),
        );
        let claims = [a.unwrap(), b.unwrap()].into_iter().flatten().count();
        assert_eq!(claims, 1);
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn a_late_answer_after_a_takeover_still_ends_in_one_payment() {
    for world in World::each().await {
        let shop = world.shop().await;
        let id = world.requested(&shop, 700).await;
        let (attempt, exchange) = claimed(&world).await;
        world.pass(LEASE);
        world.send_due().await;
        let late = ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
        write_down(world.service(), &attempt, late).await.unwrap();
        ends_paid_once(&world, &shop, &id).await;
    }
}

#[tokio::test]
async fn a_restarted_process_does_not_wait_for_its_own_lease() {
    let mut world = World::sqlite().await;
    let shop = world.shop().await;
    let id = world.requested(&shop, 700).await;
    let (attempt, exchange) = claimed(&world).await;
    ask(&*world.bank, attempt.transfer(), attempt.possible_sends, exchange).await;
    world.restart().await;
    world.send_due().await;
    assert_eq!(text(&world.settlement(&shop, &id).await, "state"), "paid");
    assert_eq!(world.bank.sends().len(), 1);
}
