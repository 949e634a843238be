//! Accounts and short forms that the tests share.

use jiff::Timestamp;
use ledger::{Account, AccountKind, LedgerError, Mode, Money, Posted, Posting};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testkit::TestDb;
use uuid::Uuid;

pub(crate) const AVAILABLE: AccountKind = AccountKind::non_negative("available");
pub(crate) const HELD: AccountKind = AccountKind::non_negative("held");
pub(crate) const PAYABLE: AccountKind = AccountKind::signed_cached("payable");
pub(crate) const CASH: AccountKind = AccountKind::clearing("provider_clearing");
pub(crate) const ESCROW: AccountKind = AccountKind::clearing("escrow_clearing");

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        ledger::migrations()
    }
}

pub(crate) async fn databases() -> Vec<TestDb> {
    testkit::databases::<Migrator>().await
}

pub(crate) fn account(kind: AccountKind, owner: u128) -> Account {
    let owner = Uuid::from_u128(owner);
    Account { mode: Mode::Test, kind, owner, currency: "EUR".parse().unwrap() }
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap())
}

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Any moment will do; it counts milliseconds as the database does.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000 + ms).unwrap()
}

/// A posting that moves an amount from one account to another.
pub(crate) fn transfer(op: u128, from: &Account, to: &Account, minor: i64) -> Posting {
    Posting::new(id(op), "transfer").leg(from, eur(-minor)).leg(to, eur(minor))
}

/// Posts in a transaction of its own, committed whatever came of it: a refusal must have changed
/// nothing.
pub(crate) async fn post(db: &TestDb, posting: &Posting) -> Result<Posted, LedgerError> {
    let tx = db.begin("test").await.unwrap();
    let posted = ledger::post(&tx, posting, at(0)).await;
    tx.commit().await.unwrap();
    posted
}

/// Gives an owner money out of the provider's account.
pub(crate) async fn fund(db: &TestDb, op: u128, wallet: &Account, minor: i64) {
    let posted = post(db, &transfer(op, &account(CASH, 0), wallet, minor)).await;
    assert_eq!(posted.unwrap(), Posted::New, "{db}");
}

pub(crate) async fn balance(db: &TestDb, account: &Account) -> i64 {
    ledger::balance(db.read(), account).await.unwrap().minor
}

pub(crate) async fn assert_sound(db: &TestDb) {
    assert_eq!(ledger::audit::violations(db.read()).await.unwrap(), [], "{db}");
}
