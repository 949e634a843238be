//! Postings and holds against a model that keeps balances in a map: the same outcome for every
//! operation, the same balances after every transaction, committed or rolled back.

use std::collections::BTreeMap;

use ledger::{
    Account, AccountKind, LedgerError, Leg, Mode, Posted, Posting,
    holds::{self, HoldError, HoldState, NewHold},
};
use platform::Tx;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use testkit::TestDb;
use uuid::Uuid;

use crate::world::*;

const OWNERS: u8 = 3;
const HOLDS: u8 = 4;
const OPERATIONS: u8 = 6;
const CASES: u32 = 48;

/// What is done. Ids are small numbers, so that they repeat, with the same content and with other.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Post { op: u8, legs: Vec<(Place, i64)> },
    Place { hold: u8, owner: u8, minor: i64 },
    Capture { hold: u8, to: u8 },
    Release { hold: u8 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Available(u8),
    Payable(u8),
    Cash,
}

/// The outcome of a step, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    New,
    Repeated,
    Insufficient,
    Conflict,
    Unbalanced,
    Unknown,
    WrongState,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    balances: BTreeMap<(String, u8), i64>,
    operations: BTreeMap<u8, Vec<(String, u8, i64)>>,
    holds: BTreeMap<u8, (u8, i64, HoldState, Option<u8>)>,
}

impl Place {
    fn kind(self) -> (AccountKind, u8) {
        match self {
            Self::Available(owner) => (AVAILABLE, owner),
            Self::Payable(owner) => (PAYABLE, owner),
            Self::Cash => (CASH, 0),
        }
    }
}

impl Model {
    fn balance(&mut self, kind: &str, owner: u8) -> &mut i64 {
        self.balances.entry((kind.to_owned(), owner)).or_default()
    }

    pub(crate) fn apply(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Post { op, legs } => self.post(*op, legs),
            Step::Place { hold, owner, minor } => match self.holds.get(hold).copied() {
                Some((by, held, ..)) if (by, held) == (*owner, *minor) => Outcome::Repeated,
                Some(_) => Outcome::Conflict,
                None if *self.balance("available", *owner) < *minor => Outcome::Insufficient,
                None => {
                    self.holds.insert(*hold, (*owner, *minor, HoldState::Held, None));
                    *self.balance("available", *owner) -= minor;
                    *self.balance("held", *owner) += minor;
                    Outcome::New
                }
            },
            Step::Capture { hold, to } => self.end(*hold, HoldState::Captured, Some(*to)),
            Step::Release { hold } => self.end(*hold, HoldState::Released, None),
        }
    }

    fn post(&mut self, op: u8, legs: &[(Place, i64)]) -> Outcome {
        let legs: Vec<(String, u8, i64)> = legs
            .iter()
            .map(|(place, minor)| {
                let (kind, owner) = place.kind();
                (kind.name().to_owned(), owner, *minor)
            })
            .collect();
        if legs.iter().map(|(.., minor)| minor).sum::<i64>() != 0 {
            return Outcome::Unbalanced;
        }
        if let Some(earlier) = self.operations.get(&op) {
            return if *earlier == legs { Outcome::Repeated } else { Outcome::Conflict };
        }
        let mut after = self.clone();
        for (kind, owner, minor) in &legs {
            *after.balance(kind, *owner) += minor;
        }
        if after.balances.iter().any(|((kind, _), balance)| kind == "available" && *balance < 0) {
            return Outcome::Insufficient;
        }
        after.operations.insert(op, legs);
        *self = after;
        Outcome::New
    }

    fn end(&mut self, hold: u8, state: HoldState, to: Option<u8>) -> Outcome {
        let Some((owner, minor, current, captured_to)) = self.holds.get(&hold).copied() else {
            return Outcome::Unknown;
        };
        if current != HoldState::Held {
            return match current == state {
                false => Outcome::WrongState,
                true if captured_to == to => Outcome::Repeated,
                true => Outcome::Conflict,
            };
        }
        self.holds.insert(hold, (owner, minor, state, to));
        *self.balance("held", owner) -= minor;
        match to {
            Some(to) => *self.balance("payable", to) += minor,
            None => *self.balance("available", owner) += minor,
        }
        Outcome::New
    }
}

/// The accounts and ids of one case; every case has its own, in one database.
pub(crate) struct Case {
    space: Uuid,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self { space: Uuid::new_v4() }
    }

    fn id(&self, what: &str, n: u8) -> Uuid {
        ledger::op_id(&[self.space.as_bytes(), what.as_bytes(), &[n]])
    }

    fn account(&self, kind: AccountKind, owner: u8) -> Account {
        Account { owner: self.id("owner", owner), ..account(kind, 0) }
    }

    pub(crate) async fn apply(&self, tx: &Tx, step: &Step) -> Outcome {
        let done = match step {
            Step::Post { op, legs } => {
                let legs = legs.iter().map(|(place, minor)| {
                    let (kind, owner) = place.kind();
                    Leg::new(self.account(kind, owner), eur(*minor))
                });
                let posting = Posting::new(self.id("op", *op), "step").with(legs);
                ledger::post(tx, &posting, at(0)).await.map_err(HoldError::Ledger)
            }
            Step::Place { hold, owner, minor } => {
                let hold = NewHold {
                    id: self.id("hold", *hold),
                    mode: Mode::Test,
                    owner: self.id("owner", *owner),
                    amount: eur(*minor),
                    available: AVAILABLE,
                    held: HELD,
                    reference: None,
                    at: at(0),
                };
                holds::place(tx, hold).await
            }
            Step::Capture { hold, to } => {
                let id = self.id("hold", *hold);
                let amount = holds::find(tx, id).await.unwrap().map_or(eur(1), |hold| hold.amount);
                let credit = Leg::new(self.account(PAYABLE, *to), amount);
                holds::capture(tx, id, [credit], at(0)).await
            }
            Step::Release { hold } => holds::release(tx, self.id("hold", *hold), at(0)).await,
        };
        match done {
            Ok(Posted::New) => Outcome::New,
            Ok(Posted::Repeated) => Outcome::Repeated,
            Err(HoldError::Ledger(LedgerError::Insufficient { .. })) => Outcome::Insufficient,
            Err(HoldError::Ledger(LedgerError::Conflict { .. })) => Outcome::Conflict,
            Err(HoldError::Ledger(LedgerError::Posting(_))) => Outcome::Unbalanced,
            Err(HoldError::Unknown { .. }) => Outcome::Unknown,
            Err(HoldError::WrongState { .. }) => Outcome::WrongState,
            Err(other) => panic!("{step:?}: {other:?}"),
        }
    }
}

impl Case {
    /// Whether every account has the balance that the model has.
    pub(crate) async fn same_balances(
        &self,
        db: &TestDb,
        model: &mut Model,
    ) -> Result<(), TestCaseError> {
        for owner in 0..OWNERS {
            for kind in [AVAILABLE, HELD, PAYABLE, CASH] {
                let name = kind.name().to_owned();
                let expected = *model.balance(&name, owner);
                let found = balance(db, &self.account(kind, owner)).await;
                prop_assert_eq!(found, expected, "{}: {} of {}", db, name, owner);
            }
        }
        Ok(())
    }
}

/// One step, with ids that repeat.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let place = prop_oneof![
        3 => (0..OWNERS).prop_map(Place::Available),
        1 => (0..OWNERS).prop_map(Place::Payable),
        2 => Just(Place::Cash),
    ];
    let amount = prop_oneof![1..=60_i64, -60..=-1_i64];
    // Most postings balance; the last leg makes up for the others unless it would be nothing.
    let legs = (prop::collection::vec((place.clone(), amount), 1..4), place, 0..20_u8).prop_map(
        |(mut legs, last, odd)| {
            let rest = -legs.iter().map(|(_, minor)| minor).sum::<i64>();
            legs.push((last, if odd == 0 || rest == 0 { 61 } else { rest }));
            legs
        },
    );
    prop_oneof![
        6 => (0..OPERATIONS * 3, legs).prop_map(|(op, legs)| Step::Post { op, legs }),
        3 => (0..HOLDS, 0..OWNERS, prop_oneof![Just(5_i64), 1..40_i64])
            .prop_map(|(hold, owner, minor)| Step::Place { hold, owner, minor }),
        2 => (0..HOLDS, 0..OWNERS).prop_map(|(hold, to)| Step::Capture { hold, to }),
        2 => (0..HOLDS).prop_map(|hold| Step::Release { hold }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(Vec<Step>, bool)>> {
    // A transaction of some steps, and whether it is committed.
    let transaction = (prop::collection::vec(step(), 1..5), prop::bool::weighted(0.85));
    prop::collection::vec(transaction, 1..12)
}

async fn run(db: &TestDb, transactions: &[(Vec<Step>, bool)]) -> Result<(), TestCaseError> {
    let case = Case::new();
    let mut model = Model::default();
    for (steps, commit) in transactions {
        let mut after = model.clone();
        let tx = db.begin("test").await.unwrap();
        for step in steps {
            prop_assert_eq!(case.apply(&tx, step).await, after.apply(step), "{}: {:?}", db, step);
        }
        if *commit {
            tx.commit().await.unwrap();
            model = after;
        } else {
            tx.rollback().await.unwrap();
        }
        case.same_balances(db, &mut model).await?;
    }
    prop_assert_eq!(model.balances.values().sum::<i64>(), 0);
    Ok(())
}

#[test]
fn the_ledger_does_as_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for db in runtime.block_on(databases()) {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&steps(), |transactions| runtime.block_on(run(&db, &transactions)))
            .unwrap_or_else(|failure| panic!("{db}: {failure}"));
        runtime.block_on(async {
            assert_sound(&db).await;
            // What one case gains another does not lose: every currency sums to zero over all kinds.
            let sums = ledger::audit::sums_by_kind(db.read()).await.unwrap();
            assert!(!sums.is_empty());
            assert_eq!(sums.iter().map(|sum| sum.total.minor).sum::<i64>(), 0, "{db}: {sums:?}");
        });
    }
}
