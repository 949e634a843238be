//! Money leaves a wallet: set aside first, sent once, whatever the provider says or does not say.

use http::StatusCode;
use platform::provider::TransferStatus;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    bank::Next,
    world::{ADMIN, Alive, PATIENCE, World},
};

const HOUR: i64 = 3_600;

/// Longer than a new destination cools off.
const COOLED: i64 = 73 * HOUR;

/// A host with this in the wallet and a destination in force.
pub(crate) async fn payable_host(world: &World, app: &Alive, minor: i64) -> String {
    let host = app.rich_host(world, minor).await;
    app.put(&host, "/wallet/payout-destination", json!({"destination": "acct_ada"})).await;
    world.pass(COOLED);
    host
}

/// Asks for so much; the withdrawal's id.
pub(crate) async fn withdraw(app: &Alive, host: &str, key: &str, minor: i64) -> String {
    let asked = ask(app, host, key, minor).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    asked.body["id"].as_str().unwrap().to_owned()
}

async fn ask(app: &Alive, host: &str, key: &str, minor: i64) -> crate::world::Answer {
    let body = json!({"amount": {"minor": minor, "currency": "EUR"}});
    app.post(host, "/wallet/withdrawals", key, body).await
}

/// Waits until the withdrawal stands there, with time passing.
pub(crate) async fn reaches(
    world: &World,
    app: &Alive,
    host: &str,
    id: &str,
    state: &str,
) -> Value {
    eventually(PATIENCE, async || {
        let shown = app.get(host, &format!("/wallet/withdrawals/{id}")).await.body;
        if shown["state"] == state {
            return Ok(shown);
        }
        world.pass(5);
        Err(shown)
    })
    .await
}

/// Whether the books know of unexplained money that came back; time passes with every look.
pub(crate) async fn returned(world: &World) -> bool {
    world.pass(30);
    let sql = "SELECT provider_id FROM provider_transfer_returned";
    let conn = world.db.read();
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    conn.query_one_raw(statement).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn money_goes_where_its_owner_said_long_enough_ago() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 5_000).await;
        let refused = ask(&app, &host, "none", 1_000).await;
        assert_eq!(refused.body["code"], "no_payout_destination");
        let bad = app.put(&host, "/wallet/payout-destination", json!({"destination": "a b"})).await;
        assert_eq!(bad.body["errors"][0]["pointer"], "/destination", "{bad:?}");
        let named = json!({"destination": "acct_ada"});
        let named = app.put(&host, "/wallet/payout-destination", named).await.body;
        assert_eq!(named["destination"], Value::Null);
        assert_eq!(named["next"]["destination"], "acct_ada");
        let early = ask(&app, &host, "early", 1_000).await;
        assert_eq!(early.body["code"], "no_payout_destination");
        world.pass(COOLED);
        // Another one is named, and the first stays in force until then.
        app.put(&host, "/wallet/payout-destination", json!({"destination": "acct_eve"})).await;
        let least = ask(&app, &host, "least", 99).await;
        assert_eq!(least.body["errors"][0]["pointer"], "/amount/minor");
        let much = ask(&app, &host, "much", 5_001).await;
        assert_eq!(much.body["code"], "insufficient_funds");
        let id = withdraw(&app, &host, "one", 1_200).await;
        assert_eq!(withdraw(&app, &host, "one", 1_200).await, id, "the same key, the same one");
        let paid = reaches(&world, &app, &host, &id, "paid").await;
        assert_eq!(paid["destination"], "acct_ada");
        assert_eq!(app.wallet(&host).await, (3_800, 0), "{}", world.db);
        let sent = world.bank.transfers();
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].provider_ref.as_str(), sent[0].amount.minor), (id.as_str(), 1_200));
        let other = app.host().await;
        let theirs = app.get(&other, &format!("/wallet/withdrawals/{id}")).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        let listed = app.get(&host, "/wallet/withdrawals").await.body;
        assert_eq!(listed["items"][0]["id"], id.as_str());
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_was_replaced_before_its_time_never_counts() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        let name = async |destination: &str| {
            let body = json!({ "destination": destination });
            app.put(&host, "/wallet/payout-destination", body).await.body
        };
        let now = async || app.get(&host, "/wallet/payout-destination").await.body;
        name("acct_eve").await;
        world.pass(24 * HOUR);
        let replaced = name("acct_new").await;
        assert_eq!(replaced["next"]["destination"], "acct_new");
        world.pass(50 * HOUR);
        assert_eq!(now().await["destination"], "acct_ada", "eve's time would have come");
        let id = withdraw(&app, &host, "between", 1_000).await;
        let paid = reaches(&world, &app, &host, &id, "paid").await;
        assert_eq!(paid["destination"], "acct_ada");
        world.pass(23 * HOUR);
        assert_eq!(
            (&now().await["destination"], &now().await["next"]),
            (&json!("acct_new"), &Value::Null)
        );
        // The one in force is named again: it counts at once, and nothing else is to come.
        name("acct_eve").await;
        let kept = name("acct_new").await;
        assert_eq!((&kept["destination"], &kept["next"]), (&json!("acct_new"), &Value::Null));
        world.pass(COOLED);
        assert_eq!(now().await["destination"], "acct_new");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_it_is_sent_once() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        // The answer is lost, and the process with it.
        world.bank.next(Next::PaidUnheard);
        let unheard = withdraw(&app, &host, "unheard", 1_000).await;
        eventually(PATIENCE, async || !world.bank.transfers().is_empty()).await;
        app.kill();
        let app = world.start().await;
        reaches(&world, &app, &host, &unheard, "paid").await;
        // The request is lost: the same again.
        world.bank.next(Next::LostUnheard);
        let lost = withdraw(&app, &host, "lost", 1_000).await;
        reaches(&world, &app, &host, &lost, "paid").await;
        let sent: Vec<String> =
            world.bank.transfers().into_iter().map(|sent| sent.provider_ref).collect();
        assert_eq!(sent, [unheard, lost], "{}", world.db);
        assert_eq!(app.wallet(&host).await, (3_000, 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_move_or_came_back_is_in_the_wallet_again() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        world.bank.next(Next::Refused);
        let refused = withdraw(&app, &host, "refused", 1_000).await;
        let failed = reaches(&world, &app, &host, &refused, "failed").await;
        assert_eq!(failed["failure_code"], "account_closed");
        assert_eq!(app.wallet(&host).await, (5_000, 0), "{}", world.db);
        world.bank.next(Next::Pending);
        let later = withdraw(&app, &host, "later", 1_000).await;
        reaches(&world, &app, &host, &later, "pending_provider").await;
        assert_eq!(app.wallet(&host).await, (4_000, 1_000), "{}", world.db);
        world.bank.turn(&later, TransferStatus::Failed);
        reaches(&world, &app, &host, &later, "failed").await;
        assert_eq!(app.wallet(&host).await, (5_000, 0), "{}", world.db);
        let back = withdraw(&app, &host, "back", 1_000).await;
        reaches(&world, &app, &host, &back, "paid").await;
        world.bank.turn(&back, TransferStatus::Reversed);
        // Time stands still, so it is the webhook that tells, as often as it likes.
        for event in 0..3 {
            app.webhook(&format!("{back}#{event}"), "genuine").await;
        }
        eventually(PATIENCE, async || app.wallet(&host).await == (5_000, 0)).await;
        reaches(&world, &app, &host, &back, "reversed").await;
        assert_eq!(app.wallet(&host).await, (5_000, 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_nothing_explains_stops_the_next() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        let stranger = format!("wdr_{}", uuid::Uuid::now_v7().simple());
        world.bank.transfer_of_its_own(&stranger, 300, "acct_ada");
        let path = "/wallet/payout-destination";
        eventually(PATIENCE, async || {
            world.pass(30);
            app.get(&host, path).await.body["is_blocked"] == true
        })
        .await;
        assert_eq!(ask(&app, &host, "blocked", 1_000).await.body["code"], "payouts_blocked");
        assert_eq!(world.audit().await, [""; 0], "suspense holds it, {}", world.db);
        let me = app.get(&host, "/hosts/me").await.body;
        let unblock = format!("/admin/hosts/{}/unblock-payouts", me["id"].as_str().unwrap());
        let unasked = app.post(&host, &unblock, "", json!({})).await;
        assert!(unasked.status.is_client_error(), "hosts do not unblock themselves");
        assert_eq!(app.post(ADMIN, &unblock, "", json!({})).await.status, StatusCode::NO_CONTENT);
        let id = withdraw(&app, &host, "after", 1_000).await;
        reaches(&world, &app, &host, &id, "paid").await;
        world.bank.turn(&stranger, TransferStatus::Reversed);
        eventually(PATIENCE, async || returned(&world).await).await;
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_forgot_is_for_the_operator() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        for _ in 0..1_000 {
            world.bank.next(Next::LostUnheard);
        }
        let id = withdraw(&app, &host, "lost", 1_000).await;
        reaches(&world, &app, &host, &id, "sending").await;
        // Nothing runs while the provider forgets.
        app.kill();
        world.bank.behave();
        world.pass(25 * HOUR);
        let app = world.start().await;
        let resolve = format!("/admin/withdrawals/{id}/resolve");
        eventually(PATIENCE, async || {
            world.pass(60);
            let listed = app.get(ADMIN, "/admin/withdrawals").await.body;
            listed["items"][0]["needs_operator"] == true
        })
        .await;
        assert_eq!(world.bank.transfers().len(), 0, "it is not sent under a forgotten key");
        let nameless = app.post(ADMIN, &resolve, "r", json!({"reason": " "})).await;
        assert_eq!(nameless.body["errors"][0]["pointer"], "/reason");
        let body = json!({"reason": "the provider says that it has nothing"});
        eventually(PATIENCE, async || {
            let resolved = app.post(ADMIN, &resolve, "r", body.clone()).await;
            if resolved.status == StatusCode::OK { Ok(()) } else { Err(resolved) }
        })
        .await;
        reaches(&world, &app, &host, &id, "failed").await;
        assert_eq!(app.wallet(&host).await, (5_000, 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quarantine_nothing_is_sent() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        let now_ms = world.clock.now().as_millisecond();
        platform::quarantine::begin(world.db.write(), "restored", now_ms).await.unwrap();
        let id = withdraw(&app, &host, "held", 1_000).await;
        eventually(PATIENCE, async || {
            world.pass(60);
            let listed = app.get(ADMIN, "/admin/withdrawals").await.body;
            listed["items"][0]["needs_operator"] == true
        })
        .await;
        assert_eq!(world.bank.transfers().len(), 0, "{}", world.db);
        platform::quarantine::lift(world.db.write(), now_ms).await.unwrap();
        reaches(&world, &app, &host, &id, "paid").await;
        assert_eq!(world.bank.transfers().len(), 1, "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}
