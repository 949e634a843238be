//! Money comes in once per payment, and only when it is paid.

use giveaway_api::{
    Config,
    domain::books,
    ids::{HostId, WithdrawalId},
    store::host,
};
use http::StatusCode;
use ledger::{Mode, Money, holds};
use platform::provider::PaymentStatus;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, Statement};
use serde_json::json;
use testkit::eventually;

use crate::world::{PATIENCE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_credited_once_whoever_tells_of_it() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 5_000).await;
        let asked = app
            .post(
                &host,
                "/wallet/top-ups",
                "2",
                json!({"amount": {"minor": 700, "currency": "EUR"}}),
            )
            .await;
        let id = asked.body["id"].as_str().unwrap().to_owned();
        assert_eq!(asked.body["state"], "pending", "{}", world.db);
        assert!(asked.body["checkout_url"].as_str().unwrap().contains(&id));

        // A webhook says only where to look: nothing is paid yet.
        world.bank.pay("pay_2", &id, 700, PaymentStatus::Pending);
        assert_eq!(app.webhook("pay_2", "genuine").await.status, StatusCode::NO_CONTENT);
        assert_eq!(app.webhook("pay_2", "forged").await.status, StatusCode::BAD_REQUEST);
        // The sweep finds what no webhook tells of, again and again.
        world.bank.pay("pay_2", &id, 700, PaymentStatus::Paid);
        for _ in 0..3 {
            world.pass(60);
            eventually(PATIENCE, async || app.wallet(&host).await.0 == 5_700).await;
        }
        assert_eq!(app.webhook("pay_2", "genuine").await.status, StatusCode::NO_CONTENT);
        let view = app.get(&host, &format!("/wallet/top-ups/{id}")).await;
        assert_eq!(view.body["state"], "paid");
        assert_eq!(app.wallet(&host).await, (5_700, 0));
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);

        let stranger = app.host().await;
        let hidden = app.get(&stranger, &format!("/wallet/top-ups/{id}")).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_nobody_asked_for_is_kept_apart() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 1_000).await;
        world.bank.pay("pay_x", "somebody else's", 300, PaymentStatus::Paid);
        world.pass(60);
        eventually(PATIENCE, async || {
            let limits = giveaway_api::audit::Limits::default();
            let part = giveaway_api::audit::run(world.db.read(), world.clock.now(), &limits).await;
            part.unwrap().payments.len() == 2
        })
        .await;
        assert_eq!(app.wallet(&host).await, (1_000, 0));
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_one_request() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.host().await;
        let amount = |minor: i64| json!({"amount": {"minor": minor, "currency": "EUR"}});
        let first = app.post(&host, "/wallet/top-ups", "k", amount(500)).await;
        let again = app.post(&host, "/wallet/top-ups", "k", amount(500)).await;
        assert_eq!(first.body, again.body, "{}", world.db);
        let other = app.post(&host, "/wallet/top-ups", "k", amount(600)).await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(other.body["code"], "idempotency_key_reused");
        let tiny = app.post(&host, "/wallet/top-ups", "t", amount(1)).await;
        assert_eq!(tiny.body["errors"][0]["pointer"], "/amount/minor");
        let nobody = app.get("hs_test_wrong", "/wallet").await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_asked_for_again_in_the_same_words() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.host().await;
        let amount = json!({"amount": {"minor": 700, "currency": "EUR"}});
        world.bank.lose_an_answer();
        let unclear = app.post(&host, "/wallet/top-ups", "k", amount.clone()).await;
        assert_eq!(unclear.status, StatusCode::SERVICE_UNAVAILABLE, "{}", world.db);
        app.kill();

        // The server moved; what the provider was asked for did not.
        let public_url = "https://elsewhere.example".to_owned();
        let app = world.start_with(Config { public_url, ..Config::default() }).await;
        let again = app.post(&host, "/wallet/top-ups", "k", amount).await;
        assert_eq!(again.status, StatusCode::CREATED, "{}: {again:?}", world.db);
        let checkouts = world.bank.checkouts();
        assert_eq!(checkouts.len(), 1, "{checkouts:?}");
        assert_eq!(again.body["id"], checkouts[0].reference.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_of_which_nobody_tells_is_looked_up() {
    const HOUR: i64 = 3_600;
    for world in World::all().await {
        let app = world.start().await;
        let host = app.host().await;
        let ask = async |key: &str| {
            let amount = json!({"amount": {"minor": 700, "currency": "EUR"}});
            let asked = app.post(&host, "/wallet/top-ups", key, amount).await;
            asked.body["id"].as_str().map(str::to_owned)
        };
        let becomes = async |id: &str, state: &str| {
            eventually(PATIENCE, async || {
                let view = app.get(&host, &format!("/wallet/top-ups/{id}")).await.body;
                if view["state"] == state { Ok(()) } else { Err(view) }
            })
            .await;
        };
        let (paid, left) = (ask("paid").await.unwrap(), ask("left").await.unwrap());
        world.bank.pay_quietly("pay_quiet", &paid, 700);
        world.pass(HOUR);
        becomes(&paid, "paid").await;
        assert_eq!(app.wallet(&host).await, (700, 0), "{}", world.db);
        // Its page is still open, so it waits on; it ends with the page.
        let open = app.get(&host, &format!("/wallet/top-ups/{left}")).await.body;
        assert_eq!(open["state"], "pending", "{}", world.db);
        world.bank.expire(&left);
        // One whose page was never seen by anybody ends by its age.
        world.bank.lose_an_answer();
        assert_eq!(ask("unopened").await, None);
        world.pass(25 * HOUR);
        becomes(&left, "failed").await;
        let unopened = world.bank.checkouts().pop().unwrap().reference;
        becomes(&unopened, "failed").await;
        assert_eq!(ask("unopened").await, Some(unopened), "a repeat tells of its end");
        // Whoever pays after all has money here.
        world.bank.pay("pay_late", &left, 700, PaymentStatus::Paid);
        world.pass(60);
        becomes(&left, "paid").await;
        assert_eq!(app.wallet(&host).await, (1_400, 0), "{}", world.db);
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_becomes_a_debt_and_is_paid_first() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 5_000).await;
        let debt = async || {
            let wallet = app.get(&host, "/wallet").await.body;
            wallet["balances"][0]["debt"]["minor"].as_i64().unwrap()
        };
        // Three thousand are spent on prizes, which stay funded whatever happens.
        let id = app.draft(&world, &host, 3).await;
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        app.reaches(&host, id, "open").await;
        assert_eq!(app.wallet(&host).await, (2_000, 0), "{}", world.db);
        let payment = world.bank.payment_ids().remove(0);
        world.bank.charge_back(&payment, 1_500);
        for event in 1..4 {
            app.webhook(&format!("{payment}#{event}"), "genuine").await;
        }
        eventually(PATIENCE, async || app.wallet(&host).await.0 == 500).await;
        assert_eq!(debt().await, 0);
        // The rest, of which the wallet has a part.
        world.bank.charge_back(&payment, 5_000);
        app.webhook(&format!("{payment}#rest"), "genuine").await;
        eventually(PATIENCE, async || app.wallet(&host).await.0 == 0).await;
        assert_eq!(debt().await, 3_000);
        assert_eq!(app.giveaway(&host, id).await["state"], "open", "prizes stay funded");
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
        // What comes back pays the debt, and so does a top-up; then money is the host's again.
        app.post(&host, &format!("/giveaways/{id}/cancel"), "c", json!({})).await;
        app.reaches(&host, id, "cancelled").await;
        assert_eq!((app.wallet(&host).await, debt().await), ((0, 0), 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_and_a_withdrawal_do_not_wait_for_each_other_in_a_circle() {
    // SQLite has one writer, which waits for nobody.
    let Some(world) = World::of("postgres").await else { return };
    let app = world.start().await;
    let host = app.rich_host(&world, 5_000).await;
    let id = host::Entity::find().one(world.db.read()).await.unwrap().unwrap().id;
    let amount = json!({"amount": {"minor": 700, "currency": "EUR"}});
    let asked = app.post(&host, "/wallet/top-ups", "2", amount).await;
    world.bank.pay("pay_2", asked.body["id"].as_str().unwrap(), 700, PaymentStatus::Paid);
    // A withdrawal takes the host first and the wallet's account after it; in between a payment comes.
    let tx = world.db.begin("test").await.unwrap();
    host::lock(&tx, HostId(id)).await.unwrap();
    app.webhook("pay_2", "genuine").await;
    eventually(PATIENCE, async || {
        let sql = "SELECT 1 FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let conn = world.db.read();
        let waiting = Statement::from_string(conn.get_database_backend(), sql);
        conn.query_one_raw(waiting).await.unwrap().is_some()
    })
    .await;
    // It waits for the host with empty hands. PostgreSQL would end a circle by giving up one of the two.
    tx.execute_unprepared("SET LOCAL lock_timeout = '100ms'").await.unwrap();
    let (withdrawal, minor) = (WithdrawalId::new(), Money::new(300, "EUR".parse().unwrap()));
    let now = world.clock.now();
    let hold = books::hold_for_withdrawal(Mode::Test, HostId(id), withdrawal, minor, now);
    holds::place(&tx, hold).await.unwrap();
    tx.commit().await.unwrap();
    eventually(PATIENCE, async || app.wallet(&host).await == (5_400, 300)).await;
}
