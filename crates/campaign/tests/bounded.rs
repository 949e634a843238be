//! The bounded part of the campaign: fail points in both manners, some pairs, some chance. The seed is
//! the same in every run; `bin/campaign` goes where no run has been.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use campaign::{
    Engine,
    campaign::{Plan, Tally, Until, run},
    flows::Flow,
    report,
};

/// Strikes of single points, of each flow.
const SINGLES: usize = 15;

/// Cases of pairs and of chance, which strike at several points each.
const CASES: u64 = 20;

async fn holds(engine: Engine, flow: Flow) {
    let seed = 26 + flow as u64;
    let flows = vec![flow];
    let plan =
        Plan { flows, singles: Some(SINGLES), ..Plan::new(engine, seed, Until::Cases(CASES)) };
    let tally = Tally::default();
    run(&plan, &tally, |_| {}).await.unwrap();
    let outcome = tally.take();
    let report = report::lines(&outcome, engine, seed).join("\n");
    assert!(outcome.failure.is_none(), "{report}");
    let struck: u64 = outcome.hits.values().map(|hits| hits.struck()).sum();
    // Chance leads past some points in the very case that would strike them.
    assert!(struck > 20, "only {struck} faults came:\n{report}");
    assert!(outcome.completed[&flow] > 100, "{report}");
}

macro_rules! on_each_engine {
    ($($flow:ident = $name:ident),+ $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                holds(Engine::Sqlite, Flow::$flow).await;
            })+
        }

        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                // As everywhere: on PostgreSQL when a server is named.
                if std::env::var(testkit::POSTGRES_ENV).is_ok_and(|url| !url.is_empty()) {
                    holds(Engine::Postgres, Flow::$flow).await;
                }
            })+
        }
    };
}

on_each_engine! {
    Fund = funding_holds,
    Publish = publish_holds,
    Redeem = redeem_holds,
    Settle = settle_holds,
    Withdraw = withdraw_holds,
    Refund = refund_holds,
    Void = void_holds,
    Expiry = expiry_holds,
}
