//! Several at once against the same model: what they were told and what is left must be what some
//! order of their steps, one after the other, would have led to.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use testkit::TestDb;

use crate::{
    model::{Case, Model, Outcome, Step, step},
    world::{assert_sound, databases},
};

/// Few enough that every order can be tried, many enough that three hold locks while one waits.
const LANES: usize = 4;
const STEPS: usize = 4;
const CASES: u32 = 40;

/// What one of the crowd did, and what it was told.
type Told = Vec<(Step, Outcome)>;

/// The model after some order of the steps in which everybody was told what they were told.
fn explained(model: &Model, told: &[Told], done: &mut [usize]) -> Option<Model> {
    if told.iter().zip(done.iter()).all(|(lane, done)| lane.len() == *done) {
        return Some(model.clone());
    }
    for lane in 0..told.len() {
        let Some((step, outcome)) = told[lane].get(done[lane]) else { continue };
        let mut after = model.clone();
        if after.apply(step) == *outcome {
            done[lane] += 1;
            if let Some(end) = explained(&after, told, done) {
                return Some(end);
            }
            done[lane] -= 1;
        }
    }
    None
}

async fn run(db: &TestDb, lanes: &[Vec<Step>]) -> Result<(), TestCaseError> {
    let case = Case::new();
    let lane = async |steps: &Vec<Step>| {
        let mut told = Told::new();
        for step in steps {
            let tx = db.begin("test").await.unwrap();
            let outcome = case.apply(&tx, step).await;
            // A refusal is committed too: it must have changed nothing.
            tx.commit().await.unwrap();
            told.push((step.clone(), outcome));
        }
        told
    };
    let told = futures::future::join_all(lanes.iter().map(lane)).await;
    let end = explained(&Model::default(), &told, &mut vec![0; told.len()]);
    prop_assert!(end.is_some(), "{}: no order of the steps explains {:#?}", db, told);
    case.same_balances(db, &mut end.unwrap_or_default()).await
}

#[test]
fn a_crowd_is_told_what_some_order_explains() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let lanes = prop::collection::vec(prop::collection::vec(step(), 1..=STEPS), 2..=LANES);
    for db in runtime.block_on(databases()) {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&lanes, |lanes| runtime.block_on(run(&db, &lanes)))
            .unwrap_or_else(|failure| panic!("{db}: {failure}"));
        runtime.block_on(assert_sound(&db));
    }
}
