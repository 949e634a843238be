//! Anything in any order, against a model: every answer is the one that the model gives, every row is
//! as the model has it, and no cent is made or lost. `HANDSEL_SEED` repeats a run.

mod books;
mod crowd;
mod real;

use std::cell::RefCell;

use platform::provider::{PaymentStatus, TransferStatus};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use self::{books::Model, real::Life};
use crate::world::{Alive, World};

const STEPS: usize = 60;
const CASES: u32 = 10;

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    TopUp { minor: i64 },
    Pay { top_up: usize, is_second: bool, status: PaymentStatus },
    ChargeBack { payment: usize, minor: i64 },
    HearOfPayment { payment: usize },
    SweepPayments,
    Name { destination: u8 },
    Withdraw { minor: i64 },
    SendDue { meets: Meets },
    SweepTransfers,
    TransferBecomes { transfer: usize, status: TransferStatus, is_told: bool },
    Pass { minutes: i64 },
}

/// What sends meet at the bank.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meets {
    Pay,
    Pend,
    PayUnheard,
    LoseUnheard,
    Refuse,
}

fn may_become(from: TransferStatus, to: TransferStatus) -> bool {
    use TransferStatus::{Failed, Paid, Pending, Reversed};
    matches!((from, to), (Pending, Paid | Failed) | (Paid, Reversed))
}

fn pick<T: Copy>(items: &[T], n: usize) -> Option<T> {
    items.get(n.checked_rem(items.len())?).copied()
}

/// What a host does.
fn at_the_wallet() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (100..900_i64).prop_map(|minor| Step::Withdraw { minor }),
        3 => (0..3_u8).prop_map(|destination| Step::Name { destination }),
    ]
}

/// What happens at the bank.
fn at_the_bank() -> impl Strategy<Value = Step> {
    use PaymentStatus::{Failed, Paid, Pending};
    let status = prop::sample::select(vec![Pending, Failed, Paid, Paid, Paid]);
    let news = prop::sample::select(vec![
        TransferStatus::Paid,
        TransferStatus::Failed,
        TransferStatus::Reversed,
        TransferStatus::Reversed,
    ]);
    prop_oneof![
        4 => (any::<usize>(), prop::bool::weighted(0.2), status)
            .prop_map(|(top_up, is_second, status)| Step::Pay { top_up, is_second, status }),
        2 => (any::<usize>(), 1..900_i64)
            .prop_map(|(payment, minor)| Step::ChargeBack { payment, minor }),
        3 => (any::<usize>(), news, any::<bool>()).prop_map(|(transfer, status, is_told)| {
            Step::TransferBecomes { transfer, status, is_told }
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    use Meets::{LoseUnheard, Pay, PayUnheard, Pend, Refuse};
    let meets = prop::sample::select(vec![Pay, Pend, PayUnheard, LoseUnheard, Refuse]);
    // Minutes for the bank, hours for destinations, and exactly their time once in a while.
    let minutes = prop_oneof![
        6 => 1..90_i64,
        3 => (1..50_i64).prop_map(|hours| hours * 60),
        2 => Just(books::COOLING_HOURS * 60),
    ];
    prop_oneof![
        10 => at_the_wallet(),
        10 => at_the_bank(),
        3 => (100..1_500_i64).prop_map(|minor| Step::TopUp { minor }),
        4 => any::<usize>().prop_map(|payment| Step::HearOfPayment { payment }),
        2 => Just(Step::SweepPayments),
        6 => meets.prop_map(|meets| Step::SendDue { meets }),
        2 => Just(Step::SweepTransfers),
        5 => minutes.prop_map(|minutes| Step::Pass { minutes }),
    ]
}

/// What leads to debts and out of them: money leaves, is taken back, and comes back after all.
fn about_debts() -> impl Strategy<Value = Step> {
    use Meets::{Pay, Pend, Refuse};
    let meets = prop::sample::select(vec![Pay, Pend, Refuse]);
    let news = prop::sample::select(vec![TransferStatus::Failed, TransferStatus::Reversed]);
    let status = PaymentStatus::Paid;
    prop_oneof![
        1 => (100..900_i64).prop_map(|minor| Step::TopUp { minor }),
        2 => (any::<usize>(), any::<bool>())
            .prop_map(move |(top_up, is_second)| Step::Pay { top_up, is_second, status }),
        4 => (100..900_i64).prop_map(|minor| Step::Withdraw { minor }),
        3 => meets.prop_map(|meets| Step::SendDue { meets }),
        3 => (any::<usize>(), 300..1_400_i64)
            .prop_map(|(payment, minor)| Step::ChargeBack { payment, minor }),
        3 => any::<usize>().prop_map(|payment| Step::HearOfPayment { payment }),
        3 => (any::<usize>(), news).prop_map(|(transfer, status)| {
            Step::TransferBecomes { transfer, status, is_told: true }
        }),
        1 => Just(Step::Pass { minutes: 2 }),
    ]
}

/// Destinations that follow each other before and after their time.
fn about_destinations() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..4_u8).prop_map(|destination| Step::Name { destination }),
        4 => (1..50_i64).prop_map(|hours| Step::Pass { minutes: hours * 60 }),
        1 => Just(Step::Pass { minutes: books::COOLING_HOURS * 60 }),
        1 => Just(Step::Withdraw { minor: 100 }),
    ]
}

/// Runs cases on an engine, if it is there, all in one world as long as they succeed. What a failed
/// one leaves behind would only disturb the search for a smaller one: each of those gets a new world.
#[expect(clippy::print_stdout, reason = "a run whose seed nobody knows cannot be repeated")]
fn run<S: Strategy>(
    cases: u32,
    strategy: &S,
    case: impl AsyncFn(&World, &Alive, S::Value) -> Result<(), TestCaseError>,
) {
    let seed =
        std::env::var("HANDSEL_SEED").map_or_else(|_| rand::random(), |s| s.parse().unwrap());
    println!("HANDSEL_SEED={seed}");
    let runtime = Runtime::new().unwrap();
    let begin = async |engine| {
        let world = World::of(engine).await?;
        let app = world.start_still().await;
        Some((app, world))
    };
    for engine in ["sqlite", "postgres"] {
        let Some(begun) = runtime.block_on(begin(engine)) else { continue };
        let kept = RefCell::new(Some(begun));
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config =
            Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
        let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
            let old = kept.take();
            runtime.block_on(async {
                let (app, world) = match old {
                    Some(begun) => begun,
                    None => begin(engine).await.unwrap(),
                };
                case(&world, &app, value).await?;
                kept.replace(Some((app, world)));
                Ok(())
            })
        });
        outcome.unwrap_or_else(|failure| panic!("{engine}, HANDSEL_SEED={seed}: {failure}"));
    }
}

/// A host with something in the wallet and a destination in force.
async fn begin<'w>(world: &'w World, app: &'w Alive) -> (Life<'w>, Model) {
    let life = Life::begin(world, app).await;
    let mut model = Model { now: world.clock.now_ms(), ..Model::default() };
    for step in [
        Step::TopUp { minor: 1_400 },
        Step::Pay { top_up: 0, is_second: false, status: PaymentStatus::Paid },
        Step::HearOfPayment { payment: 0 },
        Step::Name { destination: 0 },
        Step::Pass { minutes: books::COOLING_HOURS * 60 },
    ] {
        life.take(&step).await;
        model.apply(&step);
    }
    (life, model)
}

async fn one_after_the_other(
    world: &World,
    app: &Alive,
    (is_rich, steps): (bool, Vec<Step>),
) -> Result<(), TestCaseError> {
    let (life, mut model) = match is_rich {
        true => begin(world, app).await,
        false => {
            let model = Model { now: world.clock.now_ms(), ..Model::default() };
            (Life::begin(world, app).await, model)
        }
    };
    for (n, step) in steps.iter().enumerate() {
        let told = life.take(step).await;
        prop_assert_eq!(&told, model.apply(step), "step {}: {:?}", n, step);
        prop_assert_eq!(&life.books().await, &model.books, "after step {}: {:?}", n, step);
    }
    end(&life, &mut model).await
}

/// Everything comes to its end with a bank that behaves, and is audited.
async fn end(life: &Life<'_>, model: &mut Model) -> Result<(), TestCaseError> {
    let mut steps = vec![];
    for _ in 0..2 {
        steps.extend([Step::Pass { minutes: 2 }, Step::SendDue { meets: Meets::Pay }]);
        for transfer in 0..model.books.withdrawals.len() {
            let status = TransferStatus::Paid;
            steps.push(Step::TransferBecomes { transfer, status, is_told: true });
        }
        steps.extend([Step::SweepPayments, Step::SweepTransfers]);
    }
    for step in steps {
        prop_assert_eq!(&life.take(&step).await, model.apply(&step), "at the end: {:?}", step);
    }
    prop_assert_eq!(&life.books().await, &model.books, "at the end");
    life.assert_no_cent_is_lost().await;
    Ok(())
}

/// Of all cases, most begin with a host that has something.
fn with<S: Strategy<Value = Step>>(step: S) -> impl Strategy<Value = (bool, Vec<Step>)> {
    (prop::bool::weighted(0.8), prop::collection::vec(step, 1..STEPS))
}

#[test]
fn every_step_does_what_the_model_does() {
    run(CASES, &with(step()), one_after_the_other);
}

#[test]
fn debts_come_and_go_as_in_the_model() {
    run(CASES, &with(about_debts()), one_after_the_other);
}

#[test]
fn the_destination_in_force_is_that_of_the_model() {
    run(CASES, &with(about_destinations()), one_after_the_other);
}
