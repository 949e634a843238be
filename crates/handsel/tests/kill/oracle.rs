//! What must be true at the end, asked of files that the demo's own report does not come from: the
//! bank's log, the ledgers, the transcript.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufReader,
    path::Path,
};

use draw::verify::{Options, Verdict, verify_reader};
use ledger::audit::sums_by_kind;
use platform::Db;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::Value;

/// A row of the bank's log.
struct Effect {
    kind: String,
    reference: String,
    minor: i64,
}

/// Checks a finished story.
pub(crate) fn check(data: &Path, report: &Value) {
    assert_eq!(report["state"], "completed");
    assert_eq!(report["audit"], "clean", "{report:#}");
    let number = |member: &str| report[member].as_i64().unwrap();
    assert!(number("winners") > 0);
    assert_eq!(number("winners"), number("cards_issued"));
    assert_eq!(number("redeemed_minor"), number("settled_minor"));
    assert!(number("settlements_paid") >= 1);
    assert!(number("successions") >= 2, "two winners stepped aside");
    transcript_verifies(report);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(money_is_in_its_place(data, report));
}

fn transcript_verifies(report: &Value) {
    let path = report["transcript"].as_str().unwrap();
    let seen = report["manifest"].as_str().unwrap().parse().unwrap();
    let options = Options { seen: Some(seen), ..Options::default() };
    let file = BufReader::new(File::open(path).unwrap());
    let verified = verify_reader(file, &options).unwrap();
    assert_eq!(verified.verdict(), Verdict::Sandbox, "{:?}", verified.failed());
    let winners = verified.winners.iter().filter(|place| place.winner.is_some()).count();
    assert_eq!(report["winners"], winners);
}

async fn money_is_in_its_place(data: &Path, report: &Value) {
    let log = bank_log(data).await;
    let transfers: Vec<&Effect> =
        log.iter().filter(|effect| effect.kind == "transfer.paid").collect();
    let references: BTreeSet<&str> =
        transfers.iter().map(|effect| effect.reference.as_str()).collect();
    assert_eq!(references.len(), transfers.len(), "no reference was paid twice");
    assert_eq!(report["settlements_paid"], transfers.len(), "one transfer for each settlement");
    let paid_out: i64 = transfers.iter().map(|effect| effect.minor).sum();
    assert_eq!(report["settled_minor"], paid_out);
    let payments: Vec<i64> = log
        .iter()
        .filter(|effect| effect.kind == "payment.paid")
        .map(|effect| effect.minor)
        .collect();
    let [paid_in] = payments[..] else { panic!("one top-up, not {payments:?}") };

    // Whatever came in is in the wallet, on cards, or paid out.
    let giveaway = sums(data, "giveaway").await;
    let giftcard = sums(data, "giftcard").await;
    let of = |sums: &BTreeMap<String, i64>, kind: &str| sums.get(kind).copied().unwrap_or(0);
    assert_eq!(of(&giveaway, "held"), 0, "nothing is held any more");
    assert_eq!(of(&giftcard, "escrow"), 0, "every escrow became a card");
    assert_eq!(of(&giftcard, "payable"), 0, "every merchant is paid");
    let wallet = of(&giveaway, "available");
    let cards = of(&giftcard, "card");
    assert_eq!(paid_in, wallet + cards + paid_out, "{giveaway:?} {giftcard:?}");
    assert_eq!(
        of(&giveaway, "escrow_clearing") + of(&giftcard, "escrow_clearing"),
        0,
        "both legs of every escrow"
    );
}

async fn bank_log(data: &Path) -> Vec<Effect> {
    let db = Db::sqlite_read_only(&data.join("bank.db")).await.unwrap();
    let query = "SELECT kind, reference, amount_minor FROM effects ORDER BY seq";
    let rows = db.read().query_all_raw(Statement::from_string(DbBackend::Sqlite, query)).await;
    let log = rows
        .unwrap()
        .iter()
        .map(|row| Effect {
            kind: row.try_get("", "kind").unwrap(),
            reference: row.try_get("", "reference").unwrap(),
            minor: row.try_get("", "amount_minor").unwrap(),
        })
        .collect();
    db.close().await;
    log
}

async fn sums(data: &Path, service: &str) -> BTreeMap<String, i64> {
    let db = Db::sqlite_read_only(&data.join(format!("{service}.db"))).await.unwrap();
    let sums = sums_by_kind(db.read()).await.unwrap();
    db.close().await;
    sums.into_iter().map(|sum| (sum.kind, sum.total.minor)).collect()
}
