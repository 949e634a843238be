//! A host's statement adds up to the ledger, whatever was posted, page by page and as a file.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::SignedDuration;
use ledger::{Leg, Mode, Money, Posting, op_id};
use platform::provider::{PaymentStatus, TransferStatus};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    bank::Next,
    giftcard::Fault,
    withdrawals::{payable_host, reaches, returned, withdraw},
    world::{ADMIN, Alive, PATIENCE, World},
};

const ACCOUNTS: [&str; 3] = ["available", "held", "host_debt"];

/// Everything of a period, read in pages of three, each of which tells the same opening and closing.
async fn read(app: &Alive, host: &str, period: &str) -> (Value, Vec<Value>) {
    let path = format!("/wallet/statement?currency=EUR&limit=3{period}");
    let first = app.get(host, &path).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let (first, mut items) = (first.body, Vec::new());
    let mut page = first.clone();
    loop {
        assert_eq!((&page["opening"], &page["closing"]), (&first["opening"], &first["closing"]));
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        page = app.get(host, &format!("{path}&after={next}")).await.body;
    }
    for account in ACCOUNTS {
        let mut balance = minor(&first["opening"][account]);
        for item in items.iter().filter(|item| item["account"] == account) {
            balance += minor(&item["amount"]);
            assert_eq!(minor(&item["balance_after"]), balance, "{item}");
        }
        assert_eq!(minor(&first["closing"][account]), balance, "{account}");
    }
    (first, items)
}

fn minor(money: &Value) -> i64 {
    money["minor"].as_i64().unwrap()
}

fn kinds(items: &[Value]) -> BTreeSet<&str> {
    items.iter().map(|item| item["kind"].as_str().unwrap()).collect()
}

/// What the ledger has posted to accounts of these kinds, as pairs of a kind of posting and a sum.
async fn posted(world: &World, account: &str) -> (BTreeSet<String>, i64) {
    let conn = world.db.read();
    let sql = "SELECT t.kind, CAST(SUM(e.amount) AS BIGINT) AS total FROM ledger_entry e \
               JOIN ledger_tx t ON t.op_id = e.op_id JOIN ledger_account a ON a.id = e.account_id \
               WHERE a.kind = $1 GROUP BY t.kind";
    let statement =
        Statement::from_sql_and_values(conn.get_database_backend(), sql, [account.into()]);
    let rows = conn.query_all_raw(statement).await.unwrap();
    let total = rows.iter().map(|row| row.try_get::<i64>("", "total").unwrap()).sum();
    (rows.iter().map(|row| row.try_get("", "kind").unwrap()).collect(), total)
}

/// A draft of two prizes that closes an hour from now.
async fn draft(
    world: &World,
    app: &Alive,
    host: &str,
    title: &str,
) -> giveaway_api::ids::GiveawayId {
    let mut form = world.form(2);
    form["title"] = json!(title);
    form["closes_at"] = json!((world.clock.now() + SignedDuration::from_hours(1)).to_string());
    let drafted = app.post(host, "/giveaways", "", form).await;
    assert_eq!(drafted.status, StatusCode::CREATED, "{drafted:?}");
    serde_json::from_value(drafted.body["id"].clone()).unwrap()
}

/// Every kind of posting that there is, through the API and the provider; the giveaway and the
/// withdrawal that were paid.
async fn everything(world: &World, app: &Alive, host: &str) -> (String, String) {
    // A hold that is released, one that is captured, and prizes that come back.
    let id = draft(world, app, host, "=HYPERLINK(\"evil\")").await;
    world.giftcard.fail("reserve", &[Fault::Refuse]);
    app.post(host, &format!("/giveaways/{id}/publish"), "p1", json!({})).await;
    eventually(PATIENCE, async || app.giveaway(host, id).await["saga"]["state"] == "compensated")
        .await;
    world.giftcard.heal();
    app.post(host, &format!("/giveaways/{id}/publish"), "p2", json!({})).await;
    app.reaches(host, id, "open").await;
    // Money that leaves, comes back, and does not leave.
    let paid = withdraw(app, host, "w1", 1_000).await;
    reaches(world, app, host, &paid, "paid").await;
    world.bank.turn(&paid, TransferStatus::Reversed);
    reaches(world, app, host, &paid, "reversed").await;
    world.bank.next(Next::Refused);
    let refused = withdraw(app, host, "w2", 500).await;
    reaches(world, app, host, &refused, "failed").await;
    // All of it is taken back, and two thousand are owed until the prizes come back.
    let payment = world.bank.payment_ids().remove(0);
    world.bank.charge_back(&payment, 5_000);
    app.webhook(&format!("{payment}#back"), "genuine").await;
    eventually(PATIENCE, async || app.wallet(host).await == (0, 0)).await;
    app.post(host, &format!("/giveaways/{id}/cancel"), "c", json!({})).await;
    app.reaches(host, id, "cancelled").await;
    // What no host has anything to do with.
    world.bank.pay("pay_x", "nobody's", 300, PaymentStatus::Paid);
    app.webhook("pay_x", "genuine").await;
    eventually(PATIENCE, async || posted(world, "suspense").await.1 == 300).await;
    world.bank.charge_back("pay_x", 100);
    app.webhook("pay_x#back", "genuine").await;
    eventually(PATIENCE, async || posted(world, "suspense").await.1 == 200).await;
    let stranger = format!("wdr_{}", uuid::Uuid::now_v7().simple());
    world.bank.transfer_of_its_own(&stranger, 70, "acct_ada");
    eventually(PATIENCE, async || {
        world.pass(30);
        posted(world, "suspense").await.1 == 130
    })
    .await;
    world.bank.turn(&stranger, TransferStatus::Reversed);
    eventually(PATIENCE, async || returned(world).await).await;
    // What was nobody's and is given to the host.
    let me = app.get(host, "/hosts/me").await.body["id"].clone();
    let body = json!({"host_id": me, "note": "theirs"});
    let assigned = app.post(ADMIN, "/admin/suspense/pay_x/assign", "a", body).await;
    assert_eq!(assigned.status, StatusCode::OK, "{assigned:?}");
    (id.to_string(), paid)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_has_every_posting_and_adds_up_to_the_ledger() {
    for world in World::all().await {
        let app = world.start().await;
        let host = payable_host(&world, &app, 5_000).await;
        let cooled = world.clock.now();
        let (giveaway, withdrawal) = everything(&world, &app, &host).await;
        let (all, items) = read(&app, &host, "").await;
        let mut of_hosts = BTreeSet::new();
        for account in ACCOUNTS {
            let (kinds, total) = posted(&world, account).await;
            assert_eq!(minor(&all["closing"][account]), total, "{account}, {}", world.db);
            assert_eq!(minor(&all["opening"][account]), 0);
            of_hosts.extend(kinds);
        }
        let expected = [
            "charge_back",
            "debt_repaid",
            "escrow_return",
            "hold_capture",
            "hold_place",
            "hold_release",
            "payment_assigned",
            "top_up",
            "withdrawal_reversed",
        ];
        assert_eq!(kinds(&items), BTreeSet::from(expected), "{}", world.db);
        assert_eq!(of_hosts, expected.map(str::to_owned).into(), "{}", world.db);
        let apart = [
            "charge_back_unmatched",
            "payment_assigned",
            "payment_unmatched",
            "transfer_unmatched",
            "transfer_unmatched_returned",
        ];
        assert_eq!(posted(&world, "suspense").await.0, apart.map(str::to_owned).into());
        let told = |what: &str| -> Vec<&Value> {
            items.iter().filter(|item| item["what"] == what).collect()
        };
        for (what, count) in [
            ("top-up", 1),
            ("hold for giveaway", 4),
            ("release of giveaway", 2),
            ("capture for giveaway", 1),
            ("return of prize", 2),
        ] {
            let told = told(what);
            assert_eq!(told.len(), count, "{what}, {}", world.db);
            let is_named = told.iter().all(|item| item["giveaway_id"] == giveaway.as_str());
            assert_eq!(is_named, what != "top-up", "{what}");
        }
        assert_eq!(told("capture for giveaway")[0]["giveaway_title"], "=HYPERLINK(\"evil\")");
        assert_eq!(told("withdrawal")[0]["withdrawal_id"], withdrawal.as_str());
        assert_eq!(told("withdrawal came back")[0]["withdrawal_id"], withdrawal.as_str());
        // Two periods that follow each other have everything once.
        let (early, mut both) = read(&app, &host, &format!("&to={cooled}")).await;
        let (late, rest) = read(&app, &host, &format!("&from={cooled}")).await;
        assert_eq!((kinds(&both), rest.len()), (["top_up"].into(), items.len() - 1));
        assert_eq!(early["closing"], late["opening"]);
        assert_eq!(late["closing"], all["closing"]);
        both.extend(rest);
        assert_eq!(both, items);

        let sheet = app.get(&host, "/wallet/statement.csv?currency=EUR").await;
        assert_eq!(sheet.status, StatusCode::OK, "{sheet:?}");
        let rows: Vec<&str> = sheet.text.lines().collect();
        assert_eq!(rows.len(), 1 + 3 + items.len() + 3, "{}", sheet.text);
        assert!(rows[1].contains("available,opening"), "{}", rows[1]);
        let closing = format!(
            ",,available,closing,closing balance,,{},",
            all["closing"]["available"]["minor"]
        );
        assert!(rows[rows.len() - 3].starts_with(&closing), "{}", sheet.text);
        assert!(sheet.text.contains("\"'=HYPERLINK"), "a title is no formula: {}", sheet.text);
        let other = app.host().await;
        assert_eq!(read(&app, &other, "").await.1.len(), 0, "of others nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_between_two_pages_is_in_the_next_statement() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 5_000).await;
        let me = app.get(&host, "/hosts/me").await.body;
        let me: giveaway_api::ids::HostId = serde_json::from_value(me["id"].clone()).unwrap();
        let eur = "EUR".parse().unwrap();
        let account = |kind| ledger::Account { mode: Mode::Test, kind, owner: me.0, currency: eur };
        let pool = ledger::AccountKind::clearing("tomorrows_account");
        // A kind that nobody has thought of yet.
        let gift = async |name: &[u8]| {
            let posting = Posting::new(op_id(&[name]), "tomorrows_kind").with([
                Leg::new(account(pool.clone()), Money::new(-5, eur)),
                Leg::new(account(giveaway_api::domain::books::AVAILABLE), Money::new(5, eur)),
            ]);
            let tx = world.db.begin("test").await.unwrap();
            ledger::post(&tx, &posting, world.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
        };
        gift(b"first").await;
        let path = "/wallet/statement?currency=EUR&limit=1";
        let first = app.get(&host, path).await.body;
        gift(b"second").await;
        let next = first["next"].as_str().unwrap();
        let second = app.get(&host, &format!("{path}&after={next}")).await.body;
        assert_eq!(second["items"][0]["what"], "tomorrows_kind", "{second}");
        assert_eq!(second["closing"], first["closing"], "{}", world.db);
        let last = second["next"].as_str().unwrap();
        let third = app.get(&host, &format!("{path}&after={last}")).await.body;
        assert_eq!(third["items"], json!([]), "{}", world.db);
        assert_eq!(read(&app, &host, "").await.1.len(), 3, "{}", world.db);
        for (query, field) in [
            ("currency=EU", "/currency"),
            ("currency=EUR&limit=0", "/limit"),
            ("currency=EUR&after=1", "/after"),
            ("currency=EUR&from=today", "/from"),
            ("currency=EUR&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "/to"),
        ] {
            let refused = app.get(&host, &format!("/wallet/statement?{query}")).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
            assert_eq!(refused.body["errors"][0]["pointer"], field, "{query}");
        }
        for path in ["/wallet/statement?currency=EUR", "/wallet/statement.csv?currency=EUR"] {
            let nobody = app.get("hs_test_wrong", path).await;
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
        }
    }
}
