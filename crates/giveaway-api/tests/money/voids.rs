//! The balance of a voided card comes back to its host, once per void.

use giveaway_api::{
    actions::credit_void::credit_void,
    ids::{EscrowId, VoidId},
};
use ledger::Money;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::{
    claims::{claim, drawn, link, winners},
    world::{Alive, World},
};

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap())
}

/// An escrow whose card was issued, and what it was worth.
async fn issued(world: &World) -> (EscrowId, i64) {
    let sql = "SELECT escrow_id, value_minor FROM prize_unit WHERE state = 'filled'";
    let conn = world.db.read();
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    let row = conn.query_one_raw(statement).await.unwrap().unwrap();
    (EscrowId(row.try_get("", "escrow_id").unwrap()), row.try_get("", "value_minor").unwrap())
}

/// A host, a winner's card, and what the card was worth.
pub(crate) async fn with_a_card(world: &World, app: &Alive) -> (String, EscrowId, i64) {
    let (host, id) = drawn(world, app, 3).await;
    for winner in winners(app, &host, id).await {
        assert!(claim(app, &link(world, app, &winner)).await.status.is_success());
    }
    app.reaches(&host, id, "completed").await;
    let (escrow, value) = issued(world).await;
    (host, escrow, value)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_void_is_credited_once_and_never_more_than_the_prize() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, escrow, value) = with_a_card(&world, &app).await;
        let before = app.wallet(&host).await.0;
        let credit =
            async |void, escrow, money| credit_void(app.service(), void, escrow, money).await;
        let (first, second) = (VoidId::new(), VoidId::new());
        let twins = tokio::join!(credit(first, escrow, eur(300)), credit(first, escrow, eur(300)));
        assert!(twins.0.is_ok() && twins.1.is_ok(), "{twins:?}");
        credit(first, escrow, eur(300)).await.unwrap();
        assert_eq!(app.wallet(&host).await, (before + 300, 0), "{}", world.db);
        let other_terms = credit(first, escrow, eur(301)).await.unwrap_err();
        assert_eq!(other_terms.code(), "void_differs");
        let too_much = credit(second, escrow, eur(value - 299)).await.unwrap_err();
        assert_eq!(too_much.code(), "void_too_large");
        let usd = Money::new(1, "USD".parse().unwrap());
        assert_eq!(credit(second, escrow, usd).await.unwrap_err().code(), "void_too_large");
        let unknown = credit(second, EscrowId::new(), eur(1)).await.unwrap_err();
        assert_eq!(unknown.code(), "not_found");
        assert_eq!(credit(second, escrow, eur(0)).await.unwrap_err().code(), "invalid_input");
        credit(second, escrow, eur(value - 300)).await.unwrap();
        assert_eq!(app.wallet(&host).await, (before + value, 0), "{}", world.db);
        let shown = app.get(&host, "/wallet/statement?currency=EUR").await.body.to_string();
        assert!(shown.contains("value of a voided card"), "{shown}");
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_pays_the_debt_first() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, escrow, value) = with_a_card(&world, &app).await;
        let payment = world.bank.payment_ids().remove(0);
        let spent = app.wallet(&host).await.0 + value;
        world.bank.charge_back(&payment, spent);
        app.webhook(&format!("{payment}#all"), "genuine").await;
        testkit::eventually(crate::world::PATIENCE, async || app.wallet(&host).await.0 == 0).await;
        credit_void(app.service(), VoidId::new(), escrow, eur(value)).await.unwrap();
        let wallet = app.get(&host, "/wallet").await.body;
        assert_eq!(wallet["balances"][0]["debt"]["minor"], 0, "{wallet}");
        assert_eq!(app.wallet(&host).await, (0, 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}
