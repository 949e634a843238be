//! What the operator does by hand: once, with a reason that is kept, and never against the books.

use http::StatusCode;
use platform::provider::PaymentStatus;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    giftcard::Fault,
    world::{ADMIN, Alive, PATIENCE, World},
};

/// What was recorded about this, as actions with their notes.
async fn recorded(world: &World, subject: &str) -> Vec<(String, String)> {
    let conn = world.db.read();
    let sql = "SELECT action, note FROM operator_action WHERE subject = $1 AND actor = 'operator' \
               ORDER BY id";
    let statement =
        Statement::from_sql_and_values(conn.get_database_backend(), sql, [subject.into()]);
    let rows = conn.query_all_raw(statement).await.unwrap();
    let text = |row: &sea_orm::QueryResult, name: &str| row.try_get::<String>("", name).unwrap();
    rows.iter().map(|row| (text(row, "action"), text(row, "note"))).collect()
}

/// How often a saga was taken up, when it is due, and until when somebody works on it.
async fn turn(world: &World, saga: &str) -> (i64, i64, i64) {
    let id: giveaway_api::ids::SagaId = saga.parse().unwrap();
    let conn = world.db.read();
    let sql = "SELECT fence, next_at, lease_until FROM saga WHERE id = $1";
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, [id.0.into()]);
    let row = conn.query_one_raw(statement).await.unwrap().unwrap();
    let number = |name: &str| row.try_get::<i64>("", name).unwrap();
    (number("fence"), number("next_at"), number("lease_until"))
}

/// How often a saga was taken up that nobody works on before time passes.
async fn resting(world: &World, saga: &str) -> Result<i64, (i64, i64, i64)> {
    let (fence, next_at, lease_until) = turn(world, saga).await;
    let rests = lease_until == 0 && next_at > world.clock.now().as_millisecond();
    if rests { Ok(fence) } else { Err((fence, next_at, lease_until)) }
}

/// Everything that refuses one who is not the operator, or does not say why.
async fn asks_for_a_reason(app: &Alive, host: &str, path: &str, body: &Value) {
    let other = app.post(host, path, "other", body.clone()).await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED, "{path}");
    for note in ["", "  ", &"x".repeat(501)] {
        let mut body = body.clone();
        body["note"] = json!(note);
        let refused = app.post(ADMIN, path, "noteless", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {refused:?}");
        assert_eq!(refused.body["errors"][0]["pointer"], "/note");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flagged_saga_is_tried_at_once() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 5_000).await;
        let id = app.draft(&world, &host, 2).await;
        world.giftcard.fail("reserve", &[Fault::Refuse]);
        world.giftcard.fail("cancel", &[Fault::Unavailable; 2_000]);
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        let saga = async || app.giveaway(&host, id).await["saga"].clone();
        let path = format!("/admin/sagas/{}/retry", saga().await["id"].as_str().unwrap());
        let body = json!({"note": "giftcard-api is up again"});
        let early = app.post(ADMIN, &path, "early", body.clone()).await;
        assert_eq!(early.body["code"], "no_operator_needed", "{early:?}");
        world.pass(3_700);
        eventually(PATIENCE, async || {
            world.pass(61);
            let saga = saga().await;
            if saga["needs_operator"] == true { Ok(()) } else { Err(saga) }
        })
        .await;
        asks_for_a_reason(&app, &host, &path, &body).await;
        let flagged = saga().await["id"].as_str().unwrap().to_owned();
        // It rests until later, and no time passes: only the operator makes it due.
        let before = eventually(PATIENCE, async || resting(&world, &flagged).await).await;
        let retried = app.post(ADMIN, &path, "retry", body.clone()).await;
        assert_eq!(retried.status, StatusCode::OK, "{retried:?}");
        let again = app.post(ADMIN, &path, "retry", body.clone()).await;
        assert_eq!(again.status, StatusCode::OK, "the same request: {again:?}");
        eventually(PATIENCE, async || turn(&world, &flagged).await.0 > before).await;
        world.giftcard.heal();
        eventually(PATIENCE, async || {
            world.pass(61);
            let saga = saga().await;
            if saga["state"] == "compensated" { Ok(()) } else { Err(saga) }
        })
        .await;
        let expected = ("retry_saga".to_owned(), "giftcard-api is up again".to_owned());
        assert_eq!(recorded(&world, &flagged).await, [expected], "{}", world.db);
        let ended = app.post(ADMIN, &path, "ended", body).await;
        assert_eq!(ended.body["code"], "saga_ended", "{ended:?}");
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_undecided_saga_is_aborted() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 5_000).await;
        let id = app.draft(&world, &host, 2).await;
        world.giftcard.fail("reserve", &[Fault::Unavailable; 500]);
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        let saga =
            async || app.giveaway(&host, id).await["saga"]["id"].as_str().unwrap().to_owned();
        let undecided = saga().await;
        let path = format!("/admin/sagas/{undecided}/abort");
        let body = json!({"note": "the host asked for it"});
        asks_for_a_reason(&app, &host, &path, &body).await;
        assert_eq!(app.wallet(&host).await, (3_000, 2_000), "{}", world.db);
        let aborted = app.post(ADMIN, &path, "abort", body.clone()).await;
        assert_eq!(aborted.status, StatusCode::OK, "{aborted:?}");
        assert_eq!(app.wallet(&host).await, (5_000, 0), "the money is back at once");
        let repeated = app.post(ADMIN, &path, "abort", body.clone()).await;
        assert_eq!(repeated.status, StatusCode::OK, "the same request: {repeated:?}");
        let second = app.post(ADMIN, &path, "second", body.clone()).await;
        assert_eq!(
            (second.status, &second.body["code"]),
            (StatusCode::CONFLICT, &json!("saga_aborted"))
        );
        world.giftcard.heal();
        app.reaches(&host, id, "draft").await;
        let expected = ("abort_saga".to_owned(), "the host asked for it".to_owned());
        assert_eq!(recorded(&world, &undecided).await, [expected], "{}", world.db);
        // One that committed goes forward, whoever asks.
        app.post(&host, &format!("/giveaways/{id}/publish"), "q", json!({})).await;
        app.reaches(&host, id, "open").await;
        let committed = saga().await;
        assert_ne!(committed, undecided);
        let path = format!("/admin/sagas/{committed}/abort");
        let late = app.post(ADMIN, &path, "late", body).await;
        assert_eq!(
            (late.status, &late.body["code"]),
            (StatusCode::CONFLICT, &json!("saga_committed"))
        );
        assert_eq!(recorded(&world, &committed).await, []);
        assert_eq!(app.giveaway(&host, id).await["state"], "open");
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_a_saga_lets_go_pays_a_debt_first() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 3_000).await;
        let id = app.draft(&world, &host, 2).await;
        world.giftcard.fail("reserve", &[Fault::Unavailable; 500]);
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        assert_eq!(app.wallet(&host).await, (1_000, 2_000), "{}", world.db);
        // Half of it is taken back while most is set aside: what the wallet lacks is owed.
        let payment = world.bank.payment_ids().remove(0);
        world.bank.charge_back(&payment, 1_500);
        app.webhook(&format!("{payment}#back"), "genuine").await;
        eventually(PATIENCE, async || app.wallet(&host).await == (0, 2_000)).await;
        let saga = app.giveaway(&host, id).await["saga"]["id"].as_str().unwrap().to_owned();
        let body = json!({"note": "the host asked for it"});
        let aborted = app.post(ADMIN, &format!("/admin/sagas/{saga}/abort"), "a", body).await;
        assert_eq!(aborted.status, StatusCode::OK, "{aborted:?}");
        let wallet = app.get(&host, "/wallet").await.body;
        assert_eq!(wallet["balances"][0]["debt"]["minor"], 0, "{wallet} on {}", world.db);
        assert_eq!(app.wallet(&host).await, (1_500, 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

/// A payment that no top-up asked for, in suspense.
async fn stray(world: &World, app: &Alive, id: &str, minor: i64) -> Value {
    world.bank.pay(id, "nobody's", minor, PaymentStatus::Paid);
    app.webhook(id, "genuine").await;
    eventually(PATIENCE, async || {
        let listed = app.get(ADMIN, "/admin/suspense").await.body;
        let items = listed["items"].as_array().unwrap();
        items.iter().find(|item| item["provider_id"] == id).cloned().ok_or(listed)
    })
    .await
}

async fn assign(app: &Alive, payment: &str, key: &str, host: &Value) -> crate::world::Answer {
    let path = format!("/admin/suspense/{payment}/assign");
    app.post(ADMIN, &path, key, json!({"host_id": host, "note": "their bank says so"})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_in_suspense_is_given_to_one_host_once() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.host().await;
        let id = app.get(&host, "/hosts/me").await.body["id"].clone();
        let listed = stray(&world, &app, "pay_x", 300).await;
        assert_eq!((&listed["kind"], &listed["amount"]["minor"]), (&json!("payment"), &json!(300)));
        world.bank.charge_back("pay_x", 50);
        app.webhook("pay_x#part", "genuine").await;
        eventually(PATIENCE, async || {
            let listed = app.get(ADMIN, "/admin/suspense").await.body;
            listed["items"][0]["amount"]["minor"] == 250
        })
        .await;
        let path = "/admin/suspense/pay_x/assign";
        asks_for_a_reason(&app, &host, path, &json!({"host_id": id, "note": "theirs"})).await;
        let assigned = assign(&app, "pay_x", "a", &id).await;
        assert_eq!(assigned.status, StatusCode::OK, "{assigned:?}");
        assert_eq!(assigned.body["amount"]["minor"], 250);
        assert_eq!(assign(&app, "pay_x", "a", &id).await.body, assigned.body);
        assert_eq!(app.wallet(&host).await, (250, 0), "{}", world.db);
        assert_eq!(app.get(ADMIN, "/admin/suspense").await.body["items"], json!([]));
        let other = app.host().await;
        let theirs = app.get(&other, "/hosts/me").await.body["id"].clone();
        let twice = assign(&app, "pay_x", "b", &theirs).await;
        assert_eq!(twice.body["code"], "payment_not_in_suspense", "{twice:?}");
        assert_eq!(assign(&app, "pay_y", "c", &id).await.status, StatusCode::NOT_FOUND);
        // What is taken back of it now is the host's loss, first of the wallet and then as a debt.
        world.bank.charge_back("pay_x", 300);
        app.webhook("pay_x#rest", "genuine").await;
        eventually(PATIENCE, async || app.wallet(&host).await == (0, 0)).await;
        let shown = app.get(&host, "/wallet/statement?currency=EUR").await.body;
        let kinds: Vec<_> =
            shown["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
        assert_eq!(kinds, ["payment_assigned", "charge_back"], "{}", world.db);
        assert_eq!(recorded(&world, "pay_x").await.len(), 1);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assigned_payment_pays_first_what_is_owed() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 1_000).await;
        let me = app.get(&host, "/hosts/me").await.body["id"].clone();
        let id = app.draft(&world, &host, 1).await;
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        app.reaches(&host, id, "open").await;
        let payment = world.bank.payment_ids().remove(0);
        world.bank.charge_back(&payment, 1_000);
        app.webhook(&format!("{payment}#back"), "genuine").await;
        let debt = async || {
            let wallet = app.get(&host, "/wallet").await.body;
            wallet["balances"][0]["debt"]["minor"].as_i64().unwrap()
        };
        eventually(PATIENCE, async || debt().await == 1_000).await;
        stray(&world, &app, "pay_x", 1_300).await;
        assert_eq!(assign(&app, "pay_x", "a", &me).await.status, StatusCode::OK);
        assert_eq!((app.wallet(&host).await, debt().await), ((300, 0), 0), "{}", world.db);
        assert_eq!(assign(&app, &payment, "b", &me).await.body["code"], "payment_not_in_suspense");
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}
