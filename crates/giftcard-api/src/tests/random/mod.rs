//! Anything in any order, against a model: every answer is the one that the model gives, every row
//! is as the model has it, and no cent is made or lost. `HANDSEL_SEED` repeats a run.

mod crowd;
mod model;
mod real;
mod settling;

use std::cell::RefCell;

use platform::provider::TransferStatus;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use self::{model::Model, real::Life};
use super::world::World;

/// Few, so that steps meet: the till's names of what it does.
const NAMES: u8 = 8;
const STEPS: usize = 45;
const CASES: u32 = 10;

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Issue { minor: i64 },
    Redeem { card: usize, name: u8, minor: i64 },
    Authorise { card: usize, name: u8, minor: i64, hours: i64 },
    Capture { name: u8, minor: Option<i64>, redemption: Option<u8> },
    Release { name: u8 },
    Reverse { name: u8, minor: Option<i64> },
    RequestSettlement,
    ExpireAuthorisations,
    ExpireCards,
    SendDue { meets: Meets, are_lookups_lost: bool },
    Sweep,
    TransferBecomes { transfer: usize, news: News, is_told: bool },
    Pass { minutes: i64 },
}

/// What a send meets at the bank.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meets {
    Pay,
    Pend,
    PayAndLoseAnswer,
    LoseRequest,
    Refuse,
    Unreachable,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    Paid,
    Failed,
    Reversed,
}

impl News {
    /// What a transfer becomes with it, if it can.
    fn after(self, status: TransferStatus) -> Option<TransferStatus> {
        match (status, self) {
            (TransferStatus::Pending, Self::Paid) => Some(TransferStatus::Paid),
            (TransferStatus::Pending, Self::Failed) => Some(TransferStatus::Failed),
            (TransferStatus::Paid, Self::Reversed) => Some(TransferStatus::Reversed),
            _ => None,
        }
    }
}

fn pick<T: Copy>(items: &[T], n: usize) -> Option<T> {
    items.get(n.checked_rem(items.len())?).copied()
}

/// What tills do, with so many names.
fn at_a_till(names: u8) -> impl Strategy<Value = Step> {
    let part = || prop::option::of(1..600_i64);
    let card = || any::<usize>();
    prop_oneof![
        6 => (card(), 0..names, 1..900_i64)
            .prop_map(|(card, name, minor)| Step::Redeem { card, name, minor }),
        5 => (card(), 0..names, 1..900_i64, 1..=720_i64)
            .prop_map(|(card, name, minor, hours)| Step::Authorise { card, name, minor, hours }),
        4 => (0..names, part(), prop::option::weighted(0.3, 0..names))
            .prop_map(|(name, minor, redemption)| Step::Capture { name, minor, redemption }),
        2 => (0..names).prop_map(|name| Step::Release { name }),
        4 => (0..names, part()).prop_map(|(name, minor)| Step::Reverse { name, minor }),
        3 => Just(Step::RequestSettlement),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    use Meets::{LoseRequest, Pay, PayAndLoseAnswer, Pend, Refuse, Unreachable};
    let meets =
        prop::sample::select(vec![Pay, Pend, PayAndLoseAnswer, LoseRequest, Refuse, Unreachable]);
    let news = prop::sample::select(vec![News::Paid, News::Failed, News::Reversed]);
    // Minutes for the bank, days for authorisations, and once in a while a card's whole life.
    let minutes = prop_oneof![
        6 => 1..90_i64,
        2 => (1..40_i64).prop_map(|days| days * 24 * 60),
        1 => Just(model::VALIDITY_DAYS * 24 * 60),
    ];
    prop_oneof![
        24 => at_a_till(NAMES),
        2 => (100..2_000_i64).prop_map(|minor| Step::Issue { minor }),
        2 => Just(Step::ExpireAuthorisations),
        2 => Just(Step::ExpireCards),
        6 => (meets, prop::bool::weighted(0.15))
            .prop_map(|(meets, are_lookups_lost)| Step::SendDue { meets, are_lookups_lost }),
        2 => Just(Step::Sweep),
        3 => (any::<usize>(), news, any::<bool>())
            .prop_map(|(transfer, news, is_told)| Step::TransferBecomes { transfer, news, is_told }),
        5 => minutes.prop_map(|minutes| Step::Pass { minutes }),
    ]
}

/// Runs cases on an engine, if it is there, all in one world as long as they succeed. What a failed
/// one leaves behind would only disturb the search for a smaller one: each of those gets a new world.
fn run<S: Strategy>(
    cases: u32,
    strategy: &S,
    case: impl AsyncFn(&World, S::Value) -> Result<(), TestCaseError>,
) {
    let seed =
        std::env::var("HANDSEL_SEED").map_or_else(|_| rand::random(), |s| s.parse().unwrap());
    println!("HANDSEL_SEED={seed}");
    let runtime = Runtime::new().unwrap();
    for engine in ["sqlite", "postgres"] {
        let Some(world) = runtime.block_on(World::of(engine)) else { continue };
        let kept = RefCell::new(Some(world));
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config =
            Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
        let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
            let old = kept.take();
            runtime.block_on(async {
                let world = match old {
                    Some(world) => world,
                    None => World::of(engine).await.unwrap(),
                };
                case(&world, value).await?;
                kept.replace(Some(world));
                Ok(())
            })
        });
        outcome.unwrap_or_else(|failure| panic!("{engine}, HANDSEL_SEED={seed}: {failure}"));
    }
}

async fn one_after_the_other(world: &World, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut life, mut model) = begin(world).await;
    for (n, step) in steps.iter().enumerate() {
        let told = life.take(step).await;
        prop_assert_eq!(&told, model.apply(step), "step {}: {:?}", n, step);
        prop_assert_eq!(&life.books().await, &model.books, "after step {}: {:?}", n, step);
    }
    end(&mut life, &mut model).await
}

/// A merchant with some cards.
async fn begin(world: &World) -> (Life<'_>, Model) {
    let mut life = Life::begin(world).await;
    let mut model = Model { now: world.clock.now_ms(), ..Model::default() };
    for minor in [600, 1_500] {
        let step = Step::Issue { minor };
        life.take(&step).await;
        model.apply(&step);
    }
    (life, model)
}

/// Everything comes to its end with a bank that behaves, and is audited.
async fn end(life: &mut Life<'_>, model: &mut Model) -> Result<(), TestCaseError> {
    let minutes = |minutes| Step::Pass { minutes };
    let pays = Step::SendDue { meets: Meets::Pay, are_lookups_lost: false };
    let mut steps = vec![];
    for _ in 0..2 {
        steps.extend([minutes(2), pays.clone(), Step::Sweep]);
        for transfer in 0..model.bank.len() + 1 {
            steps.push(Step::TransferBecomes { transfer, news: News::Paid, is_told: true });
        }
        steps.push(Step::RequestSettlement);
    }
    steps.extend([pays, Step::ExpireAuthorisations, Step::ExpireCards, Step::Sweep]);
    for step in steps {
        prop_assert_eq!(&life.take(&step).await, model.apply(&step), "at the end: {:?}", step);
    }
    prop_assert_eq!(&life.books().await, &model.books, "at the end");
    life.assert_no_cent_is_lost().await;
    Ok(())
}

#[test]
fn every_step_does_what_the_model_does() {
    run(CASES, &prop::collection::vec(step(), 1..STEPS), one_after_the_other);
}
