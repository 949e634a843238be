//! The bounded part of the campaign: every fail point in every manner, some pairs, some chance.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use campaign::{
    Engine,
    campaign::{Plan, Until, run},
    flows::Flow,
    report,
};

/// Cases of pairs and of chance: a few seconds.
const CASES: u64 = 40;

async fn holds(engine: Engine, flow: Flow) {
    let seed = 26 + flow as u64;
    let plan = Plan { flows: vec![flow], ..Plan::new(engine, seed, Until::Cases(CASES)) };
    let outcome = run(&plan, |_| {}).await.unwrap();
    let report = report::lines(&outcome, engine, seed).join("\n");
    assert!(outcome.failure.is_none(), "{report}");
    let struck = |point| outcome.hits.get(point).is_some_and(|hits| hits.struck() > 0);
    let missed = outcome.points[&flow].iter().filter(|point| !struck(*point)).count();
    // Chance leads past some points in the very case that would strike them.
    assert!(missed * 5 <= outcome.points[&flow].len(), "{missed} points never failed:\n{report}");
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
    Publish = publish_holds,
    Redeem = redeem_holds,
    Settle = settle_holds,
    Refund = refund_holds,
    Expiry = expiry_holds,
}
