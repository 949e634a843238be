//! The database refuses what no machine does and what nobody may rewrite, however it is asked.

use http::StatusCode;
use serde_json::json;
use testkit::guards::{Machine, disagreements, rewritable, tables_with_a_state};

use super::world::{ADMIN, World, eur, text};
use crate::domain::{
    authorisation::AuthorisationState,
    card::CardState,
    escrow::EscrowState,
    product::ProductState,
    settlement::{AttemptState, SettlementState},
    state::Machine as Table,
};

/// A world in which every table has a row.
async fn furnish(world: &World) {
    let shop = world.shop().await;
    let (_, code) = world.card_code(&shop, 900).await;
    let redeemed = world.redeem(&shop, &code, 700).await.expect(StatusCode::CREATED);
    let path = format!("/redemptions/{}/reversals", text(&redeemed, "id"));
    let part = json!({ "amount": eur(100) });
    world.post(&path, &shop.token, "v", part).await.expect(StatusCode::CREATED);
    let body = json!({ "code": code, "amount": eur(50), "external_id": "order" });
    world.post("/authorisations", &shop.token, "a", body).await.expect(StatusCode::CREATED);
    let (card, _) = world.card_code(&shop, 400).await;
    let path = format!("/admin/cards/{card}/void");
    let note = json!({ "note": "to try on" });
    world.post(&path, ADMIN, "void", note).await.expect(StatusCode::OK);
    world.request_settlement(&shop).await.expect(StatusCode::ACCEPTED);
    world.send_due().await;
}

fn machine<S: Table>(table: &'static str) -> Machine {
    let all = S::TRANSITIONS;
    Machine {
        table,
        states: S::ALL.iter().map(|state| state.as_str()).collect(),
        begins: all.iter().filter(|(from, _)| from.is_none()).map(|(_, to)| to.as_str()).collect(),
        steps: all
            .iter()
            .filter_map(|(from, to)| Some((from.as_ref()?.as_str(), to.as_str())))
            .collect(),
    }
}

#[tokio::test]
async fn every_beginning_and_step_is_that_of_the_domain() {
    let machines = [
        machine::<AuthorisationState>("authorisation"),
        machine::<CardState>("card"),
        machine::<EscrowState>("escrow"),
        machine::<ProductState>("product"),
        machine::<SettlementState>("settlement"),
        machine::<AttemptState>("settlement_attempt"),
    ];
    for world in World::each().await {
        furnish(&world).await;
        // A new machine cannot be forgotten. A terminal row has the state that it ended in, for ever.
        let mut tables = tables_with_a_state(&world.db).await;
        tables.retain(|table| !["escrow_terminal", "ledger_hold"].contains(&table.as_str()));
        let listed: Vec<_> = machines.iter().map(|machine| machine.table).collect();
        assert_eq!(tables, listed, "{}", world.db);
        for machine in &machines {
            assert_eq!(disagreements(&world.db, machine).await, [""; 0], "{}", world.db);
        }
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn history_is_append_only() {
    for world in World::each().await {
        furnish(&world).await;
        for table in [
            "escrow_terminal",
            "ledger_entry",
            "ledger_tx",
            "reservation",
            "reveal",
            "reversal",
            "state_event",
        ] {
            assert_eq!(rewritable(&world.db, table).await, [""; 0], "{}", world.db);
        }
        // These change, but not in what they were written with, and they stay.
        for table in [
            "authorisation",
            "card",
            "card_void",
            "redemption",
            "settlement",
            "settlement_attempt",
            "settlement_line",
        ] {
            assert_eq!(rewritable(&world.db, table).await, [""; 0], "{}", world.db);
        }
    }
}
