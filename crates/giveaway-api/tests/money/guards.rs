//! The database refuses what no machine does and what nobody may rewrite, however it is asked.

use giveaway_api::{
    actions::credit_void::credit_void,
    domain::{
        giveaway::{GiveawayState, ReturnState, UnitState},
        saga::{BatchState, SagaState},
        states::State,
        top_up::TopUpState,
        winner::WinnerState,
        withdrawal::WithdrawalState,
    },
    ids::VoidId,
};
use ledger::Money;
use platform::provider::TransferStatus;
use serde_json::json;
use testkit::{
    eventually,
    guards::{Machine, disagreements, rewritable, tables_with_a_state},
};

use crate::{
    voids::with_a_card,
    withdrawals::{payable_host, reaches, returned, withdraw},
    world::{PATIENCE, World},
};

/// A world in which every table has a row.
async fn furnish(world: &World) {
    let app = world.start().await;
    let (host, escrow, _) = with_a_card(world, &app).await;
    let void = Money::new(10, "EUR".parse().unwrap());
    credit_void(app.service(), VoidId::new(), escrow, void).await.unwrap();
    let cancelled = app.draft_later(world, &host).await;
    app.post(&host, &format!("/giveaways/{cancelled}/publish"), "p2", json!({})).await;
    app.reaches(&host, cancelled, "open").await;
    app.post(&host, &format!("/giveaways/{cancelled}/cancel"), "c2", json!({})).await;
    app.reaches(&host, cancelled, "cancelled").await;
    let payment = world.bank.payment_ids().remove(0);
    // Before anybody may take it back, which may be at once.
    let before = app.wallet(&host).await.0;
    world.bank.charge_back(&payment, 100);
    app.webhook(&format!("{payment}#back"), "genuine").await;
    eventually(PATIENCE, async || app.wallet(&host).await.0 == before - 100).await;
    let paid = payable_host(world, &app, 5_000).await;
    let id = withdraw(&app, &paid, "w", 1_000).await;
    reaches(world, &app, &paid, &id, "paid").await;
    // A transfer that nothing explains, and that comes back.
    let stranger = format!("wdr_{}", uuid::Uuid::now_v7().simple());
    world.bank.transfer_of_its_own(&stranger, 300, "acct_ada");
    let is_blocked = async || {
        world.pass(30);
        app.get(&paid, "/wallet/payout-destination").await.body["is_blocked"] == true
    };
    eventually(PATIENCE, is_blocked).await;
    world.bank.turn(&stranger, TransferStatus::Reversed);
    eventually(PATIENCE, async || returned(world).await).await;
    app.kill();
}

fn machine<S: State>(table: &'static str) -> Machine {
    let states = S::names();
    Machine { table, begins: vec![states[0]], states, steps: S::steps() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_beginning_and_step_is_that_of_the_domain() {
    let machines = [
        machine::<ReturnState>("escrow_return"),
        machine::<GiveawayState>("giveaway"),
        machine::<UnitState>("prize_unit"),
        machine::<SagaState>("saga"),
        machine::<BatchState>("saga_batch"),
        machine::<TopUpState>("top_up"),
        machine::<WinnerState>("winner"),
        machine::<WithdrawalState>("withdrawal"),
    ];
    for world in World::all().await {
        furnish(&world).await;
        // A new machine cannot be forgotten.
        let mut tables = tables_with_a_state(&world.db).await;
        tables.retain(|table| table != "ledger_hold");
        let listed: Vec<_> = machines.iter().map(|machine| machine.table).collect();
        assert_eq!(tables, listed, "{}", world.db);
        for machine in &machines {
            assert_eq!(disagreements(&world.db, machine).await, [""; 0], "{}", world.db);
        }
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_append_only() {
    for world in World::all().await {
        furnish(&world).await;
        // The first change no more; the others change, but not in what they were written with.
        for table in [
            "ledger_entry",
            "ledger_tx",
            "provider_payment",
            "provider_charge_back",
            "card_void",
            "payout_destination",
            "provider_transfer_unmatched",
            "provider_transfer_returned",
            "withdrawal",
            "saga_item",
            "state_event",
            "escrow_return",
            "saga",
            "saga_batch",
            "top_up",
            "winner",
            "provider_inbox",
        ] {
            assert_eq!(rewritable(&world.db, table).await, [""; 0], "{}", world.db);
        }
    }
}
